//! How a forecaster learns.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_data::Loader;
use refrain_metrics::{Errors, RunningMean, quantiles};
use refrain_nn::{MSELoss, Module};
use refrain_optim::{AdamW, CosineAnnealingLR, Optimizer, Schedule, clip_grad_norm};
use refrain_train::check_finite;

use super::{Forecaster, Network, Problem};
use crate::{
    interrupt,
    program::Fallible,
    training::{Epoch, Patience, train},
};

const BATCH_SIZE: usize = 64;
const WEIGHT_DECAY: f64 = 0.01;
const MAX_GRADIENT_NORM: f64 = 1.0;

/// The share of outcomes that lies below and above the bands.
const OUTSIDE: f64 = 0.1;

/// How a network is made and trained.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size of the GRU's state.
    pub hidden: usize,
    /// How far a step goes at first.
    pub learning_rate: f64,
    /// How long to train.
    pub how_long: Patience,
    /// The seed of the weights and the order.
    pub seed: u64,
}

/// Small, and trained within seconds.
impl Default for Options {
    fn default() -> Self {
        let how_long = Patience { epochs: 60, patience: 12 };
        Self { hidden: 48, learning_rate: 3e-3, how_long, seed: 0 }
    }
}

/// What came of the training.
#[derive(Clone, Debug)]
pub struct Training {
    /// The number of weights.
    pub parameters: usize,
    /// What each epoch came to.
    pub epochs: Vec<Epoch>,
    /// The best epoch, from 1.
    pub best: usize,
}

/// A forecaster that has learned from the first part and was watched on the second, which also says
/// how wide its bands are. Where the program listens to Ctrl-C, that ends the training.
///
/// # Errors
/// A training that diverges.
pub fn learn(problem: &Problem, options: &Options) -> Fallible<(Forecaster, Training)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let plan = problem.plan().clone();
    let features = plan.scaler.mean().numel();
    let network = Network::new(features, options.hidden, plan.horizon, &mut rng)?;
    let mut forecaster = Forecaster { plan, network };

    let examples = problem.part(&problem.learning)?;
    let outcomes = problem.outcomes(&problem.validation);
    let mut optimizer = AdamW::new(options.learning_rate).weight_decay(WEIGHT_DECAY);
    let schedule = CosineAnnealingLR::new(options.learning_rate, options.how_long.epochs)?;
    let mut step = 0;
    let (epochs, best) =
        train(&mut forecaster.network, options.how_long, "validation MAE", |network, epoch| {
            optimizer.set_learning_rate(schedule.learning_rate(epoch));
            let mut loss_of_epoch = RunningMean::new();
            for batch in Loader::new(&examples, BATCH_SIZE)?.shuffled(&mut rng)?.stacked(1, 0) {
                let (x, z) = batch?; // [steps, batch, features], [batch, horizon]
                let tape = Tape::new();
                let batch = z.shape()[0] as u64;
                let loss = MSELoss::default().forward(&network.forward(&tape.constant(x))?, &z)?;
                let value = loss.value().item()?;
                let mut gradients = loss.backward()?;
                check_finite(step, value, network.named_parameters(), &gradients)?;
                clip_grad_norm(&mut gradients, MAX_GRADIENT_NORM, 2.0)?;
                optimizer.step(network.parameters_mut(), &gradients)?;
                loss_of_epoch.push_many(f64::from(value), batch);
                step += 1;
                if interrupt::requested() {
                    break;
                }
            }
            let watched = Forecaster { plan: problem.plan().clone(), network: network.clone() };
            let forecasts = problem.forecasts(&watched, &problem.validation)?;
            Ok(Epoch { learning: loss_of_epoch.mean(), validation: Errors::of(&forecasts, &outcomes)?.mae })
        })?;

    let forecasts = problem.forecasts(&forecaster, &problem.validation)?;
    forecaster.plan.bands = bands(&forecasts, &outcomes, forecaster.plan.horizon)?;
    let parameters = forecaster.network.parameter_count();
    Ok((forecaster, Training { parameters, epochs, best: best + 1 }))
}

/// For each step ahead, the bounds of the inner 80 % of the errors, outcome − forecast.
fn bands(forecasts: &[f64], outcomes: &[f64], horizon: usize) -> Fallible<Vec<[f64; 2]>> {
    let errors: Vec<f64> =
        forecasts.iter().zip(outcomes).map(|(forecast, outcome)| outcome - forecast).collect();
    let of_step = |step: usize| {
        let errors: Vec<f64> = errors.iter().skip(step).step_by(horizon).copied().collect();
        Ok(quantiles(&errors, [OUTSIDE, 1.0 - OUTSIDE])?)
    };
    (0..horizon).map(of_step).collect()
}
