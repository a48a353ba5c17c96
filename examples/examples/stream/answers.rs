//! From a line to an answer.

use std::{
    str,
    time::{Duration, Instant},
};

use refrain_examples::{
    forecaster::{Forecaster, Live},
    program::Fallible,
};
use refrain_metrics::RunningMean;
use serde_json::{Value, json};

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// A model that answers lines.
pub(crate) struct Answers {
    live: Live,
    format: Format,
    lines: u64,
    /// How many fields a line has, and which of them the model's columns are; not known before the
    /// first line.
    fields: Option<(usize, Vec<usize>)>,
    /// The last values, for those that are missing.
    row: Vec<f32>,
    /// What was foretold for the next line.
    next: Option<f64>,
    /// How many lines could not be read.
    pub(crate) errors: u64,
    /// How far each line was from what the line before foretold for it.
    pub(crate) error: RunningMean,
}

impl Answers {
    pub(crate) fn new(forecaster: &Forecaster, format: Format) -> Fallible<Self> {
        Ok(Self {
            live: forecaster.live()?,
            format,
            lines: 0,
            fields: None,
            row: Vec::new(),
            next: None,
            errors: 0,
            error: RunningMean::new(),
        })
    }

    /// The answer to a line, and how long the model took for it where it was asked. `None` is a line
    /// that is too long to be read.
    ///
    /// # Errors
    /// Where the first line is a header without the model's columns: no other line can be understood.
    pub(crate) fn answer(&mut self, line: Option<&[u8]>) -> Fallible<(String, Option<Duration>)> {
        self.lines += 1;
        let text = match line.map(str::from_utf8) {
            Some(Ok(text)) => text.trim_start_matches('\u{feff}').trim_end(),
            Some(Err(_)) => return Ok((self.refusal("it is not UTF-8"), None)),
            None => return Ok((self.refusal("it is too long"), None)),
        };
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        if self.fields.is_none() {
            if let Some(places) = self.header(&fields)? {
                self.fields = Some((fields.len(), places));
                return Ok((self.head(), None));
            }
            let width = self.live.plan().width();
            self.fields = Some((width, (0..width).collect()));
        }
        match self.read(&fields) {
            Err(sentence) => Ok((self.refusal(&sentence), None)),
            Ok(row) => {
                self.row = row;
                self.foretell()
            }
        }
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
    fn read(&self, fields: &[&str]) -> Result<Vec<f32>, String> {
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
            let value = field.parse::<f32>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| format!("column {name:?}: {field:?} is not a number"))
        };
        places.iter().enumerate().map(value).collect()
    }

    /// What comes after the row.
    fn foretell(&mut self) -> Fallible<(String, Option<Duration>)> {
        if let Some(next) = self.next {
            self.error.push((f64::from(self.row[0]) - next).abs());
        }
        let start = Instant::now();
        let forecast = self.live.push(&self.row)?.map(<[f64]>::to_vec);
        let step = start.elapsed();
        self.next = forecast.as_ref().map(|forecast| forecast[0]);
        let Some(forecast) = forecast else {
            let left = self.live.plan().window - self.live.rows();
            return Ok((self.written("-".to_owned(), json!({ "rows_needed": left })), Some(step)));
        };
        let bound = |which: usize| {
            let bands = forecast.iter().zip(&self.live.plan().bands);
            bands.map(|(value, band)| value + band[which]).collect::<Vec<_>>()
        };
        let text = forecast.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(",");
        let value = json!({ "forecast": forecast, "low": bound(0), "high": bound(1) });
        Ok((self.written(text, value), Some(step)))
    }

    /// The answer to the header: how far ahead each value of the answers looks.
    fn head(&self) -> String {
        let steps = (1..=self.live.plan().horizon).map(|step| format!("+{step}"));
        self.written(steps.collect::<Vec<_>>().join(","), json!({ "columns": self.live.plan().columns }))
    }

    fn refusal(&mut self, sentence: &str) -> String {
        self.errors += 1;
        self.written(format!("error: line {}: {sentence}", self.lines), json!({ "error": sentence }))
    }

    fn written(&self, text: String, mut value: Value) -> String {
        match self.format {
            Format::Text => text,
            Format::Json => {
                value["line"] = json!(self.lines);
                value.to_string()
            }
        }
    }
}

fn is_missing(field: &str) -> bool {
    field.is_empty() || field.eq_ignore_ascii_case("NA") || field.eq_ignore_ascii_case("NaN")
}
