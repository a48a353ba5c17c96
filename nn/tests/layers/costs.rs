//! Costs beside arithmetic by hand, and what is refused, in the words of `forward`.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{
    Activation, AvgPool1d, Conv1d, Conv2d, Costs, Dropout, Embedding, Flatten, GRU, GRUCell, LSTM, LSTMCell,
    LayerNorm, LayerNormLSTMCell, Ledger, Linear, MaxPool2d, Module, RNN, RNNCell, Result, Sequential,
    Signal, VariationalDropout, summary,
};
use refrain_tensor::{Shape, Tensor};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(3)
}

fn lenet() -> Sequential<f32> {
    let rng = &mut rng();
    Sequential::new()
        .push(Conv2d::builder(1, 6, 5).padding(2).build(rng).unwrap())
        .push(Activation::ReLU)
        .push(MaxPool2d::new(2).unwrap())
        .push(Conv2d::new(6, 16, 5, rng).unwrap())
        .push(Activation::ReLU)
        .push(MaxPool2d::new(2).unwrap())
        .push(Flatten::default())
        .push(Linear::new(400, 120, rng).unwrap())
        .push(Activation::ReLU)
        .push(Linear::new(120, 84, rng).unwrap())
        .push(Activation::ReLU)
        .push(Linear::new(84, 10, rng).unwrap())
}

#[test]
fn lenet_by_hand() {
    let (batch, costs) = (4, summary(&lenet(), [4, 1, 28, 28]).unwrap());
    let part = |name: &str| costs.parts.iter().find(|part| part.name == name).unwrap();
    // In a convolution, positions · channels out · channels in · taps; in a linear layer, in · out.
    let macs = [
        ("0", 28 * 28 * 6 * 5 * 5),
        ("3", 10 * 10 * 16 * 6 * 5 * 5),
        ("7", 400 * 120),
        ("9", 120 * 84),
        ("11", 84 * 10),
    ];
    for (name, expected) in macs {
        assert_eq!(part(name).macs_forward, batch * expected, "{name}");
        // The first layer's input is data, so that its weight alone has a gradient.
        let gradients = if name == "0" { 1 } else { 2 };
        assert_eq!(part(name).macs_backward, gradients * batch * expected, "{name}");
    }
    let parameters = (25 * 6 + 6) + (150 * 16 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10);
    assert_eq!((costs.total.parameters, parameters), (61_706, 61_706));
    assert_eq!(costs.total.macs_forward, batch * 416_520);
    assert_eq!(costs.total.macs_backward, batch * (2 * 416_520 - 117_600));
    assert_eq!(costs.total.weight_bytes, 4 * 61_706);
    let outputs = 2 * (6 * 28 * 28) + 6 * 14 * 14 + 2 * (16 * 10 * 10) + 16 * 5 * 5 + 2 * 120 + 2 * 84 + 10;
    assert_eq!(costs.total.activation_bytes, 4 * batch * outputs);
    assert_eq!(costs.total.bptt_bytes, 0);
    assert_eq!(costs.total.output, Shape::from([4, 10]));
    // A gradient of the images costs the first layer as much again.
    let asked = summary(&lenet(), Signal::from([4, 1, 28, 28]).with_gradient()).unwrap();
    assert_eq!(asked.total.macs_backward, batch * 2 * 416_520);
}

#[test]
fn an_rnn_by_hand() {
    let rnn = RNN::<f32>::builder(10, 20).num_layers(2).build(&mut rng()).unwrap();
    let costs = summary(&rnn, [5, 3, 10]).unwrap(); // [seq, batch, features]
    let (rows, total) = (5 * 3, costs.total);
    let below = rows * 20 * (10 + 20);
    let above = rows * 20 * (20 + 20);
    assert_eq!(total.parameters, (20 * 10 + 20 * 20 + 20 + 20) + (20 * 20 + 20 * 20 + 20 + 20));
    assert_eq!((total.macs_forward, below + above), (21_000, 21_000));
    assert_eq!(total.macs_backward, 2 * 21_000 - rows * 20 * 10);
    // The states at every step and the last state of each layer; BPTT needs the states of both.
    assert_eq!(total.activation_bytes, 4 * (rows * 20 + 2 * 3 * 20));
    assert_eq!(total.bptt_bytes, 4 * (2 * rows * 20));
    assert_eq!(total.output, Shape::from([5, 3, 20]));
}

