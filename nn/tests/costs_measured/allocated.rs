//! Costs beside the bytes that the allocator counts while layers run.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{
    Cost, Costs, GRU, GRUCell, LSTM, LSTMCell, LSTMState, LayerNormLSTMCell, RNN, RNNCell, Signal, summary,
};
use refrain_tensor::Tensor;

use crate::turn;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(5)
}

/// Data of this shape.
fn input<'t>(tape: &'t Tape<f32>, signal: &Signal) -> Var<'t, f32> {
    tape.constant(Tensor::normal(signal.shape(), 0.0, 1.0, &mut rng()).unwrap())
}

fn total(layer: &impl Costs<f32>, signal: &Signal) -> Cost {
    summary(layer, signal.clone()).unwrap().total
}

/// The bytes that are still there after a pass forward, while its tape and its outputs live.
fn kept(signal: &Signal, forward: impl for<'t> FnOnce(&Var<'t, f32>) -> Vec<Var<'t, f32>>) -> i64 {
    let tape = Tape::new();
    let x = input(&tape, signal);
    let mut outputs = Vec::new();
    let info = allocation_counter::measure(|| outputs = forward(&x));
    info.bytes_current
}

/// Twice the sequences need twice the memory; the difference is free of what the tape needs for
/// itself, which does not depend on their number. `told` is what a layer says of itself.
fn grows_as_told<L: Costs<f32>>(
    layer: &L,
    [small, large]: [Signal; 2],
    told: impl Fn(&Cost) -> u64,
    forward: impl for<'t> Fn(&Var<'t, f32>) -> Vec<Var<'t, f32>>,
) {
    kept(&large, &forward); // what a process allocates once is there from here on
    let grown = kept(&large, &forward) - kept(&small, &forward);
    let (small, large) = (total(layer, &small), total(layer, &large));
    assert_eq!(
        grown,
        (told(&large) - told(&small)) as i64,
        "{}: {:?}",
        std::any::type_name::<L>(),
        large.output
    );
}

/// What a whole layer keeps, and its last states. The output is the states of the top layer, in the
/// same memory.
fn of_a_layer(cost: &Cost) -> u64 {
    cost.bptt_bytes + cost.activation_bytes - 4 * cost.output.numel() as u64
}

/// What a step keeps, and the states before it, which the test makes itself.
fn of_a_step(cost: &Cost) -> u64 {
    cost.bptt_bytes + cost.activation_bytes
}

/// Sizes for which no buffer is large enough to be kept for the next one.
#[test]
fn bytes_of_recurrent_layers() {
    let (_turn, rng) = (turn(), &mut rng());
    let sizes = [Signal::from([6, 2, 9]), Signal::from([6, 4, 9])];
    for (layers, bidirectional) in [(1, false), (2, false), (2, true)] {
        let rnn = RNN::builder(9, 10).num_layers(layers).bidirectional(bidirectional).build(rng).unwrap();
        grows_as_told(&rnn, sizes.clone(), of_a_layer, |x| {
            let (y, last) = rnn.forward(x, None).unwrap();
            vec![y, last]
        });
        let gru = GRU::builder(9, 10).num_layers(layers).bidirectional(bidirectional).build(rng).unwrap();
        grows_as_told(&gru, sizes.clone(), of_a_layer, |x| {
            let (y, last) = gru.forward(x, None).unwrap();
            vec![y, last]
        });
        for projection in [0, 7] {
            let lstm = LSTM::builder(9, 10).num_layers(layers).bidirectional(bidirectional);
            let lstm = lstm.proj_size(projection).build(rng).unwrap();
            grows_as_told(&lstm, sizes.clone(), of_a_layer, |x| {
                let (y, last) = lstm.forward(x, None).unwrap();
                vec![y, last.h, last.c]
            });
        }
    }
    let first = GRU::builder(9, 10).batch_first(true).build(rng).unwrap();
    grows_as_told(&first, [Signal::from([2, 6, 9]), Signal::from([4, 6, 9])], of_a_layer, |x| {
        let (y, last) = first.forward(x, None).unwrap();
        vec![y, last]
    });
    let dropping = LSTM::builder(9, 10).num_layers(3).dropout(0.5).build(rng).unwrap();
    grows_as_told(&dropping, sizes.clone(), of_a_layer, |x| {
        let (y, last) = dropping.training(&mut self::rng()).forward(x, None).unwrap();
        vec![y, last.h, last.c]
    });
}

/// Tiny layers widen their operands one after another into memory that grows by doubling, so that up
/// to half of it stays empty.
#[test]
fn bytes_of_a_tiny_layer() {
    let (_turn, rng) = (turn(), &mut rng());
    let (signal, gru) = (Signal::from([40, 8, 9]), GRU::builder(9, 3).num_layers(2).build(rng).unwrap());
    let run = || kept(&signal, |x| vec![gru.forward(x, None).unwrap().0]) as u64;
    run(); // what a process allocates once is there from here on
    let (found, told) = (run(), total(&gru, &signal).bptt_bytes);
    assert!((told..2 * told).contains(&found), "{found} bytes, told {told}");
}

/// Nothing is kept where nothing trains.
#[test]
fn an_inference_keeps_its_output_alone() {
    let (_turn, rng) = (turn(), &mut rng());
    let lstm = LSTM::<f32>::builder(9, 10).num_layers(2).build(rng).unwrap();
    let kept = |batch: usize| {
        let tape = Tape::inference();
        let x = input(&tape, &Signal::from([6, batch, 9]));
        let mut outputs = None;
        allocation_counter::measure(|| outputs = Some(lstm.forward(&x, None).unwrap())).bytes_current
    };
    let bytes = |batch: usize| total(&lstm, &Signal::from([6, batch, 9])).activation_bytes as i64;
    kept(4); // what a process allocates once is there from here on
    assert_eq!(kept(4) - kept(2), bytes(4) - bytes(2));
}

#[test]
fn bytes_of_a_step_of_a_cell() {
    let (_turn, rng) = (turn(), &mut rng());
    let sizes = [Signal::from([2, 9]), Signal::from([4, 9])];
    let state = |x: &Var<'_, f32>| Tensor::<f32>::zeros([x.shape()[0], 10]).unwrap();
    let rnn = RNNCell::new(9, 10, rng).unwrap();
    grows_as_told(&rnn, sizes.clone(), of_a_step, |x| {
        vec![rnn.forward(x, Some(&x.tape().variable(state(x)))).unwrap()]
    });
    let gru = GRUCell::new(9, 10, rng).unwrap();
    grows_as_told(&gru, sizes.clone(), of_a_step, |x| {
        vec![gru.forward(x, Some(&x.tape().variable(state(x)))).unwrap()]
    });
    let lstm = LSTMCell::new(9, 10, rng).unwrap();
    grows_as_told(&lstm, sizes.clone(), of_a_step, |x| {
        let [h, c] = [0; 2].map(|_| x.tape().variable(state(x)));
        let new = lstm.forward(x, Some(&LSTMState { h, c })).unwrap();
        vec![new.h, new.c]
    });
    let normed = LayerNormLSTMCell::new(9, 10, rng).unwrap();
    grows_as_told(&normed, sizes.clone(), of_a_step, |x| {
        let [h, c] = [0; 2].map(|_| x.tape().variable(state(x)));
        let new = normed.forward(x, Some(&LSTMState { h, c })).unwrap();
        vec![new.h, new.c]
    });
}
