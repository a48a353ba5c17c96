//! [`EarlyStopping`]: when a validation metric no longer improves, the best weights are what counts.

use refrain_nn::{Module, Real, StateDict};

use crate::{Checkpoint, Result};

/// Watches a validation metric, keeps the weights of its best value, and says when it has not
/// improved for `patience` looks in a row.
///
/// ```
/// use refrain_autograd::Parameter;
/// use refrain_tensor::Tensor;
/// use refrain_train::{EarlyStopping, Verdict};
/// let mut model = Parameter::new(Tensor::from([0.0]));
/// let mut watch = EarlyStopping::new(2);
/// let losses = [0.9, 0.5, 0.6, 0.55, 0.4];
/// let verdicts = losses.map(|loss| {
///     model.as_mut_slice()[0] = loss; // an epoch of training
///     watch.look(loss, &model)
/// });
/// assert_eq!(verdicts[..3], [Verdict::Improved, Verdict::Improved, Verdict::Waiting { left: 1 }]);
/// assert_eq!(verdicts[3], Verdict::Stop);
/// let best = watch.best().expect("there was a look");
/// assert_eq!(best.metric, 0.4); // it goes on watching for a caller who goes on
/// best.weights.load_into(&mut model)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopping<T: Real> {
    patience: u64,
    min_delta: f64,
    higher_is_better: bool,
    without_improvement: u64,
    best: Option<Best<T>>,
}

/// The best value of the metric so far, and the weights that had it.
#[derive(Clone, Debug, PartialEq)]
pub struct Best<T: Real> {
    /// The value.
    pub metric: f64,
    /// The weights, which share the model's memory until it is trained on.
    pub weights: StateDict<T>,
}

/// What a look at the metric says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The metric is better than ever.
    Improved,
    /// It is not, and there are so many looks left in which it may improve.
    Waiting {
        /// The looks left; the last one of them that fails says [`Verdict::Stop`].
        left: u64,
    },
    /// It has not improved for too long.
    Stop,
}

impl<T: Real> EarlyStopping<T> {
    /// Stops at the `patience`-th look in a row without improvement, at the first for 0. The lower
    /// the metric, the better.
    pub fn new(patience: u64) -> Self {
        Self { patience, min_delta: 0.0, higher_is_better: false, without_improvement: 0, best: None }
    }

    /// By how much a value must be better than the best to count. 0 by default.
    pub fn min_delta(self, min_delta: f64) -> Self {
        Self { min_delta, ..self }
    }

    /// Whether the metric is one to be raised, such as accuracy. Off by default.
    pub fn higher_is_better(self, higher_is_better: bool) -> Self {
        Self { higher_is_better, ..self }
    }

    /// A value of the metric, which the model has now. NaN is no improvement.
    pub fn look(&mut self, metric: f64, model: &impl Module<T>) -> Verdict {
        let sign = if self.higher_is_better { -1.0 } else { 1.0 };
        let bound = self.best.as_ref().map_or(f64::INFINITY, |best| sign * best.metric - self.min_delta);
        if sign * metric < bound {
            self.best = Some(Best { metric, weights: StateDict::of(model) });
            self.without_improvement = 0;
            return Verdict::Improved;
        }
        self.without_improvement += 1;
        match self.patience.saturating_sub(self.without_improvement) {
            0 => Verdict::Stop,
            left => Verdict::Waiting { left },
        }
    }

    /// Whether the last look said [`Verdict::Stop`]: so a training that has stopped does not go on when
    /// it is resumed.
    pub fn is_over(&self) -> bool {
        self.without_improvement > 0 && self.without_improvement >= self.patience
    }

    /// The best value so far, with its weights.
    pub fn best(&self) -> Option<&Best<T>> {
        self.best.as_ref()
    }

    /// Keeps what was seen so far in a checkpoint.
    ///
    /// # Errors
    /// None: the name of the group is a good one.
    pub fn save(&self, checkpoint: &mut Checkpoint<T>) -> Result<()> {
        checkpoint.set_entry(COUNT, self.without_improvement);
        checkpoint.set_entry(METRIC, self.best.as_ref().map_or(f64::NAN, |best| best.metric));
        if let Some(best) = &self.best {
            checkpoint.set_tensors(WEIGHTS, &best.weights)?;
        }
        Ok(())
    }

