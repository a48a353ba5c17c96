//! Times taken in turn, and what they say of each other.

use std::thread;
use std::time::Duration;

use super::worker::Worker;

/// A side computes for so long at a stretch, in microseconds, at least once.
const STRETCH: f64 = 50_000.0;

/// A pause before each turn: threads that a side woke may look for work a while before they sleep, and
/// take time from the side whose turn it is.
const PAUSE: Duration = Duration::from_millis(20);

/// A row of the comparison.
pub(crate) struct Row {
    pub(crate) workload: String,
    /// The time of this library, in microseconds.
    pub(crate) ours_us: f64,
    /// What each peer needs, where it has such a thing.
    pub(crate) peers: Vec<Option<Peer>>,
    /// The part of the peak that this library reaches, of 1.
    pub(crate) peak_share: f64,
}

/// A peer beside this library.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    /// Its time, in microseconds.
    pub(crate) us: f64,
    /// How many times as long as this library it takes.
    pub(crate) ratio: f64,
}

/// What has been measured of a workload. Its rounds come in several passes, minutes apart: a machine
/// that is slow for a minute spoils a few rounds of many rows, and not all of one.
pub(crate) struct Times {
    workload: String,
    /// The useful operations of one computation.
    flops: f64,
    rounds: Vec<Round>,
}

/// What one round measured: operations a second, and microseconds.
struct Round {
    peak: f64,
    ours: f64,
    peers: Vec<Option<f64>>,
}

impl Times {
    /// Nothing yet.
    pub(crate) fn of(workload: String, flops: f64) -> Self {
        Self { workload, flops, rounds: Vec::new() }
    }

    /// Lets the sides, on which the workload is loaded, compute in turn, `rounds` times.
    ///
    /// # Errors
    ///
    /// What a worker says went wrong.
    pub(crate) fn measure(
        &mut self,
        rounds: usize,
        ours: &mut Worker,
        peers: &mut [Option<&mut Worker>],
    ) -> Result<(), String> {
        let our_times = iterations(|times| ours.run(times))?;
        let mut their_times = Vec::new();
        for peer in peers.iter_mut() {
            their_times.push(peer.as_mut().map(|peer| iterations(|times| peer.run(times))).transpose()?);
        }
        for _ in 0..rounds {
            thread::sleep(PAUSE);
            let peak = ours.peak()?;
            thread::sleep(PAUSE);
            let mut round = Round { peak, ours: ours.run(our_times)?, peers: Vec::new() };
            for (peer, times) in peers.iter_mut().zip(&their_times) {
                let us = match (peer, times) {
                    (Some(peer), Some(times)) => {
                        thread::sleep(PAUSE);
                        Some(peer.run(*times)?)
                    }
                    _ => None,
                };
                round.peers.push(us);
            }
            self.rounds.push(round);
        }
        Ok(())
    }

    /// Medians over the rounds; a ratio is one of two times in the same round.
    pub(crate) fn row(&self) -> Row {
        let Self { workload, flops, rounds } = self;
        let of_peer = |index: usize| {
            let pairs: Vec<(f64, f64)> =
                rounds.iter().filter_map(|round| Some((round.peers[index]?, round.ours))).collect();
            (!pairs.is_empty()).then(|| Peer {
                us: median(pairs.iter().map(|(theirs, _)| *theirs)),
                ratio: median(pairs.iter().map(|(theirs, ours)| theirs / ours)),
            })
        };
        Row {
            workload: workload.clone(),
            ours_us: median(rounds.iter().map(|round| round.ours)),
            peers: (0..rounds.first().map_or(0, |round| round.peers.len())).map(of_peer).collect(),
            peak_share: median(rounds.iter().map(|round| flops / (round.ours * 1e-6) / round.peak)),
        }
    }
}

/// How many times a side has to compute for a stretch, found by trying.
fn iterations(mut run: impl FnMut(u64) -> Result<f64, String>) -> Result<u64, String> {
    let mut times = 1;
    loop {
        let us = run(times)?;
        let trial = us * times as f64;
        if trial >= STRETCH / 5.0 {
            return Ok((STRETCH / us).ceil() as u64);
        }
        // The first trial is slower than the rest; the next must not take long if it was not.
        times *= (STRETCH / 4.0 / trial).ceil().clamp(2.0, 20.0) as u64;
    }
}

/// The middle one, or the mean of the two in the middle; not a number where there is none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => f64::NAN,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => (values[middle - 1] + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        let cases: [(&[f64], f64); 3] =
            [(&[3.0], 3.0), (&[5.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)];
        for (values, expected) in cases {
            assert_eq!(median(values.iter().copied()), expected, "{values:?}");
        }
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn a_stretch_is_filled_whatever_one_time_takes() {
        for (us, expected) in [(1.0, 50_000), (0.3, 166_667), (30_000.0, 2), (50_000.0, 1), (400_000.0, 1)] {
            let mut total = 0.0;
            let found = iterations(|times| {
                total += us * times as f64;
                Ok(us)
            });
            assert_eq!(found, Ok(expected), "{us}");
            assert!(total <= 2.0 * STRETCH + us, "{us}: trials of {total}");
        }
        // The first time is the slowest.
        let found = iterations(|times| Ok(if times == 1 { 1000.0 } else { 10.0 }));
        assert_eq!(found, Ok(5000));
        assert_eq!(iterations(|_| Err("no memory".to_owned())), Err("no memory".to_owned()));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let round = |peak: f64, ours, torch| Round { peak, ours, peers: vec![Some(torch), None] };
        // The machine was twice as slow in the second round.
        let rounds = [round(1e9, 10.0, 30.0), round(5e8, 20.0, 80.0), round(1e9, 12.0, 60.0)];
        let row = Times { workload: "hello".to_owned(), flops: 1000.0, rounds: rounds.into() }.row();
        assert_eq!(row.ours_us, 12.0);
        assert_eq!(row.peers[0].map(|peer| (peer.us, peer.ratio)), Some((60.0, 4.0)));
        assert!(row.peers[1].is_none());
        assert!((row.peak_share - 0.1).abs() < 1e-12, "{}", row.peak_share);
    }
}
