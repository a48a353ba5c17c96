//! One direction of one recurrent layer over a whole batch of sequences, forward and backward, on
//! plain slices.
//!
//! All matrices are row-major. N rows stand for all steps of all sequences (see [`Steps`]), I for
//! input features, H for hidden units, S for the size of the state that is carried (H, or the
//! projection's), G for the number of gates. x is [N, I], W_ih [G·H, I], W_hh [G·H, S].
//!
//! The skeleton is the same for the whole family: the input products of all steps are one product,
//! the time loop adds W_hh h_{t−1} and calls a [`Step`] for each row, and on the way back the weight
//! gradients are one product over all steps again. What differs is the arithmetic of one row, in
//! [`rnn`], [`lstm`] and [`gru`].

mod backward;
mod forward;
pub(crate) mod gru;
pub(crate) mod lstm;
pub(crate) mod rnn;

pub(crate) use backward::{Gradients, Needs, backward};
pub(crate) use forward::{Kept, forward};

use refrain_tensor::Real;

use super::steps::Steps;

/// The arithmetic of one row: one sequence at one step.
pub(crate) trait Step<T: Real>: Copy + 'static {
    /// The number of gates, G.
    const GATES: usize;
    /// Whether W_hh h is needed apart from W_ih x, and not only their sum.
    const APART: bool = false;
    /// Whether there is a cell state c beside h.
    const CELL: bool = false;

    /// Turns the gates' arguments into their values and computes the new state.
    fn forward(self, row: ForwardRow<'_, T>);

    /// Turns the gradient of the new state into those of the gates' arguments and of the old state.
    fn backward(self, row: BackwardRow<'_, T>);
}

/// One row on the way forward. Slices are of H values, those of gates of G·H.
pub(crate) struct ForwardRow<'a, T> {
    /// In: W_ih x + b_ih, and + W_hh h + b_hh where that is not apart. Out: what backward needs.
    pub(crate) gates: &'a mut [T],
    /// W_hh h + b_hh where it is apart, else empty.
    pub(crate) recurrent: &'a [T],
    /// Out: H more values for backward where the recurrent part is apart, else empty.
    pub(crate) extra: &'a mut [T],
    pub(crate) h_before: &'a [T],
    pub(crate) c_before: &'a [T],
    /// Out: the new state, before a projection.
    pub(crate) h: &'a mut [T],
    /// Out: the new cell state.
    pub(crate) c: &'a mut [T],
}

/// One row on the way back.
pub(crate) struct BackwardRow<'a, T> {
    pub(crate) gates: &'a [T],
    pub(crate) extra: &'a [T],
    pub(crate) h_before: &'a [T],
    pub(crate) c_before: &'a [T],
    pub(crate) c: &'a [T],
    /// The gradient of the new state, before a projection.
    pub(crate) dh: &'a [T],
    /// In: the gradient of the new cell state. Out: that of the old one.
    pub(crate) dc: &'a mut [T],
    /// Out: the gradient of W_ih x + b_ih.
    pub(crate) d_input: &'a mut [T],
    /// Out: the gradient of W_hh h + b_hh where it is apart, else empty.
    pub(crate) d_recurrent: &'a mut [T],
    /// Out, from 0: the gradient of the old state other than through W_hh.
    pub(crate) dh_before: &'a mut [T],
}

/// The sizes of a sweep, and the way it goes through time.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) steps: Steps,
    pub(crate) reverse: bool,
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    /// S: the size of the state that is carried.
    pub(crate) state: usize,
}

/// The weights of a sweep; what there is not is empty.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a, T> {
    pub(crate) ih: &'a [T],
    pub(crate) hh: &'a [T],
    pub(crate) bias_ih: &'a [T],
    pub(crate) bias_hh: &'a [T],
    /// The projection: [S, H].
    pub(crate) hr: &'a [T],
}

/// What a sweep starts from: h_0 [B, S] and c_0 [B, H], or empty for 0.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a, T> {
    pub(crate) h: &'a [T],
    pub(crate) c: &'a [T],
}

/// The states before each step, followed through a sweep: the sequences that are running have the
/// state of the step before, those that have not begun have the initial one.
struct Before<T> {
    width: usize,
    values: Vec<T>,
}

impl<T: Real> Before<T> {
    fn new(plan: &Plan, width: usize, start: &[T]) -> Self {
        let count = plan.steps.batch() * width;
        Self { width, values: if start.is_empty() { vec![T::zero(); count] } else { start.to_vec() } }
    }

    /// The states before a step of `rows` sequences.
    fn rows(&self, rows: usize) -> &[T] {
        &self.values[..rows * self.width]
    }

    fn advance(&mut self, states: &[T]) {
        self.values[..states.len()].copy_from_slice(states);
    }
}

/// `width` values for each of `rows`.
fn part<T>(values: &[T], rows: &std::ops::Range<usize>, width: usize) -> std::ops::Range<usize> {
    debug_assert!(values.is_empty() || rows.end * width <= values.len());
    if values.is_empty() { 0..0 } else { rows.start * width..rows.end * width }
}
