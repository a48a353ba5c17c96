//! [`RNNCell`]: one step, spelt out in elementary operations.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    CellParameters, Nonlinearity,
    cell_parameters::{CellSizes, cell_methods},
};
use crate::Result;

/// One step of an Elman network (Elman 1990, Cognitive Science 14):
///
/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
///
/// | | shape |
/// | --- | --- |
/// | input x | `[batch, input_size]`, or `[input_size]` |
/// | hidden h | `[batch, hidden_size]`, or `[hidden_size]` |
/// | output h' | as hidden |
/// | `weight_ih` | `[hidden_size, input_size]` |
/// | `weight_hh` | `[hidden_size, hidden_size]` |
/// | `bias_ih`, `bias_hh` | `[hidden_size]` |
///
/// All parameters start uniformly in ±1/√hidden_size, as in PyTorch. The same cell is applied at
/// every step of a sequence; [`RNN`](crate::RNN) does that in one node, with the same result.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::RNNCell;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let cell = RNNCell::<f32>::new(4, 2, &mut rng)?;
/// let tape = Tape::inference();
/// let sequence = tape.constant(Tensor::ones([3, 1, 4])?); // [seq, batch, input_size]
/// let mut hidden = tape.constant(Tensor::zeros([1, 2])?);
/// for t in 0..3 {
///     hidden = cell.forward(&sequence.select(0, t)?, Some(&hidden))?;
/// }
/// assert_eq!(*hidden.shape(), [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RNNCell<T: Real> {
    /// The weights and biases.
    pub parameters: CellParameters<T>,
    /// The function of the new state.
    pub nonlinearity: Nonlinearity,
}
cell_methods!(RNNCell);

impl<T: Real> RNNCell<T> {
    /// A cell with biases and tanh.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size is 0; [`Error::Tensor`](crate::Error::Tensor) where there is no
    /// memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::with_options(input_size, hidden_size, true, Nonlinearity::Tanh, rng)
    }

    /// A cell with a choice of nonlinearity, with biases or without.
    ///
    /// # Errors
    /// Those of [`RNNCell::new`].
    pub fn with_options(
        input_size: usize,
        hidden_size: usize,
        bias: bool,
        nonlinearity: Nonlinearity,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        let sizes = CellSizes { input: input_size, hidden: hidden_size, gates: 1, projection: 0, bias };
        Ok(Self { parameters: CellParameters::random("rnn_cell", sizes, rng)?, nonlinearity })
    }

    /// One step: `[batch, input_size]` and `[batch, hidden_size]` → `[batch, hidden_size]`, or all
    /// without the batch axis. A hidden state that is not given is 0.
    ///
    /// # Errors
    /// [`Error::Rank`](crate::Error::Rank), [`Error::Features`](crate::Error::Features), [`Error::State`](crate::Error::State),
    /// [`Error::Empty`](crate::Error::Empty).
    pub fn forward<'t>(&self, input: &Var<'t, T>, hidden: Option<&Var<'t, T>>) -> Result<Var<'t, T>> {
        let sizes = self.parameters.check_input("rnn_cell", *input.shape())?;
        let hidden = self.parameters.state("rnn_cell", "hidden", input, hidden, sizes.state)?;
        let sum = self.parameters.input_sum(input)?.add(&self.parameters.hidden_sum(&hidden)?)?;
        Ok(match self.nonlinearity {
            Nonlinearity::Tanh => sum.tanh(),
            Nonlinearity::ReLU => sum.relu(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;
    use refrain_tensor::{Shape, Tensor};

    #[test]
    fn the_formula() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut cell = RNNCell::<f64>::new(1, 1, &mut rng).unwrap();
        for (parameter, value) in [
            (&mut cell.parameters.weight_ih, 2.0),
            (&mut cell.parameters.weight_hh, 3.0),
            (cell.parameters.bias_ih.as_mut().unwrap(), 0.1),
            (cell.parameters.bias_hh.as_mut().unwrap(), 0.2),
        ] {
            parameter.as_mut_slice()[0] = value;
        }
        let tape = Tape::inference();
        let (x, h) = (tape.constant(Tensor::from([[0.5]])), tape.constant(Tensor::from([[-0.4]])));
        let step = |cell: &RNNCell<f64>, h| cell.forward(&x, h).unwrap().value()[[0, 0]];
        assert!((step(&cell, Some(&h)) - (1.0f64 + 0.3 - 1.2).tanh()).abs() < 1e-15);
        assert!((step(&cell, None) - 1.3f64.tanh()).abs() < 1e-15);
        cell.nonlinearity = Nonlinearity::ReLU;
        assert!((step(&cell, Some(&h)) - 0.1).abs() < 1e-15);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let cell = RNNCell::<f32>::new(4, 3, &mut rng).unwrap();
        let tape = Tape::new();
        let zeros = |sizes: &[usize]| tape.constant(Tensor::zeros(Shape::new(sizes).unwrap()).unwrap());
        let fail =
            |x: &[usize], h: &[usize]| cell.forward(&zeros(x), Some(&zeros(h))).unwrap_err().to_string();
        assert_eq!(
            fail(&[2, 5], &[2, 3]),
            "rnn_cell: input has 5 features, the layer was built for 4 (input shape [2, 5] = [batch, features] or [features])"
        );
        assert_eq!(
            fail(&[2, 1, 4], &[2, 3]),
            "rnn_cell: input has shape [2, 1, 4], expected [batch, features] or [features]"
        );
        assert_eq!(
            fail(&[2, 4], &[1, 3]),
            "rnn_cell: hidden has shape [1, 3], expected [2, 3] = [batch, hidden_size]"
        );
        assert_eq!(fail(&[4], &[1, 3]), "rnn_cell: hidden has shape [1, 3], expected [3] = [hidden_size]");
        assert_eq!(
            fail(&[0, 4], &[0, 3]),
            "rnn_cell: the batch is empty (input shape [0, 4] = [batch, features] or [features])"
        );
        let message = RNNCell::<f32>::new(4, 0, &mut rng).unwrap_err().to_string();
        assert_eq!(message, "rnn_cell: hidden_size is 0, expected at least 1");
    }
}
