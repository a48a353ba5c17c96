//! Large matrix products, blocked for the caches (Goto and van de Geijn 2008, ACM Transactions on
//! Mathematical Software 34).
//!
//! The right operand is packed into panels of two vectors, a [`DEPTH`] of rows at a time; they go
//! through the first cache one after another while a block of rows of the left operand stays in the
//! second. A right operand of short rows is read where it lies if few rows of the left one use it, picked
//! rows where enough of them follow each other. Rows or columns of the left operand are read where they
//! lie if they are contiguous, and packed otherwise. Threads take some columns of the result each, or some
//! rows where there are few columns, and meet at the end only.

#![allow(unsafe_code)] // tiles read and write through pointers

use std::ops::Range;

use super::{
    buffer::Buffer,
    grid::Grid,
    matrix::{Matrix, Run},
    panels::Panels,
    product::Product,
    simd::{Path, Simd, Work},
    tile::{self, Left, Term},
    tiles::{Tiles, most_rows, rows_that_fit, tiles},
};
use crate::{Number, Real, parallel};

/// Rows of the right operand that a panel holds.
const DEPTH: usize = 512;
/// Numbers of the left operand that stay in the second cache.
const LEFT_BLOCK: usize = 64 * 1024;
/// Vectors in a panel.
const C: usize = 2;
/// Multiply-accumulates that are worth a thread's attention.
const PIECE: usize = 1 << 19;
/// Panels a thread from which an uneven share of them costs less than packing all of them twice, and
/// how much longer than deep a left operand may be for that.
const MANY: usize = 4;

/// The product on the widest vectors.
pub(crate) fn product<T: Real>(product: Product<'_, T>) {
    T::dispatch(Path::of_this_machine(), product);
}

impl<T: Real> Work<T> for Product<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        let Product { a, b, beta, c } = self;
        if beta != T::ZERO && beta != T::ONE {
            c.iter_mut().for_each(|x| *x = *x * beta);
        }
        let (m, n, width) = (a.rows(), b.columns(), C * S::LANES);
        let whole = Whole { s, a, b, add: beta != T::ZERO, c: Target(c.as_mut_ptr()) };
        let (tiles, panels) = (m.div_ceil(most_rows::<S>(C)), n.div_ceil(width));
        let worth = m.saturating_mul(n).saturating_mul(a.columns()) / PIECE;
        let pieces = worth.clamp(1, parallel::threads());
        // A piece packs its own part of the right operand, so that nobody waits for anybody until the
        // end. Where the left one is long, its rows are split, else the columns of the right one,
        // which are packed once then.
        let even = panels.is_multiple_of(pieces) || panels >= MANY * pieces;
        if even && m <= MANY * a.columns() {
            let part = parts(pieces, panels, width, n);
            parallel::share(pieces, |piece| whole.part(0..m, part(piece)));
        } else {
            let pieces = pieces.min(tiles);
            let part = parts(pieces, tiles, most_rows::<S>(C), m);
            parallel::share(pieces, |piece| whole.part(part(piece), 0..n));
        }
    }
}

/// The part of each piece, where `count` blocks of `size` are shared, the last one up to `end`.
fn parts(pieces: usize, count: usize, size: usize, end: usize) -> impl Fn(usize) -> Range<usize> {
    let bound = move |piece: usize| (count * piece / pieces * size).min(end);
    move |piece| bound(piece)..bound(piece + 1)
}

/// The result, which threads write in disjoint parts.
#[derive(Clone, Copy)]
struct Target<T>(*mut T);

// SAFETY: each piece writes rows or columns of its own.
unsafe impl<T: Send> Send for Target<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Target<T> {}

/// The product.
struct Whole<'a, S: Simd> {
    s: S,
    a: Matrix<'a, S::T>,
    b: Matrix<'a, S::T>,
    /// Whether to add to what the result holds.
    add: bool,
    c: Target<S::T>,
}

impl<S: Simd> Whole<'_, S> {
    /// Some rows and columns of the result.
    fn part(&self, rows: Range<usize>, columns: Range<usize>) {
        for first in (0..self.a.columns()).step_by(DEPTH) {
            let depth = DEPTH.min(self.a.columns() - first);
            let b = self.b.part([first, columns.start], [depth, columns.len()]);
            let right = RightPart::new(self.s, b, &self.a);
            let block = (LEFT_BLOCK / depth).next_multiple_of(most_rows::<S>(C));
            for row in rows.clone().step_by(block) {
                let a = self.a.part([row, first], [block.min(rows.end - row), depth]);
                let add = self.add || first > 0;
                Block {
                    s: self.s,
                    a,
                    right: &right,
                    add,
                    c: self.c,
                    row,
                    n: self.b.columns(),
                    columns: &columns,
                }
                .run();
            }
        }
    }
}

