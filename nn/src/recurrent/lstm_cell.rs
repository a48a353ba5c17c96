//! [`LSTMCell`]: one step of an LSTM, spelt out in elementary operations.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    CellParameters, LSTMState,
    cell_parameters::{CellSizes, cell_methods},
};
use crate::Result;

/// One step of a long short-term memory (Hochreiter and Schmidhuber 1997, Neural Computation 9):
///
/// i, f, o = σ(W_i* x + b_i* + W_h* h + b_h*), g = tanh(W_ig x + b_ig + W_hg h + b_hg),
/// c' = f c + i g, h' = o tanh(c')
///
/// | | shape |
/// | --- | --- |
/// | input x | `[batch, input_size]`, or `[input_size]` |
/// | h and c | `[batch, hidden_size]`, or `[hidden_size]` |
/// | `weight_ih` | `[4·hidden_size, input_size]`, the rows of i, f, g, o |
/// | `weight_hh` | `[4·hidden_size, hidden_size]` |
/// | `bias_ih`, `bias_hh` | `[4·hidden_size]` |
///
/// The parameters of a layer with a projection, from [`LSTM::cell`](crate::LSTM::cell), make a cell
/// with that projection.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::LSTMCell;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let cell = LSTMCell::<f32>::new(4, 2, &mut rng)?;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::ones([3, 4])?);
/// let first = cell.forward(&x, None)?;
/// let second = cell.forward(&x, Some(&first))?;
/// assert_eq!((*second.h.shape(), *second.c.shape()), ([3, 2].into(), [3, 2].into()));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LSTMCell<T: Real> {
    /// The weights and biases.
    pub parameters: CellParameters<T>,
}
cell_methods!(LSTMCell);

impl<T: Real> LSTMCell<T> {
    /// A cell with biases.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size is 0; [`Error::Tensor`](crate::Error::Tensor) where there is no
    /// memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::with_bias(input_size, hidden_size, true, rng)
    }

    /// A cell with biases or without.
    ///
    /// # Errors
    /// Those of [`LSTMCell::new`].
    pub fn with_bias(
        input_size: usize,
        hidden_size: usize,
        bias: bool,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        let sizes = CellSizes { input: input_size, hidden: hidden_size, gates: 4, projection: 0, bias };
        Ok(Self { parameters: CellParameters::random("lstm_cell", sizes, rng)? })
    }

    /// One step; a state that is not given is 0.
    ///
    /// # Errors
    /// [`Error::Rank`](crate::Error::Rank), [`Error::Features`](crate::Error::Features), [`Error::State`](crate::Error::State),
    /// [`Error::Empty`](crate::Error::Empty).
    pub fn forward<'t>(
        &self,
        input: &Var<'t, T>,
        state: Option<&LSTMState<'t, T>>,
    ) -> Result<LSTMState<'t, T>> {
        let (op, parameters) = ("lstm_cell", &self.parameters);
        let shape = parameters.check_input(op, *input.shape())?.state;
        let h = parameters.state(op, "h", input, state.map(|state| &state.h), shape)?;
        let hidden = parameters.weight_ih.value().shape()[0] / 4;
        let c_shape = shape.with(shape.rank() - 1, hidden);
        let c = parameters.state(op, "c", input, state.map(|state| &state.c), c_shape)?;
        let gates = parameters.input_sum(input)?.add(&parameters.hidden_sum(&h)?)?.chunk(4, -1)?;
        let (i, f, g, o) = (gates[0].sigmoid(), gates[1].sigmoid(), gates[2].tanh(), gates[3].sigmoid());
        let c = f.mul(&c)?.add(&i.mul(&g)?)?;
        let h = o.mul(&c.tanh())?;
        let h = match &parameters.weight_hr {
            Some(projection) => h.matmul(&input.tape().parameter(projection).transpose(0, 1)?)?,
            None => h,
        };
        Ok(LSTMState { h, c })
    }
}
