//! [`GRUCell`]: one step of a GRU, spelt out in elementary operations.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    CellParameters,
    cell_parameters::{CellSizes, cell_methods},
};
use crate::Result;

/// One step of a gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), with the reset gate after
/// the product, as PyTorch has it:
///
/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz),
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 − z) n + z h
///
/// | | shape |
/// | --- | --- |
/// | input x | `[batch, input_size]`, or `[input_size]` |
/// | hidden h | `[batch, hidden_size]`, or `[hidden_size]` |
/// | `weight_ih` | `[3·hidden_size, input_size]`, the rows of r, z, n |
/// | `weight_hh` | `[3·hidden_size, hidden_size]` |
/// | `bias_ih`, `bias_hh` | `[3·hidden_size]` |
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::GRUCell;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let cell = GRUCell::<f32>::new(4, 2, &mut rng)?;
/// let tape = Tape::inference();
/// let hidden = cell.forward(&tape.constant(Tensor::ones([3, 4])?), None)?;
/// assert_eq!(*hidden.shape(), [3, 2]);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GRUCell<T: Real> {
    /// The weights and biases.
    pub parameters: CellParameters<T>,
}
cell_methods!(GRUCell);

impl<T: Real> GRUCell<T> {
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
    /// Those of [`GRUCell::new`].
    pub fn with_bias(
        input_size: usize,
        hidden_size: usize,
        bias: bool,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        let sizes = CellSizes { input: input_size, hidden: hidden_size, gates: 3, projection: 0, bias };
        Ok(Self { parameters: CellParameters::random("gru_cell", sizes, rng)? })
    }

    /// One step; a state that is not given is 0.
    ///
    /// # Errors
    /// [`Error::Rank`](crate::Error::Rank), [`Error::Features`](crate::Error::Features), [`Error::State`](crate::Error::State),
    /// [`Error::Empty`](crate::Error::Empty).
    pub fn forward<'t>(&self, input: &Var<'t, T>, hidden: Option<&Var<'t, T>>) -> Result<Var<'t, T>> {
        let (op, parameters) = ("gru_cell", &self.parameters);
        let shape = parameters.check_input(op, *input.shape())?.state;
        let h = parameters.state(op, "hidden", input, hidden, shape)?;
        let (of_input, of_hidden) =
            (parameters.input_sum(input)?.chunk(3, -1)?, parameters.hidden_sum(&h)?.chunk(3, -1)?);
        let r = of_input[0].add(&of_hidden[0])?.sigmoid();
        let z = of_input[1].add(&of_hidden[1])?.sigmoid();
        let n = of_input[2].add(&r.mul(&of_hidden[2])?)?.tanh();
        Ok(n.add(&z.mul(&h.sub(&n)?)?)?)
    }
}
