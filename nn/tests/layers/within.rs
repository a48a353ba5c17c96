//! Whole sequences within a budget of memory: the bits of the plain way forward, and the gradients
//! of the plain way back to rounding. `tests/within_memory.rs` measures the memory.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{
    GRU, LSTM, LSTMState, Module, Nonlinearity, RNN,
    recompute::{Plan, StepCosts},
};
use refrain_tensor::{Real, Tensor};

/// Any of the family.
enum Layer<T: Real> {
    RNN(RNN<T>),
    LSTM(LSTM<T>),
    GRU(GRU<T>),
}

#[derive(Clone, Copy, Debug)]
struct Case {
    kind: usize,
    input: usize,
    hidden: usize,
    layers: usize,
    steps: usize,
    batch: usize,
    with_state: bool,
    batch_first: bool,
    /// Which of the values the result depends on: the outputs, the last h, the last c.
    uses: [bool; 3],
    /// The part of the memory that all steps take.
    share: f64,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let hidden = prop_oneof![1usize..8, 16usize..36];
    let sizes = (0usize..5, 1usize..10, hidden, 1usize..4, 1usize..60, 1usize..5);
    (sizes, any::<[bool; 4]>(), 0.0f64..1.0, any::<u64>()).prop_map(
        |((kind, input, hidden, layers, steps, batch), flags, share, seed)| {
            let [with_state, batch_first, of_outputs, of_states] = flags;
            // A result depends on something.
            let uses = [of_outputs || !of_states, of_states, of_states];
            let share = share * share;
            Case { kind, input, hidden, layers, steps, batch, with_state, batch_first, uses, share, seed }
        },
    )
}

impl<T: Real> Layer<T> {
    fn random(case: &Case, rng: &mut Xoshiro256PlusPlus) -> Self {
        let Case { kind, input, hidden, layers, batch_first, .. } = *case;
        match kind {
            0 => {
                let builder = RNN::builder(input, hidden).num_layers(layers).batch_first(batch_first);
                Self::RNN(builder.build(rng).unwrap())
            }
            1 => {
                let builder = RNN::builder(input, hidden).nonlinearity(Nonlinearity::ReLU);
                let builder = builder.num_layers(layers).bias(false).batch_first(batch_first);
                Self::RNN(builder.build(rng).unwrap())
            }
            2 | 3 => {
                let projection = if kind == 3 && hidden > 1 { hidden.div_ceil(2) } else { 0 };
                let builder = LSTM::builder(input, hidden).proj_size(projection).batch_first(batch_first);
                Self::LSTM(builder.num_layers(layers).build(rng).unwrap())
            }
            _ => {
                let builder = GRU::builder(input, hidden).num_layers(layers).batch_first(batch_first);
                Self::GRU(builder.build(rng).unwrap())
            }
        }
    }

    fn step_costs(&self, batch: usize) -> StepCosts {
        match self {
            Self::RNN(layer) => layer.step_costs(batch),
            Self::LSTM(layer) => layer.step_costs(batch),
            Self::GRU(layer) => layer.step_costs(batch),
        }
    }

    /// The outputs and the last states.
    fn run<'t>(&self, x: &Var<'t, T>, start: &[Var<'t, T>], budget: Option<usize>) -> Vec<Var<'t, T>> {
        let lstm_start = (start.len() == 2).then(|| LSTMState { h: start[0].clone(), c: start[1].clone() });
        match (self, budget) {
            (Self::RNN(layer), None) => pair(layer.forward(x, start.first()).unwrap()),
            (Self::RNN(layer), Some(budget)) => pair(layer.forward_within(x, start.first(), budget).unwrap()),
            (Self::GRU(layer), None) => pair(layer.forward(x, start.first()).unwrap()),
            (Self::GRU(layer), Some(budget)) => pair(layer.forward_within(x, start.first(), budget).unwrap()),
            (Self::LSTM(layer), budget) => {
                let (y, last) = match budget {
                    None => layer.forward(x, lstm_start.as_ref()).unwrap(),
                    Some(budget) => layer.forward_within(x, lstm_start.as_ref(), budget).unwrap(),
                };
                vec![y, last.h, last.c]
            }
        }
    }

    fn module(&self) -> &dyn Module<T> {
        match self {
            Self::RNN(layer) => layer,
            Self::LSTM(layer) => layer,
            Self::GRU(layer) => layer,
        }
    }
}

fn pair<'t, T: Real>((y, h): (Var<'t, T>, Var<'t, T>)) -> Vec<Var<'t, T>> {
    vec![y, h]
}

/// A number that depends on all of a value.
fn weigh<'t, T: Real>(k: usize, value: &Var<'t, T>) -> Var<'t, T> {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(k as u64);
    let weights = Tensor::normal(value.shape(), T::zero(), T::one(), rng).unwrap();
    value.mul(&value.tape().constant(weights)).unwrap().sum(..).unwrap()
}

