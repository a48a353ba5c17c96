//! How long answers took.

use std::{collections::VecDeque, time::Duration};

use refrain_metrics::{Result, quantiles};
use serde_json::{Value, json};

/// Durations, of which the latest are kept for percentiles, and of all the longest: a stream that
/// runs for months needs no more memory than one that runs for minutes.
#[derive(Default)]
pub(crate) struct Latencies {
    /// In microseconds.
    latest: VecDeque<f64>,
    longest: f64,
    count: u64,
}

/// How many durations are kept.
const KEPT: usize = 1 << 17;

impl Latencies {
    /// Keeps one more.
    pub(crate) fn push(&mut self, duration: Duration) {
        let microseconds = duration.as_secs_f64() * 1e6;
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(microseconds);
        self.longest = self.longest.max(microseconds);
        self.count += 1;
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The median and two higher percentiles of the latest, and the longest of all.
    fn figures(&self) -> Result<[f64; 4]> {
        let latest: Vec<f64> = self.latest.iter().copied().collect();
        let [p50, p90, p99] = quantiles(&latest, [0.5, 0.9, 0.99])?;
        Ok([p50, p90, p99, self.longest])
    }

    /// In microseconds, to be read.
    pub(crate) fn text(&self) -> Result<String> {
        let [p50, p90, p99, max] = self.figures()?;
        Ok(format!("p50 {p50:.1} µs, p90 {p90:.1} µs, p99 {p99:.1} µs, max {max:.1} µs"))
    }

    /// In microseconds; null where there are none.
    pub(crate) fn json(&self) -> Result<Value> {
        let [p50, p90, p99, max] = self.figures()?;
        Ok(json!({ "p50": p50, "p90": p90, "p99": p99, "max": max }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_and_the_longest_are_kept() {
        let mut latencies = Latencies::default();
        latencies.push(Duration::from_micros(900));
        (0..KEPT).for_each(|k| latencies.push(Duration::from_nanos(1000 * (1 + k as u64 % 100))));
        assert_eq!((latencies.latest.len(), latencies.count()), (KEPT, KEPT as u64 + 1));
        let text = latencies.text().unwrap();
        assert!(text.starts_with("p50 50.") && text.ends_with("max 900.0 µs"), "{text}");
        assert_eq!(Latencies::default().json().unwrap()["p50"], Value::Null);
    }
}
