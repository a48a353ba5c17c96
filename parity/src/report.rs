//! The lines that a run prints.

use std::fmt;

use crate::{compare::Worst, error::Result};

/// What became of one case: one line.
pub(crate) struct Verdict {
    /// The file's name, without its folder.
    pub(crate) file: String,
    /// The worst tensor, or why there is none.
    pub(crate) outcome: Result<Worst>,
}

impl Verdict {
    /// Whether all that the case expects came out.
    pub(crate) fn passed(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|worst| worst.ratio <= 1.0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "ok  " } else { "FAIL" };
        let text = match &self.outcome {
            Ok(Worst { ratio, tensor }) => {
                // Three digits would round what has just failed to 1.
                let just_failed = *ratio > 1.0 && *ratio < 1.001;
                let ratio = if just_failed { ratio.to_string() } else { format!("{ratio:.3}") };
                format!("{word} {}  {ratio}  {tensor}", self.file)
            }
            Err(reason) => format!("{word} {}  {reason}", self.file),
        };
        // A name or a reason that a file made up must not look like another line.
        for c in text.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

/// How many cases passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    /// Counts one case.
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        if verdict.passed() { self.passed += 1 } else { self.failed += 1 }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn every_outcome_is_one_line() {
        let worst = |ratio| Ok(Worst { ratio, tensor: "output.y".to_owned() });
        let cases = [
            (worst(0.0), "ok   a.safetensors  0.000  output.y"),
            (worst(0.25), "ok   a.safetensors  0.250  output.y"),
            (worst(1.0), "ok   a.safetensors  1.000  output.y"),
            (worst(1.0 + 2f64.powi(-20)), "FAIL a.safetensors  1.0000009536743164  output.y"),
            (worst(12.5), "FAIL a.safetensors  12.500  output.y"),
            (worst(f64::INFINITY), "FAIL a.safetensors  inf  output.y"),
            (Err(Error::NothingExpected), "FAIL a.safetensors  the case expects nothing"),
            (
                Err(Error::UnknownKind("a\nok   b".to_owned())),
                "FAIL a.safetensors  unknown kind `a\\nok   b`",
            ),
        ];
        let mut tally = Tally::default();
        for (outcome, expected) in cases {
            let verdict = Verdict { file: "a.safetensors".to_owned(), outcome };
            tally.count(&verdict);
            assert_eq!(verdict.to_string(), expected);
        }
        assert_eq!(tally.to_string(), "3 passed, 5 failed");
    }
}
