//! [`LayerNormLSTMCell`]: one step of an LSTM whose sums are normalised.

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Shape, Tensor};

use super::{LSTMState, shape::check_state};
use crate::{Error, LayerNorm, Result, init::uniform_by_fan, module};

const OP: &str = "layer_norm_lstm_cell";

/// One step of a layer-normalised LSTM (Ba et al. 2016, arXiv 1607.06450, equations 20 to 22):
///
/// i, f, o = σ(..), g = tanh(..) of LN(W_ih x) + LN(W_hh h) + b,
/// c' = f c + i g, h' = o tanh(LN(c'))
///
/// | | shape |
/// | --- | --- |
/// | input x | `[batch, input_size]`, or `[input_size]` |
/// | h and c | `[batch, hidden_size]`, or `[hidden_size]` |
/// | `weight_ih`, `weight_hh` | `[4·hidden_size, ..]`, the rows of i, f, g, o |
/// | `bias` | `[4·hidden_size]` |
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::LayerNormLSTMCell;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let cell = LayerNormLSTMCell::<f32>::new(4, 2, &mut rng)?;
/// let tape = Tape::inference();
/// let sequence = tape.constant(Tensor::ones([5, 3, 4])?); // [seq, batch, input_size]
/// let mut state = None;
/// for t in 0..5 {
///     state = Some(cell.forward(&sequence.select(0, t)?, state.as_ref())?);
/// }
/// assert_eq!(*state.unwrap().h.shape(), [3, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LayerNormLSTMCell<T: Real> {
    /// W_ih: `[4·hidden_size, input_size]`.
    pub weight_ih: Parameter<T>,
    /// W_hh: `[4·hidden_size, hidden_size]`.
    pub weight_hh: Parameter<T>,
    /// b: `[4·hidden_size]`.
    pub bias: Parameter<T>,
    /// The normalisation of W_ih x; its own bias would double b, so it has none.
    pub norm_ih: LayerNorm<T>,
    /// The normalisation of W_hh h, without a bias.
    pub norm_hh: LayerNorm<T>,
    /// The normalisation of the new cell state.
    pub norm_c: LayerNorm<T>,
}
module!(LayerNormLSTMCell { weight_ih, weight_hh, bias, norm_ih, norm_hh, norm_c });

impl<T: Real> LayerNormLSTMCell<T> {
    /// A cell with weights and bias drawn uniformly from ±1/√hidden_size.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Tensor`] where there is no memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        for (option, size) in [("input_size", input_size), ("hidden_size", hidden_size)] {
            if size == 0 {
                return Err(Error::ZeroOption { op: OP, option });
            }
        }
        let wide = hidden_size.saturating_mul(4);
        let unbiased = || Ok::<_, Error>(LayerNorm { bias: None, ..LayerNorm::new(wide)? });
        Ok(Self {
            weight_ih: uniform_by_fan([wide, input_size], hidden_size, rng)?,
            weight_hh: uniform_by_fan([wide, hidden_size], hidden_size, rng)?,
            bias: uniform_by_fan([wide], hidden_size, rng)?,
            norm_ih: unbiased()?,
            norm_hh: unbiased()?,
            norm_c: LayerNorm::new(hidden_size)?,
        })
    }

    /// One step; a state that is not given is 0.
    ///
    /// # Errors
    /// [`Error::Rank`], [`Error::Features`], [`Error::State`].
    pub fn forward<'t>(
        &self,
        input: &Var<'t, T>,
        state: Option<&LSTMState<'t, T>>,
    ) -> Result<LSTMState<'t, T>> {
        let (op, shape, tape) = (OP, *input.shape(), input.tape());
        let expected = self.state_shape(shape)?;
        let (h, c) = match state {
            Some(LSTMState { h, c }) => {
                let axes = if shape.rank() == 2 { "[batch, hidden_size]" } else { "[hidden_size]" };
                check_state(op, "h", h.shape(), expected, axes)?;
                check_state(op, "c", c.shape(), expected, axes)?;
                (h.clone(), c.clone())
            }
            None => {
                let zero = tape.constant(Tensor::zeros(expected)?);
                (zero.clone(), zero)
            }
        };
        let product =
            |x: &Var<'t, T>, weight: &Parameter<T>| x.matmul(&tape.parameter(weight).transpose(0, 1)?);
        let of_input = self.norm_ih.forward(&product(input, &self.weight_ih)?)?;
        let of_hidden = self.norm_hh.forward(&product(&h, &self.weight_hh)?)?;
        let gates = of_input.add(&of_hidden)?.add(&tape.parameter(&self.bias))?.chunk(4, -1)?;
        let (i, f, g, o) = (gates[0].sigmoid(), gates[1].sigmoid(), gates[2].tanh(), gates[3].sigmoid());
        let c = f.mul(&c)?.add(&i.mul(&g)?)?;
        Ok(LSTMState { h: o.mul(&self.norm_c.forward(&c)?.tanh())?, c })
    }
}

