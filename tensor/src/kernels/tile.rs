//! The innermost loop of every product: a tile of sums in registers.
//!
//! `sums[r][c] += Σₖ a[r][k] · b[k][c]`, where a row of `a` is walked one number at a time, each
//! spread over a vector, and a row of `b` is `C` vectors. A tile of R rows and C vectors needs
//! R · C registers for the sums, C for the row of `b` and one for the number of `a`; twelve rows of
//! two vectors fill the 32 registers of AVX-512, six those of AVX2. Each number of `a` is used for
//! C vectors and each vector of `b` for R rows, so that loading is not what limits.
//!
//! Every sum is one chain of fused multiply-adds in the order of k, whatever the tile it falls in.
//! So neither the size of the batch nor the number of threads changes a bit of a result.

#![allow(unsafe_code)] // pointers into operands whose bounds the callers have checked

use std::mem::MaybeUninit;

use super::{
    buffer::LINE,
    grid::Grid,
    matrix::Run,
    panels::Panels,
    simd::Simd,
    soon::Soon,
    tiles::{Tiles, panels_a_row},
};

/// So many columns of a left operand ahead are asked for: no prefetcher follows steps so large.
const COLUMNS_AHEAD: usize = 32;

/// Vectors of a panel whose last one may be wanted apart.
pub(crate) const WITH_APART: usize = 3;

/// Room for the vectors of several tiles.
pub(super) const ROOM: usize = 96;

/// Room for the sums of a block's tiles, row after row.
pub(crate) type Sums<S> = [MaybeUninit<<S as Simd>::V>; ROOM];

/// Room for the sums of some tiles.
#[inline(always)]
pub(crate) fn no_sums<S: Simd>() -> Sums<S> {
    [const { MaybeUninit::uninit() }; ROOM]
}

/// The left operand of a tile: rows or columns are contiguous, and the others lie `step` apart. The
/// innermost loop is compiled for each of the two, because its addresses must cost nothing.
#[derive(Clone, Copy)]
pub(crate) struct Left<T> {
    pub(crate) start: *const T,
    pub(crate) step: usize,
    pub(crate) by_columns: bool,
    /// From the columns of a tile to those of the next one.
    tile_step: usize,
}

impl<T> Left<T> {
    /// Contiguous rows, `step` apart.
    #[inline(always)]
    pub(crate) fn rows(start: *const T, step: usize) -> Self {
        Self { start, step, by_columns: false, tile_step: 0 }
    }

    /// Contiguous columns, `step` apart, those of a tile `tile_step` after those of the one before.
    #[inline(always)]
    pub(crate) fn columns(start: *const T, step: usize, tile_step: usize) -> Self {
        Self { start, step, by_columns: true, tile_step }
    }
}

/// The right operand: place k, vector c lies at `start + k * step + c * LANES`, and where there are
/// several panels, they lie `panel_step` apart.
#[derive(Clone, Copy)]
pub(crate) struct Right<T> {
    pub(crate) start: *const T,
    pub(crate) step: usize,
    pub(crate) panel_step: usize,
    /// What will be needed next, if that is known: a cache line of it is asked for with each place. Where
    /// the left operand has columns, these are asked for instead.
    pub(crate) ahead: *const T,
    /// For how many tiles.
    pub(crate) ahead_tiles: usize,
}

/// The room as a place for sums: `vectors` from the `first` one of each row on, where a row has `width` of
/// them.
#[inline(always)]
pub(crate) fn into_room<S: Simd>(
    sums: &mut Sums<S>,
    first: usize,
    (vectors, width): (usize, usize),
) -> Grid<*mut S::T> {
    let start = sums[first..].as_mut_ptr().cast::<S::T>();
    Grid::of_rows(start, width * S::LANES, vectors * S::LANES)
}

/// Tiles of some rows with one panel, or of one row with [`panels_a_row`] panels. Tiles of one size are
/// computed together, because what begins a product is as much for one as for all.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a, T> {
    pub(crate) tiles: Tiles,
    pub(crate) vectors: usize,
    pub(crate) panels: usize,
    /// What is added up, one after the other: W_ih x and then W_hh h, for example.
    pub(crate) terms: [Term<T>; 2],
    /// What leaves the sums between the terms, if anything does.
    pub(crate) apart: Option<&'a Apart<T>>,
    /// What will be needed then. Where the left operand has columns, nothing is asked for.
    pub(crate) soon: Soon<'a>,
}

/// The last vector of each panel's sums of the first term, which go to a place of their own, and what
/// those of the second term start from, in every row: the new gate of a GRU needs the two apart. Whole
/// vectors are written, whatever the lanes.
#[derive(Clone, Copy)]
pub(crate) struct Apart<T> {
    pub(crate) to: Grid<*mut T>,
    pub(crate) from: Grid<*const T>,
}

/// One product of a left and a right operand.
#[derive(Clone, Copy)]
pub(crate) struct Term<T> {
    pub(crate) depth: usize,
    pub(crate) left: Left<T>,
    pub(crate) right: Right<T>,
}

