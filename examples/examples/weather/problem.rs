//! The days that the networks learn from, and those that they are tested on.

use std::ops::Range;

use refrain_data::{Loader, StandardScaler, Subset, Windows};
use refrain_tensor::Tensor;

use crate::{Fallible, days::Days};

/// Windows of days, each with the day after it, in three parts by that day: those to learn from,
/// those to choose by, and those to be tested on.
///
/// The days to choose by are the last third of the training years, of three years the last: a whole
/// year, for the seasons differ. They say for how many epochs to learn; then the networks learn from
/// all training years. A day of the test year is never a target before the test. The first windows of a part
/// look back on days of the part before it: that is the past, which a forecaster knows.
pub(crate) struct Problem {
    windows: Windows<f32>,
    window: usize,
    /// The days to learn to foretell.
    pub(crate) learning: Range<usize>,
    /// The days to choose the number of epochs by.
    pub(crate) validation: Range<usize>,
    /// The days of the test year.
    pub(crate) test: Range<usize>,
}

impl Problem {
    /// The windows of `window` days, scaled by what the training years show.
    pub(crate) fn new(days: &Days, window: usize) -> Fallible<Self> {
        let (training, all) = (days.test_start, days.len());
        let start_of_validation = training - training / 3;
        if training < 3 || start_of_validation <= window {
            let year = days.test_year();
            return Err(format!(
                "{training} days before {year} are too few to learn from windows of {window}"
            )
            .into());
        }
        let scaler = StandardScaler::fit(&days.features.narrow(0, 0, training)?)?;
        let wet = days.wet.iter().map(|&wet| f32::from(u8::from(wet))).collect();
        let (inputs, wet) = (scaler.transform(&days.features)?, Tensor::from_vec(wet, [all])?);
        Ok(Self {
            windows: Windows::with_targets(&inputs, &wet, window, 1)?,
            window,
            learning: window..start_of_validation,
            validation: start_of_validation..training,
            test: training..all,
        })
    }

    /// The windows before some days, each with whether its day is wet.
    pub(crate) fn part(&self, days: &Range<usize>) -> Fallible<Subset<&Windows<f32>>> {
        Ok(Subset::new(&self.windows, days.start - self.window..days.end - self.window)?)
    }

    /// A part as one batch: `[window, batch, features]` and `[batch, 1]`.
    pub(crate) fn batch(&self, days: &Range<usize>) -> Fallible<(Tensor<f32>, Tensor<f32>)> {
        let part = self.part(days)?;
        let batch = Loader::new(&part, days.len())?.stacked(1, 0).next();
        Ok(batch.ok_or("a part without days")??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::{FEATURES, tests::days};
    use refrain_data::Dataset;

    /// Twelve days of 2012 and `test` of 2013.
    fn toy(test: &[u8]) -> Days {
        days("2012-12-20", [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0].iter().chain(test).copied())
    }

    #[test]
    fn the_parts_follow_each_other_and_cover_all_days_but_the_first_window() {
        let problem = Problem::new(&toy(&[1, 0]), 3).unwrap();
        assert_eq!((problem.learning, problem.validation, problem.test), (3..8, 8..12, 12..14));
    }

    #[test]
    fn the_first_test_window_ends_on_the_last_day_before_the_test_year() {
        let days = toy(&[1, 0]);
        let problem = Problem::new(&days, 3).unwrap();
        let (window, target) = problem.part(&problem.test).unwrap().get(0).unwrap();
        // Being wet is the second feature: 1 above the mean of 0.5, 0 below.
        let wet: Vec<bool> = (0..3).map(|day| window[[day, 1]] > 0.0).collect();
        assert_eq!(wet, days.wet[9..12]);
        assert_eq!(target.to_vec(), [1.0]);
        let (last, _) = problem.part(&problem.learning).unwrap().get(4).unwrap();
        assert!(last.iter().eq(problem.windows.get(4).unwrap().0.iter()), "the window before day 7");
    }

    #[test]
    fn the_test_year_changes_nothing_that_is_learned_from() {
        let (a, b) = (toy(&[1, 0, 0]), toy(&[0, 1, 1, 1, 1]));
        let (a, b) = (Problem::new(&a, 2).unwrap(), Problem::new(&b, 2).unwrap());
        for part in [&a.learning, &a.validation] {
            assert_eq!(a.batch(part).unwrap(), b.batch(part).unwrap());
        }
        // Every feature of the training days has mean 0 and spread 1: the scaler saw them alone.
        let series = Tensor::cat(&[a.windows.get(0).unwrap().0, series_after(&a, 2)], 0).unwrap();
        assert_eq!(*series.shape(), [12, FEATURES]);
        assert!(series.mean(0).unwrap().iter().all(|mean| mean.abs() < 1e-5));
        assert!(series.std(0, 0).unwrap().iter().all(|std| (std - 1.0).abs() < 1e-5));
    }

    /// The scaled training days from `start` on: the first day of each window.
    fn series_after(problem: &Problem, start: usize) -> Tensor<f32> {
        let days: Vec<Tensor<f32>> =
            (start..12).map(|day| problem.windows.get(day).unwrap().0.select(0, 0).unwrap()).collect();
        Tensor::stack(&days, 0).unwrap()
    }

    #[test]
    fn too_few_days_are_an_error() {
        let message = Problem::new(&toy(&[1]), 8).err().unwrap().to_string();
        assert_eq!(message, "12 days before 2013 are too few to learn from windows of 8");
        assert!(Problem::new(&days("2012-12-30", [1, 0, 1]), 1).is_err());
    }
}
