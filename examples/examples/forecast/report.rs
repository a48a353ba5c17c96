//! What came of it, as a text and as JSON.

use std::path::PathBuf;

use refrain_examples::{
    forecaster::{Forecaster, Plan, Problem, Series, Training},
    program::Fallible,
    text_table::TextTable,
};
use refrain_metrics::{Accuracy, Errors};
use serde_json::{Value, json};

/// One way to foretell, and how far it was off on the test windows.
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) all: Errors,
    pub(crate) by_step: Vec<Errors>,
}

/// What the test says.
pub(crate) struct Test {
    pub(crate) training: Training,
    /// The windows to learn from, to choose by and to test on.
    windows: [usize; 3],
    /// The network is the last.
    pub(crate) methods: Vec<Method>,
    /// The share of outcomes within the bands, by step ahead.
    inside: Vec<f64>,
    /// The last test window: what was foretold after it, and what came.
    pub(crate) last: (Vec<f64>, Vec<f64>),
}

impl Test {
    /// Holds a forecaster against the others.
    pub(crate) fn of(problem: &Problem, forecaster: &Forecaster, training: Training) -> Fallible<Self> {
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
        Ok(Self { training, windows, methods, inside, last: of_last })
    }

    /// MAE and RMSE for some steps ahead, and for all.
    fn table(&self, series: &Series) -> TextTable {
        let headings =
            self.methods.iter().flat_map(|method| [format!("{} MAE", method.name), "RMSE".to_owned()]);
        let mut table =
            TextTable::new(["ahead".to_owned()].into_iter().chain(headings).chain(["in band".to_owned()]));
        let mut row = |name: String, errors: &dyn Fn(&Method) -> Errors, inside: f64| {
            let figures = self.methods.iter().map(errors);
            let figures =
                figures.flat_map(|errors| [errors.mae, errors.rmse].map(|error| format!("{error:.3}")));
            table.row([name].into_iter().chain(figures).chain([format!("{:.1} %", 100.0 * inside)]));
        };
        let horizon = self.inside.len();
        let shown =
            [1, 2, 3, 6, 12, 18, 24, 48, 96, 168, 336, 720].into_iter().filter(|&step| step < horizon);
        for step in shown.chain([horizon]) {
            row(series.span(step), &|method| method.by_step[step - 1], self.inside[step - 1]);
        }
        row("all".to_owned(), &|method| method.all, self.in_band());
        table
    }

    /// The share of all outcomes within the bands.
    fn in_band(&self) -> f64 {
        self.inside.iter().sum::<f64>() / self.inside.len() as f64
    }
}

/// What comes after the last row.
pub(crate) struct Outlook {
    pub(crate) plan: Plan,
    pub(crate) series: Series,
    pub(crate) forecast: Vec<f64>,
}

impl Outlook {
    /// Foretells what comes after a series.
    pub(crate) fn of(forecaster: &Forecaster, series: Series) -> Fallible<Self> {
        let step = series.clock.map(|(_, step)| step);
        if let (Some(trained), Some(found)) =
            (forecaster.plan.minutes, step.filter(|_| step != forecaster.plan.minutes))
        {
            return Err(format!(
                "the rows are {found} minutes apart, and the model was trained on {trained}"
            )
            .into());
        }
        Ok(Self { forecast: forecaster.forecast(&series.values)?, plan: forecaster.plan.clone(), series })
    }

    /// The bounds of the band of each step ahead.
    pub(crate) fn bands(&self) -> impl Iterator<Item = [f64; 2]> {
        self.forecast.iter().zip(&self.plan.bands).map(|(forecast, band)| band.map(|bound| forecast + bound))
    }

    fn table(&self) -> TextTable {
        let mut table = TextTable::new(["", "forecast", "from", "to"]);
        let last = self.series.row_count();
        for (step, (forecast, [low, high])) in self.forecast.iter().zip(self.bands()).enumerate() {
            let name = self.series.name_of(last + step);
            table.row([name].into_iter().chain([*forecast, low, high].map(|value| format!("{value:.2}"))));
        }
        table
    }
}

