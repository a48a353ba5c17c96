//! Layers, and the training step of the `hello` example, whose time the README states.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{CrossEntropyLoss, Module, RNN, RNNCell};
use refrain_optim::{Adam, Optimizer};
use refrain_tensor::{Tensor, one_hot};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(7)
}

/// "hello" → "ohlol" over e h l o: one step of five letters, batch 1, with Adam.
fn hello_step(c: &mut Criterion) {
    let letters = Tensor::from([1usize, 0, 2, 2, 3]);
    let inputs = one_hot::<f32, _>(&letters, 4).and_then(|x| x.unsqueeze(1)).expect("five letters of four");
    let targets = Tensor::from([3usize, 1, 2, 3, 2]);
    let loss = CrossEntropyLoss::default();

    let mut rnn = RNN::<f32>::new(4, 4, &mut rng()).expect("a small layer");
    let mut adam = Adam::new(0.05);
    let mut tape = Tape::new();
    c.bench_function("hello training step, RNN", |bench| {
        bench.iter(|| {
            let (out, _) = rnn.forward(&tape.constant(inputs.clone()), None).expect("matching shapes");
            let logits = out.flatten(0, 1).expect("three axes");
            let loss = loss.forward(&logits, &targets).expect("matching shapes");
            let gradients = loss.backward().expect("a scalar");
            adam.step(rnn.parameters_mut(), &gradients).expect("a gradient for each parameter");
            black_box(&loss);
            drop((out, logits, loss));
            tape.reset();
        });
    });

    let mut cell = RNNCell::<f32>::new(4, 4, &mut rng()).expect("a small layer");
    let mut adam = Adam::new(0.05);
    c.bench_function("hello training step, RNNCell in a loop", |bench| {
        bench.iter(|| {
            let tape = Tape::new();
            let inputs = tape.constant(inputs.clone());
            let mut hidden = None;
            let mut steps = Vec::with_capacity(5);
            for t in 0..5 {
                let x = inputs.select(0, t).expect("five steps");
                let h = cell.forward(&x, hidden.as_ref()).expect("matching shapes");
                steps.push(h.clone());
                hidden = Some(h);
            }
            let logits = refrain_autograd::Var::cat(&steps, 0).expect("equal shapes");
            let loss = loss.forward(&logits, &targets).expect("matching shapes");
            let gradients = loss.backward().expect("a scalar");
            drop((inputs, hidden, steps, logits));
            adam.step(cell.parameters_mut(), &gradients).expect("a gradient for each parameter");
            black_box(loss.value().item())
        });
    });
}

fn layers(c: &mut Criterion) {
    for (name, [i, h, t, b]) in
        [("i32 h64 T50 B32", [32, 64, 50, 32]), ("i128 h256 T64 B32", [128, 256, 64, 32])]
    {
        let rnn = RNN::<f32>::new(i, h, &mut rng()).expect("a small layer");
        let x = Tensor::normal([t, b, i], 0.0, 1.0, &mut rng()).expect("a small tensor");
        let cotangent = Tensor::ones([t, b, h]).expect("a small tensor");
        c.bench_function(&format!("RNN infer {name}"), |bench| {
            bench.iter(|| {
                let tape = Tape::inference();
                let (out, _) = rnn.forward(&tape.constant(x.clone()), None).expect("matching shapes");
                black_box(out.into_value())
            });
        });
        c.bench_function(&format!("RNN train {name}"), |bench| {
            bench.iter(|| {
                let tape = Tape::new();
                let (out, _) = rnn.forward(&tape.constant(x.clone()), None).expect("matching shapes");
                black_box(out.backward_with(cotangent.clone()))
            });
        });
    }
}

criterion_group!(benches, hello_step, layers);
criterion_main!(benches);
