//! A recurrent network that foretells the next rows of a series, with all that it needs to be
//! rebuilt from its file. `forecast` trains it, `stream` runs it a row at a time.
//!
//! In order: a [`Series`] is the rows of a CSV file, a [`Problem`] cuts it into windows and parts,
//! [`learn`] trains a [`Forecaster`], which is a [`Network`] and the [`Plan`] by which it is fed. A
//! [`Test`] says how far off it is, an [`Outlook`] what comes after the last row. A [`Live`] one takes a
//! row at a time, a [`RowReader`] the line of a row.

mod evaluation;
mod figure;
mod learning;
mod live;
mod outlook;
mod plan;
mod problem;
mod row_reader;
mod series;

use std::path::Path;

use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{GRU, Linear, module};
use refrain_tensor::Tensor;
use refrain_train::Checkpoint;

use crate::{model_file, program::Fallible};

pub use evaluation::{Method, Test};
pub use learning::{Options, Training, learn};
pub use live::Live;
pub use outlook::Outlook;
pub use plan::Plan;
pub use problem::Problem;
pub use row_reader::RowReader;
pub use series::{Choice, Clock, SEATTLE, Series};

/// What the file of a forecaster says it is.
pub const KIND: &str = "refrain example forecast, version 1";

/// The command that makes such a file.
const MAKE_ONE: &str = "`cargo run --release --example forecast` makes a model";

/// A GRU over the rows of a window, and a linear layer from its last state to all steps ahead.
#[derive(Clone, Debug)]
pub struct Network {
    gru: GRU<f32>,
    head: Linear<f32>,
}
module!(Network: f32 { gru, head });

impl Network {
    /// A network with random weights.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn new(features: usize, hidden: usize, horizon: usize, rng: &mut impl Rng) -> Fallible<Self> {
        Ok(Self { gru: GRU::new(features, hidden, rng)?, head: Linear::new(hidden, horizon, rng)? })
    }

    /// `[steps, batch, features]` → the scaled differences from the base, `[batch, horizon]`.
    ///
    /// # Errors
    /// Those of the layers, for another number of features.
    pub fn forward<'t>(&self, x: &Var<'t, f32>) -> Fallible<Var<'t, f32>> {
        let (_, last) = self.gru.forward(x, None)?; // [1, batch, hidden]
        Ok(self.head.forward(&last.select(0, 0)?)?)
    }
}

/// A network and the plan by which it is fed.
#[derive(Clone, Debug)]
pub struct Forecaster {
    /// How rows become its input.
    pub plan: Plan,
    /// What foretells.
    pub network: Network,
}

impl Forecaster {
    /// The next `horizon` values of the target after `rows`, row after row, of which the last
    /// `window` are used.
    ///
    /// # Errors
    /// Where there are fewer rows than a window has.
    pub fn forecast(&self, rows: &[f32]) -> Fallible<Vec<f64>> {
        let Plan { window, season, horizon, .. } = self.plan;
        let width = self.plan.width();
        let first = (rows.len() / width).checked_sub(window).ok_or_else(|| {
            format!("{} rows are too few; a forecast is made from {window}", rows.len() / width)
        })?;
        let rows: Vec<&[f32]> = rows[first * width..].chunks_exact(width).collect();
        let mut features = Vec::new();
        for (place, row) in rows.iter().enumerate().skip(season) {
            let before = (season > 0).then(|| rows[place - season][0]);
            Plan::raw_features(row, before, &mut features);
        }
        let count = features.len() / self.plan.steps();
        let features = Tensor::from_vec(features, [self.plan.steps(), 1, count])?;
        let tape = Tape::inference();
        let output = self.network.forward(&tape.constant(self.plan.scaler.transform(&features)?))?;
        let scale = self.plan.output_scale();
        let base = |step: usize| rows[window - 1 - Plan::base(season, step)][0];
        let value = |(step, z): (usize, f32)| f64::from(base(step + 1) + z * scale);
        debug_assert_eq!(output.value().numel(), horizon);
        Ok(output.value().iter().enumerate().map(value).collect())
    }

    /// Writes the forecaster to a file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> Fallible<()> {
        let mut checkpoint = Checkpoint::new(KIND, &self.network);
        self.plan.save(&mut checkpoint)?;
        model_file::save(&checkpoint, path)
    }

    /// The forecaster in a file.
    ///
    /// # Errors
    /// A sentence for a file that is not there, is damaged, or holds something else.
    pub fn load(path: &Path) -> Fallible<Self> {
        model_file::load(path, MAKE_ONE, Self::from_checkpoint)
    }

    /// [`Forecaster::load`] of a checkpoint that has been read.
    ///
    /// # Errors
    /// A sentence for a checkpoint of something else.
    pub fn from_checkpoint(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        model_file::expect_kind(checkpoint, KIND)?;
        let plan = Plan::load(checkpoint)?;
        let weights = checkpoint.tensors("model")?;
        let head = weights.get("head.weight").map(|head| head.shape().to_vec());
        let Some(&[horizon, hidden]) = head.as_deref() else {
            return Err("the model has no head.weight of two axes".into());
        };
        if horizon != plan.horizon {
            return Err(format!("the model foretells {horizon} steps, and says {}", plan.horizon).into());
        }
        let features = plan.scaler.mean().numel();
        // The file holds what the network will: before it is built, so that a false size asks for no
        // more memory than that.
        let found: usize = weights.iter().map(|(_, value)| value.numel()).sum();
        let gates = 3 * (features + hidden + 2);
        let expected = hidden.saturating_mul(gates).saturating_add(horizon.saturating_mul(hidden + 1));
        if found < expected {
            return Err(format!("the model holds {found} numbers, expected {expected} for its sizes").into());
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0); // every weight is replaced
        let mut network = Network::new(features, hidden, horizon, &mut rng)?;
        checkpoint.load_model(KIND, &mut network)?;
        Ok(Self { plan, network })
    }
}

#[cfg(test)]
mod tests;
