//! Costs beside the multiply-accumulates that the kernels count while layers run.

#![cfg(debug_assertions)] // the kernels count nothing without

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{
    Activation, AvgPool2d, Conv1d, Conv2d, Cost, Costs, Flatten, GRU, GRUCell, LSTM, LSTMCell, LSTMState,
    LayerNorm, LayerNormLSTMCell, Linear, MaxPool1d, MaxPool2d, Nonlinearity, Padding, RNN, RNNCell,
    Sequential, Signal, summary,
};
use refrain_tensor::{Shape, Tensor, kernels::counter::multiply_accumulates};

use crate::turn;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(5)
}

/// Whether the input is data, or has a gradient of its own.
fn input<'t>(tape: &'t Tape<f32>, signal: &Signal) -> Var<'t, f32> {
    let x = Tensor::normal(signal.shape(), 0.0, 1.0, &mut rng()).unwrap();
    if signal.needs_gradient() { tape.variable(x) } else { tape.constant(x) }
}

/// The multiply-accumulates of a pass forward and of the way back.
fn counted(signal: &Signal, forward: impl for<'t> FnOnce(&Var<'t, f32>) -> Vec<Var<'t, f32>>) -> (u64, u64) {
    let tape = Tape::new();
    let x = input(&tape, signal);
    let before = multiply_accumulates();
    let outputs = forward(&x);
    let between = multiply_accumulates();
    let sums: Vec<Var<'_, f32>> = outputs.iter().map(|y| y.square().sum(..).unwrap()).collect();
    Var::stack(&sums, 0).unwrap().sum(..).unwrap().backward().unwrap();
    (between - before, multiply_accumulates() - between)
}

fn total(layer: &impl Costs<f32>, signal: &Signal) -> Cost {
    summary(layer, signal.clone()).unwrap().total
}

/// Data of this shape, and the same with a gradient.
fn both(sizes: &[usize]) -> [Signal; 2] {
    let data = Signal::new(Shape::new(sizes).unwrap());
    [data.clone(), data.with_gradient()]
}

#[test]
fn rows_and_images() {
    let (_turn, rng) = (turn(), &mut rng());
    let mut cases: Vec<(Sequential<f32>, Vec<usize>)> = Vec::new();
    let mut case = |net: Sequential<f32>, sizes: &[usize]| cases.push((net, sizes.to_vec()));
    let alone = Sequential::new;
    for sizes in [&[7][..], &[0, 7], &[33, 7], &[2, 3, 5, 7]] {
        case(alone().push(Linear::new(7, 9, rng).unwrap()), sizes);
        case(alone().push(Linear::without_bias(7, 1, rng).unwrap()), sizes);
        case(alone().push(LayerNorm::new(7).unwrap()), sizes);
    }
    for (batch, side) in [(1, 5), (3, 12), (20, 31)] {
        let sizes = [batch, 4, side, side + 1];
        let conv = Conv2d::builder(4, 6, [3, 2]);
        case(alone().push(conv.build(rng).unwrap()), &sizes);
        case(alone().push(conv.groups(2).bias(false).stride([2, 1]).build(rng).unwrap()), &sizes);
        case(alone().push(conv.padding([2, 1]).dilation(2).build(rng).unwrap()), &sizes);
        case(alone().push(conv.padding(Padding::Same).build(rng).unwrap()), &sizes[1..]);
        case(alone().push(Conv2d::new(4, 6, 1, rng).unwrap()), &sizes);
        case(alone().push(Conv1d::builder(4, 3, 5).padding(2).build(rng).unwrap()), &[batch, 4, side]);
    }
    let net = alone()
        .push(Conv2d::new(1, 6, 5, rng).unwrap())
        .push(Activation::ReLU)
        .push(MaxPool2d::new(2).unwrap())
        .push(Conv2d::new(6, 16, 5, rng).unwrap())
        .push(AvgPool2d::new(2).unwrap())
        .push(Flatten::default())
        .push(Linear::new(16 * 4 * 4, 10, rng).unwrap());
    case(net, &[9, 1, 28, 28]);
    let net = alone().push(Conv1d::new(4, 6, 3, rng).unwrap()).push(MaxPool1d::new(2).unwrap());
    case(net, &[9, 4, 30]);

    for (net, sizes) in &cases {
        for signal in both(sizes) {
            let costs = total(net, &signal);
            let found = counted(&signal, |x| vec![net.forward(x).unwrap()]);
            assert_eq!(found, (costs.macs_forward, costs.macs_backward), "{net:?} on {signal:?}");
        }
    }
}

