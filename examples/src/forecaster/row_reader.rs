//! [`RowReader`]: lines that are rows of a series, answered by forecasts.

use std::time::Instant;

use refrain_metrics::RunningMean;
use serde_json::{Value, json};

use super::{Forecaster, Live};
use crate::{
    answers::{Reader, Reply},
    program::Fallible,
};

/// Further from the mean than so many deviations, of what the model has learned from, no value is a
/// measurement.
const MOST_DEVIATIONS: f64 = 1000.0;

/// A forecaster that reads rows.
pub struct RowReader {
    live: Live,
    /// Mean and deviation of each column, as the model has learned them.
    usual: Vec<(f64, f64)>,
    /// How many fields a line has, and which of them the model's columns are; not known before the
    /// first line.
    fields: Option<(usize, Vec<usize>)>,
    /// The last values, for those that are missing.
    row: Vec<f32>,
    /// What was foretold for the next line.
    next: Option<f64>,
    /// How far each line was from what the line before foretold for it.
    error: RunningMean,
}

impl RowReader {
    /// A forecaster before its first row.
    ///
    /// # Errors
    /// Those of [`Forecaster::live`].
    pub fn new(forecaster: &Forecaster) -> Fallible<Self> {
        let scaler = &forecaster.plan.scaler;
        let usual = scaler.mean().iter().map(f64::from).zip(scaler.scale().iter().map(f64::from));
        Ok(Self {
            live: forecaster.live()?,
            usual: usual.take(forecaster.plan.width()).collect(),
            fields: None,
            row: Vec::new(),
            next: None,
            error: RunningMean::new(),
        })
    }

    /// Where the first line holds names: the places of the model's columns.
    fn header(&self, fields: &[&str]) -> Fallible<Option<Vec<usize>>> {
        if fields.iter().all(|field| is_missing(field) || field.parse::<f32>().is_ok()) {
            return Ok(None);
        }
        let place = |name: &String| {
            fields.iter().position(|field| field == name).ok_or_else(|| {
                let (found, columns) = (fields.join(", "), self.live.plan().columns.join(","));
                format!(
                    "the first line is {found}, which is no row of numbers and no header with the column {name:?}; \
                     send lines of {columns}, or a header that names them"
                )
            })
        };
        Ok(Some(self.live.plan().columns.iter().map(place).collect::<Result<_, _>>()?))
    }

    /// The values of the model's columns, or a sentence about what is wrong.
    fn values(&self, fields: &[&str]) -> Result<Vec<f32>, String> {
        let Some((width, places)) = self.fields.as_ref() else {
            return Err("there is no first line".to_owned());
        };
        if fields.len() != *width {
            return Err(format!("{} values, expected {width}", fields.len()));
        }
        let value = |(column, &place): (usize, &usize)| {
            let (name, field) = (&self.live.plan().columns[column], fields[place]);
            if is_missing(field) {
                let before = self.row.get(column).copied();
                return before.ok_or_else(|| format!("column {name:?}: the first value is missing"));
            }
            let value = field.parse::<f64>().ok().filter(|value| value.is_finite());
            let value = value.ok_or_else(|| format!("column {name:?}: {field:?} is not a number"))?;
            let (mean, deviation) = self.usual[column];
            if (value - mean).abs() > MOST_DEVIATIONS * deviation {
                return Err(format!(
                    "column {name:?}: {field} is more than {MOST_DEVIATIONS} deviations from what the model has \
                     learned from ({mean:.3} ± {deviation:.3})"
                ));
            }
            Ok(value as f32)
        };
        places.iter().enumerate().map(value).collect()
    }