/// Bytes from row to row of the right operand up to which the rows of a panel find room in the first cache
/// where they lie: rows farther apart want the same few places.
const NEAR_ROWS: usize = 512;
/// Rows of the left operand for which it is not worth to pack such a right one.
const FEW_ROWS: usize = 384;
/// How many picked rows have to follow each other, on average, so that they are not packed.
const LONG_RUN: usize = 8;

/// The right operand of a part. Its first panels are read where they lie, if they can be, and the others
/// are packed.
struct RightPart<'a, T: Real> {
    b: Matrix<'a, T>,
    /// Where the rows of those lie, if they are picked.
    runs: Vec<Run>,
    in_place: usize,
    packed: Panels<T>,
}

impl<'a, T: Real> RightPart<'a, T> {
    /// Columns that the rows of `left` are multiplied by, for all of its depth or a part of it.
    fn new<S: Simd<T = T>>(s: S, b: Matrix<'a, T>, left: &Matrix<'_, T>) -> Self {
        let width = C * S::LANES;
        let near = (0..=(NEAR_ROWS / size_of::<T>()) as isize).contains(&b.row_stride());
        let can_be = b.has_contiguous_rows() && near && left.rows() <= FEW_ROWS;
        // Only tiles that read columns of the left operand follow runs.
        let runs = if can_be && !reads_rows(left) { b.runs() } else { Vec::new() };
        let follow = !b.picks() || (!runs.is_empty() && b.rows() >= LONG_RUN * runs.len());
        let in_place = if can_be && follow { b.columns() / width } else { 0 };
        let rest = b.part([0, in_place * width], [b.rows(), b.columns() - in_place * width]);
        Self { b, runs, in_place, packed: Panels::pack_columns(s, rest, width) }
    }

    /// The number of panels.
    fn count(&self) -> usize {
        self.in_place + self.packed.count()
    }

    /// The product of some tiles with a panel, and the runs in which its rows lie.
    fn product<S: Simd<T = T>>(
        &self,
        tiles: Tiles,
        left: Left<T>,
        panel: usize,
    ) -> (tile::Product<'_, T>, &[Run]) {
        match panel.checked_sub(self.in_place) {
            Some(packed) => {
                let panels = (&self.packed, &(packed..packed + 1));
                (tile::Product::of_panels::<S>(tiles, left, panels), &[])
            }
            None => {
                let start = self.b.pointer(0, panel * C * S::LANES);
                let term = Term::of_rows(left, start, (self.b.rows(), self.b.row_stride() as usize));
                (tile::Product::of_term(tiles, C, term), &self.runs)
            }
        }
    }
}

/// Whether tiles read rows of a left operand, rather than columns.
fn reads_rows<T>(a: &Matrix<'_, T>) -> bool {
    matches!(a.strides(), [step, 1] if step >= 0)
}

/// Rows of the left operand that stay in the second cache, times the panels of a part.
struct Block<'a, S: Simd> {
    s: S,
    a: Matrix<'a, S::T>,
    right: &'a RightPart<'a, S::T>,
    add: bool,
    c: Target<S::T>,
    /// The first row of the result, its length, and the columns that the panels make.
    row: usize,
    n: usize,
    columns: &'a Range<usize>,
}

impl<S: Simd> Block<'_, S> {
    fn run(&self) {
        let (a, most) = (self.a, most_rows::<S>(C));
        let [row_step, step] = a.strides();
        let forward = row_step >= 0 && step >= 0;
        let by_rows = reads_rows(&a);
        // Contiguous columns are read where they lie: to pack them takes longer than it saves.
        let packed = (!by_rows && (!forward || row_step != 1)).then(|| pack_left(self.s, a, most));
        let fitting = if by_rows { rows_that_fit::<S>(C, row_step as usize) } else { most };
        for panel in 0..self.right.count() {
            tiles_of(a.rows(), fitting, packed.is_some(), |tiles| {
                let row = tiles.first;
                let left = match &packed {
                    Some(packed) => {
                        Left::columns(packed[row * a.columns()..].as_ptr(), most, most * a.columns())
                    }
                    None if by_rows => Left::rows(a.pointer(row, 0), row_step as usize),
                    None => Left::columns(a.pointer(row, 0), step as usize, tiles.rows),
                };
                self.tiles(panel, tiles, left);
            });
        }
    }

    fn tiles(&self, panel: usize, tiles: Tiles, left: Left<S::T>) {
        let column = self.columns.start + panel * C * S::LANES;
        let to = self.c.0.wrapping_add((self.row + tiles.first) * self.n + column);
        let to = Grid::of_rows(to, self.n, self.columns.end - column);
        let from = if self.add { to.as_source() } else { Grid::zeros() };
        let (product, runs) = self.right.product::<S>(tiles, left, panel);
        // SAFETY: the rows and columns are of this part, so the addresses lie in the result, and
        // nobody else writes them; `left` holds these rows and the panel as many places as they
        // are long. Where there are runs, they are those of the panel's rows, and `left` has columns, as
        // the right part has seen: what `reads_rows` says of a matrix it says of its parts.
        unsafe { product.run_along(self.s, runs, &from, &to) };
    }
}