#[test]
fn gates_directions_and_projections_by_hand() {
    let lstm =
        LSTM::<f64>::builder(6, 8).proj_size(5).bidirectional(true).num_layers(2).build(&mut rng()).unwrap();
    let costs = summary(&lstm, [7, 2, 6]).unwrap().total;
    let rows = 7 * 2;
    let cell = |inputs: u64| rows * (4 * 8 * (inputs + 5) + 5 * 8);
    assert_eq!(costs.macs_forward, 2 * cell(6) + 2 * cell(10));
    assert_eq!(costs.macs_backward, 2 * costs.macs_forward - 2 * rows * 4 * 8 * 6);
    // Four gates, the cell state and the state before the projection, and what comes out of it.
    assert_eq!(costs.bptt_bytes, 8 * 2 * 2 * rows * ((4 + 1 + 1) * 8 + 5));
    assert_eq!(costs.activation_bytes, 8 * (rows * 10 + 4 * 2 * (5 + 8)));
    let gru = GRU::<f32>::builder(6, 8).batch_first(true).build(&mut rng()).unwrap();
    let costs = summary(&gru, Signal::from([2, 7, 6]).with_lengths([7, 3])).unwrap().total;
    assert_eq!(costs.macs_forward, 10 * 3 * 8 * (6 + 8));
    assert_eq!(costs.bptt_bytes, 4 * 10 * ((4 + 1) * 8 + 6));
    assert_eq!(costs.activation_bytes, 4 * (2 * 7 * 8 + 2 * 8));
}

#[test]
fn what_does_not_train_costs_nothing_backward() {
    let mut model = lenet();
    model.parameters_mut().into_iter().take(4).for_each(|parameter| parameter.set_requires_grad(false));
    let costs = summary(&model, [1, 1, 28, 28]).unwrap();
    let backward: Vec<u64> =
        costs.parts.iter().map(|part| part.macs_backward).filter(|&macs| macs > 0).collect();
    assert_eq!(backward, [48_000, 2 * 10_080, 2 * 840]);
    assert_eq!(costs.total.trainable, 61_706 - (156 + 2416));
    assert!(costs.to_string().ends_with("\n59,134 of 61,706 parameters train"), "{costs}");

    let mut rnn = RNN::<f32>::new(10, 20, &mut rng()).unwrap();
    rnn.parameters_mut().into_iter().for_each(|parameter| parameter.set_requires_grad(false));
    let costs = summary(&rnn, [5, 3, 10]).unwrap().total;
    assert_eq!((costs.macs_backward, costs.bptt_bytes), (0, 0));
}

/// A frozen cell, and a layer behind it.
struct Frozen<M>(M, Linear<f32>);

impl<M: Costs<f32>> Costs<f32> for Frozen<M> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let state = ledger.part("cell", &self.0, input)?;
        ledger.part("head", &self.1, &state)
    }
}

#[test]
fn a_frozen_cell_costs_nothing_backward_and_asks_for_no_gradient_behind_it() {
    fn frozen<M: Module<f32> + Costs<f32>>(mut cell: M) {
        cell.parameters_mut().into_iter().for_each(|parameter| parameter.set_requires_grad(false));
        let model = Frozen(cell, Linear::new(20, 4, &mut rng()).unwrap());
        let parts = summary(&model, [3, 10]).unwrap().parts;
        assert_eq!((parts[0].macs_backward, parts[0].bptt_bytes), (0, 0), "{}", parts[0].kind);
        assert_eq!(parts[1].macs_backward, 3 * 20 * 4, "{}", parts[0].kind);
    }
    frozen(RNNCell::new(10, 20, &mut rng()).unwrap());
    frozen(GRUCell::new(10, 20, &mut rng()).unwrap());
    frozen(LSTMCell::new(10, 20, &mut rng()).unwrap());
    frozen(LayerNormLSTMCell::new(10, 20, &mut rng()).unwrap());
}

/// A cell that a model runs several times, step by step.
struct Unrolled(RNNCell<f32>);

impl Costs<f32> for Unrolled {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let mut state = input.clone();
        for step in 0..input.shape()[0] {
            state = ledger.part(
                format_args!("step{step}"),
                &self.0,
                &input.reshaped(input.shape().without(0)),
            )?;
        }
        Ok(state)
    }
}

#[test]
fn shared_parameters_count_once_and_their_work_each_time() {
    let model = Unrolled(RNNCell::new(10, 20, &mut rng()).unwrap());
    let costs = summary(&model, [5, 3, 10]).unwrap();
    assert_eq!(costs.parts.len(), 5);
    assert_eq!(costs.parts[4].name, "step4");
    assert_eq!(costs.total.parameters, 640);
    assert_eq!(costs.total.macs_forward, 5 * 3 * 20 * 30);
    let fused = summary(&RNN::<f32>::new(10, 20, &mut rng()).unwrap(), [5, 3, 10]).unwrap().total;
    assert_eq!(costs.total.macs_forward, fused.macs_forward);
    assert_eq!(costs.total.macs_backward, fused.macs_backward);
    assert_eq!(costs.total.bptt_bytes, fused.bptt_bytes);
}

