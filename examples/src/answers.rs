//! Lines in, answers out: what a saved model says to each line that it is fed.
//!
//! A [`Reader`] stands beside the model that it reads for:
//! [`RowReader`](crate::forecaster::RowReader), [`LineReader`](crate::char_model::LineReader) and
//! [`WordReader`](crate::classifier::WordReader). `stream` feeds them.

use std::{str, time::Duration};

use crate::program::Fallible;
use serde_json::{Value, json};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As a person reads it.
    Text,
    /// As an object on a line of its own.
    Json,
}

/// A model that lines are read to.
pub trait Reader {
    /// What it says to a line.
    ///
    /// # Errors
    /// Where no other line can be understood either.
    fn read(&mut self, line: &str) -> Fallible<Reply>;

    /// What all lines came to: a sentence where there is something to say, and the figure under a name.
    fn sum(&self) -> (Option<String>, (&'static str, Value));
}

/// What a model says to a line.
#[derive(Debug)]
pub enum Reply {
    /// An answer as text and as JSON, and how long the model took where it was asked.
    Answer(String, Value, Option<Duration>),
    /// Why there is none; it is as if the line had not come.
    Refusal(String),
}

/// Lines with their numbers, and their answers.
pub struct Answers<'m> {
    /// What answers them.
    pub reader: Box<dyn Reader + 'm>,
    format: Format,
    lines: u64,
    /// How many lines could not be read.
    pub errors: u64,
}

impl<'m> Answers<'m> {
    /// Answers to lines that are yet to come.
    pub fn new(reader: impl Reader + 'm, format: Format) -> Self {
        Self { reader: Box::new(reader), format, lines: 0, errors: 0 }
    }

    /// The answer to a line, and how long the model took for it where it was asked. `None` is a line
    /// that is too long to be read.
    ///
    /// # Errors
    /// Those of [`Reader::read`].
    pub fn answer(&mut self, line: Option<&[u8]>) -> Fallible<(String, Option<Duration>)> {
        self.lines += 1;
        let reply = match line.map(str::from_utf8) {
            Some(Ok(text)) => self.reader.read(text.trim_start_matches('\u{feff}'))?,
            Some(Err(_)) => Reply::Refusal("it is not UTF-8".to_owned()),
            None => Reply::Refusal("it is too long".to_owned()),
        };
        let (text, mut value, step) = match reply {
            Reply::Answer(text, value, step) => (text, value, step),
            Reply::Refusal(sentence) => {
                self.errors += 1;
                (format!("error: line {}: {sentence}", self.lines), json!({ "error": sentence }), None)
            }
        };
        if self.format == Format::Text {
            return Ok((text, step));
        }
        value["line"] = json!(self.lines);
        Ok((value.to_string(), step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Reader for Echo {
        fn read(&mut self, line: &str) -> Fallible<Reply> {
            Ok(match line {
                "no" => Reply::Refusal("it says no".to_owned()),
                line => Reply::Answer(line.to_owned(), json!({ "said": line }), None),
            })
        }

        fn sum(&self) -> (Option<String>, (&'static str, Value)) {
            (None, ("none", Value::Null))
        }
    }

    #[test]
    fn every_line_has_its_number_and_one_answer() {
        let lines = [Some(&b"\xef\xbb\xbfa"[..]), Some(b"no"), Some(b"\xff"), None, Some(b"b")];
        for (format, expected) in [
            (
                Format::Text,
                [
                    "a",
                    "error: line 2: it says no",
                    "error: line 3: it is not UTF-8",
                    "error: line 4: it is too long",
                    "b",
                ],
            ),
            (
                Format::Json,
                [
                    r#"{"line":1,"said":"a"}"#,
                    r#"{"error":"it says no","line":2}"#,
                    r#"{"error":"it is not UTF-8","line":3}"#,
                    r#"{"error":"it is too long","line":4}"#,
                    r#"{"line":5,"said":"b"}"#,
                ],
            ),
        ] {
            let mut answers = Answers::new(Echo, format);
            assert_eq!(lines.map(|line| answers.answer(line).unwrap().0), expected);
            assert_eq!(answers.errors, 3);
        }
    }
}
