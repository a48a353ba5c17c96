//! The recurrent layers against their definitions, over random options.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var, gradcheck};
use refrain_nn::{
    Error, GRU, GRUCell, LSTM, LSTMCell, LSTMState, Module, Nonlinearity, Parameter, RNN, RNNCell,
    gradcheck_module,
};
use refrain_tensor::{Shape, Tensor};

/// One of the family, so that a property is written once.
enum Layer {
    RNN(RNN<f64>, Nonlinearity),
    LSTM(LSTM<f64>),
    GRU(GRU<f64>),
}

/// The options of a random case.
#[derive(Clone, Debug)]
struct Case {
    kind: usize,
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    steps: usize,
    batch: Option<usize>,
    bias: bool,
    batch_first: bool,
    bidirectional: bool,
    with_state: bool,
    projects: bool,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (0usize..4, 1usize..4, 1usize..5, 1usize..4, 1usize..6, prop::option::of(1usize..4));
    (sizes, any::<[bool; 5]>(), any::<u64>()).prop_map(
        |((kind, input_size, hidden_size, num_layers, steps, batch), flags, seed)| {
            let [bias, batch_first, bidirectional, with_state, projects] = flags;
            let projects = projects && kind == 2 && hidden_size > 1;
            Case {
                kind,
                input_size,
                hidden_size,
                num_layers,
                steps,
                batch,
                bias,
                batch_first,
                bidirectional,
                with_state,
                projects,
                seed,
            }
        },
    )
}

/// Outputs and states of a run: y, h_n and, for an LSTM, c_n.
type Outputs<'t> = Vec<Var<'t, f64>>;

impl Case {
    fn layer(&self) -> Layer {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(self.seed);
        macro_rules! options {
            ($builder:expr) => {
                $builder
                    .num_layers(self.num_layers)
                    .bias(self.bias)
                    .batch_first(self.batch_first)
                    .bidirectional(self.bidirectional)
            };
        }
        let (i, h) = (self.input_size, self.hidden_size);
        match self.kind {
            0 => Layer::RNN(options!(RNN::builder(i, h)).build(rng).unwrap(), Nonlinearity::Tanh),
            1 => {
                let builder = options!(RNN::builder(i, h)).nonlinearity(Nonlinearity::ReLU);
                Layer::RNN(builder.build(rng).unwrap(), Nonlinearity::ReLU)
            }
            2 => Layer::LSTM(options!(LSTM::builder(i, h)).proj_size(self.proj_size()).build(rng).unwrap()),
            _ => Layer::GRU(options!(GRU::builder(i, h)).build(rng).unwrap()),
        }
    }

    fn proj_size(&self) -> usize {
        if self.projects { self.hidden_size - 1 } else { 0 }
    }

    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The axis of time in inputs and outputs.
    fn time(&self) -> isize {
        if self.batch.is_some() && self.batch_first { 1 } else { 0 }
    }

    /// The input and, where there are any, the initial states.
    fn inputs(&self) -> Vec<Tensor<f64>> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(!self.seed);
        let mut normal =
            |sizes: &[usize]| Tensor::normal(Shape::new(sizes).unwrap(), 0.0, 1.0, &mut rng).unwrap();
        let x = match (self.batch, self.batch_first) {
            (None, _) => normal(&[self.steps, self.input_size]),
            (Some(b), false) => normal(&[self.steps, b, self.input_size]),
            (Some(b), true) => normal(&[b, self.steps, self.input_size]),
        };
        let count = self.num_layers * self.directions();
        let mut state = |size: usize| {
            let sizes: Vec<usize> = [count].into_iter().chain(self.batch).chain([size]).collect();
            normal(&sizes)
        };
        let output = if self.projects { self.proj_size() } else { self.hidden_size };
        match (self.with_state, self.kind) {
            (false, _) => vec![x],
            (true, 2) => vec![x, state(output), state(self.hidden_size)],
            (true, _) => vec![x, state(output)],
        }
    }
}

