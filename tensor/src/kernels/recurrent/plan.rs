//! How the threads share a sweep.

use std::ops::Range;

use super::Steps;
use crate::parallel;

/// Who does what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Sequences that go through all steps together, a thread's each.
    pub(super) parts: Vec<Range<usize>>,
    /// Into how many pieces the units of one step are split; 1 where the sequences are.
    pub(super) pieces: usize,
}

/// Multiply-accumulates of a sweep below which other threads do not pay.
const SWEEP_WORTH: usize = 1 << 19;
/// Multiply-accumulates of a step below which a meeting at each step does not pay.
const STEP_WORTH: usize = 1 << 16;
/// Sequences that a thread needs for its tiles to run at speed, where its core's own cache holds the
/// weights.
const FEWEST: usize = 4;
/// The same where they come from the cache that the cores share, or from memory.
const ENOUGH: usize = 16;
/// Weights that a core's own cache holds, or the most of them.
const CACHED: usize = 5 << 16;
/// Weights of the recurrence from which each core had better keep a part of them in its own cache, if it is
/// not far to the others.
const BETTER_IN_PARTS: usize = 1 << 17;
/// So many that meetings are a small part of what a step takes, wherever the cores are.
const ALWAYS_IN_PARTS: usize = 1 << 22;

impl Plan {
    /// For a sweep forward with `row_work` multiply-accumulates for each sequence at each step, each with a
    /// weight of its own, `weights` of them of the recurrence.
    pub(super) fn forward(steps: &Steps, row_work: usize, weights: usize) -> Self {
        Self::new(steps, row_work, weights, || {
            weights >= ALWAYS_IN_PARTS || (weights > BETTER_IN_PARTS && !parallel::cores_are_far_apart())
        })
    }

    /// For a sweep back with so many weights. Where each thread goes back through its sequences, its core's
    /// own cache still has much of what it wrote a step before.
    pub(super) fn backward(steps: &Steps, weights: usize) -> Self {
        Self::new(steps, weights, weights, || false)
    }

    /// `in_parts` says whether each core had better keep a part of the weights where there are enough
    /// sequences for either way.
    fn new(steps: &Steps, row_work: usize, weights: usize, in_parts: impl FnOnce() -> bool) -> Self {
        let (threads, batch) = (parallel::threads(), steps.batch());
        let whole = |pieces| Self { parts: std::iter::once(0..batch).collect(), pieces };
        if threads == 1 || steps.rows().saturating_mul(row_work) < SWEEP_WORTH {
            return whole(1);
        }
        let enough = if row_work <= CACHED { 2 * FEWEST } else { threads * ENOUGH };
        if batch < enough || in_parts() {
            return whole(pieces_of_a_step(batch.saturating_mul(weights)));
        }
        Self { parts: parts(steps, threads.min(batch / FEWEST)), pieces: 1 }
    }
}

/// Into how many pieces to split the units of a step with `work` multiply-accumulates.
pub(super) fn pieces_of_a_step(work: usize) -> usize {
    if work < STEP_WORTH { 1 } else { parallel::threads() }
}

/// Ranges of sequences with about as many steps each.
fn parts(steps: &Steps, count: usize) -> Vec<Range<usize>> {
    let lengths = steps.lengths();
    let (mut first, mut so_far) = (0, 0);
    let mut parts = Vec::with_capacity(count);
    for (sequence, length) in lengths.iter().enumerate() {
        so_far += length;
        if so_far * count >= steps.rows() * (parts.len() + 1) {
            parts.push(first..sequence + 1);
            first = sequence + 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_about_as_many_steps_each() {
        let equal = Steps::equal(10, 9);
        assert_eq!(parts(&equal, 2), [0..5, 5..9]);
        assert_eq!(parts(&equal, 1).len(), 1);
        // Lengths 4, 2, 2, 1, 1.
        let falling = Steps::new(vec![5, 3, 1, 1]);
        assert_eq!(parts(&falling, 2), [0..2, 2..5]);
    }

    #[test]
    fn little_work_stays_on_one_thread() {
        let plan = Plan::forward(&Steps::equal(5, 3), 100, 50);
        assert_eq!((plan.parts.len(), plan.pieces), (1, 1));
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn weights_are_split_where_meetings_cost_little() {
        let forward = |far: bool, batch, input, weights| {
            parallel::pretend(far);
            let plan = Plan::forward(&Steps::equal(9, batch), input + weights, weights);
            (plan.parts.len(), plan.pieces)
        };
        let backward = |batch, weights| {
            let plan = Plan::backward(&Steps::equal(9, batch), weights);
            (plan.parts.len(), plan.pieces)
        };
        let (by_sequences, by_units) = ((4, 1), (1, 4));
        rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap().install(|| {
            for far in [false, true] {
                let by_distance = if far { by_sequences } else { by_units };
                // Few weights; more than a cache should hold; more than any does; very many.
                assert_eq!(forward(far, 32, 1 << 16, 1 << 16), by_sequences);
                assert_eq!(forward(far, 32, 1 << 16, 3 << 16), by_distance);
                assert_eq!(forward(far, 64, 1 << 19, 1 << 20), by_distance);
                assert_eq!(forward(far, 64, 1 << 21, 1 << 22), by_units);
                // Many of the input, which do not meet at each step.
                assert_eq!(forward(far, 16, 9 << 15, 1 << 12), by_sequences);
                // Few sequences for so many weights, and too few for any.
                assert_eq!(forward(far, 63, 1 << 19, 1 << 20), by_units);
                assert_eq!(forward(far, 7, 1 << 16, 1 << 16), by_units);
            }
            assert_eq!([64, 63, 7].map(|batch| backward(batch, 1 << 23)), [by_sequences, by_units, by_units]);
        });
    }
}
