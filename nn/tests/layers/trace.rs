//! The gradients of states against central differences, against closed forms, and a traced pass
//! against an ordinary one.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Gradients, Tape, Var};
use refrain_nn::{GRU, LSTM, LSTMState, Module, Nonlinearity, Parameter, RNN, Trace};
use refrain_tensor::Tensor;

enum Layer {
    RNN(RNN<f64>),
    LSTM(LSTM<f64>),
    GRU(GRU<f64>),
}

/// Output, last h and last c.
type Run<'t> = (Var<'t, f64>, Var<'t, f64>, Option<Var<'t, f64>>);

#[derive(Clone, Debug)]
struct Case {
    kind: usize,
    num_layers: usize,
    steps: usize,
    batch: Option<usize>,
    batch_first: bool,
    bidirectional: bool,
    with_state: bool,
    projects: bool,
    seed: u64,
}

const INPUT: usize = 2;
const HIDDEN: usize = 3;

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (0usize..4, 1usize..4, 1usize..6, prop::option::of(1usize..4));
    (sizes, any::<[bool; 4]>(), any::<u64>()).prop_map(|((kind, num_layers, steps, batch), flags, seed)| {
        let [batch_first, bidirectional, with_state, projects] = flags;
        let projects = projects && kind == 2;
        Case { kind, num_layers, steps, batch, batch_first, bidirectional, with_state, projects, seed }
    })
}

impl Case {
    fn rng(&self, salt: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed ^ salt)
    }

    fn layer(&self) -> Layer {
        macro_rules! built {
            ($builder:expr) => {
                $builder
                    .num_layers(self.num_layers)
                    .batch_first(self.batch_first)
                    .bidirectional(self.bidirectional)
                    .build(&mut self.rng(0))
                    .unwrap()
            };
        }
        match self.kind {
            0 => Layer::RNN(built!(RNN::builder(INPUT, HIDDEN))),
            1 => Layer::RNN(built!(RNN::builder(INPUT, HIDDEN).nonlinearity(Nonlinearity::ReLU))),
            2 => {
                Layer::LSTM(built!(LSTM::builder(INPUT, HIDDEN).proj_size(if self.projects { 2 } else { 0 })))
            }
            _ => Layer::GRU(built!(GRU::builder(INPUT, HIDDEN))),
        }
    }

    fn input(&self) -> Tensor<f64> {
        let draw = |shape: &[usize]| {
            let shape = refrain_tensor::Shape::new(shape).unwrap();
            Tensor::normal(shape, 0.0, 1.0, &mut self.rng(1)).unwrap()
        };
        match (self.batch, self.batch_first) {
            (None, _) => draw(&[self.steps, INPUT]),
            (Some(batch), false) => draw(&[self.steps, batch, INPUT]),
            (Some(batch), true) => draw(&[batch, self.steps, INPUT]),
        }
    }

    fn state<'t>(&self, tape: &'t Tape<f64>, size: usize, salt: u64) -> Option<Var<'t, f64>> {
        let cells = self.num_layers * if self.bidirectional { 2 } else { 1 };
        let mut rng = self.rng(salt);
        let value = match self.batch {
            None => Tensor::normal([cells, size], 0.0, 1.0, &mut rng),
            Some(batch) => Tensor::normal([cells, batch, size], 0.0, 1.0, &mut rng),
        };
        self.with_state.then(|| tape.constant(value.unwrap()))
    }

    fn run<'t>(&self, layer: &Layer, tape: &'t Tape<f64>, traced: bool) -> Run<'t> {
        let x = tape.constant(self.input());
        let h = self.state(tape, if self.projects { 2 } else { HIDDEN }, 2);
        match layer {
            Layer::RNN(rnn) if traced => rnn.trace(&x, h.as_ref()).map(|(y, h, _)| (y, h, None)),
            Layer::RNN(rnn) => rnn.forward(&x, h.as_ref()).map(|(y, h)| (y, h, None)),
            Layer::GRU(gru) if traced => gru.trace(&x, h.as_ref()).map(|(y, h, _)| (y, h, None)),
            Layer::GRU(gru) => gru.forward(&x, h.as_ref()).map(|(y, h)| (y, h, None)),
            Layer::LSTM(lstm) => {
                let state = h.zip(self.state(tape, HIDDEN, 3)).map(|(h, c)| LSTMState { h, c });
                let run = if traced {
                    lstm.trace(&x, state.as_ref()).map(|(y, last, _)| (y, last))
                } else {
                    lstm.forward(&x, state.as_ref())
                };
                run.map(|(y, LSTMState { h, c })| (y, h, Some(c)))
            }
        }
        .unwrap()
    }
}

