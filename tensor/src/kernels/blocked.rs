//! Large matrix products, blocked for the caches (Goto and van de Geijn 2008, ACM Transactions on
//! Mathematical Software 34).
//!
//! The right operand is packed into panels of two vectors, a [`DEPTH`] of rows at a time; they go
//! through the first cache one after another while a block of rows of the left operand stays in the
//! second. Rows of the left operand are read where they lie if they are contiguous, and packed
//! otherwise. Threads share the panels while packing and the blocks of rows while multiplying.

#![allow(unsafe_code)] // tiles read and write through pointers

use super::{
    matrix::Matrix,
    panels::Panels,
    pool::Buffer,
    product::Product,
    simd::{Path, Simd, Work},
    tile::{self, Grid, Left, most_rows, rows_that_fit, tiles},
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
        let mut add = beta != T::ZERO;
        for first in (0..a.columns()).step_by(DEPTH) {
            let depth = DEPTH.min(a.columns() - first);
            let a = a.part([0, first], [a.rows(), depth]);
            let b = b.part([first, 0], [depth, b.columns()]);
            Block { s, a, b, add, c: Target(c.as_mut_ptr()) }.run();
            add = true;
        }
    }
}

/// The result, which threads write in disjoint rows.
#[derive(Clone, Copy)]
struct Target<T>(*mut T);

// SAFETY: each piece writes rows of its own.
unsafe impl<T: Send> Send for Target<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Target<T> {}

/// One depth of a product.
#[derive(Clone, Copy)]
struct Block<'a, S: Simd> {
    s: S,
    a: Matrix<'a, S::T>,
    b: Matrix<'a, S::T>,
    /// Whether to add to what the result holds.
    add: bool,
    c: Target<S::T>,
}

impl<S: Simd> Block<'_, S> {
    fn run(self) {
        let (m, n, depth) = (self.a.rows(), self.b.columns(), self.a.columns());
        let panels = Panels::pack_columns(self.b, C * S::LANES);
        let most = most_rows::<S>(C);
        let cached = (LEFT_BLOCK / depth).max(most);
        let worth = (m * n * depth / PIECE).clamp(1, m.div_ceil(most));
        let even = if worth == 1 { m } else { m.div_ceil(parallel::threads().max(1)) };
        let rows = cached.min(even.next_multiple_of(most));
        parallel::share(m.div_ceil(rows), |piece| {
            let first = piece * rows;
            self.rows(&panels, first, rows.min(m - first));
        });
    }

    /// The rows from `first` on, `count` of them.
    fn rows(&self, panels: &Panels<S::T>, first: usize, count: usize) {
        let a = self.a.part([first, 0], [count, self.a.columns()]);
        let most = most_rows::<S>(C);
        let [row_step, step] = a.strides();
        let packed =
            ((step != 1 && row_step != 1) || step < 0 || row_step < 0).then(|| pack_left(self.s, a, most));
        let by_rows = packed.is_none() && step == 1;
        let fitting = if by_rows { rows_that_fit::<S>(C, row_step as usize) } else { most };
        for panel in 0..panels.count() {
            tiles_of(count, fitting, packed.is_some(), |row, rows| {
                let left = match &packed {
                    Some(packed) => Left::columns(packed[row * a.columns()..].as_ptr(), most),
                    None if step == 1 => Left::rows(a.pointer(row, 0), row_step as usize),
                    None => Left::columns(a.pointer(row, 0), step as usize),
                };
                self.tile(panels, panel, (first + row, rows), left);
            });
        }
    }

    fn tile(&self, panels: &Panels<S::T>, panel: usize, (row, rows): (usize, usize), left: Left<S::T>) {
        let n = self.b.columns();
        let column = panel * C * S::LANES;
        let to = Grid::of_rows(self.c.0.wrapping_add(row * n + column), n, n - column);
        let from = if self.add { to.as_source() } else { Grid::zeros() };
        let product = tile::Product::of_panels::<S>(rows, left, (panels, &(panel..panel + 1), usize::MAX));
        // SAFETY: the rows are of this piece and the lanes below n, so the addresses lie in the
        // result, and nobody else writes them; `left` holds `rows` rows and the panel as many
        // places as they are long.
        unsafe { product.run(self.s, &from, &to) };
    }
}

/// Tiles as even as can be, or, of packed rows, as they were packed.
fn tiles_of(rows: usize, most: usize, packed: bool, mut tile: impl FnMut(usize, usize)) {
    if packed {
        (0..rows).step_by(most).for_each(|row| tile(row, most.min(rows - row)));
    } else {
        tiles(rows, most, tile);
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
