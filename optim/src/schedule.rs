//! [`Schedule`]: learning rates that change over time.

use std::f64::consts::PI;

use crate::{Result, options::check};

/// A learning rate for each step.
///
/// A schedule is a function of the number of the step alone. It holds no optimizer and counts
/// nothing, so training that goes on from step 1000 asks for step 1000. "Step" is whatever the
/// caller counts: batches or epochs. The values are those that PyTorch's schedulers reach step by
/// step, up to rounding.
///
/// ```
/// use refrain_optim::{Optimizer, SGD, Schedule, StepLR};
/// let schedule = StepLR::new(0.5, 2)?.gamma(0.5)?;
/// let mut optimizer = SGD::<f32>::new(0.5);
/// let mut rates = vec![];
/// for step in 0..6 {
///     optimizer.set_learning_rate(schedule.learning_rate(step));
///     rates.push(optimizer.learning_rate()); // … and train
/// }
/// assert_eq!(rates, [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
/// # Ok::<(), refrain_optim::Error>(())
/// ```
pub trait Schedule {
    /// The learning rate of a step, counted from 0.
    fn learning_rate(&self, step: usize) -> f64;
}

/// Multiplies the learning rate by γ every `step_size` steps: lr · γ^⌊step / step_size⌋.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLR {
    start: f64,
    step_size: usize,
    gamma: f64,
}

impl StepLR {
    /// Starts at `learning_rate`; γ is 0.1.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where the learning rate is negative or not finite,
    /// or `step_size` is 0.
    pub fn new(learning_rate: f64, step_size: usize) -> Result<Self> {
        check("step_lr", "learning_rate", learning_rate).finite_and_not_negative()?;
        check("step_lr", "step_size", step_size as f64).at_least_one()?;
        Ok(Self { start: learning_rate, step_size, gamma: 0.1 })
    }

    /// The factor γ.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is negative or not finite.
    pub fn gamma(self, gamma: f64) -> Result<Self> {
        check("step_lr", "gamma", gamma).finite_and_not_negative()?;
        Ok(Self { gamma, ..self })
    }
}

impl Schedule for StepLR {
    fn learning_rate(&self, step: usize) -> f64 {
        self.start * self.gamma.powf((step / self.step_size) as f64)
    }
}

/// Multiplies the learning rate by γ at each step: lr · γ^step.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialLR {
    start: f64,
    gamma: f64,
}

impl ExponentialLR {
    /// Starts at `learning_rate`.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where the learning rate or γ is negative or not finite.
    pub fn new(learning_rate: f64, gamma: f64) -> Result<Self> {
        check("exponential_lr", "learning_rate", learning_rate).finite_and_not_negative()?;
        check("exponential_lr", "gamma", gamma).finite_and_not_negative()?;
        Ok(Self { start: learning_rate, gamma })
    }
}

impl Schedule for ExponentialLR {
    fn learning_rate(&self, step: usize) -> f64 {
        self.start * self.gamma.powf(step as f64)
    }
}

/// Half a cosine wave from the learning rate down to `eta_min` (Loshchilov and Hutter, 2017):
/// eta_min + (lr - eta_min) · (1 + cos(π · step / t_max)) / 2.
///
/// The wave goes on after `t_max`, as in PyTorch: up again until 2 `t_max`, then down.
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingLR {
    start: f64,
    t_max: usize,
    eta_min: f64,
}

impl CosineAnnealingLR {
    /// Starts at `learning_rate` and reaches 0 at step `t_max`.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where the learning rate is negative or not finite,
    /// or `t_max` is 0.
    pub fn new(learning_rate: f64, t_max: usize) -> Result<Self> {
        check("cosine_annealing_lr", "learning_rate", learning_rate).finite_and_not_negative()?;
        check("cosine_annealing_lr", "t_max", t_max as f64).at_least_one()?;
        Ok(Self { start: learning_rate, t_max, eta_min: 0.0 })
    }

    /// The learning rate at step `t_max`. 0 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is negative or not finite.
    pub fn eta_min(self, eta_min: f64) -> Result<Self> {
        check("cosine_annealing_lr", "eta_min", eta_min).finite_and_not_negative()?;
        Ok(Self { eta_min, ..self })
    }
}