fn module(layer: &Layer) -> Vec<&Parameter<f64>> {
    match layer {
        Layer::RNN(layer) => layer.parameters(),
        Layer::LSTM(layer) => layer.parameters(),
        Layer::GRU(layer) => layer.parameters(),
    }
}

/// A loss that every number of a run has a part in.
fn loss_of<'t>((y, h, c): &Run<'t>) -> Var<'t, f64> {
    let of = |x: &Var<'t, f64>| {
        let weights = Tensor::<f64>::arange(x.value().numel()).unwrap().reshape(x.shape()).unwrap();
        x.mul(&x.tape().constant(weights.add_scalar(0.5))).unwrap().square().sum(..).unwrap()
    };
    let sum = of(y).add(&of(h)).unwrap();
    c.as_ref().map_or(sum.clone(), |c| sum.add(&of(c)).unwrap())
}

fn assert_close(a: &Tensor<f64>, b: &Tensor<f64>, what: &str) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let close = a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() <= 1e-9 + 1e-9 * b.abs());
    assert!(close, "{what}: {a} {b}");
}

proptest! {
    #[test]
    fn a_traced_pass_is_an_ordinary_one(case in cases()) {
        let layer = case.layer();
        let (traced, plain) = (Tape::new(), Tape::new());
        let runs = [case.run(&layer, &traced, true), case.run(&layer, &plain, false)];
        for (a, b, what) in [(&runs[0].0, &runs[1].0, "output"), (&runs[0].1, &runs[1].1, "h")] {
            assert_close(a.value(), b.value(), what);
        }
        if let [(_, _, Some(a)), (_, _, Some(b))] = &runs {
            assert_close(a.value(), b.value(), "c");
        }
        let [a, b] = runs.map(|run| loss_of(&run).backward().unwrap());
        for parameter in module(&layer) {
            assert_close(a.get(parameter).unwrap(), b.get(parameter).unwrap(), "gradient");
        }
    }
}

/// Σ of the weights times the outputs, which are numbered from the start of the sequence.
fn weighted<'t>(output: &Var<'t, f64>, weights: &Tensor<f64>) -> Var<'t, f64> {
    output.mul(&output.tape().constant(weights.clone())).unwrap().sum(..).unwrap()
}

/// The rest of the loss as a function of the state after step t: the weights of the output of step t
/// itself, and a run of the steps after it from there.
fn rest(t: usize, weights: &Tensor<f64>, h: &Tensor<f64>, run: impl Fn() -> Var<'static, f64>) -> f64 {
    let direct = h.mul(&weights.select(0, t).unwrap()).unwrap().sum(..).unwrap().item().unwrap();
    let after = weights.shape()[0] - t - 1;
    if after == 0 {
        return direct;
    }
    direct + weighted(&run(), &weights.narrow(0, t + 1, after).unwrap()).value().item().unwrap()
}

fn differences(state: &Tensor<f64>, f: impl Fn(&Tensor<f64>) -> f64) -> Tensor<f64> {
    let eps = 1e-5;
    let slope = |k: usize| {
        let shifted = |by: f64| {
            let mut moved = state.contiguous();
            moved.as_mut_slice()[k] += by;
            f(&moved)
        };
        (shifted(eps) - shifted(-eps)) / (2.0 * eps)
    };
    Tensor::from_vec((0..state.numel()).map(slope).collect(), state.shape()).unwrap()
}

fn assert_slopes(found: &Tensor<f64>, expected: &Tensor<f64>, what: &str) {
    let close = found.iter().zip(expected.iter()).all(|(a, b)| (a - b).abs() <= 1e-8 + 1e-7 * b.abs());
    assert!(close, "{what}: {found} {expected}");
}

