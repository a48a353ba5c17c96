//! How long a network takes, part by part.

use std::time::Instant;

use rand::Rng;
use refrain_autograd::Tape;
use refrain_nn::{CrossEntropyLoss, Result};
use refrain_tensor::Tensor;

use crate::networks::{CLASSES, Network, SIDE};

/// Medians over the repeats, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// Forward, without a way back: each part.
    pub(crate) parts: Vec<f64>,
    /// Forward, without a way back: all of it.
    pub(crate) forward: f64,
    /// Forward, the loss, and the way back to every parameter.
    pub(crate) training: f64,
}

/// Runs a network on random images.
pub(crate) fn measure(
    network: &dyn Network,
    batch: usize,
    repeats: usize,
    rng: &mut impl Rng,
) -> Result<Times> {
    let images = Tensor::<f32>::normal([batch, 1, SIDE, SIDE], 0.0, 1.0, rng)?;
    let classes: Vec<usize> = (0..batch).map(|k| k % CLASSES).collect();
    let classes = Tensor::from_vec(classes, [batch])?;
    let (mut parts, mut forward, mut training) = (Vec::new(), Vec::new(), Vec::new());
    // The first round is not counted: it fills caches and takes memory from the system.
    for round in 0..=repeats {
        let tape = Tape::inference();
        let input = tape.constant(images.clone());
        let (start, mut laps) = (Instant::now(), Vec::new());
        network.forward(&input, &mut || laps.push(microseconds(start)))?;
        let whole = microseconds(start);

        let tape = Tape::new();
        let start = Instant::now();
        let logits = network.forward(&tape.constant(images.clone()), &mut || {})?;
        CrossEntropyLoss::default().forward(&logits, &classes)?.backward()?;
        let trained = microseconds(start);
        if round > 0 {
            let before = [0.0].into_iter().chain(laps.iter().copied());
            parts.push(laps.iter().zip(before).map(|(end, start)| end - start).collect::<Vec<f64>>());
            forward.push(whole);
            training.push(trained);
        }
    }
    let of_part = |part: usize| median(parts.iter().map(|times: &Vec<f64>| times[part]).collect());
    let count = parts.first().map_or(0, Vec::len);
    Ok(Times {
        parts: (0..count).map(of_part).collect(),
        forward: median(forward),
        training: median(training),
    })
}

fn microseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// The middle one of some numbers, the upper one of an even count.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::Recurrent;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn every_part_takes_its_time() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let times = measure(&Recurrent::new(rng).unwrap(), 2, 3, rng).unwrap();
        assert_eq!(times.parts.len(), 2);
        assert!(times.parts.iter().all(|&time| time > 0.0) && times.training > times.parts[0], "{times:?}");
    }

    #[test]
    fn the_median_is_one_of_the_numbers() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 4.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
