//! [`Plan`]: what a forecaster is fed, and how its answer is read.

use refrain_data::StandardScaler;
use refrain_nn::StateDict;
use refrain_tensor::Tensor;
use refrain_train::Checkpoint;

use crate::program::Fallible;

/// How the rows of a series become the input of a network, and its output a forecast.
///
/// The network foretells differences from a base, in units of a scale. With a season of s rows the
/// base is the value at the same place of the season before, as it is known: of the hours of
/// tomorrow, those of today. Without a season it is the last value. The input of a step is the row,
/// and with a season the change of the target since s rows before, all scaled to mean 0 and
/// deviation 1. So the first s rows of a window only serve the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The columns of a row. The first is the target, the one to be foretold.
    pub columns: Vec<String>,
    /// The unit of the target, as tables and plots write it.
    pub unit: String,
    /// The minutes from one row to the next, where the rows have times.
    pub minutes: Option<u64>,
    /// How many rows a forecast is made from.
    pub window: usize,
    /// How many rows it looks ahead.
    pub horizon: usize,
    /// The rows after which the series does much the same again; 0 for none.
    pub season: usize,
    /// The scaler of the features.
    pub scaler: StandardScaler<f32>,
    /// For each step ahead, how far outcomes lay from forecasts: the bounds of the inner 80 %.
    pub bands: Vec<[f64; 2]>,
}

/// The longest window and season, which no file of a model may exceed.
const LONGEST: usize = 1_000_000;

impl Plan {
    /// The number of columns of a row.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The steps that the network runs over for a window.
    pub fn steps(&self) -> usize {
        self.window - self.season
    }

    /// Puts the features of a row into `features`, before scaling. `before` is the value of the
    /// target one season earlier.
    pub fn raw_features(row: &[f32], before: Option<f32>, features: &mut Vec<f32>) {
        features.extend(row);
        features.extend(before.map(|before| row[0] - before));
    }

    /// How many rows before the last known one the base of a step ahead lies, from 0. Steps are
    /// counted from 1.
    pub fn base(season: usize, step: usize) -> usize {
        if season == 0 { 0 } else { season * step.div_ceil(season) - step }
    }

    /// The unit of the network's output: the deviation of what it foretells.
    pub fn output_scale(&self) -> f32 {
        let column = if self.season == 0 { 0 } else { self.width() };
        self.scaler.scale().to_slice()[column]
    }

    /// Puts the plan into a checkpoint.
    ///
    /// # Errors
    /// Where the tensors are not what they should be.
    pub(super) fn save(&self, checkpoint: &mut Checkpoint<f32>) -> Fallible<()> {
        let minutes = self.minutes.unwrap_or(0) as usize;
        for (name, value) in [
            ("window", self.window),
            ("horizon", self.horizon),
            ("season", self.season),
            ("minutes", minutes),
        ] {
            checkpoint.set_entry(name, value);
        }
        checkpoint.set_entry("columns", serde_json::Value::from(self.columns.clone()));
        checkpoint.set_entry("unit", &self.unit);
        let (mean, scale) = (self.scaler.mean().clone(), self.scaler.scale().clone());
        let bands: Vec<f32> = self.bands.iter().flatten().map(|&bound| bound as f32).collect();
        let bands = Tensor::from_vec(bands, [self.bands.len(), 2])?;
        let named = [("mean", mean), ("scale", scale), ("bands", bands)];
        let named = named.map(|(name, value)| (name.to_owned(), value));
        Ok(checkpoint.set_tensors("plan", &StateDict::new(named.into())?)?)
    }

    /// The plan in a checkpoint.
    ///
    /// # Errors
    /// A sentence about what is missing or does not fit.
    pub(super) fn load(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        let number = |name: &str| checkpoint.entry::<usize>(name);
        let (window, horizon, season) = (number("window")?, number("horizon")?, number("season")?);
        let columns = checkpoint.entry::<serde_json::Value>("columns")?;
        let columns: Option<Vec<String>> = columns
            .as_array()
            .and_then(|all| all.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        let tensors = checkpoint.tensors("plan")?;
        let tensor = |name: &str| tensors.get(name).ok_or_else(|| format!("the model has no {name}"));
        let bands = tensor("bands")?;
        let plan = Self {
            columns: columns.ok_or("the model's columns are no list of names")?,
            unit: checkpoint.entry("unit")?,
            minutes: Some(checkpoint.entry::<u64>("minutes")?).filter(|&minutes| minutes > 0),
            window,
            horizon,
            season,
            scaler: StandardScaler::from_parameters(tensor("mean")?, tensor("scale")?)?,
            bands: bands.to_slice().as_chunks().0.iter().map(|band: &[f32; 2]| band.map(f64::from)).collect(),
        };
        let features = plan.width() + usize::from(season > 0);
        let fits = plan.width() > 0
            && season < window
            && window <= LONGEST
            && *plan.scaler.mean().shape() == [features]
            && *bands.shape() == [horizon, 2];
        if !fits {
            let width = plan.width();
            return Err(format!(
                "the sizes of the model do not fit each other (columns {width}, window {window}, season {season}, \
                 horizon {horizon}, scaler {}, bands {})",
                plan.scaler.mean().shape(),
                bands.shape(),
            )
            .into());
        }
        Ok(plan)
    }
}
