//! Back through time: the steps of some sequences.

#![allow(unsafe_code)] // threads write rows and columns of their own in shared memory

use std::ops::Range;

use super::{Backward, arithmetic::Arithmetic, rows::row_step};
use crate::{
    kernels::{panels::Panels, simd::Simd},
    parallel,
};

/// A sweep under way.
pub(super) struct Run<'a, S: Simd, A> {
    pub(super) s: S,
    pub(super) cell: A,
    pub(super) sweep: &'a Backward<'a, S::T>,
    pub(super) hh: &'a Panels<S::T>,
    pub(super) hr: Option<&'a Panels<S::T>>,
    /// What forward kept, and in its place the gradients of the gates' arguments.
    pub(super) gates: *mut S::T,
    pub(super) c: *const S::T,
    /// The states before the projection, where there is one.
    pub(super) unprojected: Option<*const S::T>,
    /// For each sequence, the gradient of its last state at first, then what goes past W_hh.
    pub(super) carried_h: *mut S::T,
    /// For each sequence, the gradient of its cell state so far.
    pub(super) carried_c: *mut S::T,
    pub(super) h_0: *mut S::T,
    /// The gradients of the states, [N, S], where there is a projection.
    pub(super) d_state: *mut S::T,
    pub(super) pieces: usize,
    /// Whether tiles ask ahead for what is far away.
    pub(super) far: bool,
}

// SAFETY: what the pointers point to is written by each part in rows of its sequences, and by each
// piece of a step in columns of its units; both are disjoint. What is read of other pieces' columns
// was written before they met.
unsafe impl<S: Simd, A: Sync> Sync for Run<'_, S, A> {}

/// A part's rows at one step.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// The first of them among all rows.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Some of a part's rows at one step.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) row: usize,
    pub(super) rows: usize,
    /// The first row's sequence.
    pub(super) sequence: usize,
    /// The first row's place among the rows of the step before, whose states are its states
    /// before; `None` where the sequences begin here.
    pub(super) before: Option<usize>,
    /// The first row's place among the rows of the step after, if the sequences go on there.
    pub(super) after: Option<usize>,
}

impl<S: Simd, A: Arithmetic> Run<'_, S, A> {
    /// All steps of some sequences.
    pub(super) fn part(&self, sequences: Range<usize>) {
        let steps = self.sweep.steps;
        let rows_of = |k: usize| {
            let step = if self.sweep.reverse { steps.count() - 1 - k } else { k };
            let rows = steps.rows_of(step);
            let count = rows.len().min(sequences.end).saturating_sub(sequences.start);
            Rows { first: rows.start + sequences.start, count }
        };
        let mut after = Rows { first: 0, count: 0 };
        for k in (0..steps.count()).rev() {
            let rows = rows_of(k);
            let before = if k == 0 { Rows { first: 0, count: 0 } } else { rows_of(k - 1) };
            if rows.count > 0 {
                self.step(rows, before, after, sequences.start);
            }
            after = rows;
        }
    }

    /// One step: the rows of each kind, then what reaches the initial states.
    fn step(&self, rows: Rows, before: Rows, after: Rows, sequence: usize) {
        // Sequences that have a step before come first, and so do those that have one after.
        let (old, going_on) = (before.count.min(rows.count), after.count.min(rows.count));
        let mut bounds = [0, old.min(going_on), old.max(going_on), rows.count];
        bounds.sort_unstable();
        let groups = std::array::from_fn::<_, 3, _>(|k| {
            let first = bounds[k];
            Group {
                row: rows.first + first,
                rows: bounds[k + 1] - first,
                sequence: sequence + first,
                before: (first < old).then_some(before.first + first),
                after: (first < going_on).then_some(after.first + first),
            }
        });
        match self.hr.filter(|_| A::CELL) {
            None => self.shared_panels(self.hh, |panels| {
                groups.iter().for_each(|group| self.states(group, panels.clone()));
            }),
            Some(hr) => {
                self.shared_panels(self.hh, |panels| {
                    groups.iter().for_each(|group| self.projected_states(group, panels.clone()));
                });
                self.shared_panels(hr, |panels| {
                    groups.iter().for_each(|group| self.unprojected(hr, group, panels.clone()));
                });
            }
        }
        if old < rows.count && !self.sweep.start.h.is_empty() {
            let new = Rows { first: rows.first + old, count: rows.count - old };
            self.shared_panels(self.hh, |panels| self.initial(new, sequence + old, panels));
        }
    }

    /// From one row to the next in `gates`.
    pub(super) fn gates_step(&self) -> usize {
        row_step::<S::T>(A::GRADIENTS * self.sweep.sizes.hidden)
    }

    fn shared_panels(&self, panels: &Panels<S::T>, work: impl Fn(Range<usize>) + Sync) {
        let (panels, pieces) = (panels.count(), self.pieces.min(panels.count()));
        parallel::share(pieces, |piece| work(panels * piece / pieces..panels * (piece + 1) / pieces));
    }
}
