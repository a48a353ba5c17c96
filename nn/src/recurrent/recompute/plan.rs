//! [`Plan`]: a policy as a list of actions.

use std::{ops::Range, sync::Arc};

use super::policy::Policy;
use crate::{Error, Result};

/// What is kept costs this much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepCosts {
    /// Bytes of the state between two steps: h of all layers, c too for an LSTM.
    pub state: usize,
    /// Bytes of all that one step's way back needs, and that computing it takes.
    pub step: usize,
}

/// One action of a plan. Whoever follows it has a current state and a stack of kept states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The state on top of the stack becomes the current one; the initial state where the stack is
    /// empty.
    Resume,
    /// Run these steps from the current state and keep nothing of them but the state after them,
    /// which becomes the current one.
    Advance(Range<usize>),
    /// Put the current state on the stack.
    Keep,
    /// Run these steps from the current state, keep all that the way back needs, and go back through
    /// them.
    Back(Range<usize>),
    /// Take a state off the stack.
    Drop,
}

/// Which states to keep within a budget, and which steps to run when.
///
/// Steps are taken in chunks that are kept in full together; the chunks of a plan cover all steps,
/// and whenever steps are run, it is in these chunks. The plan goes back through the chunks from the
/// last to the first, each once. It runs as few steps as any plan that keeps steps in full only
/// right before it goes back through them. The mixed strategy of Gruslys et al. (2016), which may
/// keep some in full earlier, runs a fifth less steps at best (a property test holds the
/// two together), and that where a step takes no more memory than a state.
///
/// Where there are very many steps, some steps that follow each other are treated as one, at most an
/// eighth of what fits at once.
///
/// Making a plan takes some milliseconds and up to some megabytes; a plan can be used again and
/// again, and a clone of it shares its memory.
#[derive(Clone, Debug)]
pub struct Plan {
    steps: usize,
    forward_steps: u64,
    peak_bytes: usize,
    most_states: usize,
    actions: Arc<[Compact]>,
}

/// An action in twelve bytes.
#[derive(Clone, Copy, Debug)]
enum Compact {
    Resume,
    Advance(u32, u32),
    Keep,
    Back(u32, u32),
    Drop,
}

/// Groups of steps beyond which steps are grouped.
const MOST_GROUPS: usize = 512;
/// States that are kept at most. With so many, 129 chunks are reached with two runs of each step,
/// and 8,385 with three.
const MOST_STATES: usize = 128;

impl Plan {
    /// The plan for `steps` steps within `budget` bytes. The initial state is not counted.
    ///
    /// # Errors
    /// [`Error::Budget`] where not even one step fits, [`Error::ZeroOption`] for no steps,
    /// [`Error::TooManySteps`] for 2³² or more.
    pub fn new(steps: usize, costs: StepCosts, budget: usize) -> Result<Self> {
        const OP: &str = "recompute";
        if steps == 0 {
            return Err(Error::ZeroOption { op: OP, option: "steps" });
        }
        if u32::try_from(steps).is_err() {
            return Err(Error::TooManySteps { op: OP, steps });
        }
        let fits = |states: usize| {
            let left = budget.checked_sub(states.checked_mul(costs.state)?)?;
            Some(left.checked_div(costs.step).unwrap_or(steps).min(steps))
        };
        let at_once = fits(0).unwrap_or(0);
        if at_once == 0 {
            return Err(Error::Budget { op: OP, steps, budget, least: costs.step });
        }
        let group = steps.div_ceil(MOST_GROUPS).min(at_once.div_ceil(8));
        let groups = steps.div_ceil(group);
        let fitting: Vec<usize> = (0..=groups.min(MOST_STATES))
            .map_while(|states| fits(states).map(|count| if count == steps { groups } else { count / group }))
            .take_while(|&fits| fits > 0)
            .collect();
        let plan = Self { steps, forward_steps: 0, peak_bytes: 0, most_states: 0, actions: [].into() };
        let (policy, actions) = (Policy::new(groups, fitting), Vec::new());
        let mut writer = Writer { policy, costs, group, groups, plan, actions };
        writer.reverse(0, groups, 0);
        Ok(writer.finish())
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How many steps are run forward in all; plain back-propagation runs each once.
    pub fn forward_steps(&self) -> u64 {
        self.forward_steps
    }

    /// The most bytes that are kept at any time, by the costs.
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes
    }