/// Values and gradients of a run: of the parameters, the input and the initial states.
fn results<T: Real>(case: &Case, budget: Option<usize>) -> (Vec<Tensor<T>>, Vec<Vec<T>>) {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(case.seed);
    let layer = Layer::<T>::random(case, rng);
    let costs = layer.step_costs(case.batch);
    let budget = budget.map(|_| costs.step + (case.share * (costs.step * case.steps) as f64) as usize);
    let tape = Tape::new();
    let Case { input, steps, batch, .. } = *case;
    let shape = if case.batch_first { [batch, steps, input] } else { [steps, batch, input] };
    let x = tape.variable(Tensor::normal(shape, T::zero(), T::one(), rng).unwrap());
    let inference = Tape::inference();
    let start: Vec<Var<'_, T>> = if case.with_state {
        let of_states = layer.run(&inference.constant(x.value().clone()), &[], None);
        let random = |state: &Var<'_, T>| {
            tape.variable(Tensor::normal(state.shape(), T::zero(), T::one(), rng).unwrap())
        };
        of_states[1..].iter().map(random).collect()
    } else {
        Vec::new()
    };
    let values = layer.run(&x, &start, budget);
    let used = values.iter().enumerate().filter(|&(k, _)| case.uses[k]);
    let result = used.map(|(k, value)| weigh(k, value)).reduce(|a, b| a + b).unwrap();
    let found = result.backward().unwrap();
    let mut gradients = Vec::new();
    layer.module().visit(&mut |_, parameter| gradients.push(found.get(parameter).cloned()));
    gradients.extend([&x].into_iter().chain(&start).map(|leaf| found.of(leaf).cloned()));
    let gradients = gradients.into_iter().map(|g| g.map_or_else(Vec::new, |g| g.iter().collect())).collect();
    (values.iter().map(|value| value.value().clone()).collect(), gradients)
}

/// The norm of the difference by the norm.
fn difference<T: Real>(a: &[Vec<T>], b: &[Vec<T>]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let apart = norm(&mut pairs.map(|(&a, &b)| Real::to_f64(a) - Real::to_f64(b)));
    apart / norm(&mut b.iter().flatten().map(|&b| Real::to_f64(b))).max(1e-300)
}

/// Gradients of parameters are sums over the rows of all steps, here taken in two orders. The
/// rounding errors of n terms of random sign grow like √n beside their sum.
fn check<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let (values, gradients) = results::<T>(case, Some(0));
    let (plain_values, plain_gradients) = results::<T>(case, None);
    prop_assert_eq!(values, plain_values);
    let lengths = |all: &[Vec<T>]| all.iter().map(Vec::len).collect::<Vec<_>>();
    prop_assert_eq!(lengths(&gradients), lengths(&plain_gradients));
    let apart = difference(&gradients, &plain_gradients);
    let rows = (case.steps * case.batch) as f64;
    let tolerance = 2.0 * (1.0 + rows.sqrt()) * Real::to_f64(T::epsilon());
    prop_assert!(apart <= tolerance, "gradients are {apart:.1e} of their norm apart, not {tolerance:.1e}");
    Ok(())
}

proptest! {
    #[test]
    fn single_precision_equals_the_plain_layer(case in cases()) {
        check::<f32>(&case)?;
    }

    #[test]
    fn double_precision_equals_the_plain_layer(case in cases()) {
        check::<f64>(&case)?;
    }
}

#[test]
fn what_cannot_run_within_a_budget_says_so() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let tape = Tape::<f32>::new();
    let x = tape.variable(Tensor::ones([9, 2, 3]).unwrap());
    let both = GRU::builder(3, 5).bidirectional(true).build(rng).unwrap();
    let dropping = GRU::builder(3, 5).num_layers(2).dropout(0.5).build(rng).unwrap();
    let gru = GRU::new(3, 5, rng).unwrap();
    let least = gru.step_costs(2).step;
    let cases = [
        (
            both.forward_within(&x, None, 1 << 20),
            "gru: a bidirectional layer has no budget, for its second direction begins at the end; use forward, which keeps all steps".to_owned(),
        ),
        (
            dropping.forward_within(&x, None, 1 << 20),
            "gru: dropout between layers has no budget, for its masks are as large as the outputs; use forward, which keeps all steps".to_owned(),
        ),
        (
            gru.forward_within(&x, None, least - 1),
            format!("gru: a budget of {} bytes holds not even one of 9 steps, expected at least {least}", least - 1),
        ),
    ];
    for (result, message) in cases {
        assert_eq!(result.unwrap_err().to_string(), message);
    }
    assert!(gru.forward_within(&x, None, least).is_ok());
    let plan = Plan::new(8, gru.step_costs(2), least).unwrap();
    let message = "gru: the plan is for 8 steps, the input has 9; make one for each length";
    assert_eq!(gru.forward_planned(&x, None, &plan).unwrap_err().to_string(), message);
    let both = both.forward_planned(&x, None, &Plan::new(9, both.step_costs(2), 1 << 20).unwrap());
    assert!(both.unwrap_err().to_string().starts_with("gru: a bidirectional layer has no budget"));
}

#[test]
fn a_plan_that_was_made_before_does_what_a_budget_does() {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let lstm = LSTM::<f32>::builder(3, 5).num_layers(2).build(rng).unwrap();
    let x = Tensor::normal([40, 2, 3], 0.0, 1.0, rng).unwrap();
    let budget = 5 * lstm.step_costs(2).step;
    let plan = Plan::new(40, lstm.step_costs(2), budget).unwrap();
    assert!(!plan.keeps_all());
    let run = |plan: Option<&Plan>| {
        let tape = Tape::new();
        let x = tape.variable(x.clone());
        let (y, _) = match plan {
            Some(plan) => lstm.forward_planned(&x, None, plan).unwrap(),
            None => lstm.forward_within(&x, None, budget).unwrap(),
        };
        let value = y.value().to_vec();
        let gradients = y.square().mean(..).unwrap().backward().unwrap();
        let of_parameters = lstm.parameters().into_iter().map(|p| gradients.get(p).unwrap().to_vec());
        (value, gradients.of(&x).unwrap().to_vec(), of_parameters.collect::<Vec<_>>())
    };
    let expected = run(None);
    for _ in 0..2 {
        assert_eq!(run(Some(&plan)), expected);
    }
}
