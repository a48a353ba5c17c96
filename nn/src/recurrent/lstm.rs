//! [`LSTM`]: layers of long short-term memory over whole sequences.

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

/// Long short-term memory (Hochreiter and Schmidhuber 1997, Neural Computation 9) in one or more
/// layers, in one or two directions:
///
/// i, f, o = σ(W_i* x + b_i* + W_h* h + b_h*), g = tanh(W_ig x + b_ig + W_hg h + b_hg),
/// c' = f c + i g, h' = o tanh(c')
///
/// and with a projection (Sak et al. 2014, arXiv 1402.1128) h' = W_hr (o tanh(c')). It computes
/// what `torch.nn.LSTM` computes. L layers, D directions (1 or 2), P = `proj_size` or else
/// `hidden_size`:
///
/// | | shape |
/// | --- | --- |
/// | input | `[seq, batch, input_size]`; `[batch, seq, input_size]` with `batch_first`; `[seq, input_size]` |
/// | h of a state | `[L·D, batch, P]`; `[L·D, P]` for an input without a batch |
/// | c of a state | `[L·D, batch, hidden_size]`; `[L·D, hidden_size]` without a batch |
/// | output | as the input, with `D·P` features: the h of the top layer |
///
/// Parameters are named as those of [`RNN`](crate::RNN), with `4·hidden_size` rows for the gates i,
/// f, g, o, and `weight_hr_l{k}` `[proj_size, hidden_size]` for a projection.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::LSTM;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let lstm = LSTM::<f32>::builder(4, 8).proj_size(3).build(&mut rng)?;
/// let tape = Tape::new();
/// let (out, last) = lstm.forward(&tape.constant(Tensor::ones([5, 2, 4])?), None)?;
/// assert_eq!(*out.shape(), [5, 2, 3]); // [seq, batch, proj_size]
/// assert_eq!((*last.h.shape(), *last.c.shape()), ([1, 2, 3].into(), [1, 2, 8].into()));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct LSTM<T: Real> {
    stack: Stack<T>,
}
sequence_methods!(LSTM, LSTMState<'t, T>);

/// The state of an [`LSTM`] or of an [`LSTMCell`](crate::LSTMCell): there is no h without a c.
#[derive(Clone, Debug)]
pub struct LSTMState<'t, T: Real> {
    /// The hidden state, which is also the output.
    pub h: Var<'t, T>,
    /// The cell state.
    pub c: Var<'t, T>,
}

impl<'t, T: Real> From<&LSTMState<'t, T>> for States<'t, T> {
    fn from(state: &LSTMState<'t, T>) -> Self {
        Self { h: state.h.clone(), c: Some(state.c.clone()) }
    }
}

impl<'t, T: Real> From<States<'t, T>> for LSTMState<'t, T> {
    fn from(states: States<'t, T>) -> Self {
        // A sweep of LSTM cells always has cell states; h stands in only for the type's sake.
        Self { c: states.c.unwrap_or_else(|| states.h.clone()), h: states.h }
    }
}

/// The options of an [`LSTM`], with PyTorch's names and defaults.
#[derive(Clone, Debug)]
#[must_use = "a builder makes no layer until build is called"]
pub struct LSTMBuilder<T> {
    options: Options,
    element: std::marker::PhantomData<T>,
}
option_setters!(LSTMBuilder);

impl<T: Real> LSTMBuilder<T> {
    /// The size that h is projected to, below the hidden size. Default 0: no projection.
    pub fn proj_size(mut self, proj_size: usize) -> Self {
        self.options.proj_size = proj_size;
        self
    }

    /// The layer, with random parameters.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size or the number of layers is 0,
    /// [`Error::Probability`](crate::Error::Probability) for a dropout outside 0..=1, [`Error::Projection`](crate::Error::Projection) for
    /// a projection that is not smaller than the hidden size, [`Error::Tensor`](crate::Error::Tensor) where there
    /// is no memory.
    pub fn build(self, rng: &mut (impl Rng + ?Sized)) -> Result<LSTM<T>> {
        Ok(LSTM { stack: Stack::random(Kind::LSTM, self.options, rng)? })
    }
}

impl<T: Real> LSTM<T> {
    /// One layer in one direction, with biases.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size is 0; [`Error::Tensor`](crate::Error::Tensor) where there is no
    /// memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::builder(input_size, hidden_size).build(rng)
    }

    /// The options, from PyTorch's defaults.
    pub fn builder(input_size: usize, hidden_size: usize) -> LSTMBuilder<T> {
        LSTMBuilder { options: Options::new(input_size, hidden_size), element: std::marker::PhantomData }
    }
}