impl Layer {
    fn run<'t>(&self, x: &[Var<'t, f64>], lengths: Option<&[usize]>) -> Result<Outputs<'t>, Error> {
        macro_rules! forward {
            ($layer:expr, $state:expr) => {
                match lengths {
                    None => $layer.forward(&x[0], $state)?,
                    Some(lengths) => $layer.forward_padded(&x[0], lengths, $state)?,
                }
            };
        }
        Ok(match self {
            Self::RNN(layer, _) => {
                let (y, last) = forward!(layer, x.get(1));
                vec![y, last]
            }
            Self::GRU(layer) => {
                let (y, last) = forward!(layer, x.get(1));
                vec![y, last]
            }
            Self::LSTM(layer) => {
                let state = x.get(1).map(|h| LSTMState { h: h.clone(), c: x[2].clone() });
                let (y, last) = forward!(layer, state.as_ref());
                vec![y, last.h, last.c]
            }
        })
    }

    /// The cells of all layers and directions, with the same values.
    fn cells(&self, case: &Case) -> Cells {
        let places =
            (0..case.num_layers).flat_map(|layer| (0..case.directions()).map(move |d| (layer, d == 1)));
        match self {
            Self::RNN(rnn, nonlinearity) => Cells::RNN(
                places
                    .map(|(layer, reverse)| RNNCell {
                        parameters: rnn.cell(layer, reverse).unwrap().clone(),
                        nonlinearity: *nonlinearity,
                    })
                    .collect(),
            ),
            Self::LSTM(lstm) => Cells::LSTM(
                places
                    .map(|(l, reverse)| LSTMCell { parameters: lstm.cell(l, reverse).unwrap().clone() })
                    .collect(),
            ),
            Self::GRU(gru) => Cells::GRU(
                places
                    .map(|(l, reverse)| GRUCell { parameters: gru.cell(l, reverse).unwrap().clone() })
                    .collect(),
            ),
        }
    }
}

impl Module<f64> for Layer {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m Parameter<f64>)) {
        match self {
            Self::RNN(layer, _) => layer.visit(visitor),
            Self::LSTM(layer) => layer.visit(visitor),
            Self::GRU(layer) => layer.visit(visitor),
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m mut Parameter<f64>)) {
        match self {
            Self::RNN(layer, _) => layer.visit_mut(visitor),
            Self::LSTM(layer) => layer.visit_mut(visitor),
            Self::GRU(layer) => layer.visit_mut(visitor),
        }
    }
}

enum Cells {
    RNN(Vec<RNNCell<f64>>),
    LSTM(Vec<LSTMCell<f64>>),
    GRU(Vec<GRUCell<f64>>),
}

impl Cells {
    fn parameters(&self) -> Vec<&Parameter<f64>> {
        match self {
            Self::RNN(cells) => cells.parameters(),
            Self::LSTM(cells) => cells.parameters(),
            Self::GRU(cells) => cells.parameters(),
        }
    }

    /// One step of the k-th cell; a state is h and, for an LSTM, c, or nothing.
    fn step<'t>(&self, k: usize, x: &Var<'t, f64>, state: &[Var<'t, f64>]) -> Result<Outputs<'t>, Error> {
        Ok(match self {
            Self::RNN(cells) => vec![cells[k].forward(x, state.first())?],
            Self::GRU(cells) => vec![cells[k].forward(x, state.first())?],
            Self::LSTM(cells) => {
                let state = state.first().map(|h| LSTMState { h: h.clone(), c: state[1].clone() });
                let next = cells[k].forward(x, state.as_ref())?;
                vec![next.h, next.c]
            }
        })
    }

    /// Layer after layer, direction after direction, step after step.
    fn run<'t>(&self, case: &Case, x: &[Var<'t, f64>]) -> Result<Outputs<'t>, Error> {
        let mut steps =
            (0..case.steps).map(|t| x[0].select(case.time(), t)).collect::<Result<Vec<_>, _>>()?;
        let mut last: Vec<Outputs<'t>> = vec![Vec::new(), Vec::new()];
        for layer in 0..case.num_layers {
            let mut outputs = vec![Vec::new(); case.steps];
            for direction in 0..case.directions() {
                let k = layer * case.directions() + direction;
                let mut state = x[1..].iter().map(|s| s.select(0, k)).collect::<Result<Vec<_>, _>>()?;
                for t in 0..case.steps {
                    let t = if direction == 1 { case.steps - 1 - t } else { t };
                    state = self.step(k, &steps[t], &state)?;
                    outputs[t].push(state[0].clone());
                }
                last.iter_mut().zip(state).for_each(|(all, state)| all.push(state));
            }
            steps = outputs.iter().map(|parts| Var::cat(parts, -1)).collect::<Result<_, _>>()?;
        }
        let mut all = vec![Var::stack(&steps, case.time())?];
        for states in last.iter().filter(|states| !states.is_empty()) {
            all.push(Var::stack(states, 0)?);
        }
        Ok(all)
    }
}

