//! Back through time (Werbos 1990, Proceedings of the IEEE 78): what it needs, and what it finds.

#![allow(unsafe_code)] // vectors are filled by the sweep before they get their length

use super::{
    Cell, Columns, Kept, Sizes, Start, Steps, Weights,
    arithmetic::Arithmetic,
    backward_steps::Run,
    far::is_far,
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
        matrix::Matrix,
        panels::Panels,
        simd::{Path, Simd, Work},
    },
    parallel,
};

/// What the way back needs.
pub struct Backward<'a, T> {
    /// Which arithmetic.
    pub cell: Cell,
    /// The sizes.
    pub sizes: Sizes,
    /// The weights that forward had.
    pub weights: Weights<'a, T>,
    /// Which rows are which.
    pub steps: &'a Steps,
    /// Whether forward went from the last step to the first.
    pub reverse: bool,
    /// The input, [N, I].
    pub x: &'a [T],
    /// The initial states.
    pub start: Start<'a, T>,
    /// The states that forward wrote, as it wrote them: a matrix of N rows, in `columns`.
    pub h: &'a [T],
    /// The gradient of `h`.
    pub dh: &'a [T],
    /// Where this direction's columns are in both.
    pub columns: Columns,
    /// The gradients of the last states of each sequence, [B, S] and [B, H].
    pub last: Start<'a, T>,
}

/// Which gradients are wanted beside those that the loop needs anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of the input.
    pub x: bool,
    /// Of W_ih.
    pub ih: bool,
    /// Of W_hh.
    pub hh: bool,
    /// Of both biases.
    pub bias: bool,
    /// Of the projection.
    pub hr: bool,
}

/// The gradients of one sweep; those that were not asked for are empty.
#[derive(Debug, Default)]
pub struct Gradients<T> {
    /// [N, I].
    pub x: Vec<T>,
    /// [G·H, I].
    pub ih: Vec<T>,
    /// [G·H, S].
    pub hh: Vec<T>,
    /// [G·H].
    pub bias_ih: Vec<T>,
    /// [G·H].
    pub bias_hh: Vec<T>,
    /// [S, H].
    pub hr: Vec<T>,
    /// [B, S], where there was an initial state.
    pub h_0: Vec<T>,
    /// [B, H], where there is a cell state.
    pub c_0: Vec<T>,
}

/// The gradients of everything that a sweep used.
///
/// # Panics
/// Where a slice has not the size that its role asks for, or forward did not keep what is needed.
pub fn backward<T: Real>(sweep: &Backward<'_, T>, kept: Kept<T>, needs: Needs) -> Gradients<T> {
    backward_on(Path::of_this_machine(), sweep, kept, needs)
}

/// [`backward`] on a path of choice.
pub(crate) fn backward_on<T: Real>(
    path: Path,
    sweep: &Backward<'_, T>,
    kept: Kept<T>,
    needs: Needs,
) -> Gradients<T> {
    let (sizes, rows, batch) = (sweep.sizes, sweep.steps.rows(), sweep.steps.batch());
    let wide = sweep.cell.gates() * sizes.hidden;
    for (values, size) in [
        (sweep.x, rows * sizes.input),
        (sweep.h, rows * sweep.columns.width),
        (sweep.dh, rows * sweep.columns.width),
        (sweep.weights.ih, wide * sizes.input),
        (sweep.weights.hh, wide * sizes.state),
    ] {
        assert_eq!(values.len(), size, "the size of an operand of backward");
    }
    assert!(sweep.columns.first + sizes.state <= sweep.columns.width, "the columns of the output");
    for Start { h, c } in [sweep.start, sweep.last] {
        assert!(h.is_empty() || h.len() == batch * sizes.state, "the size of a state");
        assert!(c.is_empty() || c.len() == batch * sizes.hidden, "the size of a cell state");
    }
    let slots = |there: bool, count: usize| if there { count * rows * sizes.hidden } else { 0 };
    let (gated, cell) = (sweep.cell.gates() > 1, sweep.cell.has_cell_state());
    let projects = !sweep.weights.hr.is_empty();
    let gates = if gated { rows * row_step::<T>(4 * sizes.hidden) } else { 0 };
    assert_eq!(kept.gates.len(), gates, "the gates that were kept");
    assert_eq!(kept.c.len(), slots(cell, 1), "the cell states that were kept");
    assert_eq!(kept.unprojected.len(), slots(projects, 1), "the states that were kept");
    assert_eq!(sweep.weights.hr.len(), if projects { sizes.state * sizes.hidden } else { 0 }, "W_hr");
    T::backward(path, sweep, kept, needs)
}

