//! Exponentials normalised along an axis, without overflow.

use crate::{
    Axes, Real, Result, Tensor,
    arithmetic::larger,
    keepdim,
    parallel::{COSTLY, fill_rows},
    reduce::{fold_row, reduce},
};

impl<T: Real> Tensor<T> {
    /// ln Σ eˣ along `axes`, with the largest element taken out first so that nothing overflows.
    /// −∞ where every element is −∞.
    ///
    /// # Errors
    /// [`Error::EmptyReduction`](crate::Error::EmptyReduction) over nothing; [`Error::AxisOutOfRange`](crate::Error::AxisOutOfRange),
    /// [`Error::DuplicateAxis`](crate::Error::DuplicateAxis).
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([1000.0f64, 1000.0]);
    /// assert_eq!(t.logsumexp(0)?.item()?, 1000.0 + 2f64.ln());
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Result<Self> {
        let axes = axes.into();
        // An infinite maximum would turn into ∞ − ∞; without it the sum is right by itself.
        let op = "logsumexp";
        let largest = reduce(op, self, keepdim(axes), None, larger)?;
        let largest = largest.map(|x| if x.is_infinite() { T::ZERO } else { x });
        let powers = self.zip_map_at_cost(COSTLY, op, &largest, |x, largest| (x - largest).exp())?;
        let sum = reduce(op, &powers, axes, Some(T::ZERO), T::plus)?;
        let largest = largest.reshape(sum.shape())?;
        sum.zip_map(op, &largest, |sum, largest| sum.ln() + largest)
    }

    /// eˣ / Σ eˣ along one axis: positive numbers that add up to 1. The sum is pairwise, as in
    /// [`Tensor::sum`], so long rows stay accurate.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`](crate::Error::AxisOutOfRange).
    pub fn softmax(&self, axis: isize) -> Result<Self> {
        self.normalise_rows("softmax", axis, |row| {
            let largest = largest(row);
            row.iter_mut().for_each(|x| *x = (*x - largest).exp());
            let sum = fold_row(row, |x| x, T::plus);
            row.iter_mut().for_each(|x| *x = *x / sum);
        })
    }

    /// x − ln Σ eˣ along one axis: the logarithm of [`Tensor::softmax`], exact where that would
    /// round to 0.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`](crate::Error::AxisOutOfRange).
    pub fn log_softmax(&self, axis: isize) -> Result<Self> {
        self.normalise_rows("log_softmax", axis, |row| {
            let largest = largest(row);
            let sum = fold_row(row, |x| (x - largest).exp(), T::plus);
            let shift = sum.ln();
            // Two subtractions: added up, a large maximum would swallow the small logarithm.
            row.iter_mut().for_each(|x| *x = (*x - largest) - shift);
        })
    }

    /// Applies `normalise` to every row along an axis, in a copy of this tensor.
    fn normalise_rows(
        &self,
        op: &'static str,
        axis: isize,
        normalise: impl Fn(&mut [T]) + Sync,
    ) -> Result<Self> {
        let axis = self.shape().axis(op, axis)?;
        let size = self.shape()[axis];
        let mut rows = self.move_axis_last(axis).try_contiguous(op)?;
        if rows.is_empty() {
            return Ok(self.clone());
        }
        fill_rows(rows.try_as_mut_slice(op)?, size, size * COSTLY, |_, chunk| {
            chunk.chunks_exact_mut(size).for_each(&normalise);
        });
        // Back to the old order: the last axis returns to its place.
        (axis..self.rank() - 1).rev().try_fold(rows, |t, a| t.transpose(a as isize, a as isize + 1))
    }
}

fn largest<T: Real>(row: &[T]) -> T {
    row.iter().copied().fold(T::neg_infinity(), larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_three_agree(values in prop::collection::vec(-50.0f64..50.0, 24), axis in -3isize..3, shift in -700.0f64..700.0) {
            let t = Tensor::from_vec(values, [2, 3, 4]).unwrap();
            let (soft, log) = (t.softmax(axis).unwrap(), t.log_softmax(axis).unwrap());
            let sums = soft.sum(axis).unwrap();
            prop_assert!(sums.iter().all(|s| (s - 1.0).abs() < 1e-12));
            prop_assert!(soft.iter().zip(log.iter()).all(|(s, l)| (s.ln() - l).abs() < 1e-9));
            let direct = &t - &t.logsumexp(keepdim(axis)).unwrap();
            prop_assert!(direct.iter().zip(log.iter()).all(|(a, b)| (a - b).abs() < 1e-9));
            let moved = (t + shift).softmax(axis).unwrap();
            prop_assert!(moved.iter().zip(soft.iter()).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn infinities_behave() {
        let none = Tensor::from([f64::NEG_INFINITY; 2]);
        assert_eq!(none.logsumexp(0).unwrap().item(), Ok(f64::NEG_INFINITY));
        assert!(none.softmax(0).unwrap().iter().all(f64::is_nan));
        let masked = Tensor::from([0.0, f64::NEG_INFINITY]);
        assert_eq!(masked.softmax(0).unwrap().to_vec(), [1.0, 0.0]);
        assert_eq!(Tensor::from([f64::INFINITY, 0.0]).logsumexp(0).unwrap().item(), Ok(f64::INFINITY));
    }

    #[test]
    fn long_rows_stay_accurate() {
        let n = 3_000_000usize;
        let t = Tensor::<f32>::arange(n).unwrap().map(|x| (x % 7.0) / 10.0);
        let soft = t.softmax(0).unwrap();
        let log = t.log_softmax(0).unwrap();
        let sum = soft.iter().map(f64::from).sum::<f64>();
        let log_sum = log.iter().map(|x| f64::from(x).exp()).sum::<f64>();
        assert!((sum - 1.0).abs() < 1e-5 && (log_sum - 1.0).abs() < 1e-5, "{sum} {log_sum}");
    }

    #[test]
    fn logsumexp_names_itself() {
        let message = Tensor::from([1.0]).logsumexp(1).unwrap_err().to_string();
        assert_eq!(message, "logsumexp: axis 1 is out of range for shape [1] of rank 1");
    }

    #[test]
    fn empty_rows_stay_empty() {
        assert_eq!(*Tensor::<f32>::zeros([3, 0]).unwrap().softmax(1).unwrap().shape(), [3, 0]);
        assert!(Tensor::<f32>::zeros([3, 0]).unwrap().logsumexp(1).is_err());
        assert_eq!(
            Tensor::from(1.0).softmax(0).unwrap_err().to_string(),
            "softmax: axis 0 is out of range for shape [] of rank 0"
        );
    }
}