    /// The most states that are kept at any time.
    pub fn most_states(&self) -> usize {
        self.most_states
    }

    /// Whether all steps fit, so that nothing is computed again.
    pub fn keeps_all(&self) -> bool {
        self.actions.len() == 1
    }

    /// The actions, in order. The actions before the first [`Action::Back`] run through the whole
    /// sequence once.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = Action> + '_ {
        self.actions.iter().map(|&action| match action {
            Compact::Resume => Action::Resume,
            Compact::Advance(from, to) => Action::Advance(from as usize..to as usize),
            Compact::Keep => Action::Keep,
            Compact::Back(from, to) => Action::Back(from as usize..to as usize),
            Compact::Drop => Action::Drop,
        })
    }

    /// The chunks in which steps are run, from the first to the last.
    pub fn chunks(&self) -> Vec<Range<usize>> {
        chunks(&self.actions)
    }
}

fn chunks(actions: &[Compact]) -> Vec<Range<usize>> {
    let backs = actions.iter().rev().filter_map(|&action| match action {
        Compact::Back(from, to) => Some(from as usize..to as usize),
        _ => None,
    });
    backs.collect()
}

/// Writes the actions of a policy.
struct Writer {
    policy: Policy,
    costs: StepCosts,
    /// Steps that are treated as one.
    group: usize,
    groups: usize,
    plan: Plan,
    actions: Vec<Compact>,
}

impl Writer {
    /// Goes back through the groups from `first` to `end`, from the current state, which is that
    /// before the first. Nests as deep as states are kept.
    fn reverse(&mut self, first: usize, mut end: usize, kept: usize) {
        while let Some((ahead, keep)) = self.policy.split(end - first, kept) {
            let middle = first + ahead;
            let range = self.steps_of(first, middle);
            self.actions.push(Compact::Advance(range.0, range.1));
            if keep {
                self.actions.push(Compact::Keep);
                self.plan.most_states = self.plan.most_states.max(kept + 1);
                self.reverse(middle, end, kept + 1);
                self.actions.push(Compact::Drop);
            } else {
                self.back(middle, end, kept);
            }
            self.actions.push(Compact::Resume);
            end = middle;
        }
        self.back(first, end, kept);
    }

    fn back(&mut self, first: usize, end: usize, kept: usize) {
        let (from, to) = self.steps_of(first, end);
        self.actions.push(Compact::Back(from, to));
        let bytes = kept * self.costs.state + (to - from) as usize * self.costs.step;
        self.plan.peak_bytes = self.plan.peak_bytes.max(bytes);
    }

    /// The steps of some groups; the first group may be smaller than the others.
    fn steps_of(&self, first: usize, end: usize) -> (u32, u32) {
        let bound = |group: usize| self.plan.steps.saturating_sub((self.groups - group) * self.group) as u32;
        (bound(first), bound(end))
    }

