//! [`Problem`]: what there is to learn, cut in time.

use std::ops::Range;

use refrain_autograd::Tape;
use refrain_data::{Dataset, Loader, Result, StandardScaler, Subset};
use refrain_tensor::Tensor;

use super::{Forecaster, Plan, Series};
use crate::program::Fallible;

/// The windows of a series, each with what came after it. Item k is the window that begins at row k:
/// its scaled features, `[steps, features]`, and the scaled differences of the next values from their
/// base, `[horizon]`.
#[derive(Clone, Debug)]
pub struct Problem {
    plan: Plan,
    target: Vec<f32>,
    /// From the row `season` on.
    features: Tensor<f32>,
    /// The windows to learn from: what they foretell lies in the first 70 % of the rows.
    pub learning: Range<usize>,
    /// The windows to choose the epoch by, and to measure the bands on: in the next 15 %.
    pub validation: Range<usize>,
    /// The windows to be tested on: in the last 15 %. No two parts foretell the same row.
    pub test: Range<usize>,
}

/// Where the first and the second part end.
const CUTS: [f64; 2] = [0.7, 0.85];

impl Problem {
    /// The windows of `window` rows before `horizon` rows; the scaler sees the first part alone.
    ///
    /// # Errors
    /// Where there are too few rows.
    pub fn new(series: &Series, window: usize, horizon: usize, season: usize, unit: &str) -> Fallible<Self> {
        let rows = series.row_count();
        let cuts = CUTS.map(|cut| (cut * rows as f64) as usize);
        // The window that begins at row k foretells the rows from k + window on.
        let part =
            |from: usize, to: usize| (from.max(window) - window)..(to + 1).saturating_sub(horizon + window);
        let parts = [part(0, cuts[0]), part(cuts[0], cuts[1]), part(cuts[1], rows)];
        if parts.iter().any(|part| part.len() < 2) || cuts[0] < window + 2 * horizon {
            let needed =
                ((window + 2 * horizon) as f64 / CUTS[0]).max((horizon + 2) as f64 / (1.0 - CUTS[1]));
            let repeated = match series.repeated_rows {
                0 => String::new(),
                count => format!(" ({count} more have the time of a row before them and are left out)"),
            };
            return Err(format!(
                "{rows} rows{repeated} are too few for a window of {window} and a horizon of {horizon}; \
                 at least {} are needed, or a smaller --window and --horizon",
                needed.ceil()
            )
            .into());
        }
        let width = series.columns.len();
        let row = |row: usize| &series.values[row * width..][..width];
        let mut features = Vec::new();
        for now in season..rows {
            let before = (season > 0).then(|| row(now - season)[0]);
            Plan::raw_features(row(now), before, &mut features);
        }
        let count = features.len() / (rows - season);
        let features = Tensor::from_vec(features, [rows - season, count])?;
        let scaler = StandardScaler::fit(&features.narrow(0, 0, cuts[0] - season)?)?;
        let [learning, validation, test] = parts;
        let features = scaler.transform(&features)?;
        let plan = Plan {
            columns: series.columns.clone(),
            unit: unit.to_owned(),
            minutes: series.clock.map(|(_, step)| step),
            window,
            horizon,
            season,
            scaler,
            bands: vec![[0.0; 2]; horizon],
        };
        Ok(Self { plan, target: series.target(), features, learning, validation, test })
    }

    /// How the windows are read; its bands are not known yet.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Tells the rows from others, as they are read.
    pub fn fingerprint(&self) -> String {
        let mut crc = crc32fast::Hasher::new();
        let numbers = self.target.iter().copied().chain(self.features.iter());
        numbers.for_each(|number: f32| crc.update(&number.to_le_bytes()));
        format!("{} rows, checksum {:08x}", self.target.len(), crc.finalize())
    }

    /// The windows of a part.
    ///
    /// # Errors
    /// Where there are no such windows.
    pub fn part(&self, part: &Range<usize>) -> Fallible<Subset<&Self>> {
        Ok(Subset::new(self, part.clone())?)
    }

    /// What came after the windows of a part: a row of `horizon` values for each.
    pub fn outcomes(&self, part: &Range<usize>) -> Vec<f64> {
        self.values(part, |window, step| self.target[window + self.plan.window - 1 + step])
    }

    /// Persistence: all will stay as it was at last.
    pub fn persistence(&self, part: &Range<usize>) -> Vec<f64> {
        self.values(part, |window, _| self.target[window + self.plan.window - 1])
    }

    /// What the network starts from: with a season, the same place of the season before.
    pub fn bases(&self, part: &Range<usize>) -> Vec<f64> {
        self.values(part, |window, step| self.base(window, step))
    }

