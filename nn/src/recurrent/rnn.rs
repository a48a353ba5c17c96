//! [`RNN`]: layers of Elman cells over whole sequences.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    CellParameters, Nonlinearity, PackedSequence,
    options::{Options, option_setters},
    sequences::{NoRng, Training, sequence_methods},
    stack::{Kind, Stack, States},
};
use crate::Result;

/// An Elman network (Elman 1990, Cognitive Science 14) of one or more layers, in one or two
/// directions:
///
/// h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
///
/// where the x_t of a layer above the first is the h_t of the one below. It computes what
/// `torch.nn.RNN` computes. L layers, D directions (1 or 2):
///
/// | | shape |
/// | --- | --- |
/// | input | `[seq, batch, input_size]`; `[batch, seq, input_size]` with `batch_first`; `[seq, input_size]` |
/// | h_0, h_n | `[L·D, batch, hidden_size]`; `[L·D, hidden_size]` for an input without a batch |
/// | output | as the input, with `D·hidden_size` features: the states of the top layer |
///
/// Parameters of layer k: `weight_ih_l{k}` `[hidden_size, input_size]` (`D·hidden_size` features
/// above the first), `weight_hh_l{k}` `[hidden_size, hidden_size]`, `bias_ih_l{k}` and
/// `bias_hh_l{k}` `[hidden_size]`; those of the second direction end in `_reverse`. All start
/// uniformly in ±1/√hidden_size.
///
/// The whole sequence, with all layers and directions, is one node on the tape.
/// [`RNNCell`](crate::RNNCell) is the same step by step.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::RNN;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let rnn = RNN::<f32>::builder(4, 8).num_layers(2).build(&mut rng)?;
/// let tape = Tape::new();
/// let inputs = tape.constant(Tensor::ones([5, 3, 4])?); // [seq, batch, input_size]
/// let (out, hidden) = rnn.forward(&inputs, None)?;
/// assert_eq!(*out.shape(), [5, 3, 8]); // [seq, batch, hidden_size]
/// assert_eq!(*hidden.shape(), [2, 3, 8]); // [num_layers, batch, hidden_size]
/// assert_eq!(out.value().select(0, 4)?, hidden.value().select(0, 1)?);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone)]
pub struct RNN<T: Real> {
    stack: Stack<T>,
}
sequence_methods!(RNN, Var<'t, T>);

/// The options of an [`RNN`], with PyTorch's names and defaults.
#[derive(Clone, Debug)]
#[must_use = "a builder makes no layer until build is called"]
pub struct RNNBuilder<T> {
    options: Options,
    nonlinearity: Nonlinearity,
    element: std::marker::PhantomData<T>,
}
option_setters!(RNNBuilder);

impl<T: Real> RNNBuilder<T> {
    /// The function of the new state. Default tanh.
    pub fn nonlinearity(mut self, nonlinearity: Nonlinearity) -> Self {
        self.nonlinearity = nonlinearity;
        self
    }

    /// The layer, with random parameters.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size or the number of layers is 0,
    /// [`Error::Probability`](crate::Error::Probability) for a dropout outside 0..=1, [`Error::Tensor`](crate::Error::Tensor) where
    /// there is no memory.
    pub fn build(self, rng: &mut (impl Rng + ?Sized)) -> Result<RNN<T>> {
        Ok(RNN { stack: Stack::random(Kind::RNN(self.nonlinearity), self.options, rng)? })
    }
}

impl<T: Real> RNN<T> {
    /// One layer in one direction, with tanh and biases.
    ///
    /// # Errors
    /// [`Error::ZeroOption`](crate::Error::ZeroOption) where a size is 0; [`Error::Tensor`](crate::Error::Tensor) where there is no
    /// memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::builder(input_size, hidden_size).build(rng)
    }

    /// The options, from PyTorch's defaults.
    pub fn builder(input_size: usize, hidden_size: usize) -> RNNBuilder<T> {
        let options = Options::new(input_size, hidden_size);
        RNNBuilder { options, nonlinearity: Nonlinearity::Tanh, element: std::marker::PhantomData }
    }
}

impl<'t, T: Real> From<&Var<'t, T>> for States<'t, T> {
    fn from(h: &Var<'t, T>) -> Self {
        Self { h: h.clone(), c: None }
    }
}

impl<'t, T: Real> From<States<'t, T>> for Var<'t, T> {
    fn from(states: States<'t, T>) -> Self {
        states.h
    }
}
