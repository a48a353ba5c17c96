//! [`Outlook`]: what comes after the last row of a series.

use super::{Forecaster, Plan, Series};
use crate::program::Fallible;

/// A series, and what comes after its last row.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// How the series was read.
    pub plan: Plan,
    /// What is known.
    pub series: Series,
    /// The next `horizon` values of the target.
    pub forecast: Vec<f64>,
}

impl Outlook {
    /// Foretells what comes after a series.
    ///
    /// # Errors
    /// Where the series has another step of time than the one that the forecaster has learned from, or fewer
    /// rows than a window has.
    pub fn of(forecaster: &Forecaster, series: Series) -> Fallible<Self> {
        let step = series.clock.map(|(_, step)| step);
        if let (Some(trained), Some(found)) =
            (forecaster.plan.minutes, step.filter(|_| step != forecaster.plan.minutes))
        {
            return Err(format!(
                "the rows are {found} minutes apart, and the model was trained on {trained}"
            )
            .into());
        }
        Ok(Self { forecast: forecaster.forecast(&series.values)?, plan: forecaster.plan.clone(), series })
    }

    /// The bounds of the band of each step ahead.
    pub fn bands(&self) -> impl Iterator<Item = [f64; 2]> {
        self.forecast.iter().zip(&self.plan.bands).map(|(forecast, band)| band.map(|bound| forecast + bound))
    }
}
