//! How numbers are spread: [`Spread`] and [`quantiles`].

use crate::{Error, Result};

/// The mean of some numbers and how far they lie from it.
///
/// ```
/// use refrain_metrics::Spread;
/// let spread = Spread::of([1.0, 2.0, 6.0]);
/// assert_eq!((spread.mean, spread.std), (3.0, 7f64.sqrt())); // (4 + 1 + 9) / (3 − 1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean; NaN of no numbers.
    pub mean: f64,
    /// The sample standard deviation, divided by n − 1; 0 for fewer than two numbers, which have no
    /// spread to speak of.
    pub std: f64,
    /// How many numbers there were.
    pub count: usize,
}

impl Spread {
    /// The spread of `values`.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let std = if count < 2 { 0.0 } else { (squares / (count - 1) as f64).sqrt() };
        Self { mean, std, count }
    }

    /// The standard error of the mean, std / √n: how far the mean itself may be off where the
    /// numbers are independent.
    pub fn standard_error(&self) -> f64 {
        self.std / (self.count as f64).sqrt()
    }
}

/// The quantiles of some numbers at levels from 0 (the least) to 1 (the largest), ½ being the
/// median.
///
/// Between two of the sorted numbers it goes in a straight line: level q lies at place q (n − 1)
/// (type 7 of Hyndman and Fan 1996, and what NumPy does by default). NaN counts as larger than all
/// numbers; of no numbers, every quantile is NaN.
///
/// # Errors
/// [`Error::Level`].
///
/// ```
/// use refrain_metrics::quantiles;
/// assert_eq!(quantiles(&[4.0, 1.0, 3.0, 2.0], [0.0, 0.5, 0.9, 1.0])?, [1.0, 2.5, 3.7, 4.0]);
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
pub fn quantiles<const N: usize>(values: &[f64], levels: [f64; N]) -> Result<[f64; N]> {
    if let Some(&level) = levels.iter().find(|level| !(0.0..=1.0).contains(*level)) {
        return Err(Error::Level { op: "quantiles", level });
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Ok([f64::NAN; N]) };
    Ok(levels.map(|level| {
        let place = level * last as f64;
        let (below, part) = ((place as usize).min(last), place.fract());
        let low = sorted[below];
        if part == 0.0 { low } else { low + part * (sorted[(below + 1).min(last)] - low) }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 + 1e-12 * expected.abs(), "{found} {expected}");
    }

    proptest! {
        #[test]
        fn a_quantile_has_its_share_below(values in prop::collection::vec(-100i32..100, 1..50), level in 0.0f64..=1.0) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let [low, found, high] = quantiles(&values, [0.0, level, 1.0]).unwrap();
            prop_assert!(low <= found && found <= high);
            let at_most = values.iter().filter(|&&x| x <= found + 1e-9).count() as f64;
            let at_least = values.iter().filter(|&&x| x >= found - 1e-9).count() as f64;
            let n = values.len() as f64 - 1.0;
            prop_assert!(at_most >= (level * n).floor() && at_least >= ((1.0 - level) * n).floor());
        }
    }

    #[test]
    fn quantiles_of_few_numbers() {
        assert_eq!(quantiles(&[3.0], [0.0, 0.3, 1.0]).unwrap(), [3.0; 3]);
        assert!(quantiles(&[], [0.5]).unwrap()[0].is_nan());
        let message = quantiles(&[1.0], [0.5, 1.5]).unwrap_err().to_string();
        assert_eq!(message, "quantiles: the level is 1.5, expected a number from 0 to 1");
        assert!(quantiles(&[1.0], [f64::NAN]).is_err());
        let infinite = quantiles(&[f64::NEG_INFINITY, 0.0, f64::INFINITY], [0.0, 0.5, 1.0]).unwrap();
        assert_eq!(infinite, [f64::NEG_INFINITY, 0.0, f64::INFINITY]);
    }

    #[test]
    fn spreads_by_hand() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_close(spread.mean, 5.0);
        assert_close(spread.std, (32.0f64 / 7.0).sqrt());
        assert_close(spread.standard_error(), (32.0f64 / 56.0).sqrt());
        assert_eq!(Spread::of([3.0]), Spread { mean: 3.0, std: 0.0, count: 1 });
        assert!(Spread::of([]).mean.is_nan());
    }
}