#[test]
fn shapes_that_forward_refuses_are_refused_in_its_words() {
    let (tape, rng) = (Tape::<f32>::new(), &mut rng());
    let zeros = |sizes: &[usize]| tape.constant(Tensor::zeros(Shape::new(sizes).unwrap()).unwrap());
    macro_rules! same {
        ($layer:expr, $forward:expr, $($sizes:expr),+) => {
            let layer = $layer;
            for sizes in [$(&$sizes[..]),+] {
                let shape = Shape::new(sizes).unwrap();
                let expected = $forward(&layer, &zeros(sizes)).map(|_| ()).unwrap_err().to_string();
                let found = summary::<f32, _>(&layer, shape).map(|_| ()).unwrap_err().to_string();
                assert_eq!(found, expected);
            }
        };
    }
    let none: [usize; 0] = [];
    same!(Linear::new(4, 2, rng).unwrap(), Linear::forward, [3, 5], none);
    same!(LayerNorm::new(4).unwrap(), LayerNorm::forward, [3, 5], none);
    same!(Conv1d::new(2, 3, 3, rng).unwrap(), Conv1d::forward, [4, 3, 9], [2, 2], [5], [1, 2, 0]);
    same!(Conv2d::new(2, 3, 3, rng).unwrap(), Conv2d::forward, [4, 2, 9, 2], [2, 2], [1, 9, 9]);
    same!(MaxPool2d::new(2).unwrap(), MaxPool2d::forward, [4, 2, 9, 1], [2]);
    same!(AvgPool1d::new(2).unwrap(), AvgPool1d::forward, [4, 2, 1], [2]);
    same!(Flatten::default(), Flatten::forward, [4], none);
    same!(lenet(), Sequential::forward, [4, 1, 27, 8], [3, 28, 28], [1, 28]);
    same!(RNN::new(4, 3, rng).unwrap(), |l: &RNN<f32>, x| l.forward(x, None), [5, 2, 3], [0, 2, 4], [4]);
    same!(GRU::new(4, 3, rng).unwrap(), |l: &GRU<f32>, x| l.forward(x, None), [5, 0, 4], [5, 3]);
    same!(LSTM::new(4, 3, rng).unwrap(), |l: &LSTM<f32>, x| l.forward(x, None), [5, 2, 3], [1, 1, 1, 4]);
    same!(RNNCell::new(4, 3, rng).unwrap(), |l: &RNNCell<f32>, x| l.forward(x, None), [2, 3], [0, 4]);
    same!(GRUCell::new(4, 3, rng).unwrap(), |l: &GRUCell<f32>, x| l.forward(x, None), [2, 3], [1, 2, 4]);
    same!(LSTMCell::new(4, 3, rng).unwrap(), |l: &LSTMCell<f32>, x| l.forward(x, None), [5], none);
    same!(
        LayerNormLSTMCell::new(4, 3, rng).unwrap(),
        |l: &LayerNormLSTMCell<f32>, x| l.forward(x, None),
        [2, 3],
        [1, 2, 4]
    );
    let dropout = VariationalDropout::new(0.5).unwrap();
    same!(dropout, |l: &VariationalDropout, x| l.forward(x, &mut self::rng()), none);

    let rnn = RNN::<f32>::new(4, 3, rng).unwrap();
    for (sizes, lengths) in [([5, 2, 4], &[3, 6][..]), ([5, 2, 4], &[3]), ([5, 2, 3], &[3, 3])] {
        let expected = rnn.forward_padded(&zeros(&sizes), lengths, None).map(|_| ()).unwrap_err();
        let found = summary(&rnn, Signal::from(sizes).with_lengths(lengths)).map(|_| ()).unwrap_err();
        assert_eq!(found.to_string(), expected.to_string());
    }
    let message = summary(&rnn, [usize::MAX, 2, 4]).unwrap_err().to_string();
    assert!(message.starts_with("summary: a tensor of shape") && message.contains("too large"), "{message}");
}

#[test]
fn outputs_have_the_shapes_and_bytes_of_forward() {
    let (tape, rng) = (Tape::<f32>::inference(), &mut rng());
    let words = Embedding::<f32>::new(9, 4, rng).unwrap();
    let out = words.forward(&tape, &Tensor::<usize>::zeros([5, 2]).unwrap()).unwrap();
    let costs = summary(&words, [5, 2]).unwrap().total;
    assert_eq!((costs.output, costs.activation_bytes), (*out.shape(), 4 * 5 * 2 * 4));
    assert_eq!((costs.macs_forward, costs.macs_backward, costs.parameters), (0, 0, 36));

    let costs = summary::<f64, _>(&Dropout::new(0.5).unwrap(), [5, 2]).unwrap();
    assert_eq!((costs.total.activation_bytes, costs.parts[0].kind), (80, "Dropout"));
    let norm = summary(&LayerNorm::<f32>::new(4).unwrap(), [5, 4]).unwrap().total;
    assert_eq!((norm.parameters, norm.output), (8, Shape::from([5, 4])));

    let mut x = tape.constant(Tensor::ones([2, 1, 28, 28]).unwrap());
    let (model, costs) = (lenet(), summary(&lenet(), [2, 1, 28, 28]).unwrap());
    for (layer, part) in model.layers().iter().zip(&costs.parts) {
        x = layer.forward(&x).unwrap();
        assert_eq!(part.output, *x.shape());
        let bytes = if part.kind == "Flatten" { 0 } else { 4 * x.value().numel() as u64 };
        assert_eq!(part.activation_bytes, bytes);
    }
    let empty = summary(&Sequential::<f32>::new(), [3]).unwrap();
    assert_eq!((empty.parts.len(), empty.total.output), (0, Shape::from([3])));
}
