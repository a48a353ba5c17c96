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
/// Multiply-accumulates of a step from which a meeting at each step costs little.
const MEETING_IS_CHEAP: usize = 1 << 20;
/// Sequences that a thread needs for its tiles to run at speed.
const FEWEST: usize = 4;
/// Weights that a core's own cache holds. Where there are more, each thread had better keep a part of
/// them than read all of them at each step from the cache that they share.
const CACHED: usize = 5 << 16;

impl Plan {
    /// For a sweep with `row_work` multiply-accumulates for each sequence at each step, `weights` of
    /// them with weights of the recurrence.
    pub(super) fn new(steps: &Steps, row_work: usize, weights: usize) -> Self {
        let (threads, batch) = (parallel::threads(), steps.batch());
        let whole = |pieces| Self { parts: std::iter::once(0..batch).collect(), pieces };
        if threads == 1 || steps.rows().saturating_mul(row_work) < SWEEP_WORTH {
            return whole(1);
        }
        let parts_fit = row_work <= CACHED || batch.saturating_mul(row_work) < MEETING_IS_CHEAP;
        if batch < 2 * FEWEST || !parts_fit {
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
        let plan = Plan::new(&Steps::equal(5, 3), 100, 50);
        assert_eq!((plan.parts.len(), plan.pieces), (1, 1));
    }
}