#[test]
fn gradients_of_states_are_those_of_central_differences() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let (steps, batch) = (6, 2);
    let x = Tensor::normal([steps, batch, INPUT], 0.0, 1.0, &mut rng).unwrap();
    let weights = Tensor::normal([steps, batch, HIDDEN], 0.0, 1.0, &mut rng).unwrap();
    let (rnn, gru, lstm) = (
        RNN::<f64>::new(INPUT, HIDDEN, &mut rng).unwrap(),
        GRU::<f64>::new(INPUT, HIDDEN, &mut rng).unwrap(),
        LSTM::<f64>::new(INPUT, HIDDEN, &mut rng).unwrap(),
    );
    let still: &'static Tape<f64> = Box::leak(Box::new(Tape::inference()));
    let after = |t: usize| still.constant(x.narrow(0, t + 1, steps - t - 1).unwrap());
    let carried = |h: &Tensor<f64>| still.constant(h.unsqueeze(0).unwrap());

    let check = |what: &str,
                 trace: &Trace<'_, f64>,
                 gradients: &Gradients<f64>,
                 run: &dyn Fn(usize, &Tensor<f64>) -> Var<'static, f64>| {
        let h = trace.cell(0, false).unwrap().h();
        let (values, found) = (h.values().unwrap(), h.gradient(gradients).unwrap());
        for t in 0..steps {
            let expected = differences(&values.select(0, t).unwrap(), |h| rest(t, &weights, h, || run(t, h)));
            assert_slopes(&found.select(0, t).unwrap(), &expected, &format!("{what}, step {t}"));
        }
    };
    let tape = Tape::new();
    let (y, _, trace) = rnn.trace(&tape.constant(x.clone()), None).unwrap();
    let gradients = weighted(&y, &weights).backward().unwrap();
    check("rnn", &trace, &gradients, &|t, h| rnn.forward(&after(t), Some(&carried(h))).unwrap().0);

    let (y, _, trace) = gru.trace(&tape.constant(x.clone()), None).unwrap();
    let gradients = weighted(&y, &weights).backward().unwrap();
    check("gru", &trace, &gradients, &|t, h| gru.forward(&after(t), Some(&carried(h))).unwrap().0);

    let (y, _, trace) = lstm.trace(&tape.constant(x.clone()), None).unwrap();
    let gradients = weighted(&y, &weights).backward().unwrap();
    let cell = trace.cell(0, false).unwrap();
    let (h, c) = (cell.h().values().unwrap(), cell.c().unwrap().values().unwrap());
    let run = |t: usize, h: &Tensor<f64>, c: &Tensor<f64>| {
        lstm.forward(&after(t), Some(&LSTMState { h: carried(h), c: carried(c) })).unwrap().0
    };
    check("lstm h", &trace, &gradients, &|t, h| run(t, h, &c.select(0, t).unwrap()));
    let found = cell.c().unwrap().gradient(&gradients).unwrap();
    for t in 0..steps {
        let (h, c) = (h.select(0, t).unwrap(), c.select(0, t).unwrap());
        let expected = differences(&c, |c| rest(t, &weights, &h, || run(t, &h, c)));
        assert_slopes(&found.select(0, t).unwrap(), &expected, &format!("lstm c, step {t}"));
    }
    let norms = cell.gradient_norms(&gradients).unwrap();
    let squares = |state: &Tensor<f64>| state.select(0, 2).unwrap().square().sum(..).unwrap().item().unwrap();
    let expected = (squares(&cell.h().gradient(&gradients).unwrap()) + squares(&found)).sqrt();
    assert!((norms[2] - expected).abs() < 1e-12 * expected);
}

/// A ReLU layer of one unit without biases, its weights given in order.
fn linear(layers: usize, bidirectional: bool, weights: &[f64]) -> RNN<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut rnn = RNN::builder(1, 1)
        .num_layers(layers)
        .bidirectional(bidirectional)
        .bias(false)
        .nonlinearity(Nonlinearity::ReLU)
        .build(&mut rng)
        .unwrap();
    for (parameter, &weight) in rnn.parameters_mut().into_iter().zip(weights) {
        parameter.set(Tensor::from([[weight]])).unwrap();
    }
    rnn
}

