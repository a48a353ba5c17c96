//! Back through time: the tiles of a step.

#![allow(unsafe_code)] // tiles read and write through pointers

use std::ops::Range;

use super::{
    Columns, Sizes,
    arithmetic::{Arithmetic, BackwardUnits, load},
    backward_steps::{Group, Rows, Run},
    far::Far,
    walk::Walk,
};
use crate::kernels::{
    counter::count,
    functions::all,
    grid::Grid,
    panels::Panels,
    simd::Simd,
    soon::{Lines, Soon},
    tile::{Left, Product, Sums, Term, into_room, no_sums},
    tiles::{Tiles, cover},
};

impl<S: Simd, A: Arithmetic> Run<'_, S, A> {
    /// Counts the work of [`through_weights`](Self::through_weights) for a group.
    fn count_through_weights(&self, group: &Group, panels: &Range<usize>) {
        if group.after.is_some() {
            count(group.rows, self.hh.depth(), self.hh.columns_of(panels, self.sweep.sizes.state));
        }
    }

    /// The gradients ∂a W_hh of the rows of some tiles, counted from `row` on, added to sums; nothing is
    /// added where there is no row.
    ///
    /// # Safety
    /// The rows' gradients have been written, and the sums are where the grids say.
    #[inline(always)]
    unsafe fn through_weights(
        &self,
        row: Option<usize>,
        tiles: Tiles,
        panels: &Range<usize>,
        (from, to): (&Grid<*const S::T>, &Grid<*mut S::T>),
        soon: Soon<'_>,
    ) {
        let terms = row.map_or([Term::none(); 2], |row| {
            let step = self.gates_step();
            let start = self.gates.wrapping_add((row + tiles.first) * step).cast_const();
            [Term::of(Left::rows(start, step), self.hh, panels, (tiles.place, 1)), Term::none()]
        });
        let product = Product { tiles, vectors: 2, panels: panels.len(), terms, apart: None, soon };
        // SAFETY: the caller's; the panels are as deep as all gates.
        unsafe { product.run(self.s, from, to) };
    }

    /// Where the gradient of the output is, and from one row to the next.
    #[inline(always)]
    fn output_gradient(&self, row: usize, column: usize) -> (*const S::T, usize) {
        let Columns { width, first } = self.sweep.columns;
        (self.sweep.dh.as_ptr().wrapping_add(row * width + first + column), width)
    }

    /// The gradients of the states of some rows: of the output, and what comes back through W_hh from the
    /// step after. From them those of the gates' arguments.
    pub(super) fn states(&self, group: &Group, all: Range<usize>) {
        self.count_through_weights(group, &all);
        let Sizes { state, .. } = self.sweep.sizes;
        cover::<S>((2, 1), all.clone(), (group.rows, self.gates_step()), |panels, tiles| {
            self.s.vectorize(
                #[inline(always)]
                || {
                    let mut sums = no_sums::<S>();
                    let column = panels.start * 2 * S::LANES;
                    let (dh, width) = self.output_gradient(group.row + tiles.first, column);
                    let from = Grid::of_rows(dh, width, state - column);
                    let to = into_room::<S>(&mut sums, 0, (panels.len() * 2, panels.len() * 2));
                    let far = self.far_away(group, tiles.first, (&panels, &all));
                    let soon = far.soon(tiles.all(), tiles.count * self.hh.depth());
                    // What goes past the weights, or came in at the end of the sequence.
                    let carries = A::CARRIES || group.after.is_none();
                    // SAFETY: the rows are of this part and the lanes end with the state.
                    unsafe {
                        self.through_weights(group.after, tiles, &panels, (&from, &to), soon);
                        self.gates(group, tiles, &panels, (&sums, carries));
                    }
                },
            );
        });
    }

    /// What a tile from the `first` row of a group on needs from far away: what forward kept, in whose
    /// place the gradients go, and what the next tile of these sequences starts from, be it that of the
    /// next panels or, after the last ones, that of the step before.
    #[inline(always)]
    fn far_away(&self, group: &Group, first: usize, (panels, all): (&Range<usize>, &Range<usize>)) -> Far {
        let mut far = Far::nothing();
        if !self.far {
            return far;
        }
        let (width, Sizes { hidden, state, .. }) = (2 * S::LANES, self.sweep.sizes);
        let lines = |start, step, unit: usize| {
            Lines::of(start, step, (panels.len() * width).min(state.saturating_sub(unit)))
        };
        let unit = panels.start * width;
        let units = self.units(group, (first, unit));
        for gate in 0..A::GRADIENTS {
            far = far.and(lines(units.gate(gate).cast_const(), self.gates_step(), unit));
        }
        // States before the first step are few, and may not be there.
        let old = group.before.is_some();
        if !A::CARRIES {
            far = far.and(lines(units.h, self.sweep.columns.width, unit));
        } else if old {
            far = far.and(lines(units.h_before, self.sweep.columns.width, unit));
        }
        if A::CELL && old {
            far = far.and(lines(units.c_before, hidden, unit));
        }
        let next = if panels.end < all.end {
            Some((group.row, panels.end))
        } else {
            group.before.map(|before| (before, all.start))
        };
        if let Some((row, panel)) = next {
            let (start, step) = self.output_gradient(row + first, panel * width);
            far = far.and(lines(start, step, panel * width));
        }
        far
    }

    /// The gradients of the projected states of some rows.
    pub(super) fn projected_states(&self, group: &Group, panels: Range<usize>) {
        self.count_through_weights(group, &panels);
        let state = self.sweep.sizes.state;
        cover::<S>((2, 1), panels, (group.rows, self.gates_step()), |panels, tiles| {
            let (row, column) = (group.row + tiles.first, panels.start * 2 * S::LANES);
            let d_state = self.d_state.wrapping_add(row * state + column);
            let (dh, width) = self.output_gradient(row, column);
            let from = Grid::of_rows(dh, width, state - column);
            let to = Grid::of_rows(d_state, state, state - column);
            // SAFETY: the rows are of this part and the lanes end with the state.
            unsafe { self.through_weights(group.after, tiles, &panels, (&from, &to), Soon::nothing()) };
            if group.after.is_none() {
                let last = self.carried_h.wrapping_add((group.sequence + tiles.first) * state + column);
                let columns = (state - column).min(panels.len() * 2 * S::LANES);
                for (row, column) in (0..tiles.all()).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                    // SAFETY: the same rows, and those of the panels' columns that there are.
                    unsafe {
                        let sum = d_state.add(row * state + column);
                        *sum = *sum + *last.add(row * state + column);
                    }
                }
            }
        });
    }

    /// The same before the projection: ∂h W_hr.
    pub(super) fn unprojected(&self, hr: &Panels<S::T>, group: &Group, panels: Range<usize>) {
        let (s, Sizes { hidden, state, .. }) = (self.s, self.sweep.sizes);
        count(group.rows, hr.depth(), hr.columns_of(&panels, hidden));
        cover::<S>((2, 1), panels, (group.rows, state), |panels, tiles| {
            s.vectorize(
                #[inline(always)]
                || {
                    let mut sums = no_sums::<S>();
                    let to = into_room::<S>(&mut sums, 0, (panels.len() * 2, panels.len() * 2));
                    let start = self.d_state.wrapping_add((group.row + tiles.first) * state).cast_const();
                    let left = Left::rows(start, state);
                    let product = Product::of_panels::<S>(tiles, left, (hr, &panels));
                    // SAFETY: the gradients of these rows' states have been written.
                    unsafe {
                        product.run(s, &Grid::zeros(), &to);
                        self.gates(group, tiles, &panels, (&sums, false));
                    }
                },
            );
        });
    }

    /// The gradients of the gates' arguments of the rows of some tiles, from those of h: sums and, where it
    /// is so, what is carried.
    ///
    /// # Safety
    /// The rows are of this part, and the sums are there.
    #[inline(always)]
    unsafe fn gates(&self, group: &Group, tiles: Tiles, panels: &Range<usize>, sums: (&Sums<S>, bool)) {
        // SAFETY: the caller's; the vectors of panels that end with the units, or before, are whole.
        unsafe {
            if panels.end * 2 * S::LANES <= self.sweep.sizes.hidden {
                self.gates_of::<2, true>(group, tiles, panels, sums);
            } else {
                self.gates_of::<1, false>(group, tiles, panels, sums);
            }
        }
    }

    /// The same, N vectors of units at a time.
    ///
    /// # Safety
    /// The same; if `WHOLE`, all vectors of these panels are whole.
    #[inline(always)]
    unsafe fn gates_of<const N: usize, const WHOLE: bool>(
        &self,
        group: &Group,
        tiles: Tiles,
        panels: &Range<usize>,
        (sums, carries): (&Sums<S>, bool),
    ) {
        const { assert!(WHOLE || N == 1, "lanes are those of one vector") };
        let (s, cell, Sizes { hidden, state, .. }) = (self.s, self.cell, self.sweep.sizes);
        let (unit, vectors) = (panels.start * 2 * S::LANES, panels.len() * 2);
        let BackwardUnits { gates, h, h_before, c_before, dc, carry, .. } =
            self.units(group, (tiles.first, unit));
        let width = self.sweep.columns.width;
        let h_before_step = if group.before.is_some() { width } else { state };
        let lanes = S::LANES;
        let walk = Walk::of([
            (sums.as_ptr().cast_mut().cast(), vectors * lanes, lanes),
            (h_before.cast_mut(), h_before_step, lanes),
            (c_before.cast_mut(), hidden, lanes),
            (gates, self.gates_step(), lanes),
            (h.cast_mut(), if self.unprojected.is_some() { hidden } else { width }, lanes),
            (dc, hidden, lanes),
            (carry, state, lanes),
        ]);
        // The last ones of a panel may have no units.
        let vectors = vectors.min((hidden - unit).div_ceil(S::LANES));
        walk.together::<N>(
            (tiles.all(), vectors),
            #[inline(always)]
            |places, vector| {
                let lanes = hidden.saturating_sub(unit + vector * S::LANES).min(S::LANES);
                let units = places.map(
                    #[inline(always)]
                    |[_, h_before, c_before, gates, h, dc, carry]| BackwardUnits {
                        lanes,
                        gate_step: hidden,
                        gates,
                        h,
                        h_before,
                        c_before,
                        dc,
                        carry,
                    },
                );
                // SAFETY: the caller's.
                unsafe {
                    let mut dh = all!(k < N => s.load(places[k][0]));
                    if carries {
                        dh = all!(k < N => s.add(dh[k], load::<S, WHOLE>(s, units[k].carry, units[k].lanes)));
                    }
                    cell.backward::<S, N, WHOLE>(s, dh, &units);
                }
            },
        );
    }

    /// Where the numbers of the vector of units from `unit` on lie, of a group's r-th row.
    #[inline(always)]
    fn units(&self, group: &Group, (r, unit): (usize, usize)) -> BackwardUnits<S::T> {
        let (sweep, Sizes { hidden, state, .. }) = (self.sweep, self.sweep.sizes);
        let (row, sequence) = (group.row + r, group.sequence + r);
        let or_null = |values: &[S::T], place: usize| {
            if place < values.len() { values[place..].as_ptr() } else { std::ptr::null() }
        };
        let (h, width) = (sweep.h.as_ptr().wrapping_add(sweep.columns.first), sweep.columns.width);
        let (h_before, c_before) = match group.before {
            Some(before) => (
                h.wrapping_add((before + r) * width + unit),
                self.c.wrapping_add((before + r) * hidden + unit),
            ),
            None => (
                or_null(sweep.start.h, sequence * state + unit),
                or_null(sweep.start.c, sequence * hidden + unit),
            ),
        };
        BackwardUnits {
            lanes: hidden.saturating_sub(unit).min(S::LANES),
            gate_step: hidden,
            gates: self.gates.wrapping_add(row * self.gates_step() + unit),
            h: self.unprojected.map_or_else(
                || h.wrapping_add(row * width + unit),
                |unprojected| unprojected.wrapping_add(row * hidden + unit),
            ),
            h_before,
            c_before,
            dc: self.carried_c.wrapping_add(sequence * hidden + unit),
            carry: self.carried_h.wrapping_add(sequence * state + unit),
        }
    }

    /// The gradients of the initial states of rows that begin here.
    pub(super) fn initial(&self, rows: Rows, sequence: usize, panels: Range<usize>) {
        let Sizes { state, .. } = self.sweep.sizes;
        count(rows.count, self.hh.depth(), self.hh.columns_of(&panels, state));
        cover::<S>((2, 1), panels, (rows.count, self.gates_step()), |panels, tiles| {
            let column = panels.start * 2 * S::LANES;
            let place = (sequence + tiles.first) * state + column;
            let (h_0, carry) =
                (self.h_0.wrapping_add(place), self.carried_h.wrapping_add(place).cast_const());
            let to = Grid::of_rows(h_0, state, state - column);
            let from = if A::CARRIES { Grid::of_rows(carry, state, state - column) } else { Grid::zeros() };
            // SAFETY: the rows are of this part and the lanes end with the state.
            unsafe { self.through_weights(Some(rows.first), tiles, &panels, (&from, &to), Soon::nothing()) };
        });
    }
}
