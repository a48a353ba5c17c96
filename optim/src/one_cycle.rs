//! [`OneCycleLR`]: one rise and one long fall.

use std::f64::consts::PI;

use crate::{Result, Schedule, options::check};

/// One cycle (Smith and Topin, 2018): the learning rate rises from `max_lr / div_factor` to
/// `max_lr`, then falls far below where it started.
///
/// With S = `total_steps`, the rise ends at step `pct_start` · S - 1 and the fall at step S - 1,
/// on `max_lr / div_factor / final_div_factor`. With [`three_phase`](Self::three_phase) the fall
/// is as long as the rise and ends where that began, at step 2 · `pct_start` · S - 2; the last
/// phase takes it to the end.
///
/// After step S - 1 the learning rate stays. (PyTorch goes one step beyond, along the cosine, and
/// fails at the next.) Momentum stays as it is: the values are those of PyTorch with
/// `cycle_momentum=False`.
///
/// ```
/// use refrain_optim::{OneCycleLR, Schedule};
/// let schedule = OneCycleLR::new(0.1, 10)?;
/// let rates: Vec<_> = (0..10).map(|step| format!("{:.3}", schedule.learning_rate(step))).collect();
/// assert_eq!(rates.join(" "), "0.004 0.052 0.100 0.095 0.081 0.061 0.039 0.019 0.005 0.000");
/// # Ok::<(), refrain_optim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLR {
    max_lr: f64,
    total_steps: usize,
    pct_start: f64,
    annealing: Annealing,
    div_factor: f64,
    final_div_factor: f64,
    three_phase: bool,
}

/// The way from one learning rate to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Annealing {
    /// Half a cosine wave: slow, fast, slow.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

impl Annealing {
    fn between(self, start: f64, end: f64, way: f64) -> f64 {
        match self {
            Self::Cos => end + (start - end) / 2.0 * (1.0 + (PI * way).cos()),
            Self::Linear => start + (end - start) * way,
        }
    }
}

impl OneCycleLR {
    /// A cycle of `total_steps` steps: along cosines, up in the first 30 %, from `max_lr / 25`,
    /// and down to a ten-thousandth of that.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where `max_lr` is negative or not finite, or
    /// `total_steps` is 0.
    pub fn new(max_lr: f64, total_steps: usize) -> Result<Self> {
        check("one_cycle_lr", "max_lr", max_lr).finite_and_not_negative()?;
        check("one_cycle_lr", "total_steps", total_steps as f64).at_least_one()?;
        Ok(Self {
            max_lr,
            total_steps,
            pct_start: 0.3,
            annealing: Annealing::Cos,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        })
    }

    /// The part of the cycle spent rising. 0.3 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is not from 0 to 1.
    pub fn pct_start(self, pct_start: f64) -> Result<Self> {
        check("one_cycle_lr", "pct_start", pct_start).fraction()?;
        Ok(Self { pct_start, ..self })
    }

    /// How the learning rate rises and falls. [`Annealing::Cos`] by default.
    pub fn annealing(self, annealing: Annealing) -> Self {
        Self { annealing, ..self }
    }

    /// `max_lr` over the learning rate of step 0. 25 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is not above 0 or not finite.
    pub fn div_factor(self, div_factor: f64) -> Result<Self> {
        check("one_cycle_lr", "div_factor", div_factor).finite_and_positive()?;
        Ok(Self { div_factor, ..self })
    }

    /// The learning rate of step 0 over that of the end. 1e4 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is not above 0 or not finite.
    pub fn final_div_factor(self, final_div_factor: f64) -> Result<Self> {
        check("one_cycle_lr", "final_div_factor", final_div_factor).finite_and_positive()?;
        Ok(Self { final_div_factor, ..self })
    }

    /// Whether the fall stops where the rise began before the end. Off by default.
    pub fn three_phase(self, three_phase: bool) -> Self {
        Self { three_phase, ..self }
    }
}

impl Schedule for OneCycleLR {
    fn learning_rate(&self, step: usize) -> f64 {
        let last = self.total_steps - 1;
        let (at, last) = (step.min(last) as f64, last as f64);
        let low = self.max_lr / self.div_factor;
        let lowest = low / self.final_div_factor;
        let top = self.pct_start * self.total_steps as f64 - 1.0;
        let back = 2.0 * self.pct_start * self.total_steps as f64 - 2.0;

        let (from, to, start, end) = if at <= top {
            (0.0, top, low, self.max_lr)
        } else if !self.three_phase {
            (top, last, self.max_lr, lowest)
        } else if at <= back {
            (top, back, self.max_lr, low)
        } else {
            (back, last, low, lowest)
        };
        // A phase without length is over where it begins.
        let way = if to > from { (at - from) / (to - from) } else { 1.0 };
        self.annealing.between(start, end, way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_refused() {
        let schedule = || OneCycleLR::new(0.1, 10).unwrap();
        let cases = [
            (
                OneCycleLR::new(f64::NAN, 10).unwrap_err(),
                "one_cycle_lr: max_lr is NaN, expected a finite number of at least 0",
            ),
            (OneCycleLR::new(0.1, 0).unwrap_err(), "one_cycle_lr: total_steps is 0, expected at least 1"),
            (schedule().pct_start(1.1).unwrap_err(), "one_cycle_lr: pct_start is 1.1, expected from 0 to 1"),
            (
                schedule().div_factor(0.0).unwrap_err(),
                "one_cycle_lr: div_factor is 0, expected a finite number above 0",
            ),
            (
                schedule().final_div_factor(-1.0).unwrap_err(),
                "one_cycle_lr: final_div_factor is -1, expected a finite number above 0",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn it_stays_at_the_end() {
        let schedule = OneCycleLR::new(0.1, 10).unwrap();
        for step in [9, 10, 11, 1000, usize::MAX] {
            assert!((schedule.learning_rate(step) - 4e-7).abs() < 1e-20, "{step}");
        }
    }

    #[test]
    fn every_length_has_a_finite_rate_within_bounds() {
        for total in 1..25 {
            for pct_start in [0.0, 0.1, 0.25, 0.5, 0.75, 1.0] {
                for three_phase in [false, true] {
                    let schedule = OneCycleLR::new(0.1, total).unwrap();
                    let schedule = schedule.pct_start(pct_start).unwrap().three_phase(three_phase);
                    for step in 0..total + 2 {
                        let rate = schedule.learning_rate(step);
                        assert!((3.9e-7..=0.1 + 1e-15).contains(&rate), "{schedule:?} at {step}: {rate}");
                    }
                }
            }
        }
    }
}