/// All there is to tell.
pub(crate) struct Report {
    pub(crate) outlook: Outlook,
    pub(crate) test: Option<Test>,
    pub(crate) model: PathBuf,
}

impl Report {
    /// The target with its unit.
    fn target(&self) -> String {
        let Plan { columns, unit, .. } = &self.outlook.plan;
        if unit.is_empty() { columns[0].clone() } else { format!("{} in {unit}", columns[0]) }
    }

    /// The whole story.
    pub(crate) fn text(&self) -> String {
        let Self { outlook: Outlook { plan, series, .. }, test, model } = self;
        let Series { filled_rows, repeated_rows, filled_fields, .. } = series;
        let mut text = format!(
            "What comes next? The next {} of {} from the last {}.\n\
             {} rows from {} to {}; filled: {filled_rows} rows, {filled_fields} fields; left out: {repeated_rows} rows \
             that came again.\n",
            series.span(plan.horizon),
            self.target(),
            series.span(plan.window),
            series.row_count(),
            series.name_of(0),
            series.name_of(series.row_count() - 1),
        );
        if let Some(test) = test {
            let (Training { parameters, history }, [learning, validation, windows]) =
                (&test.training, test.windows);
            text += &format!(
                "A GRU with {parameters} parameters; {} epochs, best after {}. \
                 {learning} windows to learn from, {validation} later ones to choose by, {windows} last ones to test on.\n\n\
                 {}\n\n\
                 The bands are the inner 80 % of the errors on the windows to choose by.\n\
                 The model is saved; what follows, the saved one foretells.\n",
                history.curve.0.len(),
                history.best,
                test.table(series),
            );
        }
        format!("{text}Model: {}\n\n{}\n", model.display(), self.outlook.table())
    }

    /// The last line.
    pub(crate) fn end(&self) -> String {
        let Some(test) = &self.test else {
            return format!("forecast: {} values of {}", self.outlook.forecast.len(), self.target());
        };
        let (network, others) =
            (&test.methods[test.methods.len() - 1], &test.methods[..test.methods.len() - 1]);
        let others: Vec<String> =
            others.iter().map(|method| format!("{} {:.3}", method.name, method.all.mae)).collect();
        let end = format!("forecast: test MAE {:.3}; {}", network.all.mae, others.join(", "));
        test.training.history.end(end)
    }

    /// The figures of the text.
    pub(crate) fn json(&self) -> Value {
        let Self { outlook, test, model } = self;
        let last = outlook.series.row_count();
        let row = |(step, (forecast, [low, high])): (usize, (&f64, [f64; 2]))| json!({ "row": outlook.series.name_of(last + step), "forecast": forecast, "low": low, "high": high });
        let errors = |errors: &Errors| json!({ "mae": errors.mae, "rmse": errors.rmse, "bias": errors.bias });
        let method = |method: &Method| {
            let by_step: Vec<Value> = method.by_step.iter().map(errors).collect();
            json!({ "method": method.name, "all": errors(&method.all), "by_step": by_step })
        };
        let test = test.as_ref().map(|test| {
            json!({
                "parameters": test.training.parameters,
                "epochs": test.training.history.curve.0.len(),
                "best_epoch": test.training.history.best,
                "resume": test.training.history.resume(),
                "windows": test.windows,
                "methods": test.methods.iter().map(method).collect::<Vec<_>>(),
                "in_band": test.in_band(),
            })
        });
        let forecast: Vec<Value> =
            outlook.forecast.iter().zip(outlook.bands()).enumerate().map(row).collect();
        json!({ "target": outlook.plan.columns[0], "unit": outlook.plan.unit, "model": model.display().to_string(), "test": test, "forecast": forecast })
    }
}
