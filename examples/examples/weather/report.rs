//! What the figures say: a table, a few sentences, and JSON.

use std::fmt::Write;

use refrain_examples::text_table::TextTable;
use refrain_metrics::{Scores, Spread, surprise};
use serde_json::{Map, Value, json};

/// The forecasts of one model for the test days: one for each seed, or a single one where there is
/// no chance in it.
pub(crate) struct Forecast {
    /// What the table and the JSON call the model.
    pub(crate) name: &'static str,
    /// How many numbers it has learned.
    pub(crate) parameters: usize,
    /// By seed, then by day.
    pub(crate) probabilities: Vec<Vec<f64>>,
}

/// The scores that are reported: the heading, the key in the JSON, and which it is.
type Score = (&'static str, &'static str, fn(&Scores) -> f64);
const SCORES: [Score; 4] = [
    ("accuracy", "accuracy", |scores| scores.accuracy),
    ("F1", "f1", |scores| scores.f1),
    ("log loss", "log_loss", |scores| scores.log_loss),
    ("Brier", "brier", |scores| scores.brier),
];

impl Forecast {
    fn spread(&self, wet: &[bool], score: fn(&Scores) -> f64) -> Spread {
        let scores = |run: &Vec<f64>| run.iter().copied().zip(wet.iter().copied()).collect();
        Spread::of(self.probabilities.iter().map(|run| score(&scores(run))))
    }

    fn log_loss(&self, wet: &[bool]) -> Spread {
        self.spread(wet, |scores| scores.log_loss)
    }

    /// For each day, the mean log loss over the seeds.
    fn daily_log_loss<'a>(&'a self, wet: &'a [bool]) -> impl Iterator<Item = f64> + 'a {
        let of_day = move |day: usize| self.probabilities.iter().map(move |run| surprise(run[day], wet[day]));
        (0..wet.len()).map(move |day| Spread::of(of_day(day)).mean)
    }
}

/// The scores of all forecasts side by side.
pub(crate) fn table(forecasts: &[Forecast], wet: &[bool]) -> TextTable {
    let headings = SCORES.iter().map(|(heading, ..)| *heading);
    let mut table = TextTable::new(["", "parameters"].into_iter().chain(headings));
    for forecast in forecasts {
        let mut row = vec![forecast.name.to_owned(), forecast.parameters.to_string()];
        row.extend(SCORES.iter().map(|(.., score)| match forecast.spread(wet, *score) {
            Spread { mean, count: 0 | 1, .. } => format!("{mean:.4} ± {:>6}", "–"),
            Spread { mean, std, .. } => format!("{mean:.4} ± {std:.4}"),
        }));
        table.row(row);
    }
    table
}

/// The figures of the table as `{"model": {"score": {"mean": …, "std": …}, …}, …}`.
pub(crate) fn json(forecasts: &[Forecast], wet: &[bool]) -> Value {
    let object = |forecast: &Forecast| {
        let figures = SCORES.iter().map(|(_, key, score)| {
            let Spread { mean, std, .. } = forecast.spread(wet, *score);
            ((*key).to_owned(), json!({ "mean": mean, "std": std }))
        });
        Value::Object(figures.collect::<Map<_, _>>())
    };
    Value::Object(forecasts.iter().map(|forecast| (forecast.name.to_owned(), object(forecast))).collect())
}

/// What the log losses allow to be said, sentence by sentence.
///
/// The last forecast is taken for the network in question, the one before it for the network it is
/// compared with, the others for what both have to beat.
pub(crate) fn verdict(forecasts: &[Forecast], wet: &[bool]) -> String {
    let [baselines @ .., rival, network] = forecasts else { return String::new() };
    let mean = |forecast: &Forecast| forecast.log_loss(wet).mean;
    let mut text = String::new();
    if let Some(best) = forecasts.iter().min_by(|a, b| mean(a).total_cmp(&mean(b))) {
        text += &format!("Lowest mean log loss: {} ({:.4}).", best.name, mean(best));
    }
    for network in [rival, network] {
        for baseline in baselines.iter().filter(|baseline| mean(baseline) <= mean(network)) {
            let (name, other) = (network.name, baseline.name);
            let _ = write!(text, "\nThe {name} network does not beat {other} here.");
        }
    }
    text += "\n";
    text += &comparison(network, rival, wet);
    text
}

