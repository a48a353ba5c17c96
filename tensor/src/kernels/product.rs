//! One matrix product over slices with strides: `c = a b + beta c`.

use super::{blocked, counter::count, vector::RowProduct};
use crate::{Real, element::Number};

pub use super::matrix::Matrix;

/// The operands of `c = a b + beta c`: `a` is [m, k], `b` is [k, n], `c` is [m, n], row-major.
/// Where `beta` is 0, what `c` held is not read.
pub struct Product<'a, T> {
    pub(crate) a: Matrix<'a, T>,
    pub(crate) b: Matrix<'a, T>,
    pub(crate) beta: T,
    pub(crate) c: &'a mut [T],
}

impl<'a, T: Number> Product<'a, T> {
    /// The product of matching operands.
    ///
    /// # Panics
    /// Where the inner sizes differ, or `c` does not hold exactly m · n values.
    pub fn new(a: Matrix<'a, T>, b: Matrix<'a, T>, beta: T, c: &'a mut [T]) -> Self {
        assert_eq!(a.columns(), b.rows(), "the inner sizes of a matrix product");
        assert_eq!(Some(c.len()), a.rows().checked_mul(b.columns()), "the size of a matrix product");
        Self { a, b, beta, c }
    }

    /// Computes it. The bits of the result do not depend on the number of threads.
    pub fn run(self) {
        let (m, n, k) = (self.a.rows(), self.b.columns(), self.a.columns());
        count(m, k, n);
        if m == 0 || n == 0 {
            return;
        }
        if k == 0 {
            return scale(self.c, self.beta);
        }
        if m.saturating_mul(n).saturating_mul(k) < SMALL {
            return plain(self);
        }
        T::matrix_product(self);
    }
}

/// Multiply-accumulates below which plain loops win over vectors and packing.
const SMALL: usize = 512;

/// A product of floats that is not tiny.
pub(crate) fn of_floats<T: Real>(product: Product<'_, T>) {
    if product.b.picks() {
        return blocked::product(product);
    }
    let Product { a, b, beta, c } = product;
    // A column is a row of the transposed product.
    let (row, matrix) = if b.columns() == 1 { (b.transposed(), a.transposed()) } else { (a, b) };
    let forward =
        |matrix: Matrix<'_, T>| matrix.strides().contains(&1) && matrix.strides().iter().all(|&s| s >= 0);
    if row.rows() != 1 || !forward(matrix) {
        return blocked::product(Product { a, b, beta, c });
    }
    if row.strides()[1] == 1 {
        return RowProduct { x: row.row_part(0, 0..row.columns()), b: matrix, beta, c }.run();
    }
    let x: Vec<T> = (0..row.columns()).map(|k| *row.at(0, k)).collect();
    RowProduct { x: &x, b: matrix, beta, c }.run();
}

fn scale<T: Number>(c: &mut [T], beta: T) {
    if beta == T::ZERO {
        c.fill(T::ZERO);
    } else if beta != T::ONE {
        c.iter_mut().for_each(|x| *x = x.times(beta));
    }
}

/// The product in plain loops: for integers, for small products, and as the reference that tests
/// hold the blocked kernels to.
pub(crate) fn plain<T: Number>(product: Product<'_, T>) {
    let Product { a, b, beta, c } = product;
    scale(c, beta);
    if b.columns() == 0 || a.columns() == 0 {
        return;
    }
    let depth = a.columns();
    for (i, row) in c.chunks_exact_mut(b.columns()).enumerate() {
        if b.has_contiguous_rows() {
            for p in 0..depth {
                let x = *a.at(i, p);
                for (c, &y) in row.iter_mut().zip(b.row_part(p, 0..b.columns())) {
                    *c = c.plus(x.times(y));
                }
            }
        } else if b.strides()[0] == 1 && a.strides()[1] == 1 {
            let x = a.row_part(i, 0..depth);
            for (j, c) in row.iter_mut().enumerate() {
                *c = c.plus(dot(x, b.transposed().row_part(j, 0..depth)));
            }
        } else {
            for (j, c) in row.iter_mut().enumerate() {
                let sum = (0..depth).fold(T::ZERO, |sum, p| sum.plus(a.at(i, p).times(*b.at(p, j))));
                *c = c.plus(sum);
            }
        }
    }
}