#[test]
fn cells() {
    let (_turn, rng) = (turn(), &mut rng());
    let zeros = |x: &Var<'_, f32>, size| Tensor::zeros(x.shape().with(x.shape().rank() - 1, size)).unwrap();
    for (signal, hidden) in
        both(&[3, 7]).into_iter().chain(both(&[7])).flat_map(|s| [(s.clone(), 5), (s, 40)])
    {
        let state = |x: &Var<'_, f32>| zeros(x, hidden);
        let cell = RNNCell::new(7, hidden, rng).unwrap();
        let found = counted(&signal, |x| vec![cell.forward(x, Some(&x.tape().variable(state(x)))).unwrap()]);
        let costs = total(&cell, &signal);
        assert_eq!(found, (costs.macs_forward, costs.macs_backward), "RNNCell on {signal:?}");

        let cell = GRUCell::with_bias(7, hidden, false, rng).unwrap();
        let found = counted(&signal, |x| vec![cell.forward(x, Some(&x.tape().variable(state(x)))).unwrap()]);
        let costs = total(&cell, &signal);
        assert_eq!(found, (costs.macs_forward, costs.macs_backward), "GRUCell on {signal:?}");

        for projection in [0, 3] {
            let layer = LSTM::builder(7, hidden).proj_size(projection).build(rng).unwrap();
            let cell = LSTMCell { parameters: layer.cell(0, false).unwrap().clone() };
            let found = counted(&signal, |x| {
                let h = x.tape().variable(zeros(x, if projection == 0 { hidden } else { projection }));
                let new = cell.forward(x, Some(&LSTMState { h, c: x.tape().variable(state(x)) })).unwrap();
                vec![new.h, new.c]
            });
            let costs = total(&cell, &signal);
            assert_eq!(found, (costs.macs_forward, costs.macs_backward), "LSTMCell on {signal:?}");
        }

        let cell = LayerNormLSTMCell::new(7, hidden, rng).unwrap();
        let found = counted(&signal, |x| {
            let [h, c] = [0; 2].map(|_| x.tape().variable(state(x)));
            let new = cell.forward(x, Some(&LSTMState { h, c })).unwrap();
            vec![new.h, new.c]
        });
        let costs = total(&cell, &signal);
        assert_eq!(found, (costs.macs_forward, costs.macs_backward), "LayerNormLSTMCell on {signal:?}");
    }
}

#[derive(Clone, Debug)]
struct Case {
    kind: usize,
    input: usize,
    hidden: usize,
    projection: usize,
    layers: usize,
    bidirectional: bool,
    batch_first: bool,
    bias: bool,
    lengths: Vec<usize>,
    padded: bool,
    starts: bool,
    gradient: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let hidden = prop_oneof![1usize..8, 9usize..40, 60usize..140];
    let lengths = proptest::collection::vec(1usize..7, 1..12);
    (
        (0usize..5, 1usize..40, hidden, 1usize..4),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (lengths, any::<bool>(), any::<bool>()),
    )
        .prop_map(|((kind, input, hidden, layers), flags, (lengths, starts, gradient))| Case {
            kind,
            input,
            hidden,
            projection: if kind == 4 { hidden / 2 } else { 0 },
            layers,
            bidirectional: flags.0,
            batch_first: flags.1,
            bias: flags.2,
            lengths,
            padded: flags.3,
            starts,
            gradient,
        })
}

