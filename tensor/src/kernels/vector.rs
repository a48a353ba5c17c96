//! A vector times a matrix: each number of the matrix is used once, so that reading it is all the
//! cost, and packing would only add to it.

#![allow(unsafe_code)] // vectors read and write through pointers

use super::{
    grid::Grid,
    matrix::Matrix,
    simd::{Path, Simd, Work},
    soon::Soon,
    tile::{self, Left, Right, Term},
    tiles::Tiles,
};
use crate::{Number, Real, parallel};

/// c = x B + beta c, where `x` is contiguous and so are either the rows or the columns of `b`.
pub(crate) struct RowProduct<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) b: Matrix<'a, T>,
    pub(crate) beta: T,
    pub(crate) c: &'a mut [T],
}

/// Numbers of the matrix that are worth a thread.
const WORTH: usize = 1 << 18;

impl<T: Real> RowProduct<'_, T> {
    pub(crate) fn run(self) {
        let Self { x, b, beta, c } = self;
        let pieces = if x.len() * c.len() < 2 * WORTH { 1 } else { parallel::threads() };
        let length = c.len().div_ceil(pieces).next_multiple_of(64);
        parallel::fill_pieces(c, length, |piece, c| {
            let b = b.part([0, piece * length], [b.rows(), c.len()]);
            T::dispatch(Path::of_this_machine(), RowProduct { x, b, beta, c });
        });
    }
}

impl<T: Real> Work<T> for RowProduct<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        let Self { x, b, beta, c } = self;
        if beta == T::ZERO {
            c.fill(T::ZERO);
        } else if beta != T::ONE {
            c.iter_mut().for_each(|x| *x = *x * beta);
        }
        if b.strides()[1] == 1 {
            by_rows(s, x, b, c);
        } else {
            by_columns(s, x, b, c);
        }
    }
}

/// c += Σₖ x[k] · row k of b.
fn by_rows<S: Simd>(s: S, x: &[S::T], b: Matrix<'_, S::T>, c: &mut [S::T]) {
    const P: usize = 8;
    let step = b.strides()[0].unsigned_abs();
    for (block, c) in c.chunks_mut(P * S::LANES).enumerate() {
        let first = block * P * S::LANES;
        if c.len() < P * S::LANES {
            let columns = first..first + c.len();
            for (k, &x) in x.iter().enumerate() {
                for (c, &y) in c.iter_mut().zip(b.row_part(k, columns.clone())) {
                    *c = *c + x * y;
                }
            }
            continue;
        }
        let start = b.pointer(0, first);
        let right = Right { start, step, panel_step: S::LANES, ahead: start, ahead_tiles: 1 };
        let left = Left::rows(x.as_ptr(), 0);
        let terms = [Term { depth: x.len(), left, right }, Term::none()];
        let product = tile::Product {
            tiles: Tiles { first: 0, rows: 1, count: 1, place: 0 },
            vectors: 1,
            panels: P,
            terms,
            apart: None,
            soon: Soon::nothing(),
        };
        let to = Grid::of_rows(c.as_mut_ptr(), 0, P * S::LANES);
        // SAFETY: `c` holds P vectors, and so does each row of `b` from `first` on.
        unsafe { product.run(s, &to.as_source(), &to) };
    }
}

/// c[j] += x · column j of b, four columns at once, each in two running vectors.
fn by_columns<S: Simd>(s: S, x: &[S::T], b: Matrix<'_, S::T>, c: &mut [S::T]) {
    const N: usize = 4;
    for (block, c) in c.chunks_mut(N).enumerate() {
        let column = |j: usize| b.transposed().row_part(block * N + j.min(c.len() - 1), 0..x.len());
        let columns: [&[S::T]; N] = std::array::from_fn(column);
        let mut lanes = [[S::T::ZERO; 16]; N];
        s.vectorize(
            #[inline(always)]
            || {
                let mut sums = [[s.splat(S::T::ZERO); 2]; N];
                for k in (0..x.len()).step_by(2 * S::LANES) {
                    for half in 0..2 {
                        let k = k + half * S::LANES;
                        let count = x.len().saturating_sub(k).min(S::LANES);
                        if count == 0 {
                            break;
                        }
                        // SAFETY: `count` numbers of each slice lie from k on.
                        unsafe {
                            let x = s.load_first(x.as_ptr().add(k), count);
                            for (sums, column) in sums.iter_mut().zip(columns) {
                                let y = s.load_first(column.as_ptr().add(k), count);
                                sums[half] = s.mul_add(x, y, sums[half]);
                            }
                        }
                    }
                }
                for (lanes, [even, odd]) in lanes.iter_mut().zip(sums) {
                    // SAFETY: no vector has more than 16 lanes.
                    unsafe { s.store(lanes.as_mut_ptr(), s.add(even, odd)) };
                }
            },
        );
        for (c, lanes) in c.iter_mut().zip(lanes) {
            *c = *c + lanes[..S::LANES].iter().fold(S::T::ZERO, |sum, &lane| sum + lane);
        }
    }
}
