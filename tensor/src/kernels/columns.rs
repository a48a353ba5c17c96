//! Sums of the columns of a matrix.

use super::{
    matrix::Matrix,
    simd::{Path, Simd, Work},
};
use crate::{Real, parallel};

/// Columns that are summed at once.
const BLOCK: usize = 64;
/// Numbers worth a thread's attention.
const WORTH: usize = 1 << 17;

/// `to[j] = Σᵢ a[i][j]`, from the first row to the last; the rows of `a` are contiguous.
pub(crate) fn column_sums<T: Real>(a: Matrix<'_, T>, to: &mut [T]) {
    let pieces = (a.rows() * a.columns() / WORTH).clamp(1, parallel::threads());
    let length = a.columns().div_ceil(pieces).next_multiple_of(BLOCK);
    parallel::fill_pieces(to, length, |piece, to| {
        let a = a.part([0, piece * length], [a.rows(), to.len()]);
        T::dispatch(Path::of_this_machine(), Sums { a, to });
    });
}

struct Sums<'a, T> {
    a: Matrix<'a, T>,
    to: &'a mut [T],
}

impl<T: Real> Work<T> for Sums<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        let Self { a, to } = self;
        s.vectorize(
            #[inline(always)]
            || {
                for (block, to) in to.chunks_mut(BLOCK).enumerate() {
                    let first = block * BLOCK;
                    let mut sums = [T::ZERO; BLOCK];
                    for row in 0..a.rows() {
                        let row = a.row_part(row, first..first + to.len());
                        for (sum, &x) in sums[..row.len()].iter_mut().zip(row) {
                            *sum = *sum + x;
                        }
                    }
                    to.copy_from_slice(&sums[..to.len()]);
                }
            },
        );
    }
}
