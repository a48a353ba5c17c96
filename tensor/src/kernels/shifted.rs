//! A product whose right operand is one row of numbers, seen from several places: what a convolution
//! of stride 1 is, without the columns.
//!
//! `c[r][p] = start[r] + Σₖ a[r][k] · x[offsets[k] + p]`. A tile of R rows and two vectors of p is
//! summed in registers, as in [`tile`](super::tile); the vectors of `x` are read where they lie.
//! Every sum is one chain of fused multiply-adds in the order of k.

#![allow(unsafe_code)] // tiles read and write through pointers

use super::simd::{Path, Simd, Work};
use crate::Real;

/// How many numbers `x` and the rows of `c` have behind the last place, at the least: tiles end with
/// whole vectors.
pub(crate) const SLACK: usize = 32;

/// Vectors in a row of a tile.
const C: usize = 2;

/// The operands.
pub(crate) struct Shifted<'a, T> {
    /// [rows, depth], row-major.
    pub(crate) a: &'a [T],
    /// What the sums of each row start from: [rows], or empty for 0.
    pub(crate) start: &'a [T],
    pub(crate) x: &'a [T],
    /// [depth].
    pub(crate) offsets: &'a [usize],
    /// How many places p there are.
    pub(crate) places: usize,
    /// [rows, `step`], of which the first `places` columns are the result; those behind are written,
    /// too.
    pub(crate) c: &'a mut [T],
    pub(crate) step: usize,
}

impl<T: Real> Shifted<'_, T> {
    /// Computes it.
    ///
    /// # Panics
    /// Where an operand has not the size that the others ask for.
    pub(crate) fn run(self) {
        let (depth, rows) = (self.offsets.len(), self.c.len() / self.step.max(1));
        let last = self.offsets.iter().copied().max().unwrap_or(0);
        assert_eq!(self.a.len(), rows * depth, "the size of the left operand");
        assert!(self.start.is_empty() || self.start.len() == rows, "the size of the start");
        let end = last.checked_add(self.places).and_then(|end| end.checked_add(SLACK));
        assert!(end.is_some_and(|end| end <= self.x.len()), "the size of the right operand");
        assert!(self.places + SLACK <= self.step, "the step of the result");
        assert_eq!(self.c.len(), rows * self.step, "the size of the result");
        T::dispatch(Path::of_this_machine(), self);
    }
}

impl<T: Real> Work<T> for Shifted<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(mut self, s: S) {
        assert!(C * S::LANES <= SLACK, "a tile is not wider than the slack");
        let rows = self.c.len() / self.step;
        for place in (0..self.places).step_by(C * S::LANES) {
            let mut row = 0;
            while row < rows {
                let left = rows - row;
                // SAFETY: the rows are there, and all operands go on for a whole tile from a place
                // that is below the number of places.
                row += unsafe {
                    match (left, S::SUMS / C) {
                        (12.., 12..) => self.tile::<S, 12>(s, row, place),
                        (8.., 8..) => self.tile::<S, 8>(s, row, place),
                        (6.., 6..) => self.tile::<S, 6>(s, row, place),
                        (4.., 4..) => self.tile::<S, 4>(s, row, place),
                        (2.., 2..) => self.tile::<S, 2>(s, row, place),
                        _ => self.tile::<S, 1>(s, row, place),
                    }
                };
            }
        }
    }
}

impl<T: Real> Shifted<'_, T> {
    /// Computes R rows of a tile and returns R.
    ///
    /// # Safety
    /// There are R rows from `row` on, and `place` is below the number of places.
    #[inline(never)]
    unsafe fn tile<S: Simd<T = T>, const R: usize>(&mut self, s: S, row: usize, place: usize) -> usize {
        let depth = self.offsets.len();
        let a = self.a.as_ptr().wrapping_add(row * depth);
        let x = self.x.as_ptr().wrapping_add(place);
        let c = self.c.as_mut_ptr().wrapping_add(row * self.step + place);
        s.vectorize(
            #[inline(always)]
            || {
                let mut sums = [[s.splat(T::ZERO); C]; R];
                if !self.start.is_empty() {
                    for (r, sums) in sums.iter_mut().enumerate() {
                        *sums = [s.splat(self.start[row + r]); C];
                    }
                }
                // SAFETY: each row of `a` is as long as the offsets; `run` has seen that `x` goes on
                // for SLACK numbers behind the last place from every offset, and a row of `c` too.
                unsafe {
                    for (k, &offset) in self.offsets.iter().enumerate() {
                        let x = x.add(offset);
                        let vectors: [S::V; C] = std::array::from_fn(
                            #[inline(always)]
                            |v| s.load(x.add(v * S::LANES)),
                        );
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let a = s.splat(*a.add(r * depth + k));
                            for (sum, &x) in sums.iter_mut().zip(&vectors) {
                                *sum = s.mul_add(a, x, *sum);
                            }
                        }
                    }
                    for (r, sums) in sums.iter().enumerate() {
                        for (v, &sum) in sums.iter().enumerate() {
                            s.store(c.add(r * self.step + v * S::LANES), sum);
                        }
                    }
                }
            },
        );
        R
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Lanes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_sum(rows in 1usize..30, places in 1usize..80, offsets in proptest::collection::vec(0usize..50, 0..20), starts: bool) {
            let number = |seed: usize, i: usize| ((i * 7919 + seed * 104_729) % 1013) as f64 / 500.0 - 1.0;
            let numbers = |seed, count| (0..count).map(|i| number(seed, i)).collect::<Vec<f64>>();
            let (depth, step) = (offsets.len(), places + SLACK);
            let a = numbers(1, rows * depth);
            let x = numbers(2, offsets.iter().max().unwrap_or(&0) + places + SLACK);
            let start = if starts { numbers(3, rows) } else { Vec::new() };
            for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
                let mut c = vec![f64::NAN; rows * step];
                let product = Shifted { a: &a, start: &start, x: &x, offsets: &offsets, places, c: &mut c, step };
                f64::dispatch(path, product);
                for (r, p) in (0..rows).flat_map(|r| (0..places).map(move |p| (r, p))) {
                    let terms = offsets.iter().enumerate().map(|(k, &offset)| a[r * depth + k] * x[offset + p]);
                    let expected = start.get(r).unwrap_or(&0.0) + terms.sum::<f64>();
                    prop_assert!((c[r * step + p] - expected).abs() < 1e-12, "{path:?} {r} {p}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "the size of the right operand")]
    fn an_offset_may_not_lead_outside() {
        let (x, mut c) = (vec![0f32; 40 + SLACK], vec![0f32; 40 + SLACK]);
        let step = c.len();
        Shifted { a: &[1.0], start: &[], x: &x, offsets: &[1], places: 40, c: &mut c, step }.run();
    }
}
