//! [`Moment`]: a time of day on a date.

use std::{fmt, str::FromStr};

use crate::{Error, Result, calendar::Date};

/// A minute of a day, as a clock on the wall shows it: there is no time zone, and every day has
/// 1,440 minutes. Moments are ordered by time.
///
/// ```
/// use refrain_examples::moment::Moment;
/// let evening: Moment = "2010/12/31 23:00".parse()?;
/// assert_eq!(evening.plus(90).map(|later| later.to_string()).as_deref(), Some("2011-01-01 00:30"));
/// assert_eq!("2011-01-01T00:30:00".parse::<Moment>()?.minutes() - evening.minutes(), 90);
/// # Ok::<(), refrain_examples::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    date: Date,
    minute: u32,
}

/// The minutes of a day.
const DAY: u64 = 1440;

impl Moment {
    /// The minutes since the year 0 began.
    pub fn minutes(self) -> u64 {
        u64::from(self.date.day_number()) * DAY + u64::from(self.minute)
    }

    /// The moment so many minutes later, or `None` after the year 9999.
    pub fn plus(self, minutes: u64) -> Option<Self> {
        let minutes = self.minutes().checked_add(minutes)?;
        let date = Date::of_day_number(u32::try_from(minutes / DAY).ok()?)?;
        Some(Self { date, minute: (minutes % DAY) as u32 })
    }

    /// The day.
    pub fn date(self) -> Date {
        self.date
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02}:{:02}", self.date, self.minute / 60, self.minute % 60)
    }
}

/// Reads a date, alone or with HH:MM or HH:MM:SS behind a space or a T; seconds are left out.
impl FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (date, time) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), "00:00"));
            let parts: Vec<&str> = time.split(':').collect();
            let is_number = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_number) {
                return None;
            }
            let numbers: Vec<u32> = parts.iter().map_while(|part| part.parse().ok()).collect();
            let fits = numbers[0] < 24 && numbers[1..].iter().all(|&number| number < 60);
            fits.then_some(Self { date: date.parse().ok()?, minute: 60 * numbers[0] + numbers[1] })
        };
        read().ok_or_else(|| Error::NotATime { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let cases = [
            ("2010/01/01 00:00", "2010-01-01 00:00"),
            ("2012-02-29T23:59:58", "2012-02-29 23:59"),
            (" 2012-02-29 ", "2012-02-29 00:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), expected, "{text}");
        }
        for text in
            ["", "10:00", "2010-01-01 24:00", "2010-01-01 1:00", "2010-01-01 +1:00", "2010-02-30 10:00"]
        {
            let message = text.parse::<Moment>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("{text:?} is not a time")), "{message}");
        }
    }

    #[test]
    fn minutes_go_over_the_end_of_a_day_and_of_time() {
        let last: Moment = "9999-12-31 23:59".parse().unwrap();
        assert_eq!(last.plus(1), None);
        assert_eq!(last.plus(u64::MAX), None);
        let before: Moment = "2012-02-28 12:00".parse().unwrap();
        assert_eq!(before.plus(2 * DAY).unwrap().to_string(), "2012-03-01 12:00");
        assert!(before < last);
    }
}
