//! Forward through time: the steps of some sequences.

#![allow(unsafe_code)] // threads write rows and columns of their own in shared memory

use std::ops::Range;

use super::{
    Forward, Layer, Start,
    arithmetic::Arithmetic,
    forward::Output,
    own::{Own, OwnRows},
    rows::row_step,
};
use crate::{
    Number,
    kernels::{buffer::Buffer, simd::Simd, tiles::most_rows},
    parallel,
};

/// A sweep under way.
pub(super) struct Run<'a, S: Simd, A> {
    pub(super) s: S,
    pub(super) cell: A,
    pub(super) layer: &'a Layer<S::T>,
    pub(super) sweep: &'a Forward<'a, S::T>,
    pub(super) output: Output<S::T>,
    /// What is kept.
    pub(super) gates: *mut S::T,
    pub(super) c: *mut S::T,
    pub(super) unprojected: *mut S::T,
    /// Into how many pieces the units of a step are split.
    pub(super) pieces: usize,
    /// Whether W_ih x is added in the tile of a step, and not computed for many steps before.
    pub(super) in_one: bool,
    /// Whether tiles ask ahead for what is far away.
    pub(super) far: bool,
    /// Whether threads keep the states of their sequences in rows of their own.
    pub(super) own: bool,
}

// SAFETY: what the pointers point to is written by each part in rows of its sequences, and by each
// piece of a step in columns of its units; both are disjoint. What is read of other pieces' columns
// was written before they met. A part's own rows are its thread's alone.
unsafe impl<S: Simd, A: Sync> Sync for Run<'_, S, A> {}

// SAFETY: as for `Run`, whose memory these point to, or a buffer for W_ih x + b, of which each piece
// writes rows or columns of its own.
unsafe impl<T: Sync> Sync for Rows<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Group<T> {}

/// A part's rows at one step.
#[derive(Clone, Copy)]
pub(super) struct Rows<T> {
    /// The first of them among all rows.
    pub(super) first: usize,
    pub(super) count: usize,
    /// W_ih x + b of the first, where it is computed before the steps.
    pub(super) projected: *mut T,
}

impl<T> Rows<T> {
    fn part(&self, rows: Range<usize>, step: usize) -> Self {
        let projected = self.projected.wrapping_add(rows.start * step);
        Self { first: self.first + rows.start, count: rows.len(), projected }
    }
}

/// Rows of a step that come after states of one kind: those of the step before, or initial ones.
#[derive(Clone, Copy)]
pub(super) struct Group<T> {
    /// The first row among all rows, and its W_ih x + b, where that is computed before.
    pub(super) row: usize,
    pub(super) projected: *const T,
    /// The first row's sequence.
    pub(super) sequence: usize,
    pub(super) rows: usize,
    /// The states before, null for 0, and from one row to the next.
    pub(super) h_before: *const T,
    pub(super) h_step: usize,
    pub(super) c_before: *const T,
    /// The cell states.
    pub(super) c: *mut T,
    /// The states before in a thread's own rows, and how much further there the new ones go; null and 0
    /// where it has none. The cell states before are its own, too.
    pub(super) own: *mut T,
    pub(super) own_ahead: usize,
}

/// W_ih x + b is computed for about this many numbers at once, to stay in a cache.
const CHUNK: usize = 1 << 15;

