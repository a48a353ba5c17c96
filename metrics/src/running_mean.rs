//! [`RunningMean`].

use std::{cmp::Ordering, fmt};

/// The mean of numbers that come one after the other: a loss over the batches of an epoch.
///
/// The sum is compensated (Neumaier 1974): what each addition rounds away is kept beside it. So the
/// mean of a billion numbers is as exact as that of ten.
///
/// The mean of no numbers is NaN, and so is one that a NaN went into.
///
/// ```
/// use refrain_metrics::RunningMean;
/// let mut loss = RunningMean::new();
/// loss.push_many(0.5, 32); // the mean loss of a batch of 32
/// loss.push_many(0.8, 16); // the last batch is smaller, and weighs less
/// assert_eq!((loss.mean(), loss.count()), (0.6, 48));
/// assert!(RunningMean::new().mean().is_nan());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunningMean {
    sum: f64,
    rounded_away: f64,
    count: u64,
}

impl RunningMean {
    /// The mean of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one number.
    pub fn push(&mut self, value: f64) {
        self.push_many(value, 1);
    }

    /// Takes in the mean of `count` numbers; of none, it changes nothing.
    pub fn push_many(&mut self, mean: f64, count: u64) {
        if count > 0 {
            self.add(mean * count as f64);
            self.count += count;
        }
    }

    /// Takes in all numbers of another mean, of another thread perhaps.
    pub fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.add(other.rounded_away);
        self.count += other.count;
    }

    /// The mean of the numbers so far.
    pub fn mean(&self) -> f64 {
        self.sum() / self.count as f64
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        // Beside an infinity, what was rounded away is NaN.
        if self.sum.is_finite() { self.sum + self.rounded_away } else { self.sum }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (large, small) = match self.sum.abs().partial_cmp(&value.abs()) {
            Some(Ordering::Less) => (value, self.sum),
            _ => (self.sum, value),
        };
        self.rounded_away += (large - sum) + small;
        self.sum = sum;
    }
}

/// The mean, in the format that is asked for: `{loss:.4}`.
impl fmt::Display for RunningMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.mean(), f)
    }
}

impl Extend<f64> for RunningMean {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl FromIterator<f64> for RunningMean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Self::new();
        mean.extend(values);
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> f64 {
        values.iter().copied().collect::<RunningMean>().mean()
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec(-1e6f64..1e6, 1..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(values.len());
            let mut left: RunningMean = values[..cut].iter().copied().collect();
            left.merge(&values[cut..].iter().copied().collect());
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), &x| (l.min(x), h.max(x)));
            prop_assert!((left.mean() - of(&values)).abs() <= 1e-15 * 1e6);
            prop_assert!(low <= of(&values) + 1e-9 && of(&values) <= high + 1e-9);
            prop_assert_eq!(left.count(), values.len() as u64);
        }
    }

    #[test]
    fn small_numbers_are_not_lost_beside_large_ones() {
        // Plain addition loses both ones, and says 0.
        assert_eq!(of(&[1.0, 1e100, 1.0, -1e100]), 0.5);
        let mut mean = RunningMean::new();
        mean.extend((0..1_000_000).map(|_| 0.1));
        assert_eq!(mean.mean(), 0.1);
        assert_ne!((0..1_000_000).map(|_| 0.1).sum::<f64>() / 1e6, 0.1, "plain addition drifts");
    }

    #[test]
    fn numbers_that_are_none() {
        let cases: [(&[f64], f64); 4] = [
            (&[1.0, f64::INFINITY, 2.0], f64::INFINITY),
            (&[f64::NEG_INFINITY, 2.0], f64::NEG_INFINITY),
            (&[0.0], 0.0),
            (&[-3.0, 3.0], 0.0),
        ];
        for (values, expected) in cases {
            assert_eq!(of(values), expected, "{values:?}");
        }
        for values in [&[][..], &[1.0, f64::NAN, 2.0], &[f64::INFINITY, f64::NEG_INFINITY]] {
            assert!(of(values).is_nan(), "{values:?}");
        }
        let mut mean: RunningMean = [2.0].into_iter().collect();
        mean.push_many(f64::NAN, 0);
        assert_eq!((mean.mean(), format!("{mean:.2}")), (2.0, "2.00".to_owned()));
    }
}
