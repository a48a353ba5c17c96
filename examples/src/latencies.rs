//! [`Latencies`]: how long answers took.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::plot::{Axis, Panel, Series, Shape, colors};
use refrain_metrics::{Result, quantiles};
use serde_json::{Value, json};

/// Durations, of which the latest are kept for percentiles, and of all the longest: a stream that
/// runs for months needs no more memory than one that runs for minutes.
///
/// ```
/// use std::time::Duration;
/// let mut latencies = refrain_examples::latencies::Latencies::default();
/// for microseconds in [30, 10, 20] {
///     latencies.push(Duration::from_micros(microseconds));
/// }
/// assert_eq!(latencies.text()?, "p50 20.0 µs, p90 28.0 µs, p99 29.8 µs, max 30.0 µs");
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// In microseconds.
    latest: VecDeque<f64>,
    longest: f64,
    count: u64,
}

/// The bars of the histogram for each factor of ten.
const BARS: f64 = 20.0;

/// How many durations are kept.
const KEPT: usize = 1 << 17;

impl Latencies {
    /// Keeps one more.
    pub fn push(&mut self, duration: Duration) {
        let microseconds = duration.as_secs_f64() * 1e6;
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(microseconds);
        self.longest = self.longest.max(microseconds);
        self.count += 1;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The median and two higher percentiles of the latest, and the longest of all.
    fn figures(&self) -> Result<[f64; 4]> {
        let latest: Vec<f64> = self.latest.iter().copied().collect();
        let [p50, p90, p99] = quantiles(&latest, [0.5, 0.9, 0.99])?;
        Ok([p50, p90, p99, self.longest])
    }

    /// The latest as a histogram over their logarithms.
    pub fn panel(&self) -> Panel {
        let mut bars: BTreeMap<i64, u64> = BTreeMap::new();
        for duration in &self.latest {
            *bars.entry((duration.max(1e-3).log10() * BARS).floor() as i64).or_default() += 1;
        }
        let (first, last) = (bars.keys().next().copied(), bars.keys().next_back().copied());
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
        let share =
            |bar| bars.get(&bar).map_or(0.0, |&count| 100.0 * count as f64 / self.latest.len() as f64);
        let place = |bar: i64| bar as f64 / BARS;
        let tops = (first..=last).flat_map(|bar| [(place(bar), share(bar)), (place(bar + 1), share(bar))]);
        let outline = std::iter::once((place(first), 0.0)).chain(tops).chain([(place(last + 1), 0.0)]);
        let points: Vec<(f64, f64)> = outline.collect();
        let highest = points.iter().map(|&(_, y)| y).fold(0.0, f64::max);
        let bars = Series { label: "answers".to_owned(), color: colors::BLUE, shape: Shape::Area, points };
        Panel {
            title: format!("How long an answer took, {} lines", self.latest.len()),
            x: Axis::powers_of_ten("microseconds", place(first), place(last + 1)),
            y: Axis::new("% of the lines", 0.0, 1.05 * highest),
            series: vec![bars],
        }
    }

    /// In microseconds, to be read.
    ///
    /// # Errors
    /// None: the percentiles are between 0 and 1.
    pub fn text(&self) -> Result<String> {
        let [p50, p90, p99, max] = self.figures()?;
        Ok(format!("p50 {p50:.1} µs, p90 {p90:.1} µs, p99 {p99:.1} µs, max {max:.1} µs"))
    }

    /// In microseconds; null where there are none.
    ///
    /// # Errors
    /// None: the percentiles are between 0 and 1.
    pub fn json(&self) -> Result<Value> {
        let [p50, p90, p99, max] = self.figures()?;
        Ok(json!({ "p50": p50, "p90": p90, "p99": p99, "max": max }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_holds_every_line_once() {
        let mut latencies = Latencies::default();
        for microseconds in [10, 10, 11, 200] {
            latencies.push(Duration::from_micros(microseconds));
        }
        let Panel { x, series, .. } = latencies.panel();
        assert_eq!((x.low, x.high), (1.0, 3.0));
        // Every second point ends a bar.
        let bars: Vec<f64> = series[0].points.iter().skip(1).step_by(2).map(|&(_, y)| y).collect();
        assert_eq!((bars[0], bars.iter().sum::<f64>()), (75.0, 100.0));
        let (end, last) = (series[0].points.last().unwrap().0, bars.iter().rposition(|&y| y == 25.0));
        assert!((200f64.log10()..200f64.log10() + 0.05).contains(&end) && last.is_some(), "{end}");
        assert_eq!(Latencies::default().panel().series[0].points.len(), 4); // nothing to show, and no failure
    }

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
