//! The optimal policy, by dynamic programming.
//!
//! C(t, j) is the least number of steps to run in order to go back through t steps, from a state
//! that is there, while j states are kept. L(j) steps can be kept in full in what memory is left.
//! So C(t, j) = t where t ≤ L(j). Else y steps are run without keeping them; the t − y steps behind
//! are gone back through first, from there, and then the y steps:
//!
//! C(t, j) = min over y of y + R(t − y, j) + C(y, j)
//!
//! where R(u, j) = u if u ≤ L(j), for steps that are kept at once need no state to come back to, and
//! else C(u, j + 1). With L(j) = 1 for all j this is BPTT-HSM of the paper, and the solution is that
//! of Griewank (1992): with k states, N(r) = binom(k + r, r − 1) steps can be gone back through if
//! none may run more than r times, and C(t) = Σ over r ≥ 0 of max(0, t − N(r)).

/// The best first split for each number of steps and of states that are kept.
pub(super) struct Policy {
    /// L(j), which does not grow with j.
    fits: Vec<usize>,
    /// For each j, the best y for each t; 0 where all t steps fit.
    splits: Vec<Vec<u32>>,
    /// For each j, C(t, j) for each t.
    costs: Vec<Vec<u64>>,
}

/// Up to so many steps every split is tried. The plan puts longer sequences in groups, so that few
/// have more.
const ALL_TRIED: usize = 512;

/// Beyond them, how far from the best split of one step less the best split is looked for, beside
/// twice the steps that a kept state takes the room of. The costs are nearly convex, but for the jump
/// where all steps fit no more, so the best splits are close together as a rule; a test finds less
/// than one step in a hundred lost.
const REACH: usize = 8;

impl Policy {
    /// For up to `steps` steps, of which `fits[j]` fit where j states are kept.
    pub(super) fn new(steps: usize, fits: Vec<usize>) -> Self {
        let reach = if steps <= ALL_TRIED { steps } else { Self::near(&fits) };
        Self::reaching(steps, fits, reach)
    }

    fn near(fits: &[usize]) -> usize {
        let room_of_a_state = fits.windows(2).map(|pair| pair[0] - pair[1]).max().unwrap_or(0);
        REACH + 2 * room_of_a_state
    }

    fn reaching(steps: usize, fits: Vec<usize>, reach: usize) -> Self {
        let mut splits = Vec::with_capacity(fits.len());
        let mut all: Vec<Vec<u64>> = Vec::with_capacity(fits.len());
        for &fits in fits.iter().rev() {
            // C of one state more; nothing where there is no room for one.
            let more = all.last().map_or(&[][..], Vec::as_slice);
            let mut costs: Vec<u64> = Vec::with_capacity(steps + 1);
            let mut best = vec![0u32; steps + 1];
            costs.extend((0..=steps.min(fits)).map(|t| t as u64));
            for t in costs.len()..=steps {
                let cost = |y: usize| {
                    let behind = t - y;
                    let of_behind = if behind <= fits { behind as u64 } else { *more.get(behind)? };
                    Some(y as u64 + of_behind + costs[y])
                };
                let (low, high) = match best[t - 1] as usize {
                    0 => (1, t - 1),
                    near => (near.saturating_sub(reach).max(1), near.saturating_add(reach + 1).min(t - 1)),
                };
                let candidates = (low..=high).filter_map(|y| Some((cost(y)?, y)));
                // Without room for a state, what fits is gone back through last step first.
                let fallback = (cost(t - fits).unwrap_or(u64::MAX), t - fits);
                let (least, y) = candidates.min().unwrap_or(fallback).min(fallback);
                costs.push(least);
                best[t] = y as u32;
            }
            splits.push(best);
            all.push(costs);
        }
        splits.reverse();
        all.reverse();
        Self { fits, splits, costs: all }
    }

    /// C(t, 0).
    pub(super) fn cost(&self, steps: usize) -> u64 {
        self.costs[0][steps]
    }