impl<T: crate::Real> Term<T> {
    /// With panels, for tiles from the one at `place` on among those that go through them, or through as
    /// many as are given together, one after another.
    #[inline(always)]
    pub(crate) fn of(
        left: Left<T>,
        all: &Panels<T>,
        panels: &std::ops::Range<usize>,
        (place, together): (usize, usize),
    ) -> Self {
        let (ahead, ahead_tiles) = all.ahead((panels.start / together + 1) * together, place, together);
        let (start, step, panel_step) = (all.panel(panels.start), all.width(), all.panel_step());
        let right = Right { start, step, panel_step, ahead, ahead_tiles };
        Self { depth: all.depth(), left, right }
    }

    /// With `depth` contiguous rows, `step` apart, that nobody has packed.
    #[inline(always)]
    pub(crate) fn of_rows(left: Left<T>, start: *const T, (depth, step): (usize, usize)) -> Self {
        let right = Right { start, step, panel_step: 0, ahead: start, ahead_tiles: 0 };
        Self { depth, left, right }
    }

    /// Nothing to add.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        let nowhere = std::ptr::null();
        let right = Right { start: nowhere, step: 0, panel_step: 0, ahead: nowhere, ahead_tiles: 0 };
        Self { depth: 0, left: Left::rows(nowhere, 0), right }
    }
}

