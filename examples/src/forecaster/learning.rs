//! How a forecaster learns.

use clap::{Args, value_parser};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_data::Loader;
use refrain_metrics::{Errors, RunningMean, quantiles};
use refrain_nn::{MSELoss, Module};
use refrain_optim::{AdamW, CosineAnnealingLR, Optimizer, Schedule, clip_grad_norm};
use refrain_train::check_finite;

use super::{Forecaster, Network, Problem};
use crate::{
    checkpoint_file::CheckpointFile,
    identity::Identity,
    interrupt,
    program::Fallible,
    training::{Epoch, History, Keeper, Learner, Patience, train},
};

const BATCH_SIZE: usize = 64;
const WEIGHT_DECAY: f64 = 0.01;
const MAX_GRADIENT_NORM: f64 = 1.0;

/// The share of outcomes that lies below and above the bands.
const OUTSIDE: f64 = 0.1;

/// How a network is made and trained.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// The size of the GRU's state
    #[arg(long, value_name = "N", default_value_t = SMALL.hidden, value_parser = value_parser!(u16).range(1..=1024))]
    pub hidden: u16,
    /// The most times that the training goes through its windows
    #[arg(long, value_name = "N", default_value_t = SMALL.epochs, value_parser = value_parser!(u16).range(1..=10_000))]
    pub epochs: u16,
    /// After how many epochs in a row without improvement to stop
    #[arg(long, value_name = "N", default_value_t = SMALL.patience)]
    pub patience: u64,
    /// How far a step goes
    #[arg(long, value_name = "X", default_value_t = SMALL.learning_rate)]
    pub learning_rate: f64,
    /// The seed of the weights and the order
    #[arg(long, value_name = "N", default_value_t = SMALL.seed)]
    pub seed: u64,
}

/// Small, and trained within seconds.
const SMALL: Options = Options { hidden: 48, epochs: 60, patience: 12, learning_rate: 3e-3, seed: 0 };

impl Default for Options {
    fn default() -> Self {
        SMALL
    }
}

/// What came of the training.
#[derive(Clone, Debug)]
pub struct Training {
    /// The number of weights.
    pub parameters: usize,
    /// How it went.
    pub history: History,
}

impl Options {
    /// What a training with these options is told from others by. The number of epochs belongs to it, for
    /// the learning rate falls towards the last.
    fn identity(&self, problem: &Problem) -> Identity {
        let plan = problem.plan();
        let Self { hidden, epochs, learning_rate, seed, .. } = *self;
        let numbers = [
            ("window", plan.window),
            ("horizon", plan.horizon),
            ("season", plan.season),
            ("hidden", hidden.into()),
            ("epochs", epochs.into()),
        ];
        let numbers = numbers.map(|(name, value)| (name.to_owned(), value.into()));
        let rates = [("learning-rate", learning_rate.into()), ("seed", seed.into())];
        let rates = rates.map(|(name, value)| (name.to_owned(), value));
        Identity {
            kind: "forecast training, version 1".to_owned(),
            about: vec![("columns", plan.columns.join(", ")), ("data", problem.fingerprint())],
            settings: numbers.into_iter().chain(rates).collect(),
        }
    }
}

/// A forecaster that has learned from the first part and was watched on the second, which also says
/// how wide its bands are. With a file, its checkpoints go there, and it goes on from the one there if
/// that is asked for. Where the program listens to Ctrl-C, that ends the training.
///
/// # Errors
/// A training that diverges, and those of the checkpoint's file.
pub fn learn(
    problem: &Problem,
    options: &Options,
    file: Option<&mut CheckpointFile>,
) -> Fallible<(Forecaster, Training)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let plan = problem.plan().clone();
    let features = plan.scaler.mean().numel();
    let model = Network::new(features, options.hidden.into(), plan.horizon, &mut rng)?;
    let optimizer = AdamW::new(options.learning_rate).weight_decay(WEIGHT_DECAY);
    let mut learner = Learner { model, optimizer, rng };

    let examples = problem.part(&problem.learning)?;
    let outcomes = problem.outcomes(&problem.validation);
    let schedule = CosineAnnealingLR::new(options.learning_rate, options.epochs.into())?;
    let keeper = file.map(|file| Keeper { file, identity: options.identity(problem) });
    let how_long = Patience { epochs: options.epochs.into(), patience: options.patience };
    let history = train(&mut learner, how_long, "validation MAE", keeper, |learner, epoch| {
        let Learner { model, optimizer, rng } = learner;
        optimizer.set_learning_rate(schedule.learning_rate(epoch));
        let mut loss_of_epoch = RunningMean::new();
        let loader = Loader::new(&examples, BATCH_SIZE)?.shuffled(rng)?;
        let first = (epoch * loader.len()) as u64;
        for (step, batch) in (first..).zip(loader.stacked(1, 0)) {
            let (x, z) = batch?; // [steps, batch, features], [batch, horizon]
            let tape = Tape::new();
            let batch = z.shape()[0] as u64;
            let loss = MSELoss::default().forward(&model.forward(&tape.constant(x))?, &z)?;
            let value = loss.value().item()?;
            let mut gradients = loss.backward()?;
            check_finite(step, value, model.named_parameters(), &gradients)?;
            clip_grad_norm(&mut gradients, MAX_GRADIENT_NORM, 2.0)?;
            optimizer.step(model.parameters_mut(), &gradients)?;
            loss_of_epoch.push_many(f64::from(value), batch);
            if interrupt::requested() {
                break;
            }
        }
        let watched = Forecaster { plan: problem.plan().clone(), network: model.clone() };
        let forecasts = problem.forecasts(&watched, &problem.validation)?;
        Ok(Epoch { learning: loss_of_epoch.mean(), validation: Errors::of(&forecasts, &outcomes)?.mae })
    })?;

    let mut forecaster = Forecaster { plan, network: learner.model };
    let forecasts = problem.forecasts(&forecaster, &problem.validation)?;
    forecaster.plan.bands = bands(&forecasts, &outcomes, forecaster.plan.horizon)?;
    let parameters = forecaster.network.parameter_count();
    Ok((forecaster, Training { parameters, history }))
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
