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

use super::{buffer::LINE, grid::Grid, panels::Panels, simd::Simd, soon::Soon};

/// So many columns of a left operand ahead are asked for: no prefetcher follows steps so large.
const COLUMNS_AHEAD: usize = 32;

/// Vectors of a panel whose last one may be wanted apart.
pub(crate) const WITH_APART: usize = 3;

/// Room for the vectors of two tiles.
const ROOM: usize = 48;

/// Room for the sums of a tile, or of two side by side, row after row.
pub(crate) type Sums<S> = [MaybeUninit<<S as Simd>::V>; ROOM];

/// Room for a tile.
#[inline(always)]
pub(crate) fn no_sums<S: Simd>() -> Sums<S> {
    [const { MaybeUninit::uninit() }; ROOM]
}

/// The most rows of a tile with `vectors` vectors in a row.
#[inline(always)]
pub(crate) fn most_rows<S: Simd>(vectors: usize) -> usize {
    S::SUMS / vectors
}

/// The left operand of a tile: rows or columns are contiguous, and the others lie `step` apart. The
/// innermost loop is compiled for each of the two, because its addresses must cost nothing.
#[derive(Clone, Copy)]
pub(crate) struct Left<T> {
    pub(crate) start: *const T,
    pub(crate) step: usize,
    pub(crate) by_columns: bool,
}

impl<T> Left<T> {
    /// Contiguous rows, `step` apart.
    #[inline(always)]
    pub(crate) fn rows(start: *const T, step: usize) -> Self {
        Self { start, step, by_columns: false }
    }

    /// Contiguous columns, `step` apart.
    #[inline(always)]
    pub(crate) fn columns(start: *const T, step: usize) -> Self {
        Self { start, step, by_columns: true }
    }
}

/// The right operand: place k, vector c lies at `start + k * step + c * LANES`, and where there are
/// several panels, they lie `panel_step` apart.
#[derive(Clone, Copy)]
pub(crate) struct Right<T> {
    pub(crate) start: *const T,
    pub(crate) step: usize,
    pub(crate) panel_step: usize,
    /// What will be needed next: a cache line of it is asked for with each place. Where the left operand
    /// has columns, these are asked for instead.
    pub(crate) ahead: *const T,
}

/// The room of a tile as a place for its sums: `vectors` from the `first` one of each row on, where
/// a row has `width` of them.
#[inline(always)]
pub(crate) fn into_room<S: Simd>(
    sums: &mut Sums<S>,
    first: usize,
    (vectors, width): (usize, usize),
) -> Grid<*mut S::T> {
    let start = sums[first..].as_mut_ptr().cast::<S::T>();
    Grid::of_rows(start, width * S::LANES, vectors * S::LANES)
}

/// A tile of some rows with one panel, or of one row with [`panels_a_row`] panels.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a, T> {
    pub(crate) rows: usize,
    pub(crate) vectors: usize,
    pub(crate) panels: usize,
    /// What is added up, one after the other: W_ih x and then W_hh h, for example.
    pub(crate) terms: [Term<T>; 2],
    /// What leaves the sums between the terms, if anything does.
    pub(crate) apart: Option<&'a Apart<T>>,
    /// What will be needed then.
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
    /// With panels, for the tile at `place` among those that go through them, or through as many as
    /// are given together, one after another.
    #[inline(always)]
    pub(crate) fn of(
        left: Left<T>,
        all: &Panels<T>,
        panels: &std::ops::Range<usize>,
        (place, together): (usize, usize),
    ) -> Self {
        let right = Right {
            start: all.panel(panels.start),
            step: all.width(),
            panel_step: all.panel_step(),
            ahead: all.ahead((panels.start / together + 1) * together, place, together),
        };
        Self { depth: all.depth(), left, right }
    }

    /// Nothing to add.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        let nowhere = std::ptr::null();
        let right = Right { start: nowhere, step: 0, panel_step: 0, ahead: nowhere };
        Self { depth: 0, left: Left::rows(nowhere, 0), right }
    }
}