/// Tiles as even as can be, or, of packed rows, as they were packed.
fn tiles_of(rows: usize, most: usize, packed: bool, mut work: impl FnMut(Tiles)) {
    if !packed {
        return tiles(rows, most, usize::MAX, work);
    }
    let (count, last) = (rows / most, rows % most);
    for tiles in [
        Tiles { first: 0, rows: most, count, place: 0 },
        Tiles { first: rows - last, rows: last, count: 1, place: count },
    ] {
        if tiles.all() > 0 {
            work(tiles);
        }
    }
}

/// Rows of a matrix in groups of `most`, each column after column, the last group filled up.
fn pack_left<S: Simd>(s: S, a: Matrix<'_, S::T>, most: usize) -> Buffer<S::T> {
    let (rows, depth) = (a.rows(), a.columns());
    let length = rows.next_multiple_of(most) * depth;
    let mut packed = Buffer::<S::T>::with_room(length);
    let start = packed.start();
    let [row_step, step] = a.strides();
    s.vectorize(
        #[inline(always)]
        || {
            for first in (0..rows).step_by(most) {
                let count = most.min(rows - first);
                for k in 0..depth {
                    // SAFETY: the rows and columns are of `a`, and there is room for all of them.
                    unsafe {
                        let from = a.pointer(first, 0).offset(k as isize * step);
                        let to = start.add(first * depth + k * most);
                        let mut row = 0;
                        while row < most {
                            let lanes = S::LANES.min(most - row);
                            let there = count.saturating_sub(row).min(lanes);
                            if row_step == 1 {
                                s.store_first(to.add(row), lanes, s.load_first(from.add(row), there));
                            } else {
                                for lane in 0..lanes {
                                    let from = from.wrapping_offset((row + lane) as isize * row_step);
                                    to.add(row + lane).write(if lane < there { *from } else { S::T::ZERO });
                                }
                            }
                            row += lanes;
                        }
                    }
                }
            }
        },
    );
    // SAFETY: each place of each group was written.
    unsafe { packed.set_len(length) };
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Lanes;

    /// How many columns of a right operand are read in place, beside a left one.
    struct InPlace<'a>(Matrix<'a, f32>, Matrix<'a, f32>);

    impl Work<f32> for InPlace<'_> {
        type Output = usize;

        fn run<S: Simd<T = f32>>(self, s: S) -> usize {
            RightPart::new(s, self.0, &self.1).in_place * C * S::LANES
        }
    }

    #[test]
    fn short_rows_that_few_use_are_read_in_place() {
        let (values, left) = (vec![1.0f32; 40 * 200], vec![1.0f32; 40 * (FEW_ROWS + 1)]);
        let near = NEAR_ROWS / size_of::<f32>();
        let rows = |count: usize| Matrix::row_major(&left, count, 40);
        let columns = |count: usize| Matrix::row_major(&left, 40, count).transposed();
        let right = |step: usize| Matrix::strided(&values, 0, [40, 100], [step as isize, 1]);
        let some = |length: usize| -> Vec<usize> { (0..40).map(|k| k - k / length).collect() };
        let (runs, short_runs) = (some(LONG_RUN + 1), some(LONG_RUN - 1));
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            let in_place = |b, a| f32::dispatch(path, InPlace(b, a));
            for left in [rows(FEW_ROWS), columns(FEW_ROWS)] {
                assert!((65..=100).contains(&in_place(right(near), left)), "{path:?}");
                assert_eq!(in_place(right(near + 1), left), 0, "{path:?}: rows too far apart");
                assert_eq!(in_place(right(near).picking(&short_runs), left), 0, "{path:?}: short runs");
                let turned = Matrix::row_major(&values, 100, 40).transposed();
                assert_eq!(in_place(turned, left), 0, "{path:?}: columns");
            }
            assert_eq!(in_place(right(near), rows(FEW_ROWS + 1)), 0, "{path:?}: too many rows");
            let picked = right(near).picking(&runs);
            assert!((65..=100).contains(&in_place(picked, columns(FEW_ROWS))), "{path:?}: long runs");
            assert_eq!(in_place(picked, rows(FEW_ROWS)), 0, "{path:?}: long runs beside rows");
        }
    }
}
