//! The two loops of a convolution of one channel: a plane summed with itself shifted, and the products
//! of a plane with another one shifted.
//!
//! Rows of the plane that is read lie some step apart, and each tap looks at an offset of its own, so
//! neither padding nor strides are known here. Vectors run along the rows.

#![allow(unsafe_code)] // vectors read and write through pointers

use super::simd::{Path, Simd, Work};
use crate::Real;

/// How many numbers a plane has behind the last place, at the least, under every tap: a vector reads on.
pub(crate) const SLACK: usize = 16;

/// Places in rows, and the plane in which they are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a, T> {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// The plane that the taps see.
    pub(crate) x: &'a [T],
    /// From one row of places to the next, in `x`.
    pub(crate) x_step: usize,
}

impl<T> Places<'_, T> {
    /// # Panics
    /// Where a tap at the last offset would look behind the plane, or the other plane, with rows `step`
    /// apart, is too small.
    fn check(&self, last_offset: usize, other: usize, step: usize) {
        let last = |step: usize| (self.rows - 1).checked_mul(step)?.checked_add(self.width);
        let end = last(self.x_step).and_then(|last| last.checked_add(last_offset)?.checked_add(SLACK));
        assert!(end.is_some_and(|end| end <= self.x.len()), "the size of the plane that the taps see");
        assert!(last(step).is_some_and(|last| last <= other), "the size of the plane of places");
    }

    fn is_empty(&self) -> bool {
        self.rows == 0 || self.width == 0
    }
}

/// Taps of which each sees, from a row of places, what the one before it sees from the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// What the first tap adds to the place in `x`.
    pub(crate) offset: usize,
    /// At most [`Column::LONGEST`].
    pub(crate) taps: usize,
}

impl Column {
    /// The most taps of a column.
    pub(crate) const LONGEST: usize = 3;
}

/// c\[row, p\] = start + Σₖ weights\[k\] · x\[row, p + the offset of tap k\].
///
/// Every sum is one chain of multiply-adds in the order of the taps.
pub(crate) struct Sums<'a, T> {
    pub(crate) places: Places<'a, T>,
    pub(crate) start: T,
    pub(crate) columns: &'a [Column],
    /// Those of the first column, those of the second.
    pub(crate) weights: &'a [T],
    pub(crate) c: &'a mut [T],
    pub(crate) c_step: usize,
}

impl<T: Real> Sums<'_, T> {
    /// Computes it.
    ///
    /// # Panics
    /// Where an operand is too small.
    pub(crate) fn run(self) {
        if !self.places.is_empty() {
            T::dispatch(Path::of_this_machine(), self);
        }
    }
}

impl<T: Real> Work<T> for Sums<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(mut self, s: S) {
        assert!(S::LANES <= SLACK, "a vector is not wider than the slack");
        let taps = self.columns.iter().map(|column| column.taps).sum::<usize>();
        assert_eq!(self.weights.len(), taps, "a weight for each tap");
        assert!(self.columns.iter().all(|column| (1..=Column::LONGEST).contains(&column.taps)));
        let last = |column: &Column| Some(column.offset + (column.taps - 1).checked_mul(self.places.x_step)?);
        let last = self.columns.iter().map(|column| last(column).unwrap_or(usize::MAX)).max();
        self.places.check(last.unwrap_or(0), self.c.len(), self.c_step);
        let (mut row, rows) = (0, self.places.rows);
        while row < rows {
            // SAFETY: so many rows are left, and the sizes have been looked at.
            row += unsafe {
                match rows - row {
                    8.. => self.rows::<S, 8, 1>(s, row),
                    2.. => self.rows::<S, 2, 2>(s, row),
                    _ => self.rows::<S, 1, 4>(s, row),
                }
            };
        }
    }
}