/// All outputs in one row, so that each takes part in a gradient.
fn flat<'t>(outputs: &[Var<'t, f64>]) -> Result<Var<'t, f64>, Error> {
    let rows = outputs.iter().map(|y| y.flatten(0, -1)).collect::<Result<Vec<_>, _>>()?;
    Ok(Var::cat(&rows, 0)?)
}

fn close(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape() && a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs()))
}

/// The value of a run, and the gradients of its inputs and of the given parameters.
fn run_back(
    case: &Case,
    parameters: &[&Parameter<f64>],
    run: impl for<'t> Fn(&[Var<'t, f64>]) -> Result<Outputs<'t>, Error>,
) -> (Tensor<f64>, Vec<Tensor<f64>>) {
    let tape = Tape::new();
    let inputs: Vec<_> = case.inputs().into_iter().map(|x| tape.variable(x)).collect();
    let y = flat(&run(&inputs).unwrap()).unwrap();
    let cotangent = Tensor::linspace(-1.0, 1.0, y.value().numel()).unwrap();
    let gradients = y.backward_with(cotangent).unwrap();
    let of_inputs = inputs.iter().map(|x| gradients.of(x).unwrap().clone());
    let of_parameters = parameters.iter().map(|p| gradients.get(p).unwrap().clone());
    (y.value().clone(), of_inputs.chain(of_parameters).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_equals_cell_by_cell_in_values_and_gradients(case in cases()) {
        let layer = case.layer();
        let cells = layer.cells(&case);
        let (y, gradients) = run_back(&case, &layer.parameters(), |x| layer.run(x, None));
        let (expected, expected_gradients) = run_back(&case, &cells.parameters(), |x| cells.run(&case, x));
        prop_assert!(close(&y, &expected), "{y}\n{expected}");
        prop_assert_eq!(gradients.len(), expected_gradients.len());
        for (k, (g, e)) in gradients.iter().zip(&expected_gradients).enumerate() {
            prop_assert!(close(g, e), "gradient {k}: {g}\n{e}");
        }
    }

    #[test]
    fn gradients_are_slopes(case in cases()) {
        // A relu has a kink; a difference across it is not a slope.
        let case = Case { kind: if case.kind == 1 { 0 } else { case.kind }, ..case };
        let mut layer = case.layer();
        let lengths: Option<Vec<usize>> = case.batch.map(|b| (0..b).map(|k| 1 + (k + case.seed as usize % 7) % case.steps).collect());
        let inputs = case.inputs();
        gradcheck(|_, x| flat(&layer.run(x, lengths.as_deref())?), &inputs).unwrap();
        gradcheck_module(&mut layer, |layer, tape| {
            let inputs: Vec<_> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
            Ok::<_, Error>(flat(&layer.run(&inputs, lengths.as_deref())?)?.square().sum(..)?)
        }).unwrap();
    }

    #[test]
    fn a_padded_batch_is_each_sequence_alone(case in cases(), lengths in prop::collection::vec(1usize..6, 3), junk in -9.0f64..9.0) {
        let case = Case { batch: Some(3), ..case };
        let lengths: Vec<usize> = lengths.iter().map(|&n| n.min(case.steps)).collect();
        let (layer, mut inputs) = (case.layer(), case.inputs());
        // What stands in the padding must not matter.
        let batch = 1 - case.time();
        for (row, &length) in lengths.iter().enumerate() {
            let padding = inputs[0].layout().select(batch, row).unwrap().narrow(0, length, case.steps - length).unwrap();
            let values = Tensor::full(padding.shape(), junk).unwrap();
            inputs[0].zip_assign_at(padding, &values, |_, junk| junk).unwrap();
        }
        let tape = Tape::new();
        let whole: Vec<_> = inputs.iter().map(|x| tape.variable(x.clone())).collect();
        let outputs = layer.run(&whole, Some(&lengths)).unwrap();
        for (row, &length) in lengths.iter().enumerate() {
            let mut alone = vec![tape.constant(inputs[0].select(batch, row).unwrap().narrow(0, 0, length).unwrap())];
            alone.extend(inputs[1..].iter().map(|s| tape.constant(s.select(1, row).unwrap())));
            let expected = layer.run(&alone, None).unwrap();
            let y = outputs[0].value().select(batch, row).unwrap();
            prop_assert!(close(&y.narrow(0, 0, length).unwrap(), expected[0].value()));
            prop_assert!(y.narrow(0, length, case.steps - length).unwrap().iter().all(|y| y == 0.0));
            for (states, expected) in outputs[1..].iter().zip(&expected[1..]) {
                prop_assert!(close(&states.value().select(1, row).unwrap(), expected.value()));
            }
        }
        let gradients = flat(&outputs).unwrap().sum(..).unwrap().backward().unwrap();
        let by_input = gradients.of(&whole[0]).unwrap();
        for (row, &length) in lengths.iter().enumerate() {
            let behind = by_input.select(batch, row).unwrap().narrow(0, length, case.steps - length).unwrap();
            prop_assert!(behind.iter().all(|g| g == 0.0));
        }
    }

    #[test]
    fn two_directions_are_two_layers_one_on_reversed_input(case in cases()) {
        let case = Case { bidirectional: true, num_layers: 1, with_state: false, ..case };
        let (both, inputs, tape) = (case.layer(), case.inputs(), Tape::inference());
        let x = tape.constant(inputs[0].clone());
        let outputs = both.run(std::slice::from_ref(&x), None).unwrap();
        let single = Case { bidirectional: false, ..case.clone() };
        let width = outputs[0].shape()[outputs[0].rank() - 1] / 2;
        for direction in 0..2 {
            let mut alone = single.layer();
            let (half, values) = (alone.parameters().len(), both.parameters());
            for (k, parameter) in alone.parameters_mut().into_iter().enumerate() {
                parameter.set(values[direction * half + k].value().clone()).unwrap();
            }
            let turn = |t: &Var<'_, f64>| t.value().slice(case.time(), 0..case.steps, if direction == 1 { -1 } else { 1 }).unwrap();
            let result = alone.run(&[tape.constant(turn(&x))], None).unwrap();
            let expected = turn(&result[0]);
            prop_assert!(close(&outputs[0].value().narrow(-1, direction * width, width).unwrap(), &expected));
            prop_assert!(close(&outputs[1].value().select(0, direction).unwrap(), &result[1].value().select(0, 0).unwrap()));
        }
    }

    #[test]
    fn a_sequence_in_two_parts_with_the_state_carried_is_the_whole(case in cases(), cut in 1usize..5) {
        let case = Case { bidirectional: false, steps: cut + case.steps, ..case };
        let (layer, inputs, tape) = (case.layer(), case.inputs(), Tape::inference());
        let inputs: Vec<_> = inputs.into_iter().map(|x| tape.constant(x)).collect();
        let whole = layer.run(&inputs, None).unwrap();
        let parts = inputs[0].split(&[cut, case.steps - cut], case.time()).unwrap();
        let with_states = |x: &Var<'_, f64>, states: &[Var<'_, f64>]| {
            [x.value()].into_iter().chain(states.iter().map(Var::value)).cloned().map(|t| tape.constant(t)).collect::<Vec<_>>()
        };
        let first = layer.run(&with_states(&parts[0], &inputs[1..]), None).unwrap();
        let second = layer.run(&with_states(&parts[1], &first[1..]), None).unwrap();
        let joined = Var::cat(&[first[0].clone(), second[0].clone()], case.time()).unwrap();
        prop_assert!(close(joined.value(), whole[0].value()));
        for (states, expected) in second[1..].iter().zip(&whole[1..]) {
            prop_assert!(close(states.value(), expected.value()));
        }
    }
}
