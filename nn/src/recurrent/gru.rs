//! [`GRU`]: layers of gated recurrent units over whole sequences.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    CellParameters, PackedSequence,
    options::{Options, option_setters},
    sequences::{NoRng, Training, sequence_methods},
    stack::{Kind, Stack, States},
};
use crate::Result;

/// Gated recurrent units (Cho et al. 2014, arXiv 1406.1078) in one or more layers, in one or two
/// directions:
///
/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz),
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 − z) n + z h
///
/// It computes what `torch.nn.GRU` computes: the reset gate r acts after the product, which is not
/// how the paper has it. L layers, D directions (1 or 2):
///
/// | | shape |
/// | --- | --- |
/// | input | `[seq, batch, input_size]`; `[batch, seq, input_size]` with `batch_first`; `[seq, input_size]` |
/// | h_0, h_n | `[L·D, batch, hidden_size]`; `[L·D, hidden_size]` for an input without a batch |
/// | output | as the input, with `D·hidden_size` features: the states of the top layer |
///
/// Parameters are named as those of [`RNN`](crate::RNN), with `3·hidden_size` rows for the gates r,
/// z, n.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::GRU;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let gru = GRU::<f32>::builder(4, 8).bidirectional(true).build(&mut rng)?;
/// let tape = Tape::new();
/// let padded = tape.constant(Tensor::ones([5, 3, 4])?); // [seq, batch, input_size]
/// let (out, hidden) = gru.forward_padded(&padded, &[2, 5, 3], None)?;
/// assert_eq!(*out.shape(), [5, 3, 16]); // [seq, batch, 2 hidden_size]
/// assert_eq!(*hidden.shape(), [2, 3, 8]); // [2 directions, batch, hidden_size]
/// assert!(out.value().select(1, 0)?.narrow(0, 2, 3)?.iter().all(|x| x == 0.0)); // behind the end
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct GRU<T: Real> {
    stack: Stack<T>,
}
sequence_methods!(GRU, Var<'t, T>);

/// The options of a [`GRU`], with PyTorch's names and defaults. There is no projection for it:
///
/// ```compile_fail
/// let builder = refrain_nn::GRU::<f32>::builder(4, 8).proj_size(2);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes no layer until build is called"]
pub struct GRUBuilder<T> {
    options: Options,
    element: std::marker::PhantomData<T>,
}
option_setters!(GRUBuilder);

impl<T: Real> GRUBuilder<T> {
    /// The layer, with random parameters.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size or the number of layers is 0,
    /// [`Error::Probability`](crate::Error::Probability) for a dropout outside 0..=1, [`Error::Tensor`](crate::Error::Tensor) where
    /// there is no memory.
    pub fn build(self, rng: &mut (impl Rng + ?Sized)) -> Result<GRU<T>> {
        Ok(GRU { stack: Stack::random(Kind::GRU, self.options, rng)? })
    }
}

impl<T: Real> GRU<T> {
    /// One layer in one direction, with biases.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size is 0; [`Error::Tensor`](crate::Error::Tensor) where there is no
    /// memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::builder(input_size, hidden_size).build(rng)
    }

    /// The options, from PyTorch's defaults.
    pub fn builder(input_size: usize, hidden_size: usize) -> GRUBuilder<T> {
        GRUBuilder { options: Options::new(input_size, hidden_size), element: std::marker::PhantomData }
    }
}
