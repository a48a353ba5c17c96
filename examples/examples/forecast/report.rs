//! What came of it, as a text and as JSON.

use std::path::PathBuf;

use refrain_examples::{
    forecaster::{Method, Outlook, Plan, Series, Test, Training},
    text_table::TextTable,
};
use refrain_metrics::Errors;
use serde_json::{Value, json};

/// All there is to tell.
pub(crate) struct Report {
    pub(crate) outlook: Outlook,
    /// With a training, its test.
    pub(crate) test: Option<(Training, Test)>,
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
        if let Some((Training { parameters, history }, test)) = test {
            let [learning, validation, windows] = test.windows;
            text += &format!(
                "A GRU with {parameters} parameters; {} epochs, best after {}. \
                 {learning} windows to learn from, {validation} later ones to choose by, {windows} last ones to test on.\n\n\
                 {}\n\n\
                 The bands are the inner 80 % of the errors on the windows to choose by.\n\
                 The model is saved; what follows, the saved one foretells.\n",
                history.curve.0.len(),
                history.best,
                errors_table(test, series),
            );
        }
        format!("{text}Model: {}\n\n{}\n", model.display(), forecast_table(&self.outlook))
    }

    /// The last line.
    pub(crate) fn end(&self) -> String {
        let Some((training, test)) = &self.test else {
            return format!("forecast: {} values of {}", self.outlook.forecast.len(), self.target());
        };
        let (network, others) =
            (&test.methods[test.methods.len() - 1], &test.methods[..test.methods.len() - 1]);
        let others: Vec<String> =
            others.iter().map(|method| format!("{} {:.3}", method.name, method.all.mae)).collect();
        let end = format!("forecast: test MAE {:.3}; {}", network.all.mae, others.join(", "));
        training.history.end(end)
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
        let test = test.as_ref().map(|(Training { parameters, history }, test)| {
            json!({
                "parameters": parameters,
                "epochs": history.curve.0.len(),
                "best_epoch": history.best,
                "resume": history.resume(),
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

/// MAE and RMSE for some steps ahead, and for all.
fn errors_table(test: &Test, series: &Series) -> TextTable {
    let headings = test.methods.iter().flat_map(|method| [format!("{} MAE", method.name), "RMSE".to_owned()]);
    let mut table =
        TextTable::new(["ahead".to_owned()].into_iter().chain(headings).chain(["in band".to_owned()]));
    let mut row = |name: String, errors: &dyn Fn(&Method) -> Errors, inside: f64| {
        let figures = test.methods.iter().map(errors);
        let figures = figures.flat_map(|errors| [errors.mae, errors.rmse].map(|error| format!("{error:.3}")));
        table.row([name].into_iter().chain(figures).chain([format!("{:.1} %", 100.0 * inside)]));
    };
    let horizon = test.inside.len();
    let shown = [1, 2, 3, 6, 12, 18, 24, 48, 96, 168, 336, 720].into_iter().filter(|&step| step < horizon);
    for step in shown.chain([horizon]) {
        row(series.span(step), &|method| method.by_step[step - 1], test.inside[step - 1]);
    }
    row("all".to_owned(), &|method| method.all, test.in_band());
    table
}

/// What is foretold for each row, with its band.
fn forecast_table(outlook: &Outlook) -> TextTable {
    let mut table = TextTable::new(["", "forecast", "from", "to"]);
    let last = outlook.series.row_count();
    for (step, (forecast, [low, high])) in outlook.forecast.iter().zip(outlook.bands()).enumerate() {
        let name = outlook.series.name_of(last + step);
        table.row([name].into_iter().chain([*forecast, low, high].map(|value| format!("{value:.2}"))));
    }
    table
}