    /// Where to split `steps` steps while `kept` states are kept, and whether to keep the state
    /// there; `None` where all fit. Of splits that cost the same it is the last, for that leads to
    /// the fewest segments.
    pub(super) fn split(&self, steps: usize, kept: usize) -> Option<(usize, bool)> {
        let (first, fits, costs) = (self.splits[kept][steps] as usize, self.fits[kept], &self.costs[kept]);
        let cost = |y: usize| {
            let behind = steps - y;
            let more = || self.costs.get(kept + 1).map_or(u64::MAX, |more| more[behind]);
            (y as u64 + costs[y]).saturating_add(if behind <= fits { behind as u64 } else { more() })
        };
        let last = (first.max(1)..steps).rev().find(|&y| cost(y) == costs[steps]);
        (first > 0).then(|| last.unwrap_or(first)).map(|y| (y, steps - y > fits))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps that fit beside j states of `state` bytes, for each j that leaves room for one.
    fn fits(step: usize, state: usize, budget: usize, steps: usize) -> Vec<usize> {
        let beside = |j: usize| budget.checked_sub(j * state).map_or(0, |left| left / step);
        (0..=steps).map(beside).take_while(|&fits| fits > 0).collect()
    }

    #[test]
    fn hidden_states_alone_cost_what_the_closed_form_says() {
        let binomial = |n: u64, k: u64| (0..k).fold(1u64, |product, i| product * (n - i) / (i + 1));
        for states in 0..12u64 {
            let policy = Policy::new(300, vec![1; states as usize + 1]);
            for t in 0..=300u64 {
                let reach = |r: u64| if r == 0 { 0 } else { binomial(states + r, states + 1) };
                let expected: u64 = (0..=t).map(|r| t.saturating_sub(reach(r))).take_while(|&n| n > 0).sum();
                assert_eq!(policy.cost(t as usize), expected, "{t} steps, {states} states");
            }
        }
    }

    /// The paper's recurrence for hidden states (section 3.1), where the state that a run of steps
    /// starts from takes one of the m slots.
    fn of_the_paper(t: usize, m: usize) -> u64 {
        if t <= 1 || m == 1 {
            return (t * (t + 1) / 2) as u64;
        }
        (1..t).map(|y| y as u64 + of_the_paper(t - y, m - 1) + of_the_paper(y, m)).min().unwrap_or(0)
    }

    #[test]
    fn hidden_states_alone_are_the_papers_recurrence() {
        for m in 1..6 {
            let policy = Policy::new(11, vec![1; m]);
            for t in 0..=11 {
                assert_eq!(policy.cost(t), of_the_paper(t, m), "{t} steps, {m} slots");
            }
        }
    }

    /// The paper's mixed strategy (BPTT-MSM): beside states, steps may be kept in full anywhere.
    fn mixed(steps: usize, step: usize, state: usize, budget: usize) -> u64 {
        // By budget, then by steps; a larger budget is needed only after the smaller ones.
        let mut costs: Vec<Vec<u64>> = Vec::new();
        for m in 0..=budget {
            let mut row = vec![0u64];
            for t in 1..=steps {
                let after = |size: usize, t: usize| m.checked_sub(size).map(|left| costs[left][t]);
                let in_full = (1..=t).filter_map(|y| {
                    Some((y as u64).saturating_add(row[y - 1]).saturating_add(after(step, t - y)?))
                });
                let hidden = (1..t).filter_map(|y| {
                    Some((y as u64).saturating_add(row[y]).saturating_add(after(state, t - y)?))
                });
                row.push(in_full.chain(hidden).min().unwrap_or(u64::MAX));
            }
            costs.push(row);
        }
        costs[budget][steps]
    }

    proptest! {
        #[test]
        fn few_steps_have_the_best_splits_and_near_ones_lose_one_step_in_a_hundred_at_most(
            steps in 2usize..160, step in 1usize..14, state in 1usize..16, times in 1.0f64..40.0,
        ) {
            let fits = fits(step, state, (step as f64 * times) as usize, steps);
            let (near, all) = (Policy::near(&fits), Policy::reaching(steps, fits.clone(), steps).costs);
            prop_assert_eq!(&Policy::new(steps, fits.clone()).costs, &all);
            for (found, least) in Policy::reaching(steps, fits, near).costs.iter().flatten().zip(all.iter().flatten()) {
                prop_assert!(found >= least && found - least <= least / 100, "{} steps, at least {}", found, least);
            }
        }

        #[test]
        fn the_mixed_strategy_runs_few_steps_less(
            steps in 2usize..40, state in 1usize..4, ratio in 1usize..6, share in 0.0f64..1.0,
        ) {
            let step = state * ratio;
            let budget = step + (share * (steps * step) as f64) as usize;
            let found = Policy::new(steps, fits(step, state, budget, steps)).cost(steps) as f64;
            let least = mixed(steps, step, state, budget) as f64;
            prop_assert!(found >= least);
            prop_assert!(found <= 1.25 * least, "{found} steps, at least {least}");
        }
    }
}
