//! One direction of one recurrent layer over a whole batch of sequences, forward and backward, on
//! plain slices.
//!
//! All matrices are row-major. N rows stand for all steps of all sequences (see [`Steps`]), I for
//! input features, H for hidden units, S for the size of the state that is carried (H, or the
//! projection's), G for the number of gates. x is [N, I], W_ih [G·H, I], W_hh [G·H, S].
//!
//! The skeleton is the same for the whole family. [`forward`](Layer::forward) goes step by step: a
//! tile of sums starts from the bias, W_ih x and W_hh h are added with the weights packed once for
//! all steps, and while the tile is at hand the gates become the new state. Where a step has few
//! rows, or the weights are large, W_ih x + b is computed for some steps at once before.
//! [`backward`] runs the same loop the other way: a tile of ∂h starts from the gradient of the
//! output, gets ∂a W_hh of the step after, and becomes the gradients ∂a of the gates' arguments.
//! The gradients of the weights are products over all steps at the end.
//!
//! What differs between the cells is the arithmetic of one vector of units, in `rnn`, `lstm`
//! and `gru`.
//!
//! Threads split the sequences of the batch, and meet once for the whole sequence. Where there are
//! too few sequences, and on the way forward also where meetings cost less than reading all weights,
//! they split the units, and meet at each step.

mod arithmetic;
mod backward;
mod backward_steps;
mod backward_tile;
mod far;
mod forward;
mod forward_steps;
mod forward_tile;
mod gru;
mod layer;
mod lstm;
mod own;
mod plan;
mod rnn;
mod rows;
mod state_rows;
mod steps;
mod stream;
#[cfg(test)]
mod tests;
mod walk;
mod weight_gradients;

pub use backward::{Backward, Gradients, Needs, backward};
pub use forward::{Forward, Kept};
pub use layer::Layer;
pub use state_rows::StateRows;
pub use steps::Steps;
pub use stream::Scratch;

use arithmetic::Arithmetic;
use gru::GatedUnit;
use lstm::LongShortTermMemory;
use rnn::Simple;
use rows::row_step;

use crate::{Real, kernels::simd::Path};

/// The sweeps of an element type. Generic code is compiled by whoever uses it; behind these methods
/// each sweep is compiled once, in this crate, and not anew in every program.
pub trait Sweeps: Sized {
    #[doc(hidden)]
    fn pack(pack: layer::Pack<'_, Self>) -> Layer<Self>
    where
        Self: Real;
    #[doc(hidden)]
    fn forward(layer: &Layer<Self>, sweep: Forward<'_, Self>, output: forward::Output<Self>) -> Kept<Self>
    where
        Self: Real;
    #[doc(hidden)]
    fn backward(path: Path, sweep: &Backward<'_, Self>, kept: Kept<Self>, needs: Needs) -> Gradients<Self>
    where
        Self: Real;
    #[doc(hidden)]
    fn step(layer: &Layer<Self>, scratch: &mut Scratch<Self>, states: stream::States<'_, Self>)
    where
        Self: Real;
}

macro_rules! sweeps {
    ($($t:ident)*) => {$(
        impl Sweeps for $t {
            fn pack(pack: layer::Pack<'_, Self>) -> Layer<Self> {
                layer::pack(pack)
            }
            fn forward(layer: &Layer<Self>, sweep: Forward<'_, Self>, output: forward::Output<Self>) -> Kept<Self> {
                forward::forward(layer, sweep, output)
            }
            fn backward(path: Path, sweep: &Backward<'_, Self>, kept: Kept<Self>, needs: Needs) -> Gradients<Self> {
                backward::run(path, sweep, kept, needs)
            }
            fn step(layer: &Layer<Self>, scratch: &mut Scratch<Self>, states: stream::States<'_, Self>) {
                stream::step(layer, scratch, states);
            }
        }
    )*};
}
sweeps!(f32 f64);

/// Which arithmetic a cell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h' = tanh(W_ih x + W_hh h + b).
    Tanh,
    /// h' = max(W_ih x + W_hh h + b, 0).
    ReLU,
    /// Long short-term memory.
    LSTM,
    /// Gated recurrent unit.
    GRU,
}

impl Cell {
    /// G: the number of gates.
    pub fn gates(self) -> usize {
        match self {
            Self::Tanh | Self::ReLU => Simple::GATES,
            Self::LSTM => LongShortTermMemory::GATES,
            Self::GRU => GatedUnit::GATES,
        }
    }

    /// Numbers a row that a sweep with `keep` leaves for the way back, beside the states themselves:
    /// the gates of H units, with the rows as far apart as is good for the caches, and the cell state
    /// where there is one. A projection keeps H more, the state before it.
    pub fn kept_a_row<T>(self, hidden: usize) -> usize {
        fn of<T, A: Arithmetic>(_: A, hidden: usize) -> usize {
            row_step::<T>(A::KEPT * hidden) + usize::from(A::CELL) * hidden
        }
        match self {
            Self::Tanh => of::<T, _>(Simple::Tanh, hidden),
            Self::ReLU => of::<T, _>(Simple::ReLU, hidden),
            Self::LSTM => of::<T, _>(LongShortTermMemory, hidden),
            Self::GRU => of::<T, _>(GatedUnit, hidden),
        }
    }

    /// Whether there is a cell state c beside h.
    pub fn has_cell_state(self) -> bool {
        self == Self::LSTM
    }
}

/// The sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// I.
    pub input: usize,
    /// H.
    pub hidden: usize,
    /// S.
    pub state: usize,
}

/// The parameters of a layer; what it has not is empty.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, T> {
    /// W_ih, [G·H, I].
    pub ih: &'a [T],
    /// W_hh, [G·H, S].
    pub hh: &'a [T],
    /// b_ih, [G·H].
    pub bias_ih: &'a [T],
    /// b_hh, [G·H].
    pub bias_hh: &'a [T],
    /// The projection, [S, H].
    pub hr: &'a [T],
}

/// The initial states, [B, S] and [B, H]; empty for 0.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a, T> {
    /// h_0.
    pub h: &'a [T],
    /// c_0.
    pub c: &'a [T],
}

/// Columns of a matrix of N rows: a direction's part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The width of the matrix.
    pub width: usize,
    /// The first column.
    pub first: usize,
}