/// Whether two networks differ by more than chance: the chance in the seeds, and that in the days.
fn comparison(a: &Forecast, b: &Forecast, wet: &[bool]) -> String {
    let (of_a, of_b) = (a.log_loss(wet), b.log_loss(wet));
    let difference = (of_a.mean - of_b.mean).abs();
    if of_a.count < 2 || of_b.count < 2 {
        return format!(
            "{} and {} differ by {difference:.5} in log loss; a single seed does not show whether by chance.",
            a.name, b.name
        );
    }
    let over_seeds = of_a.std.max(of_b.std);
    let daily = a.daily_log_loss(wet).zip(b.daily_log_loss(wet)).map(|(a, b)| a - b);
    let over_days = Spread::of(daily).standard_error();
    let (seeds, days) = (difference > over_seeds, difference > 2.0 * over_days);
    let more = |is_more: bool| if is_more { "more" } else { "no more" };
    let mut text = format!(
        "{} and {} differ by {difference:.5} in log loss: {} than the spread over the seeds ({over_seeds:.5}),\n\
         {} than twice the standard error over the {} test days (2 × {over_days:.5}).\n",
        a.name,
        b.name,
        more(seeds),
        more(days),
        wet.len(),
    );
    if seeds && days {
        let better = if of_a.mean < of_b.mean { a.name } else { b.name };
        let _ = write!(text, "On these days, {better} is the better forecast.");
    } else {
        text += "So these figures do not say which of the two is the better forecast.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WET: [bool; 4] = [true, false, true, false];

    /// A forecast that gives what came the probability `right`, with a bit more or less by seed.
    fn forecast(name: &'static str, right: f64, by_seed: &[f64]) -> Forecast {
        let run = |by: &f64| WET.iter().map(|&wet| if wet { right + by } else { 1.0 - right - by }).collect();
        Forecast { name, parameters: 7, probabilities: by_seed.iter().map(run).collect() }
    }

    #[test]
    fn table_and_json_carry_the_same_figures() {
        let forecasts = [forecast("sure", 0.75, &[0.0]), forecast("net", 0.75, &[-0.25, 0.0])];
        let text = table(&forecasts, &WET).to_string();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows[0].split_whitespace().collect::<Vec<_>>().join(" "),
            "parameters accuracy F1 log loss Brier"
        );
        assert!(
            rows[2].ends_with("1.0000 ±      –  1.0000 ±      –  0.2877 ±      –  0.0625 ±      –"),
            "{text}"
        );
        // The first seed says ½ always, which counts as a yes: accuracy ½, F1 2·2 / (2·2 + 2) = ⅔.
        assert!(rows[3].contains("0.7500 ± 0.3536  0.8333 ± 0.2357  0.4904 ± 0.2867"), "{text}");
        let value = json(&forecasts, &WET);
        assert_eq!(value["sure"]["accuracy"], json!({ "mean": 1.0, "std": 0.0 }));
        assert_eq!(value["net"]["brier"]["mean"], json!((0.25 + 0.0625) / 2.0));
        assert_eq!(value["net"].as_object().unwrap().len(), 4);
        for (line, forecast) in rows[2..].iter().zip(&forecasts) {
            let loss = value[forecast.name]["log_loss"]["mean"].as_f64().unwrap();
            assert!(line.contains(&format!("{loss:.4}")), "{line}");
        }
    }

    #[test]
    fn the_sentences_follow_the_figures() {
        let base = || forecast("climatology", 0.6, &[0.0]);
        let spread = [-0.01, 0.0, 0.01];
        let cases: [(Vec<Forecast>, &[&str], &[&str]); 4] = [
            (
                vec![base(), forecast("dense", 0.7, &spread), forecast("rnn", 0.8, &spread)],
                &["Lowest mean log loss: rnn (0.22", "On these days, rnn is the better forecast."],
                &["does not beat", "do not say"],
            ),
            (
                vec![base(), forecast("dense", 0.8, &spread), forecast("rnn", 0.7, &spread)],
                &["Lowest mean log loss: dense (0.22", "On these days, dense is the better forecast."],
                &["does not beat", "do not say"],
            ),
            (
                vec![base(), forecast("dense", 0.70, &spread), forecast("rnn", 0.705, &spread)],
                &["no more than the spread over the seeds", "do not say which"],
                &["On these days"],
            ),
            (
                vec![base(), forecast("dense", 0.7, &[0.0]), forecast("rnn", 0.5, &[0.0])],
                &["The rnn network does not beat climatology", "a single seed does not show"],
                &["The dense network does not", "On these days"],
            ),
        ];
        for (forecasts, has, lacks) in cases {
            let text = verdict(&forecasts, &WET);
            assert!(has.iter().all(|part| text.contains(part)), "{text}");
            assert!(!lacks.iter().any(|part| text.contains(part)), "{text}");
        }
    }
}
