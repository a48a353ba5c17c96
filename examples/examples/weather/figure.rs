//! The picture: how the networks learned, and what they foretold.

use refrain_examples::{
    calendar::{Date, MONTHS, days_in_year},
    plot::{Axis, Panel, Series, Shape, colors},
};
use refrain_metrics::Spread;

use crate::{days::Days, training::Outcome};

/// The log loss after each epoch, as the mean over the seeds.
pub(crate) fn learning_curves(dense: &[Outcome], rnn: &[Outcome]) -> Panel {
    let curve = |label: &str, color, shape, outcomes: &[Outcome], losses: fn(&Outcome) -> &Vec<f64>| {
        let losses = mean_by_place(outcomes.iter().map(losses));
        let points = losses.into_iter().enumerate().map(|(epoch, loss)| (epoch as f64 + 1.0, loss)).collect();
        Series { label: label.to_owned(), color, shape, points }
    };
    let series = vec![
        curve("dense, learning", colors::VERMILION, Shape::Dashes, dense, |o| &o.learning_losses),
        curve("dense, validation", colors::VERMILION, Shape::Line, dense, |o| &o.validation_losses),
        curve("rnn, learning", colors::BLUE, Shape::Dashes, rnn, |o| &o.learning_losses),
        curve("rnn, validation", colors::BLUE, Shape::Line, rnn, |o| &o.validation_losses),
    ];
    let losses = || series.iter().flat_map(|series| &series.points).map(|&(_, loss)| loss);
    let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(f64::NEG_INFINITY, f64::max));
    let epochs = Axis::new("epoch", 1.0, series[0].points.len() as f64);
    let whole: Vec<f64> =
        epochs.ticks.iter().map(|tick| tick.0).filter(|epoch| epoch.fract() == 0.0).collect();
    Panel {
        title: format!("Learning to foretell rain ({})", mean_over(dense.len())),
        x: epochs.ticks(whole.into_iter().map(|epoch| (epoch, epoch.to_string()))),
        y: Axis::new("log loss", (low * 50.0).floor() / 50.0, (high * 50.0).ceil() / 50.0),
        series,
    }
}

/// The probability of rain on each day of the test year, with the wet days behind it.
pub(crate) fn test_year(days: &Days, climatology: &[f64], rnn: &[Outcome]) -> Panel {
    let year = days.test_year();
    let first = f64::from(days.dates[days.test_start].day_of_year() - 1);
    let wet = days.wet[days.test_start..].iter().enumerate().filter(|(_, wet)| **wet);
    // A day is as wide as its band; its probability stands in the middle.
    let middle = |(day, p): (usize, f64)| (first + day as f64 + 0.5, p);
    let line = |label: &str, color, shape, probabilities: Vec<f64>| {
        let points = probabilities.into_iter().enumerate().map(middle).collect();
        Series { label: label.to_owned(), color, shape, points }
    };
    let probabilities = mean_by_place(rnn.iter().map(|outcome| &outcome.probabilities));
    let series = vec![
        Series {
            label: "day with precipitation".to_owned(),
            color: colors::PALE_BLUE,
            shape: Shape::Bands,
            points: wet.map(|(day, _)| (first + day as f64, 0.0)).collect(),
        },
        line("climatology", colors::GRAY, Shape::Dashes, climatology.to_vec()),
        line("rnn", colors::BLUE, Shape::Line, probabilities),
    ];
    let start = |month: u8| Date::new(year, month, 1).map_or(0.0, |date| f64::from(date.day_of_year() - 1));
    let months = (1u8..).zip(MONTHS).map(|(month, name)| (start(month), name.to_owned()));
    Panel {
        title: format!(
            "The probability of rain on each day of {year}, told the day before ({})",
            mean_over(rnn.len())
        ),
        x: Axis::new(year.to_string(), 0.0, f64::from(days_in_year(year))).ticks(months),
        y: Axis::new("probability", 0.0, 1.0),
        series,
    }
}

fn mean_over(seeds: usize) -> String {
    if seeds == 1 { "one seed".to_owned() } else { format!("mean over {seeds} seeds") }
}

/// The mean of the first numbers of all runs, of the second numbers, and so on.
fn mean_by_place<'a>(runs: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let runs: Vec<&Vec<f64>> = runs.collect();
    let places = runs.first().map_or(0, |run| run.len());
    (0..places).map(|place| Spread::of(runs.iter().map(|run| run[place])).mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::tests::days;

    fn outcome(shift: f64) -> Outcome {
        Outcome {
            learning_losses: vec![0.75 + shift, 0.5],
            validation_losses: vec![0.75, 0.625],
            probabilities: vec![0.25 + shift, 0.5, 0.75],
        }
    }

    #[test]
    fn curves_are_means_over_the_seeds() {
        let panel = learning_curves(&[outcome(0.0), outcome(0.25)], &[outcome(0.0)]);
        assert_eq!(panel.series[0].points, [(1.0, 0.875), (2.0, 0.5)]);
        assert_eq!(panel.series[3].points, [(1.0, 0.75), (2.0, 0.625)]);
        assert!((panel.y.low, panel.y.high) == (0.5, 0.88), "{} {}", panel.y.low, panel.y.high);
    }

    #[test]
    fn wet_days_stand_behind_their_probability() {
        let days = days("2012-12-30", [1, 0, 1, 0, 1]);
        let panel = test_year(&days, &[0.5; 3], &[outcome(0.0), outcome(0.5)]);
        assert_eq!(panel.series[0].points, [(0.0, 0.0), (2.0, 0.0)]);
        assert_eq!(panel.series[2].points, [(0.5, 0.5), (1.5, 0.5), (2.5, 0.75)]);
        assert_eq!(panel.x.ticks[2], (59.0, "Mar".to_owned()));
    }
}
