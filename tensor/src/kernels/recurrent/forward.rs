//! Forward through time: what a sweep needs, and what it leaves.

#![allow(unsafe_code)] // vectors are filled by the sweep before they get their length

use super::{
    Cell, Columns, Layer, Start, StateRows, Steps,
    arithmetic::Arithmetic,
    far::is_far,
    forward_steps::Run,
    gru::GatedUnit,
    lstm::LongShortTermMemory,
    plan::Plan,
    rnn::Simple,
    rows::{row_step, rows_with_room},
};
use crate::{
    Real,
    kernels::{
        buffer::Buffer,
        simd::{Simd, Work},
    },
    parallel,
};

/// Rows of a step for which a panel of W_ih is read at the speed of the tile.
const ENOUGH_ROWS: usize = 4;

/// Bytes of W_ih and W_hh that a block of units reads for each tile, up to which they and those of the
/// next block stay in the second cache, beside the rows.
const BLOCK_BYTES: usize = 256 << 10;

/// What a sweep needs beside the weights.
pub struct Forward<'a, T> {
    /// Which rows are which.
    pub steps: &'a Steps,
    /// Whether to go from the last step to the first.
    pub reverse: bool,
    /// The input, [N, I].
    pub x: &'a [T],
    /// The initial states.
    pub start: Start<'a, T>,
    /// Whether to keep what backward needs.
    pub keep: bool,
}

/// What a sweep keeps beside its output.
#[derive(Debug)]
pub struct Kept<T: Real> {
    /// Four numbers a unit for LSTM and GRU, [N, 4·H], with rows as far apart as [`row_step`] says.
    pub(super) gates: Buffer<T>,
    /// The cell states: those of all rows, [N, H], if kept, else the last ones, [B, H].
    pub(super) c: Buffer<T>,
    /// The states before the projection, [N, H], where there is one.
    pub(super) unprojected: Buffer<T>,
}

impl<T: Real> Kept<T> {
    /// The cell states: those of all rows, [N, H], if kept, else the last ones, [B, H].
    pub fn c(&self) -> &[T] {
        &self.c
    }
}

impl<T: Real> Layer<T> {
    /// Runs all steps and writes the states of all N rows to `h`, in `columns`.
    ///
    /// # Panics
    /// Where a slice, or `h` if it is not empty, has not the size that its role asks for.
    pub fn forward(&self, sweep: Forward<'_, T>, h: &mut StateRows<T>, columns: Columns) -> Kept<T> {
        let (sizes, rows, batch) = (self.sizes, sweep.steps.rows(), sweep.steps.batch());
        assert_eq!(sweep.x.len(), rows * sizes.input, "the size of the input");
        let beside = columns.width.checked_sub(columns.first);
        assert!(beside.is_some_and(|room| room >= sizes.state), "the columns of the output");
        for (state, size) in [(sweep.start.h, sizes.state), (sweep.start.c, sizes.hidden)] {
            assert!(state.is_empty() || state.len() == batch * size, "the size of an initial state");
        }
        let output = Output { h: h.room(rows, columns, sizes.state), h_step: columns.width };
        let kept = T::forward(self, sweep, output);
        // SAFETY: those of these columns were written by the sweep, and others, if there are any, before.
        unsafe { h.are_written(rows, columns) };
        kept
    }
}

pub(super) fn forward<T: Real>(layer: &Layer<T>, sweep: Forward<'_, T>, output: Output<T>) -> Kept<T> {
    let path = layer.path;
    match layer.cell {
        Cell::Tanh => T::dispatch(path, Task { layer, sweep, output, cell: Simple::Tanh }),
        Cell::ReLU => T::dispatch(path, Task { layer, sweep, output, cell: Simple::ReLU }),
        Cell::LSTM => T::dispatch(path, Task { layer, sweep, output, cell: LongShortTermMemory }),
        Cell::GRU => T::dispatch(path, Task { layer, sweep, output, cell: GatedUnit }),
    }
}

/// Where the states go.
#[derive(Clone, Copy)]
pub struct Output<T> {
    pub(super) h: *mut T,
    pub(super) h_step: usize,
}

struct Task<'a, T: Real, A> {
    layer: &'a Layer<T>,
    sweep: Forward<'a, T>,
    output: Output<T>,
    cell: A,
}

impl<T: Real, A: Arithmetic> Work<T> for Task<'_, T, A> {
    type Output = Kept<T>;

    fn run<S: Simd<T = T>>(self, s: S) -> Kept<T> {
        let Self { layer, sweep, output, cell } = self;
        let (sizes, rows, batch) = (layer.sizes, sweep.steps.rows(), sweep.steps.batch());
        let (hidden, wide) = (sizes.hidden, A::GATES * sizes.hidden);
        let weights = wide * sizes.state;
        let plan = Plan::forward(sweep.steps, wide * sizes.input + weights, weights);
        // Every number that is read is written before, so none is set to 0 first.
        let kept_rows = if sweep.keep { rows } else { 0 };
        let mut gates = rows_with_room::<T>(kept_rows, hidden * A::KEPT);
        let c_rows = if sweep.keep { rows } else { batch };
        let mut c = Buffer::<T>::with_room(if A::CELL { c_rows * hidden } else { 0 });
        let mut unprojected = Buffer::<T>::with_room(if layer.hr.is_some() { rows * hidden } else { 0 });
        let run = Run {
            s,
            cell,
            layer,
            sweep: &sweep,
            output,
            gates: gates.start(),
            c: c.start(),
            unprojected: unprojected.start(),
            pieces: plan.pieces,
            own: plan.parts.len() > 1 && layer.hr.is_none(),
            far: is_far((1 + if sweep.keep { A::KEPT } else { 0 }) * rows * hidden),
            // Enough rows a step make good use of W_ih; few make better use of it together, and so does
            // what fills the second cache.
            in_one: batch / plan.parts.len() >= ENOUGH_ROWS
                && A::WIDTH * (sizes.input + sizes.state) * size_of::<S::V>() <= BLOCK_BYTES,
        };
        parallel::share(plan.parts.len(), |part| run.part(plan.parts[part].clone()));
        // SAFETY: the parts cover all sequences, and each wrote the numbers of all its rows.
        unsafe {
            gates.set_len(kept_rows * row_step::<T>(hidden * A::KEPT));
            c.set_len(if A::CELL { c_rows * hidden } else { 0 });
            unprojected.set_len(if layer.hr.is_some() { rows * hidden } else { 0 });
        }
        Kept { gates, c, unprojected }
    }
}