    /// Goes on from what was seen before a checkpoint.
    ///
    /// # Errors
    /// [`Error::Missing`](crate::Error::Missing) or [`Error::Entry`](crate::Error::Entry) where the
    /// checkpoint does not have it; this watch is then as it was.
    pub fn load(&mut self, checkpoint: &Checkpoint<T>) -> Result<()> {
        let (count, metric) = (checkpoint.entry(COUNT)?, checkpoint.entry::<f64>(METRIC)?);
        let best = match metric.is_nan() {
            true => None,
            false => Some(Best { metric, weights: checkpoint.tensors(WEIGHTS)? }),
        };
        (self.without_improvement, self.best) = (count, best);
        Ok(())
    }
}

/// Where a checkpoint keeps it.
const COUNT: &str = "early stopping/looks without improvement";
const METRIC: &str = "early stopping/best metric";
const WEIGHTS: &str = "best";

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Parameter;
    use refrain_tensor::Tensor;

    fn verdicts(mut watch: EarlyStopping<f64>, metrics: &[f64]) -> (String, Option<f64>) {
        let mut model = Parameter::new(Tensor::from([0.0]));
        let letter = |&metric: &f64| {
            model.as_mut_slice()[0] = metric;
            let letter = match watch.look(metric, &model) {
                Verdict::Improved => 'i',
                Verdict::Waiting { .. } => 'w',
                Verdict::Stop => 's',
            };
            assert_eq!(watch.is_over(), letter == 's');
            letter
        };
        let letters = metrics.iter().map(letter).collect();
        if let Some(best) = watch.best() {
            assert_eq!(best.weights.get("").unwrap().to_vec(), [best.metric]);
        }
        (letters, watch.best().map(|best| best.metric))
    }

    #[test]
    fn the_best_is_kept_and_patience_ends() {
        let nan = f64::NAN;
        type Case<'a> = (EarlyStopping<f64>, &'a [f64], &'a str, Option<f64>);
        let cases: [Case<'_>; 6] = [
            (EarlyStopping::new(2), &[3.0, 2.0, 2.0, 1.9, 2.0, 2.1, 2.2], "iiwiwss", Some(1.9)),
            (EarlyStopping::new(0), &[3.0, 3.0], "is", Some(3.0)),
            (EarlyStopping::new(1), &[3.0, 2.0, 2.5], "iis", Some(2.0)),
            (EarlyStopping::new(2).min_delta(0.5), &[3.0, 2.6, 2.5, 2.4], "iwsi", Some(2.4)),
            (EarlyStopping::new(2).higher_is_better(true), &[0.5, 0.7, 0.6, 0.71], "iiwi", Some(0.71)),
            (EarlyStopping::new(2), &[nan, nan, 1.0, nan], "wsiw", Some(1.0)),
        ];
        for (watch, metrics, expected, best) in cases {
            assert_eq!(verdicts(watch.clone(), metrics), (expected.to_owned(), best), "{watch:?}");
        }
    }

    #[test]
    fn a_watch_goes_on_after_a_checkpoint() {
        let mut model = Parameter::new(Tensor::from([1.5, -2.0]));
        let mut watch = EarlyStopping::new(3);
        for metric in [f64::NAN, 0.1 + 0.2, 0.5] {
            let mut checkpoint = Checkpoint::new("one parameter", &model);
            watch.save(&mut checkpoint).unwrap();
            let checkpoint = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
            let mut resumed = EarlyStopping::new(3);
            resumed.load(&checkpoint).unwrap();
            assert_eq!(resumed, watch);
            watch.look(metric, &model);
            model.as_mut_slice()[0] += 1.0;
        }
        let nothing = Checkpoint::new("one parameter", &model);
        assert_eq!(
            watch.load(&nothing).unwrap_err().to_string(),
            "the checkpoint has no entry \"early stopping/looks without improvement\""
        );
    }
}