impl<T: Real> Sums<'_, T> {
    /// Computes R rows, in tiles of C vectors, and returns R.
    ///
    /// # Safety
    /// There are R rows from `row` on; `run` has looked at the sizes.
    #[inline(never)]
    unsafe fn rows<S: Simd<T = T>, const R: usize, const C: usize>(&mut self, s: S, row: usize) -> usize {
        let Places { width, x, x_step, .. } = self.places;
        let x = x.as_ptr().wrapping_add(row * x_step);
        let c = self.c.as_mut_ptr().wrapping_add(row * self.c_step);
        // The last vector of a row ends with the row, and meets the one before it.
        let count = width.min(S::LANES);
        s.vectorize(
            #[inline(always)]
            || {
                for first in (0..width).step_by(C * S::LANES) {
                    let at: [usize; C] = std::array::from_fn(|v| (first + v * S::LANES).min(width - count));
                    let mut sums = [[s.splat(self.start); C]; R];
                    let mut weights = self.weights.as_ptr();
                    // SAFETY: a row of places and SLACK numbers behind it lie in `x` under every tap,
                    // rows of places lie in `c`, and there is a weight for each tap.
                    unsafe {
                        for column in self.columns {
                            let x = x.add(column.offset);
                            match column.taps {
                                1 => add_column::<S, R, C, 1>(s, &mut sums, x, x_step, at, weights),
                                2 => add_column::<S, R, C, 2>(s, &mut sums, x, x_step, at, weights),
                                _ => add_column::<S, R, C, 3>(s, &mut sums, x, x_step, at, weights),
                            }
                            weights = weights.add(column.taps);
                        }
                        for (r, sums) in sums.iter().enumerate() {
                            for (&sum, at) in sums.iter().zip(at) {
                                let c = c.add(r * self.c_step + at);
                                if count == S::LANES {
                                    s.store(c, sum);
                                } else {
                                    s.store_first(c, count, sum);
                                }
                            }
                        }
                    }
                }
            },
        );
        R
    }
}

/// Adds what N taps of a column see. Each vector is read once for all rows that see it.
///
/// # Safety
/// From `x` on there are R + N − 1 rows, `x_step` apart, of a vector at each of the places `at`; and N
/// weights.
#[inline(always)]
unsafe fn add_column<S: Simd, const R: usize, const C: usize, const N: usize>(
    s: S,
    sums: &mut [[S::V; C]; R],
    x: *const S::T,
    x_step: usize,
    at: [usize; C],
    weights: *const S::T,
) {
    // SAFETY: the caller's.
    unsafe {
        let weights: [S::V; N] = std::array::from_fn(
            #[inline(always)]
            |k| s.splat(*weights.add(k)),
        );
        for seen in 0..R + N - 1 {
            for (v, at) in at.into_iter().enumerate() {
                let x = s.load(x.add(seen * x_step + at));
                for (k, &weight) in weights.iter().enumerate() {
                    if seen >= k && seen - k < R {
                        sums[seen - k][v] = s.mul_add(weight, x, sums[seen - k][v]);
                    }
                }
            }
        }
    }
}

/// sums\[k\] += Σ over the places of g\[row, p\] · x\[row, p + offsets\[k\]\].
pub(crate) struct Products<'a, T> {
    pub(crate) places: Places<'a, T>,
    /// What each tap adds to the place in `x`.
    pub(crate) offsets: &'a [usize],
    pub(crate) g: &'a [T],
    pub(crate) g_step: usize,
    pub(crate) sums: &'a mut [T],
}

impl<T: Real> Products<'_, T> {
    /// Computes it.
    ///
    /// # Panics
    /// Where an operand is too small.
    pub(crate) fn run(self) {
        if !self.places.is_empty() {
            T::dispatch(Path::of_this_machine(), self);
        }
    }
}

impl<T: Real> Work<T> for Products<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(mut self, s: S) {
        assert!(S::LANES <= SLACK, "a vector is not wider than the slack");
        assert_eq!(self.sums.len(), self.offsets.len(), "a sum for each tap");
        self.places.check(self.offsets.iter().copied().max().unwrap_or(0), self.g.len(), self.g_step);
        let (mut tap, taps) = (0, self.sums.len());
        while tap < taps {
            // SAFETY: so many taps are left, and `check` has seen the sizes.
            tap += unsafe {
                match taps - tap {
                    9.. => self.some::<S, 9>(s, tap),
                    5.. => self.some::<S, 5>(s, tap),
                    3.. => self.some::<S, 3>(s, tap),
                    _ => self.some::<S, 1>(s, tap),
                }
            };
        }
    }
}