impl<S: Simd, A: Arithmetic> Run<'_, S, A> {
    /// Whether W_ih x + b becomes the states in place, as that of a simple cell does.
    pub(super) const IN_PLACE: bool = A::KEPT == 0;

    /// All steps of some sequences.
    pub(super) fn part(&self, sequences: Range<usize>) {
        let (steps, hidden) = (self.sweep.steps, self.layer.sizes.hidden);
        let start = self.sweep.start.c.get(sequences.start * hidden..sequences.end * hidden);
        let size_of_c = if A::CELL { sequences.len() * hidden } else { 0 };
        let c_0 = (0..size_of_c).map(|k| start.map_or(S::T::ZERO, |start| start[k]));
        let c = self.c.wrapping_add(sequences.start * hidden);
        let mut own = None;
        if self.own {
            let state = self.layer.sizes.state;
            let h_0 = self.sweep.start.h.get(sequences.start * state..sequences.end * state);
            own = Some(Own::new(sequences.len(), state, h_0.unwrap_or(&[]), c_0));
        } else if !self.sweep.keep {
            // SAFETY: `c` has room for the states of all sequences.
            c_0.enumerate().for_each(|(k, c_0)| unsafe { c.add(k).write(c_0) });
        }
        let whole = sequences.len() == steps.batch();
        let steps_a_chunk = (CHUNK / (sequences.len() * A::GATES * hidden)).clamp(1, steps.count().max(1));
        let buffered = !Self::IN_PLACE && !self.in_one;
        let room = if buffered { steps_a_chunk * sequences.len() * self.projected_step() } else { 0 };
        let mut buffer = Buffer::<S::T>::with_room(room);
        let mut chunk = Vec::with_capacity(steps_a_chunk);
        let mut before: Option<Rows<S::T>> = None;
        for first in (0..steps.count()).step_by(steps_a_chunk) {
            let end = (first + steps_a_chunk).min(steps.count());
            let in_time =
                if self.sweep.reverse { steps.count() - end..steps.count() - first } else { first..end };
            chunk.clear();
            let mut place = 0;
            for step in in_time {
                let rows = steps.rows_of(step);
                let count = rows.len().min(sequences.end).saturating_sub(sequences.start);
                let projected = self.projected_of(rows.start + sequences.start, buffer.start(), place);
                place += count;
                chunk.push(Rows { first: rows.start + sequences.start, count, projected });
            }
            if self.in_one {
                // The steps read x themselves.
            } else if whole {
                let (first, last) = (chunk[0], chunk[chunk.len() - 1]);
                self.project(Rows { count: last.first + last.count - first.first, ..first });
            } else {
                chunk.iter().for_each(|&rows| self.project(rows));
            }
            if self.sweep.reverse {
                chunk.reverse();
            }
            for &rows in &chunk {
                if rows.count > 0 {
                    let own = own.as_mut().map(Own::next);
                    self.step(rows, before, (sequences.start, own));
                    before = Some(rows);
                }
            }
        }
        if let Some(mut own) = own.filter(|_| !self.sweep.keep) {
            // SAFETY: both have a cell state for each unit of the part's sequences.
            unsafe { c.copy_from_nonoverlapping(own.c(), size_of_c) };
        }
    }

    /// Where W_ih x + b of a row is computed: in place of the state, or at a place of the buffer.
    fn projected_of(&self, row: usize, buffer: *mut S::T, place: usize) -> *mut S::T {
        if Self::IN_PLACE {
            self.output.h.wrapping_add(row * self.output.h_step)
        } else {
            buffer.wrapping_add(place * self.projected_step())
        }
    }

    /// W_ih x + b of consecutive rows.
    fn project(&self, rows: Rows<S::T>) {
        if rows.count == 0 {
            return;
        }
        let pieces =
            if self.pieces == 1 { 1 } else { self.pieces.min(rows.count.div_ceil(most_rows::<S>(A::C))) };
        if pieces == 1 {
            // Few rows: the units are split instead.
            return self.shared(self.blocks(), |blocks| self.project_rows(rows, blocks));
        }
        parallel::share(pieces, |piece| {
            let (from, to) = (rows.count * piece / pieces, rows.count * (piece + 1) / pieces);
            self.project_rows(rows.part(from..to, self.projected_step()), 0..self.blocks());
        });
    }

    /// Calls `work` for ranges that together are all below `count`.
    fn shared(&self, count: usize, work: impl Fn(Range<usize>) + Sync) {
        let pieces = self.pieces.min(count);
        parallel::share(pieces, |piece| work(count * piece / pieces..count * (piece + 1) / pieces));
    }

    /// The number of blocks of units.
    fn blocks(&self) -> usize {
        self.layer.hh.count() / A::PANELS
    }

    /// From W_ih x + b of one row to that of the next.
    pub(super) fn projected_step(&self) -> usize {
        if Self::IN_PLACE { self.output.h_step } else { row_step::<S::T>(A::GATES * self.layer.sizes.hidden) }
    }

    /// The only step of a sweep.
    pub(super) fn only_step(&self) {
        debug_assert!(self.in_one, "no place for W_ih x + b");
        let projected = std::ptr::null_mut();
        let rows = Rows { first: 0, count: self.sweep.steps.batch(), projected };
        let (_, all) = self.groups(rows, None, (0, None));
        self.shared(self.blocks(), |blocks| self.rows(&all, blocks));
        if let Some(hr) = self.layer.hr.as_ref().filter(|_| A::CELL) {
            self.shared(hr.count(), |panels| self.project_states(hr, rows, panels));
        }
    }

    /// One step of a part's rows, which follow `before`.
    fn step(&self, rows: Rows<S::T>, before: Option<Rows<S::T>>, of_part: (usize, Option<OwnRows<S::T>>)) {
        let (old, new) = self.groups(rows, before, of_part);
        self.shared(self.blocks(), |blocks| {
            for group in [&old, &new] {
                if group.rows > 0 {
                    self.rows(group, blocks.clone());
                }
            }
        });
        if let Some(hr) = self.layer.hr.as_ref().filter(|_| A::CELL) {
            self.shared(hr.count(), |panels| self.project_states(hr, rows, panels));
        }
    }

    /// The rows of a step that follow states of the step before, and those that begin here. The part's first
    /// sequence, and its own rows, are given.
    fn groups(
        &self,
        rows: Rows<S::T>,
        before: Option<Rows<S::T>>,
        (sequence, own): (usize, Option<OwnRows<S::T>>),
    ) -> (Group<S::T>, Group<S::T>) {
        let Start { h: h_0, c: c_0 } = self.sweep.start;
        let (hidden, state, keep) = (self.layer.sizes.hidden, self.layer.sizes.state, self.sweep.keep);
        let continuing = before.map_or(0, |before| before.count.min(rows.count));
        let of_rows =
            |values: *mut S::T, row: usize, step: usize| values.wrapping_add(row * step).cast_const();
        let initial = |values: &[S::T], step: usize| {
            let first = (sequence + continuing) * step;
            if first < values.len() { values[first..].as_ptr() } else { std::ptr::null() }
        };
        let null: *mut S::T = std::ptr::null_mut();
        let c_row = if keep { rows.first } else { sequence };
        let c = self.c.wrapping_add(c_row * hidden);
        let h_before = |before: Rows<S::T>| of_rows(self.output.h, before.first, self.output.h_step);
        let mut old = Group {
            row: rows.first,
            projected: rows.projected,
            sequence,
            rows: continuing,
            h_before: before.map_or(null.cast_const(), h_before),
            h_step: self.output.h_step,
            c_before: match before {
                Some(before) if keep => of_rows(self.c, before.first, hidden),
                _ => of_rows(self.c, sequence, hidden),
            },
            c,
            own: null,
            own_ahead: 0,
        };
        if let Some(OwnRows { h_before, ahead, c }) = own {
            (old.own, old.own_ahead) = (h_before, ahead);
            (old.h_before, old.h_step, old.c_before) = (h_before, state, c);
            if !keep {
                old.c = c;
            }
        }
        let mut new = self.below(&old, continuing, rows.count - continuing);
        (new.h_before, new.h_step) = (initial(h_0, state), state);
        if keep && own.is_none() {
            new.c_before = initial(c_0, hidden);
        }
        (old, new)
    }
}
