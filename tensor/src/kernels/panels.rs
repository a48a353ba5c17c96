//! The right operand of a product, packed: the columns in panels of a few vectors, each panel row
//! after row, so that the innermost loop reads memory from front to back.

#![allow(unsafe_code)] // memory is not set to 0 before it is written

use std::mem::MaybeUninit;

use super::{
    buffer::{Buffer, LINE},
    matrix::Matrix,
    simd::Simd,
};
use crate::{Number, Real, parallel};

/// A matrix of `depth` rows in panels of `width` columns, the last one filled up with zeros.
pub(crate) struct Panels<T: Real> {
    values: Buffer<T>,
    depth: usize,
    width: usize,
    count: usize,
}

impl<T: Real> Panels<T> {
    /// Packs the columns that `column(panel, place)` names for each place of a panel; `None` is a
    /// column of zeros.
    pub(crate) fn pack<S: Simd<T = T>>(
        s: S,
        b: Matrix<'_, T>,
        width: usize,
        count: usize,
        column: impl Fn(usize, usize) -> Option<usize> + Sync,
    ) -> Self {
        let depth = b.rows();
        let (length, all) = (depth * width, count * depth * width);
        let mut values = Buffer::<T>::with_room(all);
        let together = if all < WORTH { count } else { count.div_ceil(2 * parallel::threads()) };
        // SAFETY: there is room for all panels, and each is written by its piece.
        unsafe {
            let to = std::slice::from_raw_parts_mut(values.start().cast::<MaybeUninit<T>>(), all);
            parallel::fill_pieces(to, (together * length).max(1), |piece, to| {
                for (k, to) in to.chunks_exact_mut(length).enumerate() {
                    pack_panel(s, b, width, |place| column(piece * together + k, place), to);
                }
            });
            values.set_len(all);
        }
        Self { values, depth, width, count }
    }

    /// Packs all columns in their order.
    pub(crate) fn pack_columns<S: Simd<T = T>>(s: S, b: Matrix<'_, T>, width: usize) -> Self {
        let columns = b.columns();
        Self::pack(s, b, width, columns.div_ceil(width), |panel, place| {
            Some(panel * width + place).filter(|&column| column < columns)
        })
    }

    /// The number of panels.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The numbers in a panel, from one panel to the next.
    pub(crate) fn panel_step(&self) -> usize {
        self.depth * self.width
    }

    /// The number of rows.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The numbers in a panel's row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// How many of the first `columns` columns, packed in their order, these panels hold.
    pub(crate) fn columns_of(&self, panels: &std::ops::Range<usize>, columns: usize) -> usize {
        let below = |panel: usize| (panel * self.width).min(columns);
        below(panels.end) - below(panels.start)
    }

    /// Where to look ahead while tiles are computed, from the one at `place` on of those that go through
    /// some panels one after another: each asks for a cache line a row, so that the first ones fetch as
    /// many panels from `next` on. Also how many of these tiles do so; those that follow ask for the same.
    /// That is 0 where the panels are few enough to stay near.
    pub(crate) fn ahead(&self, next: usize, place: usize, panels: usize) -> (*const T, usize) {
        let lines_a_row = (panels * self.width * size_of::<T>()).div_ceil(LINE);
        let row = self.depth * LINE / size_of::<T>();
        let place = if place < lines_a_row { place } else { 0 };
        let tiles = if self.values.len() * size_of::<T>() < FAR { 0 } else { lines_a_row - place };
        (self.panel(0).wrapping_add(next * self.panel_step() + place * row), tiles)
    }

    /// Where a panel begins.
    pub(crate) fn panel(&self, panel: usize) -> *const T {
        debug_assert!(panel < self.count.max(1));
        // SAFETY: all panels lie in `values`.
        unsafe { self.values.as_ptr().add(panel * self.panel_step()) }
    }
}

/// Bytes of panels from which on tiles look ahead: fewer come from the caches in time by themselves.
const FAR: usize = 2 << 20;

/// Numbers that are worth a thread's packing.
const WORTH: usize = 1 << 14;

/// How many rows are packed at once where columns are read number by number: such a part of a column,
/// for some cache lines, and the rows that are written fit the first cache.
const BLOCK: usize = 128;

/// Packs one panel.
fn pack_panel<S: Simd>(
    s: S,
    b: Matrix<'_, S::T>,
    width: usize,
    column: impl Fn(usize) -> Option<usize>,
    to: &mut [MaybeUninit<S::T>],
) {
    let first = column(0).unwrap_or(0);
    let run = (0..width).take_while(|&place| column(place) == Some(first + place)).count();
    let rest_is_zero = (run..width).all(|place| column(place).is_none());
    if b.has_contiguous_rows() && rest_is_zero {
        for (k, to) in to.chunks_exact_mut(width).enumerate() {
            for (to, &x) in to.iter_mut().zip(b.row_part(k, first..first + run)) {
                to.write(x);
            }
            to[run..].fill(MaybeUninit::new(S::T::ZERO));
        }
        return;
    }
    let [row_stride, _] = b.strides();
    if row_stride == 1 && width.is_multiple_of(S::LANES) {
        for vector in (0..width).step_by(S::LANES) {
            let from =
                |lane: usize| column(vector + lane).map_or(std::ptr::null(), |column| b.pointer(0, column));
            const { assert!(matches!(S::LANES, 2 | 4 | 8 | 16)) };
            let to = Vectors { s, to: to[vector..].as_mut_ptr().cast(), width, depth: b.rows() };
            // SAFETY: a column has a number for each row of `b`, and so has the panel a place.
            unsafe {
                match S::LANES {
                    16 => to.turn::<16>(from),
                    8 => to.turn::<8>(from),
                    4 => to.turn::<4>(from),
                    _ => to.turn::<2>(from),
                }
            }
        }
        return;
    }
    for (block, to) in to.chunks_mut(BLOCK * width).enumerate() {
        let rows = to.len() / width;
        let to = to.as_mut_ptr().cast::<S::T>();
        for place in 0..width {
            let from = column(place).map(|column| b.pointer(block * BLOCK, column));
            // SAFETY: the panel has a row for each row of `b`, and each row a number for each place.
            unsafe {
                let to = to.add(place);
                match from {
                    None => (0..rows).for_each(|k| to.add(k * width).write(S::T::ZERO)),
                    Some(from) => {
                        let place = |k| from.offset(k as isize * row_stride);
                        (0..rows).for_each(|k| to.add(k * width).write(*place(k)));
                    }
                }
            }
        }
    }
}