impl<T: Real> Products<'_, T> {
    /// Adds to the sums of K taps, and returns K.
    ///
    /// # Safety
    /// There are K taps from `tap` on, and [`Places::check`] has seen the sizes.
    #[inline(never)]
    unsafe fn some<S: Simd<T = T>, const K: usize>(&mut self, s: S, tap: usize) -> usize {
        let Places { rows, width, x, x_step } = self.places;
        let offsets: [usize; K] = std::array::from_fn(|k| self.offsets[tap + k]);
        let (x, g, g_step) = (x.as_ptr(), self.g.as_ptr(), self.g_step);
        let whole = width - width % S::LANES;
        let mut lanes = [[T::ZERO; SLACK]; K];
        s.vectorize(
            #[inline(always)]
            || {
                let mut sums = [s.splat(T::ZERO); K];
                for row in 0..rows {
                    // SAFETY: `check` has seen that a row of places lies in `x` under every tap, and
                    // in `g`; of a vector that goes on behind it, only its part is read.
                    unsafe {
                        let (x, g) = (x.add(row * x_step), g.add(row * g_step));
                        for place in (0..whole).step_by(S::LANES) {
                            let g = s.load(g.add(place));
                            for (sum, &offset) in sums.iter_mut().zip(&offsets) {
                                *sum = s.mul_add(g, s.load(x.add(place + offset)), *sum);
                            }
                        }
                        if whole < width {
                            let g = s.load_first(g.add(whole), width - whole);
                            for (sum, &offset) in sums.iter_mut().zip(&offsets) {
                                // Lanes behind the row may hold infinities, which 0 does not silence.
                                let x = s.load_first(x.add(whole + offset), width - whole);
                                *sum = s.mul_add(g, x, *sum);
                            }
                        }
                    }
                }
                for (lanes, &sum) in lanes.iter_mut().zip(&sums) {
                    // SAFETY: no vector has more than SLACK lanes.
                    unsafe { s.store(lanes.as_mut_ptr(), sum) };
                }
            },
        );
        for (sum, lanes) in self.sums[tap..tap + K].iter_mut().zip(lanes) {
            *sum = *sum + lanes[..S::LANES].iter().fold(T::ZERO, |sum, &lane| sum + lane);
        }
        K
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Lanes;
    use proptest::prelude::*;

    fn numbers(seed: usize, count: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1013) as f64 / 500.0 - 1.0).collect()
    }

    proptest! {
        #[test]
        fn both_equal_the_plain_loops(
            rows in 1usize..20, width in 1usize..40, gaps in (0usize..5, 0usize..5),
            columns in proptest::collection::vec((0usize..60, 1usize..4), 0..9),
        ) {
            let (x_step, step) = (width + gaps.0, width + gaps.1);
            let columns: Vec<Column> = columns.into_iter().map(|(offset, taps)| Column { offset, taps }).collect();
            let of_column = |column: &Column| {
                let offset = column.offset;
                (0..column.taps).map(move |tap| offset + tap * x_step)
            };
            let offsets: Vec<usize> = columns.iter().flat_map(of_column).collect();
            let last = offsets.iter().max().unwrap_or(&0);
            let (x, g) = (numbers(1, rows * x_step + last + SLACK), numbers(2, rows * step));
            let weights = numbers(3, offsets.len());
            let places = Places { rows, width, x: &x, x_step };
            let all = || (0..rows).flat_map(|row| (0..width).map(move |p| (row, p)));
            for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
                let mut c = vec![f64::NAN; rows * step];
                let sums = Sums { places, start: 0.5, columns: &columns, weights: &weights, c: &mut c, c_step: step };
                f64::dispatch(path, sums);
                for (row, p) in all() {
                    let terms = weights.iter().zip(&offsets).map(|(w, offset)| w * x[row * x_step + p + offset]);
                    prop_assert!((c[row * step + p] - 0.5 - terms.sum::<f64>()).abs() < 1e-12, "{path:?} {row} {p}");
                }
                let mut between = (0..rows * step).filter(|k| k % step >= width);
                prop_assert!(between.all(|k| c[k].is_nan()), "{path:?} wrote between rows");
                let mut sums = numbers(4, offsets.len());
                let before = sums.clone();
                f64::dispatch(path, Products { places, offsets: &offsets, g: &g, g_step: step, sums: &mut sums });
                for ((sum, before), offset) in sums.iter().zip(before).zip(&offsets) {
                    let terms = all().map(|(row, p)| g[row * step + p] * x[row * x_step + p + offset]);
                    prop_assert!((sum - before - terms.sum::<f64>()).abs() < 1e-11, "{path:?} {offset}");
                }
            }
        }
    }

    #[test]
    fn what_is_behind_a_row_reaches_no_product() {
        let mut x = vec![f32::INFINITY; 3 + SLACK];
        x[..3].fill(1.0);
        let mut sums = [0.0];
        let places = Places { rows: 1, width: 3, x: &x, x_step: 3 };
        Products { places, offsets: &[0], g: &[1.0, 2.0, 3.0], g_step: 3, sums: &mut sums }.run();
        assert_eq!(sums, [6.0]);
    }

    #[test]
    #[should_panic(expected = "the size of the plane that the taps see")]
    fn an_offset_may_not_lead_outside() {
        let (x, mut c) = (vec![0f32; 50 + SLACK], vec![0f32; 40]);
        let places = Places { rows: 4, width: 10, x: &x, x_step: 10 };
        let columns = [Column { offset: 1, taps: 2 }];
        Sums { places, start: 0.0, columns: &columns, weights: &[1.0; 2], c: &mut c, c_step: 10 }.run();
    }
}
