//! Two forecasts that need no network. A network that does not beat them has learned nothing.

use crate::days::Days;

/// How often it was so among so many.
#[derive(Clone, Copy, Default)]
struct Frequency {
    wet: u32,
    all: u32,
}

impl Frequency {
    fn count(&mut self, wet: bool) {
        self.wet += u32::from(wet);
        self.all += 1;
    }

    fn or(self, otherwise: f64) -> f64 {
        if self.all == 0 { otherwise } else { f64::from(self.wet) / f64::from(self.all) }
    }
}

/// Climatology: for each test day, the share of wet days in its month of the training years. A month
/// that these do not have gets the share of all their days.
pub(crate) fn climatology(days: &Days) -> Vec<f64> {
    let (mut all, mut months) = (Frequency::default(), [Frequency::default(); 12]);
    let month = |day: usize| usize::from(days.dates[day].month()) - 1;
    for day in 0..days.test_start {
        all.count(days.wet[day]);
        months[month(day)].count(days.wet[day]);
    }
    (days.test_start..days.len()).map(|day| months[month(day)].or(all.or(0.5))).collect()
}

/// Persistence: for each test day, how often a day was wet in the training years after a day like
/// the one before it, wet or dry.
pub(crate) fn persistence(days: &Days) -> Vec<f64> {
    let (mut all, mut after) = (Frequency::default(), [Frequency::default(); 2]);
    let before = |day: usize| usize::from(days.wet[day - 1]);
    for day in 1..days.test_start {
        all.count(days.wet[day]);
        after[before(day)].count(days.wet[day]);
    }
    (days.test_start..days.len()).map(|day| after[before(day)].or(all.or(0.5))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::days::tests::days;

    #[test]
    fn the_frequency_of_the_month() {
        // Two years of training: 62 days of January, every second of them wet, then dry days.
        let years = |day: usize| u8::from(day % 365 < 31 && (day % 365).is_multiple_of(2));
        let days = days("2013-01-01", (0..730).map(years).chain([1; 40]));
        let forecast = climatology(&days);
        assert_eq!(forecast.len(), 40);
        assert!(forecast[..31].iter().all(|&p| p == 32.0 / 62.0));
        assert!(forecast[31..].iter().all(|&p| p == 0.0));
    }

    #[test]
    fn a_month_never_seen_gets_the_frequency_of_all_days() {
        let days = days("2012-12-28", [1, 0, 0, 1, 0, 1]);
        assert_eq!(climatology(&days), [0.5, 0.5]);
    }

    #[test]
    fn the_frequency_after_a_day_like_the_last() {
        // Training: 1 1 0 1 1 1 0 0 0. After a wet day: 1 0 1 1 0; after a dry one: 1 0 0.
        let days = days("2012-12-23", [1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(days.test_start, 9);
        assert_eq!(persistence(&days), [1.0 / 3.0, 3.0 / 5.0, 1.0 / 3.0]);
    }

    #[test]
    fn the_test_year_teaches_nothing() {
        let training = [1, 1, 0, 1, 0, 0, 0, 1, 0];
        let (a, b) = (
            days("2012-12-23", [&training[..], &[0, 0]].concat()),
            days("2012-12-23", [&training[..], &[0, 1]].concat()),
        );
        assert_eq!(climatology(&a), climatology(&b));
        assert_eq!(persistence(&a), persistence(&b));
    }
}
