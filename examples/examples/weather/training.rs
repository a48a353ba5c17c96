//! One protocol for both networks: how a network is trained.

use rand::Rng;
use refrain_autograd::Tape;
use refrain_data::{Loader, Subset, Windows};
use refrain_nn::BCEWithLogitsLoss;
use refrain_optim::{AdamW, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use refrain_train::check_finite;

use crate::{Fallible, networks::Forecaster, problem::Problem};

// These were chosen by how well they foretell 2014 from 2012 and 2013. The strong weight decay is what
// keeps some hundred parameters from learning two years by heart.
const BATCH_SIZE: usize = 32;
const LEARNING_RATE: f64 = 3e-3;
const WEIGHT_DECAY: f64 = 1.0;
const MAX_GRADIENT_NORM: f64 = 1.0;

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
    use refrain_examples::parallel;

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