impl Case {
    fn steps(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    fn signal(&self) -> Signal {
        let (steps, batch) = (self.steps(), self.lengths.len());
        let signal = Signal::from(if self.batch_first {
            [batch, steps, self.input]
        } else {
            [steps, batch, self.input]
        });
        let signal = if self.padded { signal.with_lengths(self.lengths.clone()) } else { signal };
        if self.gradient { signal.with_gradient() } else { signal }
    }

    fn state(&self) -> usize {
        if self.projection > 0 { self.projection } else { self.hidden }
    }

    fn cells(&self) -> usize {
        self.layers * (1 + usize::from(self.bidirectional))
    }

    /// The zero of a state, `[cells, batch, size]`.
    fn zero<'t>(&self, tape: &'t Tape<f32>, size: usize) -> Var<'t, f32> {
        tape.constant(Tensor::zeros([self.cells(), self.lengths.len(), size]).unwrap())
    }

    /// What the layer costs, and what it is counted to do.
    fn run(&self) -> (Cost, (u64, u64)) {
        let (signal, rng) = (self.signal(), &mut rng());
        macro_rules! layer {
            ($layer:ident $($option:ident($value:expr))*) => {
                $layer::<f32>::builder(self.input, self.hidden)
                    .num_layers(self.layers)
                    .bidirectional(self.bidirectional)
                    .batch_first(self.batch_first)
                    .bias(self.bias)
                    $(.$option($value))*
                    .build(rng)
                    .unwrap()
            };
        }
        macro_rules! run {
            ($layer:expr, $start:expr, |$last:ident| $outputs:expr) => {{
                let layer = $layer;
                let found = counted(&signal, |x| {
                    let start = self.starts.then(|| $start(x.tape()));
                    let (y, $last) = match self.padded {
                        true => layer.forward_padded(x, &self.lengths, start.as_ref()).unwrap(),
                        false => layer.forward(x, start.as_ref()).unwrap(),
                    };
                    let mut all = vec![y];
                    all.extend($outputs);
                    all
                });
                (total(&layer, &signal), found)
            }};
        }
        match self.kind {
            0 => run!(layer!(RNN), |tape| self.zero(tape, self.hidden), |last| [last]),
            1 => run!(
                layer!(RNN nonlinearity(Nonlinearity::ReLU)),
                |tape| self.zero(tape, self.hidden),
                |last| [last]
            ),
            2 => run!(layer!(GRU), |tape| self.zero(tape, self.hidden), |last| [last]),
            _ => run!(
                layer!(LSTM proj_size(self.projection)),
                |tape| LSTMState { h: self.zero(tape, self.state()), c: self.zero(tape, self.hidden) },
                |last| [last.h, last.c]
            ),
        }
    }

    /// What the kernels leave out where the first state is 0.
    fn first_product(&self) -> u64 {
        let gates = [1, 1, 3, 4, 4][self.kind];
        (self.cells() * self.lengths.len() * gates * self.hidden * self.state()) as u64
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn recurrent_layers(case in case()) {
        let _turn = turn();
        let (costs, (forward, backward)) = case.run();
        if case.starts {
            prop_assert_eq!((forward, backward), (costs.macs_forward, costs.macs_backward));
        } else {
            let left_out = case.first_product();
            prop_assert_eq!(forward, costs.macs_forward - left_out);
            // Where lengths differ, the gradient of a backward direction's W_hh is a product with all rows.
            let uneven = case.padded && case.lengths.iter().any(|&length| length != case.steps());
            let of_reverse = if uneven && case.bidirectional { left_out / 2 } else { 0 };
            prop_assert_eq!(backward, costs.macs_backward - (2 * left_out - of_reverse));
        }
    }
}
