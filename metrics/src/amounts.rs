//! Errors of forecasts that are amounts: degrees, prices, loads.

use crate::{Error, Result, RunningMean, error::check_paired};

/// How far forecasts f lay from N outcomes y, in their unit.
///
/// | error | formula |
/// | --- | --- |
/// | MAE | 1/N Σ \|f − y\| |
/// | RMSE | √(1/N Σ (f − y)²), which weighs large errors more |
/// | bias | 1/N Σ (f − y), above 0 where the forecasts are too high |
///
/// All three are NaN where there are no forecasts or one of the numbers is NaN.
///
/// ```
/// use refrain_metrics::Errors;
/// let errors = Errors::of(&[1.0, 2.0, 7.0], &[1.0, 4.0, 3.0])?; // forecasts, outcomes
/// assert_eq!((errors.mae, errors.rmse, errors.bias), (2.0, (20f64 / 3.0).sqrt(), 2.0 / 3.0));
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// The mean absolute error.
    pub mae: f64,
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The mean error.
    pub bias: f64,
}

impl Errors {
    /// The errors of `forecasts` against `outcomes`.
    ///
    /// # Errors
    /// [`Error::Unpaired`].
    pub fn of<T: Into<f64> + Copy>(forecasts: &[T], outcomes: &[T]) -> Result<Self> {
        check_paired("errors", forecasts.len(), outcomes.len())?;
        Ok(forecasts.iter().zip(outcomes).map(|(&f, &y)| f.into() - y.into()).collect())
    }

    /// The errors for each step of a horizon apart: how much worse a forecast becomes, the further
    /// it looks ahead.
    ///
    /// Both slices hold a row of `horizon` numbers for each forecast, row after row. The result has
    /// `horizon` entries.
    ///
    /// # Errors
    /// [`Error::Zero`] for a horizon of 0, [`Error::Unpaired`], [`Error::Rows`].
    ///
    /// ```
    /// use refrain_metrics::Errors;
    /// let forecasts = [1.0, 2.0, 3.0, 4.0]; // two forecasts of two steps
    /// let outcomes = [1.0, 5.0, 2.0, 3.0];
    /// let mae: Vec<f64> = Errors::by_horizon(&forecasts, &outcomes, 2)?.iter().map(|step| step.mae).collect();
    /// assert_eq!(mae, [0.5, 2.0]);
    /// # Ok::<(), refrain_metrics::Error>(())
    /// ```
    pub fn by_horizon<T: Into<f64> + Copy>(
        forecasts: &[T],
        outcomes: &[T],
        horizon: usize,
    ) -> Result<Vec<Self>> {
        let op = "errors by horizon";
        if horizon == 0 {
            return Err(Error::Zero { op, what: "the horizon" });
        }
        check_paired(op, forecasts.len(), outcomes.len())?;
        if !forecasts.len().is_multiple_of(horizon) {
            return Err(Error::Rows { op, numbers: forecasts.len(), width: horizon });
        }
        let differences = |step: usize| {
            let pairs = forecasts.iter().zip(outcomes).skip(step).step_by(horizon);
            pairs.map(|(&f, &y)| f.into() - y.into())
        };
        Ok((0..horizon).map(|step| differences(step).collect()).collect())
    }
}

/// The errors of differences f − y.
impl FromIterator<f64> for Errors {
    fn from_iter<I: IntoIterator<Item = f64>>(differences: I) -> Self {
        let [mut absolute, mut squared, mut plain] = [RunningMean::new(); 3];
        for difference in differences {
            absolute.push(difference.abs());
            squared.push(difference * difference);
            plain.push(difference);
        }
        Self { mae: absolute.mean(), rmse: squared.mean().sqrt(), bias: plain.mean() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_mean_lies_below_the_root_of_the_squares(
            pairs in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3), 1..50),
            horizon in 1usize..5,
        ) {
            let rows = pairs.len() / horizon * horizon;
            prop_assume!(rows > 0);
            let (f, y): (Vec<f64>, Vec<f64>) = pairs[..rows].iter().copied().unzip();
            let all = Errors::of(&f, &y).unwrap();
            prop_assert!(all.bias.abs() <= all.mae + 1e-9 && all.mae <= all.rmse + 1e-9);
            let steps = Errors::by_horizon(&f, &y, horizon).unwrap();
            prop_assert_eq!(steps.len(), horizon);
            let mean = steps.iter().map(|step| step.mae).collect::<RunningMean>().mean();
            prop_assert!((mean - all.mae).abs() < 1e-9);
        }
    }

    #[test]
    fn nothing_and_nan() {
        for errors in [Errors::of::<f32>(&[], &[]).unwrap(), Errors::of(&[1.0, f32::NAN], &[1.0; 2]).unwrap()]
        {
            assert!(errors.mae.is_nan() && errors.rmse.is_nan() && errors.bias.is_nan());
        }
        assert!(Errors::by_horizon::<f64>(&[], &[], 2).unwrap().iter().all(|step| step.mae.is_nan()));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let cases = [
            (Errors::of(&[1.0], &[]).unwrap_err(), "errors: 1 forecasts, but 0 outcomes"),
            (
                Errors::by_horizon(&[1.0], &[1.0], 0).unwrap_err(),
                "errors by horizon: the horizon is 0, expected at least 1",
            ),
            (
                Errors::by_horizon(&[1.0; 3], &[1.0; 3], 2).unwrap_err(),
                "errors by horizon: 3 numbers do not fill rows of 2",
            ),
            (
                Errors::by_horizon(&[1.0; 2], &[1.0; 4], 2).unwrap_err(),
                "errors by horizon: 2 forecasts, but 4 outcomes",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