impl<T: crate::Real> Product<'_, T> {
    /// Tiles that go through these panels.
    #[inline(always)]
    pub(crate) fn of_panels<S: Simd<T = T>>(
        tiles: Tiles,
        left: Left<T>,
        (all, panels): (&Panels<T>, &std::ops::Range<usize>),
    ) -> Self {
        let term = Term::of(left, all, panels, (tiles.place, 1));
        Self { panels: panels.len(), ..Self::of_term(tiles, all.width() / S::LANES, term) }
    }

    /// Tiles of one term, of so many vectors in a row.
    #[inline(always)]
    pub(crate) fn of_term(tiles: Tiles, vectors: usize, term: Term<T>) -> Self {
        let (terms, soon) = ([term, Term::none()], Soon::nothing());
        Self { tiles, vectors, panels: 1, terms, apart: None, soon }
    }

    /// Computes the sums.
    ///
    /// # Safety
    /// The operands and `from` can be read and `to` written where they say, for all rows of all tiles; a
    /// tile has at most [`most_rows`](super::tiles::most_rows) of them. What is apart can be read, and
    /// written in whole vectors, too.
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd<T = T>>(&self, s: S, from: &Grid<*const T>, to: &Grid<*mut T>) {
        // SAFETY: the caller's.
        unsafe { self.run_along(s, &[], from, to) };
    }

    /// [`run`](Self::run), where the rows of the right operand lie in runs, if there are any.
    ///
    /// # Safety
    /// As for `run`. Where there are runs, the left operand has columns, there is one panel of two vectors and
    /// one term, and the runs have as many rows as it is deep: other tiles do not follow runs.
    #[inline(always)]
    pub(crate) unsafe fn run_along<S: Simd<T = T>>(
        &self,
        s: S,
        runs: &[Run],
        from: &Grid<*const T>,
        to: &Grid<*mut T>,
    ) {
        debug_assert!(
            self.tiles.rows * self.vectors * self.panels <= S::SUMS
                && (self.panels == 1
                    || (self.vectors, self.panels) == (2, 2)
                    || (self.tiles.rows == 1 && self.panels == panels_a_row(self.vectors)))
        );
        debug_assert!(self.apart.is_none() || self.vectors == WITH_APART);
        debug_assert!(
            runs.is_empty()
                || (self.terms[0].left.by_columns
                    && (self.vectors, self.panels) == (2, 1)
                    && self.terms[1].depth == 0
                    && self.terms[0].depth == runs.iter().map(|run| run.rows).sum::<usize>())
        );
        // SAFETY: the caller's.
        unsafe {
            match (self.vectors, self.panels) {
                (2, 1) if self.terms[0].left.by_columns => self.of_vectors::<S, 2, true>(s, runs, from, to),
                (2, 1) => self.of_vectors::<S, 2, false>(s, runs, from, to),
                (3, 1) => self.of_vectors::<S, 3, false>(s, runs, from, to),
                (2, 2) => self.of_vectors::<S, 4, false>(s, runs, from, to),
                (3, _) => self.rows_of::<S, 1, 9, false>(s, runs, from, to),
                _ => self.rows_of::<S, 1, 8, false>(s, runs, from, to),
            }
        }
    }

    #[inline(always)]
    unsafe fn of_vectors<S: Simd<T = T>, const C: usize, const COLUMNS: bool>(
        &self,
        s: S,
        runs: &[Run],
        from: &Grid<*const T>,
        to: &Grid<*mut T>,
    ) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match self.tiles.rows {
                    $($rows if $rows * C <= S::SUMS => {
                        // SAFETY: the caller's.
                        unsafe { self.rows_of::<S, $rows, C, COLUMNS>(s, runs, from, to) }
                    })*
                    _ => debug_assert!(self.tiles.rows == 0, "{} rows of {C} vectors", self.tiles.rows),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
    }

    /// R rows of V vectors: those of one panel, or of several panels, of which a row takes enough
    /// at once that no sum waits for the one before it.
    #[inline(never)]
    unsafe fn rows_of<S: Simd<T = T>, const R: usize, const V: usize, const COLUMNS: bool>(
        &self,
        s: S,
        runs: &[Run],
        from: &Grid<*const T>,
        to: &Grid<*mut T>,
    ) {
        if R * V > S::SUMS {
            return; // never called; keeps the compiler from building it
        }
        // What is behind `self` has just been written, number by number. It is read so too: a copy
        // would read several at once, and wait until all of them have left the core.
        s.vectorize(
            #[inline(always)]
            || {
                // SAFETY: the caller's.
                unsafe {
                    let (starts, ends) = (from.vectors::<V>(S::LANES), to.as_source().vectors::<V>(S::LANES));
                    let mut soon = self.soon;
                    let mut ahead = [self.terms[0].right.ahead, self.terms[1].right.ahead];
                    for tile in 0..self.tiles.count {
                        let first = tile * R;
                        let mut sums = [[s.splat(T::ZERO); V]; R];
                        for (v, &(start, row_step, lanes)) in starts.iter().enumerate() {
                            if lanes > 0 {
                                let start = start.add(first * row_step);
                                for (r, sums) in sums.iter_mut().enumerate() {
                                    sums[v] = s.load_first(start.add(r * row_step), lanes);
                                }
                            }
                        }
                        for (term, Term { depth, left, right }) in self.terms.iter().enumerate() {
                            if V.is_multiple_of(WITH_APART)
                                && term == 1
                                && let Some(Apart { to, from }) = self.apart
                            {
                                let (to, from) =
                                    (to.as_source().vectors::<V>(S::LANES), from.vectors::<V>(S::LANES));
                                for panel in 0..V / WITH_APART {
                                    let (v, (to, to_step, _)) =
                                        (panel * WITH_APART + WITH_APART - 1, to[panel]);
                                    let start = s.load_first(from[panel].0, from[panel].2);
                                    for (r, sums) in sums.iter_mut().enumerate() {
                                        s.store(to.cast_mut().add((first + r) * to_step), sums[v]);
                                        sums[v] = start;
                                    }
                                }
                            }
                            let mut offsets = [0; V];
                            for (v, offset) in offsets.iter_mut().enumerate() {
                                let vectors = if V < 4 { V } else { self.vectors };
                                *offset = v / vectors * right.panel_step + v % vectors * S::LANES;
                            }
                            let above = if COLUMNS { tile * left.tile_step } else { first * left.step };
                            let (mut a, mut b, mut next) =
                                (left.start.wrapping_add(above), right.start, ahead[term]);
                            let (mut places, mut later_runs) = (*depth, runs.iter());
                            // A single row uses each number once, so that it waits for all of them.
                            let looks_ahead = R == 1 || right.ahead_tiles > 0;
                            while places > 0 {
                                let (passing, skip) = if COLUMNS {
                                    later_runs.next().map_or((places, 0), |run| (run.rows, run.skip))
                                } else {
                                    (soon.ask(s, places), 0)
                                };
                                places -= passing;
                                for _ in 0..passing {
                                    if COLUMNS {
                                        s.prefetch_now(a.wrapping_add(R - 1 + COLUMNS_AHEAD * left.step));
                                    } else if looks_ahead {
                                        s.prefetch(next);
                                        next = next.wrapping_add(LINE / size_of::<T>());
                                    }
                                    let mut row = [s.splat(T::ZERO); V];
                                    for (y, &offset) in row.iter_mut().zip(&offsets) {
                                        *y = s.load(b.add(offset));
                                    }
                                    for (r, sums) in sums.iter_mut().enumerate() {
                                        let x = s.splat(*a.add(if COLUMNS { r } else { r * left.step }));
                                        for (sum, &y) in sums.iter_mut().zip(&row) {
                                            *sum = s.mul_add(x, y, *sum);
                                        }
                                    }
                                    a = a.wrapping_add(if COLUMNS { left.step } else { 1 });
                                    b = b.wrapping_add(right.step);
                                }
                                b = b.wrapping_offset(skip);
                            }
                            ahead[term] = if tile + 1 < right.ahead_tiles { next } else { right.ahead };
                        }
                        for (v, &(start, row_step, lanes)) in ends.iter().enumerate() {
                            if lanes > 0 {
                                let start = start.cast_mut().add(first * row_step);
                                for (r, sums) in sums.iter().enumerate() {
                                    s.store_first(start.add(r * row_step), lanes, sums[v]);
                                }
                            }
                        }
                    }
                }
            },
        );
    }
}