/// The places of one vector of each of a panel's rows.
struct Vectors<S: Simd> {
    s: S,
    /// The first row's, and from one row to the next.
    to: *mut S::T,
    width: usize,
    depth: usize,
}

impl<S: Simd> Vectors<S> {
    /// Fills them from columns whose numbers follow each other, one for each of the L lanes; null is a
    /// column of zeros. L numbers of L columns at a time become the vectors of L rows in registers.
    ///
    /// # Safety
    /// Columns have a number for each row, and so have the places to write.
    unsafe fn turn<const L: usize>(self, from: impl Fn(usize) -> *const S::T) {
        let columns: [_; L] = std::array::from_fn(from);
        self.s.vectorize(
            #[inline(always)]
            || {
                let whole = self.depth - self.depth % L;
                // SAFETY: the caller's.
                unsafe {
                    for k in (0..whole).step_by(L) {
                        self.turn_some::<L, true>(&columns, k, L);
                    }
                    if whole < self.depth {
                        self.turn_some::<L, false>(&columns, whole, self.depth - whole);
                    }
                }
            },
        );
    }

    /// The same for `count` numbers of each column from the k-th on, or for L if `WHOLE`.
    ///
    /// # Safety
    /// The same; so many numbers are there.
    #[inline(always)]
    unsafe fn turn_some<const L: usize, const WHOLE: bool>(
        &self,
        columns: &[*const S::T; L],
        k: usize,
        count: usize,
    ) {
        let s = self.s;
        let mut rows = [s.splat(S::T::ZERO); L];
        for (row, column) in rows.iter_mut().zip(columns) {
            if !column.is_null() {
                let place = column.wrapping_add(k);
                // SAFETY: the caller's.
                *row = unsafe { if WHOLE { s.load(place) } else { s.load_first(place, count) } };
            }
        }
        for (row, v) in transposed(s, rows).into_iter().enumerate().take(if WHOLE { L } else { count }) {
            // SAFETY: the caller's.
            unsafe { s.store(self.to.add((k + row) * self.width), v) };
        }
    }
}

/// The transpose of L vectors of L lanes. Interleaving the first half of the rows with the second one
/// moves the first bit of a row's number behind the bits of its column's; after as many times as a number
/// has bits, rows and columns have changed places.
#[inline(always)]
fn transposed<S: Simd, const L: usize>(s: S, mut rows: [S::V; L]) -> [S::V; L] {
    for _ in 0..L.ilog2() {
        let before = rows;
        for k in 0..L / 2 {
            [rows[2 * k], rows[2 * k + 1]] = s.interleave(before[k], before[k + L / 2]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{Path, Work};

    /// Packs some columns of a matrix, with gaps, and compares each place.
    struct Places<'a, T> {
        b: Matrix<'a, T>,
        vectors: usize,
    }

    impl<T: Real> Work<T> for Places<'_, T> {
        type Output = bool;

        fn run<S: Simd<T = T>>(self, s: S) -> bool {
            let Self { b, vectors } = self;
            let width = vectors * S::LANES;
            let column = |panel: usize, place: usize| {
                Some(panel * width + place * 5 % width).filter(|&column| column < b.columns())
            };
            let panels = Panels::pack(s, b, width, b.columns().div_ceil(width), column);
            (0..panels.count()).all(|panel| {
                (0..b.rows() * width).all(|k| {
                    let expected = column(panel, k % width).map_or(T::ZERO, |c| *b.at(k / width, c));
                    panels.values[panel * panels.panel_step() + k] == expected
                })
            })
        }
    }

    fn every_place_is_filled<T: Real>() {
        for (depth, columns) in [(1, 1), (16, 32), (33, 50), (150, 7), (40, 97)] {
            let values: Vec<T> = (1..=depth * columns).map(|k| T::from_f64(k as f64)).collect();
            let by_rows = Matrix::row_major(&values, depth, columns);
            let by_columns = Matrix::row_major(&values, columns, depth).transposed();
            for (path, vectors) in Path::ALL.into_iter().flat_map(|path| [(path, 2), (path, 3)]) {
                for (order, b) in [("rows", by_rows), ("columns", by_columns)] {
                    let right = !path.is_available() || T::dispatch(path, Places { b, vectors });
                    assert!(right, "{path:?}: {depth} rows of {columns} by {order}, {vectors} vectors");
                }
            }
        }
    }

    #[test]
    fn every_place_is_filled_in_both_precisions() {
        every_place_is_filled::<f32>();
        every_place_is_filled::<f64>();
    }
}
