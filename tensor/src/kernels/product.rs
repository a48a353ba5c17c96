//! One matrix product over slices with strides: `c = a b + beta c`.

#![allow(unsafe_code)] // the blocked kernels of `matrixmultiply` take raw pointers

use crate::{element::Number, layout::stays_inside, parallel};

/// A matrix inside a slice: element (i, j) lies at `offset + i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    offset: usize,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix of any strides.
    ///
    /// # Panics
    /// Where an element would lie outside `data`, or, of an empty matrix, the offset does.
    pub fn strided(data: &'a [T], offset: usize, size: [usize; 2], strides: [isize; 2]) -> Self {
        let inside = if size.contains(&0) {
            offset <= data.len()
        } else {
            stays_inside(data.len(), offset, &size, &strides)
        };
        assert!(
            inside,
            "a matrix of size {size:?}, strides {strides:?} and offset {offset} leaves its {} values",
            data.len()
        );
        let ([rows, columns], [row_stride, column_stride]) = (size, strides);
        Self { data, offset, rows, columns, row_stride, column_stride }
    }

    /// A matrix whose rows follow each other: `[rows, columns]`, row-major.
    ///
    /// # Panics
    /// Where `data` is shorter than `rows * columns`.
    pub fn row_major(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, 0, [rows, columns], [isize::try_from(columns).unwrap_or(isize::MAX), 1])
    }

    /// The transpose, without a copy.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn start(&self, row: usize, column: usize) -> usize {
        (self.offset as isize + row as isize * self.row_stride + column as isize * self.column_stride)
            as usize
    }

    /// `count` rows from `first`.
    fn row_range(self, first: usize, count: usize) -> Self {
        let offset = if count == 0 { self.offset } else { self.start(first, 0) };
        Self { offset, rows: count, ..self }
    }
}

/// The operands of `c = a b + beta c`: `a` is [m, k], `b` is [k, n], `c` is [m, n], row-major.
/// Where `beta` is 0, what `c` held is not read.
pub struct Product<'a, T> {
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    beta: T,
    c: &'a mut [T],
}

impl<'a, T: Number> Product<'a, T> {
    /// The product of matching operands.
    ///
    /// # Panics
    /// Where the inner sizes differ, or `c` does not hold exactly m · n values.
    pub fn new(a: Matrix<'a, T>, b: Matrix<'a, T>, beta: T, c: &'a mut [T]) -> Self {
        assert_eq!(a.columns, b.rows, "the inner sizes of a matrix product");
        assert_eq!(Some(c.len()), a.rows.checked_mul(b.columns), "the size of a matrix product");
        Self { a, b, beta, c }
    }

    /// Computes it. The bits of the result do not depend on the number of threads.
    pub fn run(self) {
        let (m, n, k) = (self.a.rows, self.b.columns, self.a.columns);
        if m == 0 || n == 0 {
            return;
        }
        if k == 0 {
            return scale(self.c, self.beta);
        }
        let work = m.saturating_mul(n).saturating_mul(k);
        // Packing costs more than it saves on a vector or a small matrix.
        if m == 1 || n == 1 || work < SMALL {
            return plain(self);
        }
        let threads = if work < LARGE { 1 } else { parallel::threads().min(m.div_ceil(MIN_ROWS)) };
        if threads == 1 {
            return T::matrix_product(self);
        }
        let rows_each = m.div_ceil(threads).next_multiple_of(MIN_ROWS);
        let Product { a, b, beta, c } = self;
        parallel::fill_pieces(c, rows_each * n, |piece, c| {
            let a = a.row_range(piece * rows_each, c.len() / n);
            T::matrix_product(Product { a, b, beta, c });
        });
    }
}

/// Multiply-accumulates below which the plain loops win over packing.
const SMALL: usize = 2048;
/// Multiply-accumulates from which a second thread pays.
const LARGE: usize = 1 << 20;
/// The fewest rows worth a thread: the height of the blocked kernel's tile.
const MIN_ROWS: usize = 8;

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
    if b.columns == 0 || a.columns == 0 {
        return;
    }
    for (i, row) in c.chunks_exact_mut(b.columns).enumerate() {
        let left = |p: usize| a.data[a.start(i, p)];
        if b.column_stride == 1 {
            for p in 0..a.columns {
                let (x, start) = (left(p), b.start(p, 0));
                for (c, &y) in row.iter_mut().zip(&b.data[start..start + b.columns]) {
                    *c = c.plus(x.times(y));
                }
            }
        } else if b.row_stride == 1 && a.column_stride == 1 {
            let first = a.start(i, 0);
            let x = &a.data[first..first + a.columns];
            for (j, c) in row.iter_mut().enumerate() {
                let start = b.start(0, j);
                *c = c.plus(dot(x, &b.data[start..start + b.rows]));
            }
        } else {
            for (j, c) in row.iter_mut().enumerate() {
                let sum =
                    (0..a.columns).fold(T::ZERO, |sum, p| sum.plus(left(p).times(b.data[b.start(p, j)])));
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

macro_rules! blocked {
    ($name:ident $t:ty, $gemm:path) => {
        /// The product through the blocked, packed kernel of `matrixmultiply`.
        pub(crate) fn $name(product: Product<'_, $t>) {
            let Product { a, b, beta, c } = product;
            if c.is_empty() || a.columns == 0 {
                return scale(c, beta);
            }
            // SAFETY: no size is 0; `Matrix::strided` checked, without wrapping, that every element
            // of `a` and `b` lies in its slice, and `row_range` keeps to a part of it; `Product` checked that `c` holds
            // a.rows · b.columns values and that the inner sizes agree; `c` is borrowed mutably,
            // so it overlaps neither `a` nor `b`.
            unsafe {
                $gemm(
                    a.rows,
                    a.columns,
                    b.columns,
                    1.0,
                    a.data.as_ptr().add(a.offset),
                    a.row_stride,
                    a.column_stride,
                    b.data.as_ptr().add(b.offset),
                    b.row_stride,
                    b.column_stride,
                    beta,
                    c.as_mut_ptr(),
                    b.columns as isize,
                    1,
                );
            }
        }
    };
}
blocked!(f32_product f32, matrixmultiply::sgemm);
blocked!(f64_product f64, matrixmultiply::dgemm);

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
    fn the_kernels_take_empty_operands() {
        for [m, k, n] in [[0, 2, 3], [2, 0, 3], [2, 3, 0], [0, 0, 0]] {
            let (a, b, mut c) = (vec![1f32; m * k], vec![1f32; k * n], vec![5f32; m * n]);
            f32::matrix_product(Product::new(
                Matrix::row_major(&a, m, k),
                Matrix::row_major(&b, k, n),
                2.0,
                &mut c,
            ));
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