    /// The plan, whose steps run in chunks.
    fn finish(mut self) -> Plan {
        let ends: Vec<u32> = chunks(&self.actions).iter().map(|chunk| chunk.end as u32).collect();
        let mut actions = Vec::with_capacity(2 * self.actions.len());
        for action in self.actions {
            match action {
                Compact::Advance(mut from, to) => {
                    let next = ends.partition_point(|&end| end <= from);
                    for &end in ends[next..].iter().take_while(|&&end| end <= to) {
                        actions.push(Compact::Advance(from, end));
                        from = end;
                    }
                }
                other => actions.push(other),
            }
        }
        let runs = actions.iter().map(|action| match action {
            Compact::Advance(from, to) | Compact::Back(from, to) => u64::from(to - from),
            _ => 0,
        });
        self.plan.forward_steps = runs.sum();
        debug_assert!(self.group > 1 || self.plan.forward_steps == self.policy.cost(self.groups));
        self.plan.actions = actions.into();
        self.plan
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Follows a plan with the numbers of steps as states, and says what went wrong.
    fn follow(plan: &Plan, costs: StepCosts, budget: usize) -> std::result::Result<(), String> {
        let (mut current, mut stack, mut gone_back) = (0, Vec::new(), plan.steps());
        let mut runs = 0;
        let chunks = plan.chunks();
        for action in plan.actions() {
            match action {
                Action::Resume => current = stack.last().copied().unwrap_or(0),
                Action::Keep => stack.push(current),
                Action::Drop => drop(stack.pop()),
                Action::Advance(range) | Action::Back(range) if range.start != current => {
                    return Err(format!("{range:?} begins elsewhere than the state, which is at {current}"));
                }
                Action::Advance(range) => {
                    if !chunks.contains(&range) {
                        return Err(format!("{range:?} is not one of the chunks"));
                    }
                    runs += range.len() as u64;
                    current = range.end;
                }
                Action::Back(range) => {
                    if range.end != gone_back {
                        return Err(format!(
                            "{range:?} is not next on the way back, which is at {gone_back}"
                        ));
                    }
                    let bytes = stack.len() * costs.state + range.len() * costs.step;
                    if bytes > budget || bytes > plan.peak_bytes() {
                        return Err(format!("{bytes} bytes at {range:?}"));
                    }
                    runs += range.len() as u64;
                    gone_back = range.start;
                }
            }
        }
        let left = (gone_back, stack.len(), runs);
        if left == (0, 0, plan.forward_steps()) { Ok(()) } else { Err(format!("left over: {left:?}")) }
    }

    proptest! {
        #[test]
        fn a_plan_goes_back_through_all_steps_within_its_budget(
            steps in 1usize..1500, state in 0usize..50, step in 1usize..50, share in 0.0f64..1.1,
        ) {
            let costs = StepCosts { state, step };
            let budget = step + (share * share * share * (steps * step) as f64) as usize;
            let plan = Plan::new(steps, costs, budget).unwrap();
            prop_assert_eq!(follow(&plan, costs, budget), Ok(()));
            prop_assert_eq!(plan.keeps_all(), budget >= steps * step);
        }
    }

    #[test]
    fn a_twentieth_of_the_memory_runs_no_step_twice_more() {
        // As in the paper's abstract, with states of a fifth of a step's size.
        let costs = StepCosts { state: 1, step: 5 };
        for (steps, percent, most) in [(1000, 5, 1.98), (1000, 1, 3.8), (10_000, 5, 1.999), (10_000, 1, 2.5)]
        {
            let plan = Plan::new(steps, costs, steps * 5 * percent / 100).unwrap();
            let runs = plan.forward_steps() as f64 / steps as f64;
            assert!(runs <= most, "{runs} runs of each of {steps} steps in {percent} %");
        }
    }

    #[test]
    fn the_errors_name_the_least_that_works() {
        let costs = StepCosts { state: 10, step: 70 };
        let cases = [
            (
                Plan::new(9, costs, 69),
                "recompute: a budget of 69 bytes holds not even one of 9 steps, expected at least 70",
            ),
            (Plan::new(0, costs, 69), "recompute: steps is 0, expected at least 1"),
        ];
        for (plan, message) in cases {
            assert_eq!(plan.unwrap_err().to_string(), message);
        }
        let least = Plan::new(9, costs, 70).unwrap();
        assert_eq!((least.forward_steps(), least.peak_bytes(), least.most_states()), (45, 70, 0));
    }
}
