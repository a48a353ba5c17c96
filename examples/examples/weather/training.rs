//! One protocol for both networks: how a network is trained, and on which days.

use std::ops::Range;

use rand::Rng;
use refrain_autograd::Tape;
use refrain_data::{Loader, StandardScaler, Subset, Windows};
use refrain_nn::BCEWithLogitsLoss;
use refrain_optim::{AdamW, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use refrain_train::check_finite;

use crate::{Fallible, days::Days, networks::Forecaster};

// These were chosen by how well they foretell 2014 from 2012 and 2013. The strong weight decay is what
// keeps some hundred parameters from learning two years by heart.
const BATCH_SIZE: usize = 32;
const LEARNING_RATE: f64 = 3e-3;
const WEIGHT_DECAY: f64 = 1.0;
const MAX_GRADIENT_NORM: f64 = 1.0;

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
    fn part(&self, days: &Range<usize>) -> Fallible<Subset<&Windows<f32>>> {
        Ok(Subset::new(&self.windows, days.start - self.window..days.end - self.window)?)
    }

    /// A part as one batch: `[window, batch, features]` and `[batch, 1]`.
    fn batch(&self, days: &Range<usize>) -> Fallible<(Tensor<f32>, Tensor<f32>)> {
        let part = self.part(days)?;
        let batch = Loader::new(&part, days.len())?.stacked(1, 0).next();
        Ok(batch.ok_or("a part without days")??)
    }
}

/// What came of one training.
pub(crate) struct Outcome {
    /// The log loss after each epoch on the days to learn from.
    pub(crate) learning_losses: Vec<f64>,
    /// The log loss after each epoch on the days to choose by.
    pub(crate) validation_losses: Vec<f64>,
    /// The probability of rain for each test day, after learning from all training years.
    pub(crate) probabilities: Vec<f64>,
}

/// Trains a network in two passes, and lets what comes of the second foretell the test days.
///
/// The first pass learns from the earlier training years and is watched on the last one, which says
/// how many epochs are enough. The second starts from the same weights and learns that many epochs
/// from all training years. `rng` shuffles the batches; `after_epoch` is called after each epoch of
/// the first pass.
pub(crate) fn train<F: Forecaster>(
    network: F,
    problem: &Problem,
    epochs: usize,
    rng: &mut impl Rng,
    after_epoch: impl Fn(),
) -> Fallible<Outcome> {
    let (learning, validation) = (problem.batch(&problem.learning)?, problem.batch(&problem.validation)?);
    let (mut learning_losses, mut validation_losses) = (Vec::new(), Vec::new());
    learn(network.clone(), &problem.part(&problem.learning)?, epochs, rng, |network| {
        learning_losses.push(log_loss(network, &learning)?);
        validation_losses.push(log_loss(network, &validation)?);
        after_epoch();
        Ok(())
    })?;
    let best = validation_losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let enough = best.map_or(epochs, |(epoch, _)| epoch + 1);

    let all = problem.part(&(problem.learning.start..problem.validation.end))?;
    let network = learn(network, &all, enough, rng, |_| Ok(()))?;
    let (days, _) = problem.batch(&problem.test)?;
    let tape = Tape::inference();
    let probabilities = network.logits(&tape.constant(days))?.sigmoid();
    let probabilities = probabilities.value().iter().map(f64::from).collect();
    Ok(Outcome { learning_losses, validation_losses, probabilities })
}

/// Goes through the examples for some epochs, in a new order each time.
fn learn<F: Forecaster>(
    mut network: F,
    examples: &Subset<&Windows<f32>>,
    epochs: usize,
    rng: &mut impl Rng,
    mut after_epoch: impl FnMut(&F) -> Fallible<()>,
) -> Fallible<F> {
    let mut optimizer = AdamW::new(LEARNING_RATE).weight_decay(WEIGHT_DECAY);
    let loss = BCEWithLogitsLoss::default();
    let mut step = 0;
    for _ in 0..epochs {
        for batch in Loader::new(examples, BATCH_SIZE)?.shuffled(rng)?.stacked(1, 0) {
            let (days, rain) = batch?; // [window, batch, features], [batch, 1]
            let tape = Tape::new();
            let logits = network.logits(&tape.constant(days))?;
            let loss = loss.forward(&logits, &rain)?;
            let mut gradients = loss.backward()?;
            check_finite(step, loss.value().item()?, network.named_parameters(), &gradients)?;
            step += 1;
            clip_grad_norm(&mut gradients, MAX_GRADIENT_NORM, 2.0)?;
            optimizer.step(network.parameters_mut(), &gradients)?;
        }
        after_epoch(&network)?;
    }
    Ok(network)
}

fn log_loss(network: &impl Forecaster, (days, rain): &(Tensor<f32>, Tensor<f32>)) -> Fallible<f64> {
    let tape = Tape::inference();
    let logits = network.logits(&tape.constant(days.clone()))?;
    Ok(f64::from(BCEWithLogitsLoss::default().forward(&logits, rain)?.value().item()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        days::{FEATURES, tests::days},
        networks::{Dense, Recurrent},
    };
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_data::Dataset;
    use refrain_examples::parallel;

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

    #[test]
    fn the_seed_decides_whatever_the_number_of_threads() {
        let days = days("2012-11-01", (0..100u32).map(|day| (day * day % 7 % 2) as u8));
        let problem = Problem::new(&days, 3).unwrap();
        let outcomes = |threads: usize| {
            parallel::runs_on(threads, 4, |run| {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(run as u64 / 2);
                let outcome = if run % 2 == 0 {
                    let network = Dense::new(3, FEATURES, 5, &mut rng).unwrap();
                    train(network, &problem, 4, &mut rng, || ())
                } else {
                    let network = Recurrent::new(FEATURES, 5, &mut rng).unwrap();
                    train(network, &problem, 4, &mut rng, || ())
                };
                let Outcome { learning_losses, validation_losses, probabilities } = outcome.unwrap();
                (learning_losses, validation_losses, probabilities)
            })
        };
        let alone = outcomes(1);
        assert_eq!(alone, outcomes(4));
        assert_ne!(alone[0], alone[2], "another seed");
        assert!(alone.iter().all(|(losses, ..)| losses.len() == 4 && losses[3] < losses[0]));
        assert!(alone.iter().all(|(.., p)| p.len() == problem.test.len()));
    }

    #[test]
    fn the_weights_of_the_best_epoch_are_kept() {
        let days = days("2012-11-01", (0..100u32).map(|day| (day * day % 7 % 2) as u8));
        let problem = Problem::new(&days, 3).unwrap();
        let outcome = |epochs| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
            let network = Recurrent::new(FEATURES, 8, &mut rng).unwrap();
            train(network, &problem, epochs, &mut rng, || ()).unwrap()
        };
        let long = outcome(40);
        let least = long.validation_losses.iter().copied().fold(f64::INFINITY, f64::min);
        let best = 1 + long.validation_losses.iter().position(|&loss| loss == least).unwrap();
        assert_eq!(long.probabilities, outcome(best).probabilities);
    }
}
