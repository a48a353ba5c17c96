//! Forward through time: the tiles of a step.

#![allow(unsafe_code)] // tiles read and write through pointers

use std::ops::Range;

use super::{
    Sizes,
    arithmetic::{Arithmetic, ForwardUnits, GATES},
    far::Far,
    forward_steps::{Group, Rows, Run},
    rows::row_step,
    walk::Walk,
};
use crate::kernels::{
    counter::count,
    functions::all,
    grid::Grid,
    panels::Panels,
    simd::Simd,
    soon::{Lines, Soon},
    tile::{Apart, Left, Product, Sums, Term, WITH_APART, into_room, no_sums},
    tiles::{Tiles, cover},
};

impl<S: Simd, A: Arithmetic> Run<'_, S, A> {
    /// W_ih x + b of consecutive rows, for some blocks of units.
    pub(super) fn project_rows(&self, rows: Rows<S::T>, blocks: Range<usize>) {
        let (s, layer, input) = (self.s, self.layer, self.layer.sizes.input);
        count(rows.count, input, A::GATES * self.units_of(&blocks));
        let panels = blocks.start * A::PANELS..blocks.end * A::PANELS;
        cover::<S>((A::C, 1), panels, (rows.count, input), |panels, tiles| {
            let start = self.sweep.x[(rows.first + tiles.first) * input..].as_ptr();
            let left = Left::rows(start, input);
            let projected = rows.projected.wrapping_add(tiles.first * self.projected_step());
            let from = self.biases(&panels);
            let to = self.of_panels(projected, &panels);
            let product = Product::of_panels::<S>(tiles, left, (&layer.ih, &panels));
            // SAFETY: the bias has a number for each place of the panels; the tiles' rows of x and
            // of W_ih x + b are there, and the lanes end with the units.
            unsafe { product.run(s, &from, &to) };
        });
    }

    /// What sums of W_ih x start from, in each row.
    #[inline(always)]
    fn biases(&self, panels: &Range<usize>) -> Grid<*const S::T> {
        let width = A::C * S::LANES;
        let bias = self.layer.bias[panels.start * width..].as_ptr();
        Grid::of_rows(bias, 0, panels.len() * width)
    }

    /// What sums of W_hh h start from, where W_ih x + b has been computed.
    #[inline(always)]
    fn projected(&self, projected: *const S::T, panels: &Range<usize>) -> Grid<*const S::T> {
        Grid {
            apart: A::APART.then_some(self.bias_apart(panels).start),
            ..self.of_panels(projected.cast_mut(), panels).as_source()
        }
    }

    /// What the sums of W_hh h start from where they are apart.
    #[inline(always)]
    fn bias_apart(&self, panels: &Range<usize>) -> Grid<*const S::T> {
        let unit = Self::unit_of(panels);
        let bias = self.layer.bias_apart.as_ptr().wrapping_add(unit);
        Grid::of_rows(bias, 0, self.layer.sizes.hidden - unit)
    }

    /// The first unit of some panels.
    #[inline(always)]
    fn unit_of(panels: &Range<usize>) -> usize {
        panels.start / A::PANELS * A::GROUPS * S::LANES
    }

    /// Where W_ih x + b of the panels' units is, vector by vector.
    #[inline(always)]
    fn of_panels(&self, projected: *mut S::T, panels: &Range<usize>) -> Grid<*mut S::T> {
        let (hidden, unit) = (self.layer.sizes.hidden, Self::unit_of(panels));
        let first_gate = panels.start % A::PANELS * A::C;
        Grid {
            start: projected.wrapping_add(first_gate * hidden + unit),
            row_step: self.projected_step(),
            group: A::GATES.min(panels.len() * A::C),
            step: hidden,
            lanes: hidden - unit,
            apart: None,
        }
    }

    /// Some blocks of units of the rows that follow states of one kind.
    pub(super) fn rows(&self, all: &Group<S::T>, blocks: Range<usize>) {
        count(all.rows, self.depth(all), A::GATES * self.units_of(&blocks));
        cover::<S>((A::C, A::PANELS), blocks, (all.rows, all.h_step), |blocks, tiles| {
            self.block(all, tiles, blocks);
        });
    }

    /// How deep the products of a tile are.
    #[inline(always)]
    fn depth(&self, group: &Group<S::T>) -> usize {
        let Sizes { input, state, .. } = self.layer.sizes;
        let of_h = if group.h_before.is_null() { 0 } else { state };
        of_h + if self.in_one { input } else { 0 }
    }

    /// How many units these blocks hold.
    fn units_of(&self, blocks: &Range<usize>) -> usize {
        let below = |block: usize| (block * A::GROUPS * S::LANES).min(self.layer.sizes.hidden);
        below(blocks.end) - below(blocks.start)
    }

    /// `count` rows from the `first` on.
    #[inline(always)]
    pub(super) fn below(&self, all: &Group<S::T>, first: usize, count: usize) -> Group<S::T> {
        let hidden = self.layer.sizes.hidden;
        let later = |place: *mut S::T, step: usize| {
            if place.is_null() { place } else { place.wrapping_add(first * step) }
        };
        let read = |place: *const S::T, step| later(place.cast_mut(), step).cast_const();
        Group {
            row: all.row + first,
            projected: all.projected.wrapping_add(first * self.projected_step()),
            sequence: all.sequence + first,
            rows: count,
            h_before: read(all.h_before, all.h_step),
            c_before: read(all.c_before, hidden),
            c: later(all.c, hidden),
            own: later(all.own, self.layer.sizes.state),
            h_step: all.h_step,
            own_ahead: all.own_ahead,
        }
    }

    /// Some tiles of a block: the sums, W_hh h, the new states. One row may take several blocks at once.
    #[inline(never)]
    fn block(&self, all: &Group<S::T>, tiles: Tiles, blocks: Range<usize>) {
        let s = self.s;
        s.vectorize(
            #[inline(always)]
            || {
                let group = self.below(all, tiles.first, tiles.all());
                let (mut sums, mut aside) = (no_sums::<S>(), no_sums::<S>());
                let vectors = blocks.len() * A::WIDTH;
                let panels = blocks.start * A::PANELS..blocks.end * A::PANELS;
                // Panels that fit a tile together are used together: few rows make few chains of
                // multiply-adds each.
                let together = if tiles.rows * vectors <= S::SUMS { panels.len() } else { 1 };
                let times = panels.len() / together;
                let far = self.far_away(&group, &blocks);
                let soon = far.soon(group.rows, tiles.count * self.depth(&group));
                // SAFETY: all places are of rows of this part and units of these blocks, and lanes
                // end with the units. `h_before` has a row of states for each row of the tile. All
                // sums of the tile, and what is put aside, are written before they are read.
                unsafe {
                    for (k, first) in panels.clone().step_by(together).enumerate() {
                        let to = into_room::<S>(&mut sums, k * A::C, (together * A::C, vectors));
                        let tiles = Tiles { place: tiles.place * times + k * tiles.count, ..tiles };
                        let soon = if k == 0 { soon } else { Soon::nothing() };
                        let apart = into_room::<S>(&mut aside, 0, (blocks.len(), blocks.len()));
                        self.sums(&group, tiles, first..first + together, (&to, apart, soon));
                    }
                    // A block that ends within a vector is the last one: its vectors may go one by one.
                    if blocks.end * A::GROUPS * S::LANES > self.layer.sizes.hidden {
                        self.states::<1, false>(&group, &blocks, (&sums, &aside));
                    } else if A::FOUR_TOGETHER && group.rows * blocks.len() > 2 {
                        self.states::<4, true>(&group, &blocks, (&sums, &aside));
                    } else {
                        self.states::<2, true>(&group, &blocks, (&sums, &aside));
                    }
                }
            },
        );
    }

    /// What a tile needs from far away: the places of the new states, and of what is kept for the way
    /// back.
    #[inline(always)]
    fn far_away(&self, group: &Group<S::T>, blocks: &Range<usize>) -> Far {
        let mut far = Far::nothing();
        if !self.far {
            return far;
        }
        let unit = blocks.start * A::GROUPS * S::LANES;
        let units = self.units(group, unit);
        let numbers = (blocks.len() * A::GROUPS * S::LANES).min(self.layer.sizes.hidden - unit);
        let lines = |start: *mut S::T, step| Lines::of(start.cast_const(), step, numbers);
        if self.in_one || !Self::IN_PLACE {
            far = far.and(lines(units.h, self.new_states().1));
        }
        if self.sweep.keep {
            for gate in 0..A::KEPT {
                far = far.and(lines(units.kept(gate), self.kept_step()));
            }
            if A::CELL {
                far = far.and(lines(units.c, self.layer.sizes.hidden));
            }
        }
        far
    }

    /// The new states from the sums of a tile, N vectors of units at a time.
    ///
    /// # Safety
    /// The sums have been written, with what is put aside; the tile's places are there; if `WHOLE`, all
    /// vectors of these blocks are whole.
    #[inline(always)]
    unsafe fn states<const N: usize, const WHOLE: bool>(
        &self,
        group: &Group<S::T>,
        blocks: &Range<usize>,
        (sums, aside): (&Sums<S>, &Sums<S>),
    ) {
        const { assert!(WHOLE || N == 1, "lanes are those of one vector") };
        let (s, cell, keep, hidden) = (self.s, self.cell, self.sweep.keep, self.layer.sizes.hidden);
        let (unit, vectors) = (blocks.start * A::GROUPS * S::LANES, blocks.len() * A::GROUPS);
        let ForwardUnits { kept, h_before, c_before, h, c, own_ahead, .. } = self.units(group, unit);
        // W_ih x + b of the last gate, where that is apart.
        let (of_x, of_x_step) = if self.in_one {
            (aside.as_ptr().cast::<S::T>(), vectors * S::LANES)
        } else {
            let last_gate = (A::GATES - 1) * hidden + unit;
            (group.projected.wrapping_add(last_gate), self.projected_step())
        };
        let lanes = S::LANES;
        let walk = Walk::of([
            (sums.as_ptr().cast_mut().cast(), vectors * A::GATES * lanes, A::GATES * lanes),
            (h_before.cast_mut(), if own_ahead == 0 { group.h_step } else { self.layer.sizes.state }, lanes),
            (c_before.cast_mut(), hidden, lanes),
            (of_x.cast_mut(), of_x_step, lanes),
            (kept, self.kept_step(), lanes),
            (h, self.new_states().1, lanes),
            (c, hidden, lanes),
        ]);
        // The last ones of a block may have no units.
        let vectors = vectors.min((hidden - unit).div_ceil(S::LANES));
        walk.together::<N>(
            (group.rows, vectors),
            #[inline(always)]
            |places, vector| {
                let lanes = hidden.saturating_sub(unit + vector * S::LANES).min(S::LANES);
                let units = places.map(
                    #[inline(always)]
                    |[_, h_before, c_before, of_x, kept, h, c]| ForwardUnits {
                        lanes,
                        gate_step: hidden,
                        of_x,
                        kept,
                        keep,
                        h_before,
                        c_before,
                        h,
                        c,
                        own_ahead,
                    },
                );
                // SAFETY: the caller's.
                unsafe {
                    let sum = |k: usize, gate: usize| places[k][0].add(gate.min(A::GATES - 1) * S::LANES);
                    let gates = all!(gate < GATES => all!(k < N => s.load(sum(k, gate))));
                    cell.forward::<S, N, WHOLE>(s, gates, &units);
                }
            },
        );
    }

    /// The sums of some tiles.
    ///
    /// # Safety
    /// The states before are there, `to` has room for the sums, and `aside` for a vector in each row and
    /// block.
    #[inline(always)]
    unsafe fn sums(
        &self,
        group: &Group<S::T>,
        tiles: Tiles,
        panels: Range<usize>,
        (to, aside, soon): (&Grid<*mut S::T>, Grid<*mut S::T>, Soon<'_>),
    ) {
        let layer = self.layer;
        let place = (tiles.place, A::PANELS);
        let left = Left::rows(group.h_before, group.h_step);
        // Before the first step there is nothing to add.
        let before = !group.h_before.is_null();
        let of_h = if before { Term::of(left, &layer.hh, &panels, place) } else { Term::none() };
        let (from, terms) = if self.in_one {
            let x = self.sweep.x[group.row * layer.sizes.input..].as_ptr();
            let left = Left::rows(x, layer.sizes.input);
            (self.biases(&panels), [Term::of(left, &layer.ih, &panels, place), of_h])
        } else {
            (self.projected(group.projected, &panels), [of_h, Term::none()])
        };
        const { assert!(!A::APART || (A::C == WITH_APART && A::PANELS == 1 && A::GROUPS == 1)) };
        let apart = Apart { to: aside, from: self.bias_apart(&panels) };
        let apart = (A::APART && self.in_one).then_some(&apart);
        let product = Product { tiles, vectors: A::C, panels: panels.len(), terms, apart, soon };
        // SAFETY: the caller's; the biases of these panels' units, those apart too, or their W_ih x + b
        // are there.
        unsafe { product.run(self.s, &from, to) };
    }

    /// Where the numbers of the vector of units from `unit` on lie, of a tile's first row, but for W_ih x.
    #[inline(always)]
    fn units(&self, group: &Group<S::T>, unit: usize) -> ForwardUnits<S::T> {
        let hidden = self.layer.sizes.hidden;
        let before = |place: *const S::T| if place.is_null() { place } else { place.wrapping_add(unit) };
        let (h, h_step) = self.new_states();
        ForwardUnits {
            lanes: hidden.saturating_sub(unit).min(S::LANES),
            gate_step: hidden,
            of_x: std::ptr::null(),
            kept: self.gates.wrapping_add(group.row * self.kept_step() + unit),
            keep: self.sweep.keep,
            h_before: before(if group.own_ahead == 0 { group.h_before } else { group.own }),
            c_before: before(group.c_before),
            h: h.wrapping_add(group.row * h_step + unit),
            c: group.c.wrapping_add(unit),
            own_ahead: group.own_ahead,
        }
    }

    /// From what is kept of one row to that of the next.
    #[inline(always)]
    fn kept_step(&self) -> usize {
        row_step::<S::T>(A::KEPT * self.layer.sizes.hidden)
    }

    /// Where the cells leave their new states, and from one row to the next.
    #[inline(always)]
    fn new_states(&self) -> (*mut S::T, usize) {
        if self.layer.hr.is_some() {
            (self.unprojected, self.layer.sizes.hidden)
        } else {
            (self.output.h, self.output.h_step)
        }
    }

    /// h = W_hr (o tanh c) of a step's rows.
    pub(super) fn project_states(&self, hr: &Panels<S::T>, rows: Rows<S::T>, panels: Range<usize>) {
        let (s, hidden, state) = (self.s, self.layer.sizes.hidden, self.layer.sizes.state);
        count(rows.count, hidden, hr.columns_of(&panels, state));
        cover::<S>((2, 1), panels, (rows.count, hidden), |panels, tiles| {
            let row = rows.first + tiles.first;
            let start = self.unprojected.wrapping_add(row * hidden).cast_const();
            let left = Left::rows(start, hidden);
            let column = panels.start * 2 * S::LANES;
            let to = self.output.h.wrapping_add(row * self.output.h_step + column);
            let to = Grid::of_rows(to, self.output.h_step, state - column);
            let product = Product::of_panels::<S>(tiles, left, (hr, &panels));
            // SAFETY: the tiles' rows are of this part, the lanes end with the state.
            unsafe { product.run(s, &Grid::zeros(), &to) };
        });
    }
}