impl<T: Real> LayerNormLSTMCell<T> {
    /// The shape of the state, for an input of this shape.
    pub(crate) fn state_shape(&self, shape: Shape) -> Result<Shape> {
        let (op, axes) = (OP, "[batch, features] or [features]");
        if shape.rank() != 1 && shape.rank() != 2 {
            return Err(Error::Rank { op, shape: shape.into(), axes });
        }
        let (found, expected) = (shape[shape.rank() - 1], self.weight_ih.value().shape()[1]);
        if found != expected {
            return Err(Error::Features { op, found, expected, shape: shape.into(), axes });
        }
        Ok(shape.with(shape.rank() - 1, self.weight_hh.value().shape()[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck_module;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;

    #[test]
    fn gradients_are_slopes_through_two_steps() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut cell = LayerNormLSTMCell::<f64>::new(3, 4, &mut rng).unwrap();
        let x = Tensor::normal([2, 2, 3], 0.0, 1.0, &mut rng).unwrap();
        gradcheck_module(&mut cell, |cell, tape| {
            let x = tape.constant(x.clone());
            let first = cell.forward(&x.select(0, 0)?, None)?;
            let second = cell.forward(&x.select(0, 1)?, Some(&first))?;
            Ok::<_, Error>(second.h.mul(&second.c)?.sum(..)?)
        })
        .unwrap();
    }

    #[test]
    fn the_scale_of_the_input_weights_does_not_matter() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut cell = LayerNormLSTMCell::<f64>::new(3, 4, &mut rng).unwrap();
        cell.norm_ih.eps = 0.0;
        let x = Tensor::normal([2, 3], 0.0, 1.0, &mut rng).unwrap();
        let tape = Tape::inference();
        // From a state of 0, W_hh h has no variance; what is left is W_ih x, normalised.
        let h = |cell: &LayerNormLSTMCell<f64>| {
            cell.forward(&tape.constant(x.clone()), None).unwrap().h.into_value()
        };
        let before = h(&cell);
        cell.weight_ih.as_mut_slice().iter_mut().for_each(|w| *w *= 100.0);
        assert!(before.iter().zip(h(&cell).iter()).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let cell = LayerNormLSTMCell::<f32>::new(3, 4, &mut rng).unwrap();
        let tape = Tape::new();
        let zeros = |shape: [usize; 2]| tape.constant(Tensor::zeros(shape).unwrap());
        let message = cell.forward(&zeros([2, 5]), None).unwrap_err().to_string();
        assert!(
            message.starts_with("layer_norm_lstm_cell: input has 5 features, the layer was built for 3"),
            "{message}"
        );
        let state = LSTMState { h: zeros([2, 4]), c: zeros([1, 4]) };
        let message = cell.forward(&zeros([2, 3]), Some(&state)).unwrap_err().to_string();
        assert_eq!(
            message,
            "layer_norm_lstm_cell: c has shape [1, 4], expected [2, 4] = [batch, hidden_size]"
        );
    }
}
