//! The ranges that options must lie in. NaN lies in none.

use crate::{Error, Result};

/// An option of some operation, to be checked.
#[derive(Clone, Copy)]
pub(crate) struct Checked {
    op: &'static str,
    option: &'static str,
    value: f64,
}

pub(crate) fn check(op: &'static str, option: &'static str, value: f64) -> Checked {
    Checked { op, option, value }
}

impl Checked {
    pub(crate) fn finite(self) -> Result<()> {
        self.holds(self.value.is_finite(), "a finite number")
    }

    pub(crate) fn finite_and_not_negative(self) -> Result<()> {
        self.holds(self.value.is_finite() && self.value >= 0.0, "a finite number of at least 0")
    }

    pub(crate) fn finite_and_positive(self) -> Result<()> {
        self.holds(self.value.is_finite() && self.value > 0.0, "a finite number above 0")
    }

    /// ∞ is allowed.
    pub(crate) fn not_negative(self) -> Result<()> {
        self.holds(self.value >= 0.0, "at least 0")
    }

    /// ∞ is allowed.
    pub(crate) fn positive(self) -> Result<()> {
        self.holds(self.value > 0.0, "a number above 0, or infinity")
    }

    /// The factor of a running average: at 1 it would never learn.
    pub(crate) fn below_one(self) -> Result<()> {
        self.holds((0.0..1.0).contains(&self.value), "at least 0 and below 1")
    }

    pub(crate) fn fraction(self) -> Result<()> {
        self.holds((0.0..=1.0).contains(&self.value), "from 0 to 1")
    }

    /// A count.
    pub(crate) fn at_least_one(self) -> Result<()> {
        self.holds(self.value >= 1.0, "at least 1")
    }

    fn holds(self, holds: bool, expected: &'static str) -> Result<()> {
        let Self { op, option, value } = self;
        if holds { Ok(()) } else { Err(Error::Option { op, option, value, expected }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_they_say() {
        type Range = fn(Checked) -> Result<()>;
        let values = [f64::NEG_INFINITY, -0.1, 0.0, 0.9, 1.0, 1.1, f64::INFINITY, f64::NAN];
        let cases: [(Range, &str); 8] = [
            (Checked::finite, ".xxxxx.."),
            (Checked::finite_and_not_negative, "..xxxx.."),
            (Checked::finite_and_positive, "...xxx.."),
            (Checked::not_negative, "..xxxxx."),
            (Checked::positive, "...xxxx."),
            (Checked::below_one, "..xx...."),
            (Checked::fraction, "..xxx..."),
            (Checked::at_least_one, "....xxx."),
        ];
        for (range, expected) in cases {
            let found = values.map(|value| if range(check("op", "x", value)).is_ok() { 'x' } else { '.' });
            assert_eq!(found.iter().collect::<String>(), expected);
        }
    }

    #[test]
    fn the_message_names_operation_option_value_and_range() {
        let error = check("adam", "betas.0", 1.0).below_one().unwrap_err();
        assert_eq!(error.to_string(), "adam: betas.0 is 1, expected at least 0 and below 1");
    }
}