    /// What a forecaster says for the windows of a part.
    ///
    /// # Errors
    /// Where it is made for other features.
    pub fn forecasts(&self, forecaster: &Forecaster, part: &Range<usize>) -> Fallible<Vec<f64>> {
        let (examples, scale) = (self.part(part)?, f64::from(self.plan.output_scale()));
        let mut forecasts = self.bases(part);
        let mut values = forecasts.iter_mut();
        for batch in Loader::new(&examples, 256)?.stacked(1, 0) {
            let tape = Tape::inference();
            let output = forecaster.network.forward(&tape.constant(batch?.0))?;
            values.by_ref().zip(output.value().iter()).for_each(|(value, z)| *value += f64::from(z) * scale);
        }
        Ok(forecasts)
    }

    fn base(&self, window: usize, step: usize) -> f32 {
        self.target[window + self.plan.window - 1 - Plan::base(self.plan.season, step)]
    }

    fn values(&self, part: &Range<usize>, value: impl Fn(usize, usize) -> f32) -> Vec<f64> {
        let steps = |window| (1..=self.plan.horizon).map(move |step| (window, step));
        part.clone().flat_map(steps).map(|(window, step)| f64::from(value(window, step))).collect()
    }
}

impl Dataset for Problem {
    type Item = (Tensor<f32>, Tensor<f32>);

    fn len(&self) -> usize {
        self.target.len() + 1 - self.plan.window - self.plan.horizon
    }

    fn get(&self, index: usize) -> Result<Self::Item> {
        self.check("windows", index)?;
        let Plan { window, horizon, .. } = self.plan;
        let scale = self.plan.output_scale();
        let x = self.features.narrow(0, index, self.plan.steps())?;
        let z = |step| (self.target[index + window - 1 + step] - self.base(index, step)) / scale;
        Ok((x, Tensor::from_vec((1..=horizon).map(z).collect(), [horizon])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecaster::Network;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    fn series(rows: usize) -> Series {
        Series {
            columns: vec!["t".to_owned(), "u".to_owned()],
            values: (0..2 * rows).map(|k| (k as f32 * 0.7).sin() + k as f32 / 50.0).collect(),
            clock: None,
            filled_rows: 0,
            repeated_rows: 0,
            filled_fields: 0,
        }
    }

    #[test]
    fn no_row_is_foretold_in_two_parts() {
        let problem = Problem::new(&series(100), 8, 3, 4, "").unwrap();
        let rows = |part: &Range<usize>| part.start + 8..part.end - 1 + 8 + 3;
        assert_eq!(rows(&problem.learning), 8..70);
        assert_eq!(rows(&problem.validation), 70..85);
        assert_eq!(rows(&problem.test), 85..100);
        assert_eq!(problem.len(), problem.test.end);
    }

    #[test]
    fn later_rows_change_nothing_that_is_learned_from() {
        let (a, mut b) = (series(100), series(100));
        b.values[140..].fill(9.0);
        let items = |series: &Series| {
            let problem = Problem::new(series, 8, 3, 4, "").unwrap();
            problem.learning.clone().map(|k| problem.get(k).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(items(&a), items(&b));
    }

    #[test]
    fn many_windows_at_once_are_foretold_as_each_alone() {
        for season in [0, 4, 2] {
            let series = series(100);
            let problem = Problem::new(&series, 8, 3, season, "").unwrap();
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
            let network = Network::new(2 + usize::from(season > 0), 16, 3, &mut rng).unwrap();
            let forecaster = Forecaster { plan: problem.plan().clone(), network };
            let all = problem.forecasts(&forecaster, &problem.test).unwrap();
            for (window, found) in problem.test.clone().zip(all.chunks_exact(3)) {
                let alone = forecaster.forecast(&series.values[2 * window..2 * (window + 8)]).unwrap();
                assert!(found.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {alone:?}");
            }
            // The item holds the difference that would make the forecast right.
            let (window, scale) = (problem.test.start, f64::from(problem.plan().output_scale()));
            let (_, z) = problem.get(window).unwrap();
            let (bases, outcomes) = (problem.bases(&problem.test), problem.outcomes(&problem.test));
            for (k, z) in z.iter().enumerate() {
                assert!((bases[k] + f64::from(z) * scale - outcomes[k]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn too_few_rows_are_an_error() {
        let message = Problem::new(&series(30), 12, 6, 4, "").err().unwrap().to_string();
        let repeated = Series { repeated_rows: 9, ..series(30) };
        let again = Problem::new(&repeated, 12, 6, 4, "").err().unwrap().to_string();
        assert!(again.starts_with("30 rows (9 more have the time of a row before them and"), "{again}");
        assert!(
            message.starts_with("30 rows are too few for a window of 12 and a horizon of 6; at least 54"),
            "{message}"
        );
        assert!(Problem::new(&series(54), 12, 6, 4, "").is_ok());
    }
}