#[test]
fn a_linear_recurrence_has_a_closed_form() {
    let steps = 40;
    let x = Tensor::ones([steps, 1, 1]).unwrap();
    for weight in [0.5, 1.0, 1.5] {
        let tape = Tape::new();
        let (y, _, trace) = linear(1, false, &[1.0, weight]).trace(&tape.constant(x.clone()), None).unwrap();
        let gradients = y.select(0, steps - 1).unwrap().sum(..).unwrap().backward().unwrap();
        let norms = trace.cell(0, false).unwrap().gradient_norms(&gradients).unwrap();
        for (t, norm) in norms.iter().enumerate() {
            let expected = f64::powi(weight, (steps - 1 - t) as i32);
            assert!((norm - expected).abs() <= 1e-12 * expected, "{weight}, step {t}: {norm}");
        }
    }
}

#[test]
fn a_lower_layer_counts_both_ways_to_the_result() {
    // h_t = x_t + a h_{t−1}, g_t = b h_t + c g_{t−1}, L = g_T: ∂L/∂h_t = Σ_k aᵏ b c^(T−t−k).
    let (a, b, c, steps) = (0.7f64, 1.3, 0.4f64, 8);
    let tape = Tape::new();
    let x = tape.constant(Tensor::ones([steps, 1, 1]).unwrap());
    let (y, _, trace) = linear(2, false, &[1.0, a, b, c]).trace(&x, None).unwrap();
    let gradients = y.select(0, steps - 1).unwrap().sum(..).unwrap().backward().unwrap();
    let (lower, upper) = (trace.cell(0, false).unwrap(), trace.cell(1, false).unwrap());
    let (lower, upper) =
        (lower.gradient_norms(&gradients).unwrap(), upper.gradient_norms(&gradients).unwrap());
    for t in 0..steps {
        let far = (steps - 1 - t) as i32;
        let expected: f64 = (0..=far).map(|k| a.powi(k) * b * c.powi(far - k)).sum();
        assert!((lower[t] - expected).abs() < 1e-12, "step {t}: {} {expected}", lower[t]);
        assert!((upper[t] - c.powi(far)).abs() < 1e-12, "step {t}: {}", upper[t]);
    }
    assert!(trace.cell(0, true).is_none() && trace.cell(2, false).is_none());
}

#[test]
fn the_second_direction_comes_in_the_order_of_time() {
    let steps = 5;
    let tape = Tape::new();
    let x = tape.constant(Tensor::ones([steps, 1, 1]).unwrap());
    let (y, _, trace) = linear(1, true, &[1.0, 0.5, 1.0, 0.5]).trace(&x, None).unwrap();
    // The first output of the second direction, which has seen the whole sequence.
    let gradients = y.select(0, 0).unwrap().select(1, 1).unwrap().sum(..).unwrap().backward().unwrap();
    let (forward, reverse) = (trace.cell(0, false).unwrap(), trace.cell(0, true).unwrap());
    assert_eq!(reverse.gradient_norms(&gradients).unwrap(), [1.0, 0.5, 0.25, 0.125, 0.0625]);
    assert_eq!(reverse.h().values().unwrap().to_vec(), [1.9375, 1.875, 1.75, 1.5, 1.0]);
    assert_eq!(forward.gradient_norms(&gradients).unwrap(), [0.0; 5]);
}

#[test]
fn gradients_of_another_tape_are_refused() {
    let rnn = linear(1, false, &[1.0, 0.5]);
    let (tape, other) = (Tape::new(), Tape::new());
    let x = Tensor::ones([3, 1, 1]).unwrap();
    let (_, _, trace) = rnn.trace(&tape.constant(x.clone()), None).unwrap();
    let (y, _) = rnn.forward(&other.constant(x), None).unwrap();
    let gradients = y.sum(..).unwrap().backward().unwrap();
    let message = trace.cell(0, false).unwrap().gradient_norms(&gradients).unwrap_err().to_string();
    assert_eq!(
        message,
        "gradient of a state: the variables come from different tapes; a tape knows only what was recorded on it"
    );
}

#[test]
fn an_inference_tape_shows_states_alone() {
    let tape = Tape::inference();
    let x = tape.constant(Tensor::ones([3, 1]).unwrap());
    let (_, _, trace) = linear(1, false, &[1.0, 0.5]).trace(&x, None).unwrap();
    let values = trace.cell(0, false).unwrap().h().values().unwrap();
    assert_eq!((values.to_vec(), *values.shape()), (vec![1.0, 1.5, 1.75], [3, 1, 1].into()));
    assert!(tape.is_empty());
}