/// Σ x y over slices of equal length, in eight running sums that the compiler turns into vectors.
fn dot<T: Number>(x: &[T], y: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::ZERO; LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let tail = x_chunks.remainder().iter().zip(y_chunks.remainder());
    let tail = tail.fold(T::ZERO, |sum, (&x, &y)| sum.plus(x.times(y)));
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            sums[lane] = sums[lane].plus(x[lane].times(y[lane]));
        }
    }
    sums.into_iter().fold(tail, Number::plus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1013) as f64 / 500.0 - 1.0).collect()
    }

    proptest! {
        #[test]
        fn blocked_equals_plain(
            m in 0usize..40, k in 0usize..70, n in 0usize..40,
            flip_a: bool, flip_b: bool, transpose_a: bool, transpose_b: bool, beta in -1i8..=1,
        ) {
            let (left, right, start) = (values(m * k, 1), values(k * n, 2), values(m * n, 3));
            let matrix = |data, rows: usize, columns: usize, transpose: bool, flip: bool| {
                let (stored_rows, stored_columns) = if transpose { (columns, rows) } else { (rows, columns) };
                let stored = if flip && stored_rows > 0 {
                    let last_row = (stored_rows - 1) * stored_columns;
                    Matrix::strided(data, last_row, [stored_rows, stored_columns], [-(stored_columns as isize), 1])
                } else {
                    Matrix::row_major(data, stored_rows, stored_columns)
                };
                if transpose { stored.transposed() } else { stored }
            };
            let (a, b) = (matrix(&left, m, k, transpose_a, flip_a), matrix(&right, k, n, transpose_b, flip_b));
            let (mut fast, mut slow) = (start.clone(), start);
            Product::new(a, b, f64::from(beta), &mut slow).run_plain();
            Product::new(a, b, f64::from(beta), &mut fast).run();
            for (x, y) in fast.iter().zip(&slow) {
                prop_assert!((x - y).abs() <= 1e-13 * (k as f64 + 1.0), "{x} {y}");
            }
        }
    }

    impl<T: Number> Product<'_, T> {
        fn run_plain(self) {
            plain(self);
        }
    }

    #[test]
    fn picked_rows_are_those_of_a_copy() {
        for (depth, stored, n, m) in [(3, 5, 2, 2), (700, 90, 40, 70), (40, 40, 1, 1), (50, 7, 33, 1)] {
            let (a, b) = (values(m * depth, 1), values(stored * (n + 3), 2));
            let picks: Vec<usize> = (0..depth).map(|k| k * k % stored).collect();
            let all = Matrix::strided(&b, 1, [stored, n], [n as isize + 3, 1]);
            let copy: Vec<f64> = picks.iter().flat_map(|&row| all.row_part(row, 0..n)).copied().collect();
            let run = |b| {
                let mut c = vec![0.0; m * n];
                Product::new(Matrix::row_major(&a, m, depth), b, 0.0, &mut c).run();
                c
            };
            let (picked, copied) = (run(all.picking(&picks)), run(Matrix::row_major(&copy, depth, n)));
            for (x, y) in picked.iter().zip(&copied) {
                assert!((x - y).abs() <= 1e-13 * depth as f64, "{depth} of {stored} rows: {x} {y}");
            }
            let part = all.picking(&picks).part([2, n - 1], [depth - 2, 1]);
            assert!(
                (2..depth).all(|k| *part.at(k - 2, 0) == copy[k * n + n - 1]),
                "{depth} of {stored} rows"
            );
        }
    }

    /// Few rows of the left operand read the right one where it lies, many have it packed.
    #[test]
    fn a_right_operand_in_place_gives_the_bits_of_a_packed_one() {
        for (depth, n, apart) in [(40, 64, 64), (600, 97, 100), (130, 33, 128), (9, 20, 30)] {
            let (few, many) = (37, 500);
            let (a, b) = (values(many * depth, 1), values(depth * apart, 2));
            let (a, b): (Vec<f32>, Vec<f32>) =
                (a.iter().map(|&x| x as f32).collect(), b.iter().map(|&x| x as f32).collect());
            let b = Matrix::strided(&b, 0, [depth, n], [apart as isize, 1]);
            let run = |m: usize| {
                let mut c = vec![0.0; m * n];
                Product::new(Matrix::row_major(&a[..m * depth], m, depth), b, 0.0, &mut c).run();
                // The same from the columns of a transpose.
                let turned: Vec<f32> = (0..m * depth).map(|k| a[k % m * depth + k / m]).collect();
                let mut again = vec![0.0; m * n];
                Product::new(Matrix::row_major(&turned, depth, m).transposed(), b, 0.0, &mut again).run();
                assert!(c == again, "{m} columns of {depth} rows");
                c
            };
            assert!(run(few) == run(many)[..few * n], "{depth} rows of {n}, {apart} apart");
        }
    }

    /// Those that follow each other are read where they lie, if they are enough.
    #[test]
    fn picked_rows_in_runs_give_the_bits_of_a_copy() {
        for (depth, run, n, m) in [(300, 50, 64, 64), (1100, 13, 70, 200), (9, 9, 33, 12), (40, 1, 64, 20)] {
            // Run after run a gap, and once the way back.
            let picks: Vec<usize> =
                (0..depth).map(|k| if k < run { k + depth } else { k + k / run }).collect();
            let stored = depth + depth.div_ceil(run).max(run);
            let values = |count: usize, seed| -> Vec<f32> {
                values(count, seed).into_iter().map(|x| x as f32).collect()
            };
            let (a, b) = (values(m * depth, 1), values(stored * (n + 3), 2));
            let all = Matrix::strided(&b, 1, [stored, n], [n as isize + 3, 1]);
            let copy: Vec<f32> = picks.iter().flat_map(|&row| all.row_part(row, 0..n)).copied().collect();
            // Columns of the left operand that are read where they lie, and some that are packed.
            let apart: Vec<f32> = a.iter().flat_map(|&x| [x, f32::NAN]).collect();
            let near = Matrix::row_major(&a, depth, m).transposed();
            let packed = Matrix::strided(&apart, 0, [m, depth], [2, 2 * m as isize]);
            let run_with = |a, b| {
                let mut c = values(m * n, 3);
                Product::new(a, b, 1.0, &mut c).run();
                c
            };
            let expected = run_with(near, Matrix::row_major(&copy, depth, n));
            for (what, a) in [("near", near), ("packed", packed)] {
                let same = run_with(a, all.picking(&picks)) == expected;
                assert!(same, "{depth} rows in runs of {run}, {n} columns, left operand {what}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a row that is not there")]
    fn only_rows_that_are_there_can_be_picked() {
        Matrix::row_major(&[0.0; 6], 2, 3).picking(&[1, 2]);
    }

    #[test]
    #[should_panic(expected = "leaves its 5 values")]
    fn a_matrix_may_not_leave_its_slice() {
        Matrix::row_major(&[0.0; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "leaves its 2 values")]
    fn a_reach_that_wraps_is_outside() {
        let data = [1f32, 2.0];
        let (a, b) = (Matrix::strided(&data, 0, [1025, 2], [1 << 54, 1]), Matrix::row_major(&data, 2, 1));
        Product::new(a, b, 0.0, &mut [0.0; 1025]).run();
    }

    #[test]
    #[should_panic(expected = "offset 3 leaves its 2 values")]
    fn an_empty_matrix_may_not_start_outside() {
        Matrix::strided(&[1f32, 2.0], 3, [0, 2], [2, 1]);
    }

    #[test]
    fn empty_operands_are_fine() {
        for [m, k, n] in [[0, 2, 3], [2, 0, 3], [2, 3, 0], [0, 0, 0]] {
            let (a, b, mut c) = (vec![1f32; m * k], vec![1f32; k * n], vec![5f32; m * n]);
            let (a, b) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n));
            Product::new(a, b, 2.0, &mut c).run();
            assert!(c.iter().all(|&x| x == 10.0), "{m} {k} {n}");
        }
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_number_of_threads_does_not_change_the_bits() {
        // The second size has more inner elements than the blocked kernel takes at once.
        for ((m, k, n), beta) in [((203, 150, 97), 0.0f32), ((203, 700, 97), 0.0), ((77, 700, 131), 1.0)] {
            let narrow = |count, seed| values(count, seed).iter().map(|&x| x as f32).collect::<Vec<_>>();
            let (left, right, start) = (narrow(m * k, 1), narrow(k * n, 2), narrow(m * n, 3));
            let run = |threads| {
                let mut c = start.clone();
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let (a, b) = (Matrix::row_major(&left, m, k), Matrix::row_major(&right, k, n));
                    Product::new(a, b, beta, &mut c).run();
                });
                c
            };
            let one = run(1);
            for threads in [2, 3, 7] {
                let same = run(threads).iter().zip(&one).all(|(x, y)| x.to_bits() == y.to_bits());
                assert!(same, "{threads} threads, {m}x{k}x{n}");
            }
        }
    }
}