    /// What comes after the row.
    fn foretell(&mut self) -> Fallible<Reply> {
        if let Some(next) = self.next {
            self.error.push((f64::from(self.row[0]) - next).abs());
        }
        let start = Instant::now();
        let forecast = self.live.push(&self.row)?.map(<[f64]>::to_vec);
        let step = Some(start.elapsed());
        self.next = forecast.as_ref().map(|forecast| forecast[0]);
        let Some(forecast) = forecast else {
            let left = self.live.plan().window - self.live.rows();
            return Ok(Reply::Answer("-".to_owned(), json!({ "rows_needed": left }), step));
        };
        let bound = |which: usize| {
            let bands = forecast.iter().zip(&self.live.plan().bands);
            bands.map(|(value, band)| value + band[which]).collect::<Vec<_>>()
        };
        let text = forecast.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(",");
        let value = json!({ "forecast": forecast, "low": bound(0), "high": bound(1) });
        Ok(Reply::Answer(text, value, step))
    }

    /// The answer to the header: how far ahead each value of the answers looks.
    fn head(&self) -> Reply {
        let steps = (1..=self.live.plan().horizon).map(|step| format!("+{step}"));
        let columns = json!({ "columns": self.live.plan().columns });
        Reply::Answer(steps.collect::<Vec<_>>().join(","), columns, None)
    }
}

impl Reader for RowReader {
    fn read(&mut self, line: &str) -> Fallible<Reply> {
        let fields: Vec<&str> = line.trim_end().split(',').map(str::trim).collect();
        if self.fields.is_none() {
            if let Some(places) = self.header(&fields)? {
                self.fields = Some((fields.len(), places));
                return Ok(self.head());
            }
            let width = self.live.plan().width();
            self.fields = Some((width, (0..width).collect()));
        }
        match self.values(&fields) {
            Err(sentence) => Ok(Reply::Refusal(sentence)),
            Ok(row) => {
                self.row = row;
                self.foretell()
            }
        }
    }

    fn sum(&self) -> (Option<String>, (&'static str, Value)) {
        let (error, count) = (&self.error, self.error.count());
        let sentence = || format!("foretold one row ahead: mean absolute error {error:.3} over {count} rows");
        ((count > 0).then(sentence), ("one_step_mae", json!(error.mean())))
    }
}

fn is_missing(field: &str) -> bool {
    field.is_empty() || field.eq_ignore_ascii_case("NA") || field.eq_ignore_ascii_case("NaN")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecaster::{Choice, Options, Problem, Series, learn};

    /// A small model for a wave.
    fn forecaster() -> Forecaster {
        let wave = |k: usize| format!("{:.3}\n", 50.0 + 10.0 * (k as f64 / 4.0).sin());
        let text = format!("t\n{}", (0..200).map(wave).collect::<String>());
        let choice = Choice { target: Some("t"), others: None, time: None };
        let series = Series::read("wave.csv", text.as_bytes(), &choice).unwrap();
        let problem = Problem::new(&series, 6, 2, 0, "").unwrap();
        learn(&problem, &Options { hidden: 4, epochs: 1, ..Options::default() }, None).unwrap().0
    }

    #[test]
    fn a_row_that_is_no_measurement_leaves_no_trace() {
        let forecaster = forecaster();
        let good: Vec<String> = (0..20).map(|k| format!("{}", 50 + k % 7)).collect();
        let run = |absurd: &[&str]| {
            let mut rows = RowReader::new(&forecaster).unwrap();
            let mut answers = Vec::new();
            for (place, line) in good.iter().enumerate() {
                if place == 12 {
                    for line in absurd {
                        let Reply::Refusal(why) = rows.read(line).unwrap() else { panic!("{line} is taken") };
                        assert!(why.starts_with("column \"t\": "), "{why}");
                    }
                }
                let Reply::Answer(text, ..) = rows.read(line).unwrap() else { panic!("{line} is refused") };
                answers.push(text);
            }
            (answers, rows.sum())
        };
        assert_eq!(run(&["1e300", "-1e30", "inf", "-9999999", "warm", "9e99999"]), run(&[]));
        let mut rows = RowReader::new(&forecaster).unwrap();
        let Reply::Refusal(why) = rows.read("1e30").unwrap() else { panic!("1e30 is taken") };
        assert!(
            why.contains("1e30 is more than 1000 deviations from what the model has learned from"),
            "{why}"
        );
    }
}