impl<T: crate::Real> Product<'_, T> {
    /// The tile at `place` among those that go through these panels one after another.
    #[inline(always)]
    pub(crate) fn of_panels<S: Simd<T = T>>(
        rows: usize,
        left: Left<T>,
        (all, panels, place): (&Panels<T>, &std::ops::Range<usize>, usize),
    ) -> Self {
        let terms = [Term::of(left, all, panels, (place, 1)), Term::none()];
        let (vectors, panels, soon) = (all.width() / S::LANES, panels.len(), Soon::nothing());
        Self { rows, vectors, panels, terms, apart: None, soon }
    }

    /// Computes the sums.
    ///
    /// # Safety
    /// The operands and `from` can be read and `to` written where they say, for all rows; there are
    /// at most [`most_rows`] of them. What is apart can be read, and written in whole vectors, too.
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd<T = T>>(&self, s: S, from: &Grid<*const T>, to: &Grid<*mut T>) {
        debug_assert!(
            self.rows * self.vectors * self.panels <= S::SUMS
                && (self.panels == 1
                    || (self.vectors, self.panels) == (2, 2)
                    || (self.rows == 1 && self.panels == panels_a_row(self.vectors)))
        );
        debug_assert!(self.apart.is_none() || self.vectors == WITH_APART);
        // SAFETY: the caller's.
        unsafe {
            match (self.vectors, self.panels) {
                (2, 1) if self.terms[0].left.by_columns => self.of_vectors::<S, 2, true>(s, from, to),
                (2, 1) => self.of_vectors::<S, 2, false>(s, from, to),
                (3, 1) => self.of_vectors::<S, 3, false>(s, from, to),
                (2, 2) => self.of_vectors::<S, 4, false>(s, from, to),
                (3, _) => self.rows_of::<S, 1, 9, false>(s, from, to),
                _ => self.rows_of::<S, 1, 8, false>(s, from, to),
            }
        }
    }

    #[inline(always)]
    unsafe fn of_vectors<S: Simd<T = T>, const C: usize, const COLUMNS: bool>(
        &self,
        s: S,
        from: &Grid<*const T>,
        to: &Grid<*mut T>,
    ) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match self.rows {
                    $($rows if $rows * C <= S::SUMS => {
                        // SAFETY: the caller's.
                        unsafe { self.rows_of::<S, $rows, C, COLUMNS>(s, from, to) }
                    })*
                    _ => debug_assert!(self.rows == 0, "{} rows of {C} vectors", self.rows),
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
                    let mut sums = [[s.splat(T::ZERO); V]; R];
                    let places = from.vectors::<V>(S::LANES);
                    for (v, &(start, row_step, lanes)) in places.iter().enumerate() {
                        if lanes > 0 {
                            for (r, sums) in sums.iter_mut().enumerate() {
                                sums[v] = s.load_first(start.add(r * row_step), lanes);
                            }
                        }
                    }
                    let mut soon = self.soon;
                    for (term, Term { depth, left, right }) in self.terms.iter().enumerate() {
                        if V.is_multiple_of(WITH_APART)
                            && term == 1
                            && let Some(Apart { to, from }) = self.apart
                        {
                            let (to, from) =
                                (to.as_source().vectors::<V>(S::LANES), from.vectors::<V>(S::LANES));
                            for panel in 0..V / WITH_APART {
                                let (v, (to, to_step, _)) = (panel * WITH_APART + WITH_APART - 1, to[panel]);
                                let start = s.load_first(from[panel].0, from[panel].2);
                                for (r, sums) in sums.iter_mut().enumerate() {
                                    s.store(to.cast_mut().add(r * to_step), sums[v]);
                                    sums[v] = start;
                                }
                            }
                        }
                        let mut offsets = [0; V];
                        let (mut panel, mut within) = (0, 0);
                        for offset in &mut offsets {
                            *offset = panel + within * S::LANES;
                            within += 1;
                            if within == self.vectors {
                                (panel, within) = (panel + right.panel_step, 0);
                            }
                        }
                        let (mut a, mut b, mut ahead) = (left.start, right.start, right.ahead);
                        let mut places = *depth;
                        while places > 0 {
                            let passing = soon.ask(s, places);
                            places -= passing;
                            for _ in 0..passing {
                                if COLUMNS {
                                    s.prefetch_now(a.wrapping_add(R - 1 + COLUMNS_AHEAD * left.step));
                                } else {
                                    s.prefetch(ahead);
                                    ahead = ahead.wrapping_add(LINE / size_of::<T>());
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
                                a = a.add(if COLUMNS { left.step } else { 1 });
                                b = b.add(right.step);
                            }
                        }
                    }
                    let places = to.as_source().vectors::<V>(S::LANES);
                    for (v, &(start, row_step, lanes)) in places.iter().enumerate() {
                        if lanes > 0 {
                            for (r, sums) in sums.iter().enumerate() {
                                s.store_first(start.cast_mut().add(r * row_step), lanes, sums[v]);
                            }
                        }
                    }
                }
            },
        );
    }
}

/// How many panels of C vectors a single row takes at once.
#[inline(always)]
pub(crate) const fn panels_a_row(vectors: usize) -> usize {
    match vectors {
        1 => 8,
        2 => 4,
        _ => 3,
    }
}

/// The most rows of a tile whose left operand has rows `step` numbers apart. Rows a multiple of 4 kB
/// apart all want the same few places of the first cache, so that fewer of them fit.
#[inline(always)]
pub(crate) fn rows_that_fit<S: Simd>(vectors: usize, step: usize) -> usize {
    let most = most_rows::<S>(vectors);
    if (step * size_of::<S::T>()).is_multiple_of(4096) { most.min(8) } else { most }
}

/// Calls `work(blocks, first row, rows)` for tiles that together cover `rows` rows and the blocks, each
/// of `panels` panels of `vectors` vectors: a block after the other, each with all rows. Few rows take
/// the panels of a block at once, or even several blocks, for a chain of multiply-adds waits four cycles
/// for each of them. `step` is from one row of the left
/// operand to the next.
#[inline(always)]
pub(crate) fn cover<S: Simd>(
    (vectors, panels): (usize, usize),
    blocks: std::ops::Range<usize>,
    (rows, step): (usize, usize),
    mut work: impl FnMut(std::ops::Range<usize>, usize, usize),
) {
    let together = match rows {
        1 => panels_a_row(vectors) / panels,
        2 | 3 if vectors == 2 && panels == 1 && 4 * rows <= S::SUMS => 2,
        _ => 1,
    };
    let mut first = blocks.start;
    while together > 1 && first + together <= blocks.end {
        work(first..first + together, 0, rows);
        first += together;
    }
    let few = rows * vectors * panels <= S::SUMS;
    let most = if few { rows.max(1) } else { rows_that_fit::<S>(vectors, step) };
    for block in first..blocks.end {
        tiles(rows, most, |row, rows| work(block..block + 1, row, rows));
    }
}

/// Splits `rows` into tiles of at most `most` rows, as even as can be, and calls `tile(first, rows)`
/// for each: a last tile of one row would cost as much as one of four.
#[inline(always)]
pub(crate) fn tiles(rows: usize, most: usize, mut tile: impl FnMut(usize, usize)) {
    let count = rows.div_ceil(most);
    for k in 0..count {
        let (first, end) = (rows * k / count, rows * (k + 1) / count);
        tile(first, end - first);
    }
}
