//! The figures of a forecaster: what is foretold, what came in the test, and the error by how far it looks ahead.

use super::{Outlook, Test, Training};
use crate::plot::{Axis, Panel, Series, Shape, colors};

impl Outlook {
    /// The panels: the forecast, and with a test, the last window of it and the errors by step ahead.
    pub fn panels(&self, test: Option<&Test>) -> Vec<Panel> {
        let (series, last, horizon) = (&self.series, self.series.row_count(), self.plan.horizon);
        let next = format!("The next {} after {}", series.span(horizon), series.name_of(last - 1));
        let mut panels = vec![forecast(self, next, last, &self.forecast, None)];
        if let Some(test) = test {
            let (foretold, came) = (&test.last.0, &test.last.1);
            let before = last - horizon;
            let span = series.span(horizon);
            let title = format!("The last test: {span} after {}", series.name_of(before - 1));
            panels.push(forecast(self, title, before, foretold, Some(came)));
            panels.push(errors(self, test));
        }
        panels
    }

    /// How the training went: the error on the windows to choose by, after each epoch.
    pub fn training_panel(&self, training: &Training) -> Panel {
        let title = "The mean absolute error on the windows to choose by";
        training.history.curve.validation_panel(title, "epochs", &axis_label(self))
    }
}

/// A forecast with its band, behind what was known at row `now`; and what came.
fn forecast(outlook: &Outlook, title: String, now: usize, values: &[f64], came: Option<&[f64]>) -> Panel {
    let target = outlook.series.target();
    let known = now.saturating_sub(outlook.plan.window)..now;
    let place = |row: usize| row as f64 - now as f64 + 1.0;
    let line = |label: &str, color, shape, points| Series { label: label.to_owned(), color, shape, points };
    let ahead =
        |values: &[f64]| values.iter().enumerate().map(|(k, &y)| (k as f64 + 1.0, y)).collect::<Vec<_>>();
    let bound = |which: usize| values.iter().zip(&outlook.plan.bands).map(move |(y, band)| y + band[which]);
    let (low, high): (Vec<f64>, Vec<f64>) = (bound(0).collect(), bound(1).collect());
    let round = ahead(&high).into_iter().chain(ahead(&low).into_iter().rev()).collect();
    let start = known.start;
    let mut series = vec![
        line("80 % band", colors::PALE_BLUE, Shape::Area, round),
        line(
            "known",
            colors::GRAY,
            Shape::Line,
            known.map(|row| (place(row), f64::from(target[row]))).collect(),
        ),
        line("forecast", colors::BLUE, Shape::Line, ahead(values)),
    ];
    series.extend(came.map(|came| line("what came", colors::VERMILION, Shape::Dashes, ahead(came))));
    let unit = outlook.series.span(2);
    let unit = unit.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    Panel {
        title,
        x: Axis::new(format!("{unit} from then"), place(start), values.len() as f64),
        y: vertical(&axis_label(outlook), &series),
        series,
    }
}

/// The MAE of each method by how far it looks ahead.
fn errors(outlook: &Outlook, test: &Test) -> Panel {
    let looks = [(colors::GRAY, Shape::Dashes), (colors::GREEN, Shape::Line), (colors::BLUE, Shape::Line)];
    let skipped = looks.len().saturating_sub(test.methods.len());
    // With no season there is no second method; the network stays blue.
    let looks = looks.into_iter().enumerate().filter(|(place, _)| skipped == 0 || *place != 1);
    let series: Vec<Series> = test
        .methods
        .iter()
        .zip(looks)
        .map(|(method, (_, (color, shape)))| {
            let points = method.by_step.iter().enumerate();
            let points = points.map(|(step, errors)| (step as f64 + 1.0, errors.mae)).collect();
            Series { label: method.name.clone(), color, shape, points }
        })
        .collect();
    let high = series.iter().flat_map(|series| &series.points).map(|point| point.1).fold(0.0, f64::max);
    Panel {
        title: "The mean absolute error, by how far ahead (test)".to_owned(),
        x: Axis::new("steps ahead", 1.0, outlook.plan.horizon as f64),
        y: Axis::new(axis_label(outlook), 0.0, 1.05 * high),
        series,
    }
}

fn axis_label(outlook: &Outlook) -> String {
    let (name, unit) = (&outlook.plan.columns[0], &outlook.plan.unit);
    if unit.is_empty() { name.clone() } else { format!("{name}, {unit}") }
}

/// An axis that holds all points, with some room.
fn vertical(label: &str, series: &[Series]) -> Axis {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let room = 0.05 * (high - low).max(f64::MIN_POSITIVE);
    Axis::new(label, low - room, high + room)
}