impl Schedule for CosineAnnealingLR {
    fn learning_rate(&self, step: usize) -> f64 {
        let height = 1.0 + (PI * step as f64 / self.t_max as f64).cos();
        self.eta_min + (self.start - self.eta_min) * height / 2.0
    }
}

/// Moves the factor of the learning rate evenly from one number to another in `total_iters`
/// steps, where it stays: a warm-up.
///
/// With i = min(step, total_iters): lr · (start + (end - start) · i / total_iters).
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLR {
    base: f64,
    start_factor: f64,
    end_factor: f64,
    total_iters: usize,
}

impl LinearLR {
    /// From a third of `learning_rate` to all of it in 5 steps.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where the learning rate is negative or not finite.
    pub fn new(learning_rate: f64) -> Result<Self> {
        check("linear_lr", "learning_rate", learning_rate).finite_and_not_negative()?;
        Ok(Self { base: learning_rate, start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5 })
    }

    /// The factor at step 0. 1/3 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is not from 0 to 1. PyTorch refuses 0
    /// also, for it divides by it.
    pub fn start_factor(self, start_factor: f64) -> Result<Self> {
        check("linear_lr", "start_factor", start_factor).fraction()?;
        Ok(Self { start_factor, ..self })
    }

    /// The factor from step `total_iters` on. 1 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is not from 0 to 1.
    pub fn end_factor(self, end_factor: f64) -> Result<Self> {
        check("linear_lr", "end_factor", end_factor).fraction()?;
        Ok(Self { end_factor, ..self })
    }

    /// How many steps it takes. 5 by default.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where it is 0.
    pub fn total_iters(self, total_iters: usize) -> Result<Self> {
        check("linear_lr", "total_iters", total_iters as f64).at_least_one()?;
        Ok(Self { total_iters, ..self })
    }
}

impl Schedule for LinearLR {
    fn learning_rate(&self, step: usize) -> f64 {
        if step >= self.total_iters {
            return self.base * self.end_factor;
        }
        let way = step as f64 / self.total_iters as f64;
        self.base * (self.start_factor + (self.end_factor - self.start_factor) * way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_refused() {
        let cases = [
            (
                StepLR::new(-0.1, 3).unwrap_err(),
                "step_lr: learning_rate is -0.1, expected a finite number of at least 0",
            ),
            (StepLR::new(0.1, 0).unwrap_err(), "step_lr: step_size is 0, expected at least 1"),
            (
                StepLR::new(0.1, 3).unwrap().gamma(f64::NAN).unwrap_err(),
                "step_lr: gamma is NaN, expected a finite number of at least 0",
            ),
            (
                ExponentialLR::new(0.1, f64::INFINITY).unwrap_err(),
                "exponential_lr: gamma is inf, expected a finite number of at least 0",
            ),
            (
                CosineAnnealingLR::new(0.1, 0).unwrap_err(),
                "cosine_annealing_lr: t_max is 0, expected at least 1",
            ),
            (
                CosineAnnealingLR::new(0.1, 5).unwrap().eta_min(-1.0).unwrap_err(),
                "cosine_annealing_lr: eta_min is -1, expected a finite number of at least 0",
            ),
            (
                LinearLR::new(0.1).unwrap().start_factor(-0.5).unwrap_err(),
                "linear_lr: start_factor is -0.5, expected from 0 to 1",
            ),
            (
                LinearLR::new(0.1).unwrap().end_factor(1.5).unwrap_err(),
                "linear_lr: end_factor is 1.5, expected from 0 to 1",
            ),
            (
                LinearLR::new(0.1).unwrap().total_iters(0).unwrap_err(),
                "linear_lr: total_iters is 0, expected at least 1",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_step_far_away_is_no_trouble() {
        let far = usize::MAX;
        assert_eq!(StepLR::new(0.1, 1).unwrap().learning_rate(far), 0.0);
        assert_eq!(ExponentialLR::new(0.1, 1.0).unwrap().learning_rate(far), 0.1);
        assert!((0.0..=0.1).contains(&CosineAnnealingLR::new(0.1, 7).unwrap().learning_rate(far)));
        assert_eq!(LinearLR::new(0.1).unwrap().learning_rate(far), 0.1);
    }
}
