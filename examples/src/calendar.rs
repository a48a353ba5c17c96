//! Days of the Gregorian calendar.

use std::{f64::consts::TAU, fmt, str::FromStr};

use crate::{Error, Result};

/// The months, as plots write them.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day of the Gregorian calendar. Dates are ordered by time.
///
/// ```
/// use refrain_examples::calendar::Date;
/// let date: Date = "2012/02/29".parse()?;
/// assert_eq!((date.day_of_year(), date.next().to_string()), (60, "2012-03-01".to_owned()));
/// assert!("2013-02-29".parse::<Date>().is_err());
/// # Ok::<(), refrain_examples::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day of this year, month (1 to 12) and day of the month (from 1), where there is one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The number of the day in its year, from 1 to 365 or 366.
    pub fn day_of_year(self) -> u16 {
        let before: u16 = (1..self.month).map(|month| u16::from(days_in_month(self.year, month))).sum();
        before + u16::from(self.day)
    }

    /// The day after this one. The year after 9999 is 10000, which is printed with five digits and not
    /// read again.
    pub fn next(self) -> Self {
        let Self { year, month, day } = self;
        if day < days_in_month(year, month) {
            Self { day: day + 1, ..self }
        } else if month < 12 {
            Self { month: month + 1, day: 1, ..self }
        } else {
            Self { year: year + 1, month: 1, day: 1 }
        }
    }

    /// The number of days from the first of January of the year 0, in this calendar throughout.
    pub fn day_number(self) -> u32 {
        days_before_year(self.year) + u32::from(self.day_of_year()) - 1
    }

    /// The day of this number, or `None` after the year 9999.
    pub fn of_day_number(number: u32) -> Option<Self> {
        // 400 years have 146,097 days; the estimate is off by one year at most.
        let mut year = u16::try_from(u64::from(number) * 400 / 146_097).ok().filter(|&year| year <= 9999)?;
        if days_before_year(year) > number {
            year -= 1;
        } else if days_before_year(year + 1) <= number {
            year += 1;
        }
        let mut rest = number - days_before_year(year);
        for month in 1..=12 {
            let days = u32::from(days_in_month(year, month));
            if rest < days {
                return Self::new(year, month, rest as u8 + 1).filter(|_| year <= 9999);
            }
            rest -= days;
        }
        None
    }

    /// Where the day lies on the circle of the year: (sin, cos) of an angle that is 0 on the first of
    /// January. The last of December is next to it, as it is in nature.
    pub fn season(self) -> (f64, f64) {
        (TAU * f64::from(self.day_of_year() - 1) / f64::from(days_in_year(self.year))).sin_cos()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Reads YYYY-MM-DD and YYYY/MM/DD.
impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let separator = if text.contains('/') { '/' } else { '-' };
            let mut parts = text.trim().split(separator);
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            let all_digits = [year, month, day].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
            if parts.next().is_some() || !all_digits || (year.len(), month.len(), day.len()) != (4, 2, 2) {
                return None;
            }
            Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        };
        read().ok_or_else(|| Error::NotADate { text: text.to_owned() })
    }
}

/// Whether February has 29 days: every fourth year, but of the full centuries only every fourth.
pub fn is_leap_year(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// 365 or 366.
pub fn days_in_year(year: u16) -> u16 {
    if is_leap_year(year) { 366 } else { 365 }
}

/// The days of all years from the year 0 to before this one. The year 0 is a leap year.
fn days_before_year(year: u16) -> u32 {
    let year = u32::from(year);
    365 * year + year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400)
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn leap_years() {
        let leap: Vec<u16> =
            [1900, 1996, 2000, 2011, 2012, 2100, 2400].into_iter().filter(|&y| is_leap_year(y)).collect();
        assert_eq!(leap, [1996, 2000, 2012, 2400]);
    }

    #[test]
    fn days_of_the_year() {
        let cases = [
            ("2015-01-01", 1),
            ("2015-03-01", 60),
            ("2012-03-01", 61),
            ("2015-12-31", 365),
            ("2012-12-31", 366),
        ];
        for (text, expected) in cases {
            assert_eq!(date(text).day_of_year(), expected, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut day = date("2011-12-31");
        for year in 2012..=2015 {
            for number in 1..=days_in_year(year) {
                day = day.next();
                assert_eq!((day.year(), day.day_of_year()), (year, number));
                assert_eq!(date(&day.to_string()), day);
            }
        }
        assert_eq!(day, date("2015/12/31"));
    }

    #[test]
    fn days_are_numbered_without_gaps() {
        let mut day = date("0000-01-01");
        for number in 0..3_652_425 {
            assert_eq!((day.day_number(), Date::of_day_number(number)), (number, Some(day)));
            day = day.next();
        }
        assert_eq!((day.year(), Date::of_day_number(3_652_425)), (10_000, None));
        assert_eq!(Date::of_day_number(u32::MAX), None);
        assert_eq!(date("1970-01-01").day_number(), 719_528);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2015",
            "2015-1-01",
            "2015-13-01",
            "2015-00-10",
            "2015-04-31",
            "2015/02-03",
            "2015-04-3x",
            "+015-04-03",
            "2015-04-03-01",
        ] {
            let message = text.parse::<Date>().unwrap_err().to_string();
            assert_eq!(message, format!("{text:?} is not a date, expected YYYY/MM/DD or YYYY-MM-DD"));
        }
    }

    #[test]
    fn the_season_is_a_circle() {
        let (sin, cos) = date("2015-01-01").season();
        assert_eq!((sin, cos), (0.0, 1.0));
        let (sin, cos) = date("2012-07-02").season(); // day 184 of 366: half a circle
        assert!(sin.abs() < 1e-12 && (cos + 1.0).abs() < 1e-12);
    }
}
