//! One step at a time, in memory that is there already.

#![allow(unsafe_code)] // see `forward`

use super::{
    Cell, Forward, Layer, Start, Steps, forward::Output, forward_steps::Run, gru::GatedUnit,
    lstm::LongShortTermMemory, plan::pieces_of_a_step, rnn::Simple,
};
use crate::{
    Real,
    kernels::{
        recurrent::arithmetic::Arithmetic,
        simd::{Simd, Work},
    },
};

/// What a step needs room for: made once for a layer and a batch.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    steps: Steps,
    /// The states before the projection, where there is one.
    unprojected: Vec<T>,
}

impl<T: Real> Layer<T> {
    /// Room for steps of `batch` sequences.
    pub fn scratch(&self, batch: usize) -> Scratch<T> {
        Scratch { steps: Steps::equal(1, batch), unprojected: vec![T::ZERO; self.scratch_size(batch)] }
    }

    fn scratch_size(&self, batch: usize) -> usize {
        if self.hr.is_some() { batch * self.sizes.hidden } else { 0 }
    }

    /// One step: from x, [B, I], and h, [B, S], the next h; c, [B, H], changes in place. The bits
    /// are those of [`Layer::forward`]; nothing is allocated.
    ///
    /// # Panics
    /// Where a slice has not the size that its role asks for.
    pub fn step(&self, scratch: &mut Scratch<T>, x: &[T], h: &[T], next: &mut [T], c: &mut [T]) {
        let (sizes, batch) = (self.sizes, scratch.steps.batch());
        assert_eq!(x.len(), batch * sizes.input, "the size of the input");
        assert_eq!((h.len(), next.len()), (batch * sizes.state, batch * sizes.state), "the size of a state");
        let of_c = if self.cell.has_cell_state() { batch * sizes.hidden } else { 0 };
        assert_eq!(c.len(), of_c, "the size of the cell state");
        assert_eq!(scratch.unprojected.len(), self.scratch_size(batch), "the scratch");
        T::step(self, scratch, (x, h, next, c));
    }
}

pub(super) fn step<T: Real>(layer: &Layer<T>, scratch: &mut Scratch<T>, states: States<'_, T>) {
    match layer.cell {
        Cell::Tanh => T::dispatch(layer.path, Step(layer, scratch, states, Simple::Tanh)),
        Cell::ReLU => T::dispatch(layer.path, Step(layer, scratch, states, Simple::ReLU)),
        Cell::LSTM => T::dispatch(layer.path, Step(layer, scratch, states, LongShortTermMemory)),
        Cell::GRU => T::dispatch(layer.path, Step(layer, scratch, states, GatedUnit)),
    }
}

/// x, h, the next h, and c.
pub(super) type States<'a, T> = (&'a [T], &'a [T], &'a mut [T], &'a mut [T]);

struct Step<'a, T: Real, A>(&'a Layer<T>, &'a mut Scratch<T>, States<'a, T>, A);

impl<T: Real, A: Arithmetic> Work<T> for Step<'_, T, A> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        let Self(layer, Scratch { steps, unprojected }, (x, h, next, c), cell) = self;
        let sweep = Forward { steps, reverse: false, x, start: Start { h, c: &[] }, keep: false };
        let run = Run {
            s,
            cell,
            layer,
            sweep: &sweep,
            output: Output { h: next.as_mut_ptr(), h_step: layer.sizes.state },
            gates: std::ptr::null_mut(),
            c: c.as_mut_ptr(),
            unprojected: unprojected.as_mut_ptr(),
            in_one: true,
            far: false,
            own: false,
            pieces: pieces_of_a_step(
                steps.batch() * A::GATES * layer.sizes.hidden * (x.len() / steps.batch() + layer.sizes.state),
            ),
        };
        run.only_step();
    }
}