pub(super) fn run<T: Real>(path: Path, sweep: &Backward<'_, T>, kept: Kept<T>, needs: Needs) -> Gradients<T> {
    match sweep.cell {
        Cell::Tanh => T::dispatch(path, Task { sweep, kept, needs, cell: Simple::Tanh }),
        Cell::ReLU => T::dispatch(path, Task { sweep, kept, needs, cell: Simple::ReLU }),
        Cell::LSTM => T::dispatch(path, Task { sweep, kept, needs, cell: LongShortTermMemory }),
        Cell::GRU => T::dispatch(path, Task { sweep, kept, needs, cell: GatedUnit }),
    }
}

struct Task<'a, T: Real, A> {
    sweep: &'a Backward<'a, T>,
    kept: Kept<T>,
    needs: Needs,
    cell: A,
}

impl<T: Real, A: Arithmetic> Work<T> for Task<'_, T, A> {
    type Output = Gradients<T>;

    fn run<S: Simd<T = T>>(self, s: S) -> Gradients<T> {
        let Self { sweep, mut kept, needs, cell } = self;
        let Sizes { hidden, state, .. } = sweep.sizes;
        let (rows, batch, wide) = (sweep.steps.rows(), sweep.steps.batch(), A::GATES * hidden);
        let projects = !sweep.weights.hr.is_empty();
        let row_major = |values, rows, columns| Matrix::row_major(values, rows, columns);
        let width = 2 * S::LANES;
        let hh = Panels::pack_columns(s, row_major(sweep.weights.hh, wide, state), width);
        let hr = projects.then(|| Panels::pack_columns(s, row_major(sweep.weights.hr, state, hidden), width));

        // The gradients take the place of what was kept, or have one of their own.
        const { assert!(A::KEPT == 0 || A::KEPT == A::GRADIENTS) };
        let gates_step = row_step::<T>(hidden * A::GRADIENTS);
        if A::KEPT == 0 {
            kept.gates = rows_with_room(rows, hidden * A::GRADIENTS);
        }
        let or_zero = |values: &[T], there: bool, size: usize| match values {
            _ if !there => Vec::new(),
            [] => vec![T::ZERO; batch * size],
            values => values.to_vec(),
        };
        let mut carried_h = or_zero(sweep.last.h, true, state);
        let mut carried_c = or_zero(sweep.last.c, A::CELL, hidden);
        let mut h_0 = or_zero(&[], !sweep.start.h.is_empty(), state);
        let mut d_state = Buffer::<T>::with_room(if projects { rows * state } else { 0 });
        let plan = Plan::backward(sweep.steps, wide * state);
        let run = Run {
            s,
            cell,
            sweep,
            hh: &hh,
            hr: hr.as_ref(),
            gates: kept.gates.start(),
            c: kept.c.as_ptr(),
            unprojected: projects.then_some(kept.unprojected.as_ptr()),
            carried_h: carried_h.as_mut_ptr(),
            carried_c: carried_c.as_mut_ptr(),
            h_0: h_0.as_mut_ptr(),
            d_state: d_state.start(),
            pieces: plan.pieces,
            far: is_far((A::GRADIENTS + 2) * rows * hidden),
        };
        parallel::share(plan.parts.len(), |part| run.part(plan.parts[part].clone()));
        // SAFETY: the parts cover all sequences, and each wrote the numbers of all its rows.
        unsafe {
            kept.gates.set_len(rows * gates_step);
            d_state.set_len(if projects { rows * state } else { 0 });
        }
        let mut gradients = sweep.weight_gradients((&kept, gates_step), &d_state, needs);
        (gradients.h_0, gradients.c_0) = (h_0, carried_c);
        gradients
    }
}
