//! [`Live`]: a forecaster that is fed a row at a time.

use std::collections::VecDeque;

use refrain_nn::{Linear, Stream};

use super::{Forecaster, Plan};
use crate::program::Fallible;

/// A forecaster that carries its state from row to row: each row costs one step, however long the
/// series has become.
///
/// Until `window` rows have come there is no forecast. From then on the state knows all rows since
/// the first, where [`Forecaster::forecast`] knows those of the window; so the two agree for the
/// first one, and come close for the others.
#[derive(Debug)]
pub struct Live {
    plan: Plan,
    stream: Stream<f32>,
    /// The target's last values, one season and the present, the latest last.
    targets: VecDeque<f32>,
    rows: usize,
    mean: Vec<f32>,
    scale: Vec<f32>,
    head: Linear<f32>,
    scores: Vec<f32>,
    features: Vec<f32>,
    state: Vec<f32>,
    forecast: Vec<f64>,
}

impl Forecaster {
    /// The forecaster, to be fed a row at a time.
    ///
    /// # Errors
    /// Those of [`Stream`].
    pub fn live(&self) -> Fallible<Live> {
        let stream = self.network.gru.stream(1)?;
        Ok(Live {
            targets: VecDeque::with_capacity(self.plan.season + 1),
            rows: 0,
            mean: self.plan.scaler.mean().to_vec(),
            scale: self.plan.scaler.scale().to_vec(),
            head: self.network.head.clone(),
            scores: vec![0.0; self.plan.horizon],
            features: Vec::with_capacity(stream.input_size()),
            state: vec![0.0; stream.output_size()],
            forecast: vec![0.0; self.plan.horizon],
            plan: self.plan.clone(),
            stream,
        })
    }
}

impl Live {
    /// How the rows are read.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many rows it has been fed.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes in a row and returns the next `horizon` values of the target, or `None` until there
    /// are `window` rows.
    ///
    /// # Errors
    /// Where the row has another number of values; the state is as it was.
    pub fn push(&mut self, row: &[f32]) -> Fallible<Option<&[f64]>> {
        let (season, width) = (self.plan.season, self.plan.width());
        if row.len() != width {
            return Err(format!("the row has {} values, the model takes {width}", row.len()).into());
        }
        self.targets.push_back(row[0]);
        if self.targets.len() > season + 1 {
            self.targets.pop_front();
        }
        self.rows += 1;
        if self.targets.len() <= season {
            return Ok(None);
        }
        self.features.clear();
        Plan::raw_features(row, (season > 0).then(|| self.targets[0]), &mut self.features);
        for ((x, mean), scale) in self.features.iter_mut().zip(&self.mean).zip(&self.scale) {
            *x = (*x - mean) / scale;
        }
        self.stream.step(&self.features, &mut self.state)?;
        if self.rows < self.plan.window {
            return Ok(None);
        }
        self.head.apply(&self.state, &mut self.scores)?;
        for (step, (value, z)) in self.forecast.iter_mut().zip(&self.scores).enumerate() {
            let base = self.targets[season - Plan::base(season, step + 1)];
            *value = f64::from(base + z * self.plan.output_scale());
        }
        Ok(Some(&self.forecast))
    }
}
