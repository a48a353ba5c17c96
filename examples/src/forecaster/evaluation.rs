//! [`Test`]: how far off a forecaster is on windows that it has not learned from, beside methods that need no
//! network.

use refrain_metrics::{Accuracy, Errors};

use super::{Forecaster, Plan, Problem};
use crate::program::Fallible;

/// One way to foretell, and how far it was off on the test windows.
#[derive(Clone, Debug)]
pub struct Method {
    /// What tables and legends call it.
    pub name: String,
    /// Its errors over all steps ahead.
    pub all: Errors,
    /// Its errors by step ahead.
    pub by_step: Vec<Errors>,
}

/// What the test says.
#[derive(Clone, Debug)]
pub struct Test {
    /// The windows to learn from, to choose by and to test on.
    pub windows: [usize; 3],
    /// The methods; the network is the last.
    pub methods: Vec<Method>,
    /// The share of outcomes within the bands, by step ahead.
    pub inside: Vec<f64>,
    /// The last test window: what was foretold after it, and what came.
    pub last: (Vec<f64>, Vec<f64>),
}

impl Test {
    /// Holds a forecaster against persistence and, where the series has a season, against the season before.
    ///
    /// # Errors
    /// Where it is made for other features.
    pub fn of(problem: &Problem, forecaster: &Forecaster) -> Fallible<Self> {
        let Plan { horizon, season, minutes, .. } = forecaster.plan;
        let (test, outcomes) = (&problem.test, problem.outcomes(&problem.test));
        let network = problem.forecasts(forecaster, test)?;
        let inside = |step: usize| {
            let mut inside = Accuracy::default();
            let pairs = network.iter().zip(&outcomes).skip(step).step_by(horizon);
            let [low, high] = forecaster.plan.bands[step];
            pairs.for_each(|(forecast, outcome)| inside.add((low..=high).contains(&(outcome - forecast))));
            inside.value()
        };
        let last = network.len() - horizon;
        let mut all = vec![("persistence".to_owned(), problem.persistence(test))];
        if season > 0 {
            let hours = (season, minutes) == (24, Some(60));
            let name = if hours { "same hour yesterday".to_owned() } else { format!("{season} rows before") };
            all.push((name, problem.bases(test)));
        }
        let inside = (0..horizon).map(inside).collect();
        let of_last = (network[last..].to_vec(), outcomes[last..].to_vec());
        all.push(("network".to_owned(), network));
        let method = |(name, forecasts): (String, Vec<f64>)| {
            let by_step = Errors::by_horizon(&forecasts, &outcomes, horizon)?;
            Ok(Method { name, all: Errors::of(&forecasts, &outcomes)?, by_step })
        };
        let windows = [&problem.learning, &problem.validation, &problem.test].map(|part| part.len());
        let methods = all.into_iter().map(method).collect::<Fallible<_>>()?;
        Ok(Self { windows, methods, inside, last: of_last })
    }

    /// The share of all outcomes within the bands.
    pub fn in_band(&self) -> f64 {
        self.inside.iter().sum::<f64>() / self.inside.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecaster::{Network, Series};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn every_method_is_held_against_the_same_outcomes() {
        let values = (0..100).map(|k| (k % 4) as f32).collect();
        let (filled_rows, repeated_rows, filled_fields) = (0, 0, 0);
        let columns = vec!["t".to_owned()];
        let series = Series { columns, values, clock: None, filled_rows, repeated_rows, filled_fields };
        for (season, names) in
            [(0, &["persistence", "network"][..]), (4, &["persistence", "4 rows before", "network"])]
        {
            let problem = Problem::new(&series, 8, 3, season, "").unwrap();
            let mut plan = problem.plan().clone();
            plan.bands = vec![[-1e9, 1e9], [1e9, 2e9], [-1e9, 1e9]];
            let features = 1 + usize::from(season > 0);
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
            let network = Network::new(features, 4, 3, &mut rng).unwrap();
            let test = Test::of(&problem, &Forecaster { plan, network }).unwrap();
            assert_eq!(test.methods.iter().map(|method| method.name.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(test.windows[2], problem.test.len());
            assert!(test.methods[0].all.mae > 1.0);
            if season > 0 {
                assert_eq!(test.methods[1].all.mae, 0.0, "the series repeats itself after 4 rows");
            }
            assert_eq!((&test.inside[..], test.in_band()), (&[1.0, 0.0, 1.0][..], 2.0 / 3.0));
            assert_eq!(test.last.1, [1.0, 2.0, 3.0]);
        }
    }
}
