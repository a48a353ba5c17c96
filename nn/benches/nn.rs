//! Convolutions, and the training step of the `hello` example, whose time the README states.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{AvgPool2d, Conv1d, Conv2d, CrossEntropyLoss, MaxPool2d, Module, RNN, RNNCell};
use refrain_optim::{Adam, Optimizer};
use refrain_tensor::{Shape, Tensor, one_hot};

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

/// A layer without a gradient, and with those of its input and its parameters.
fn layer<F>(c: &mut Criterion, name: &str, input: &[usize], forward: F)
where
    F: for<'t> Fn(&Var<'t, f32>) -> Result<Var<'t, f32>, refrain_nn::Error>,
{
    let shape = Shape::new(input).expect("few axes");
    let x = Tensor::normal(shape, 0.0, 1.0, &mut rng()).expect("a small tensor");
    c.bench_function(&format!("{name} infer"), |bench| {
        bench.iter(|| {
            let tape = Tape::inference();
            black_box(forward(&tape.constant(x.clone())).expect("matching shapes").into_value())
        });
    });
    let once = Tape::inference();
    let y = forward(&once.constant(x.clone())).expect("matching shapes");
    let cotangent = Tensor::ones(y.shape()).expect("a small tensor");
    c.bench_function(&format!("{name} train"), |bench| {
        bench.iter(|| {
            let tape = Tape::new();
            let y = forward(&tape.variable(x.clone())).expect("matching shapes");
            black_box(y.backward_with(cotangent.clone()))
        });
    });
}

/// The layers of a small network for digits, and some larger ones.
fn convolution(c: &mut Criterion) {
    let conv2d = |i, o, k, p| Conv2d::builder(i, o, k).padding(p).build(&mut rng()).expect("a small layer");
    for (i, o, k, p, input) in [
        (1, 6, 5, 0, [32, 1, 28, 28]),
        (6, 16, 5, 0, [32, 6, 14, 14]),
        (16, 32, 3, 1, [16, 16, 56, 56]),
        (64, 64, 3, 1, [8, 64, 28, 28]),
        (64, 128, 1, 0, [8, 64, 28, 28]),
    ] {
        let conv = conv2d(i, o, k, p);
        layer(c, &format!("Conv2d {i}→{o} k{k}"), &input, |x| conv.forward(x));
    }
    let conv = Conv1d::builder(64, 64, 3).padding(1).build(&mut rng()).expect("a small layer");
    layer(c, "Conv1d 64→64 k3", &[32, 64, 128], |x| conv.forward(x));
    let pool = MaxPool2d::new(2).expect("a kernel");
    layer(c, "MaxPool2d 2", &[16, 32, 56, 56], |x| pool.forward(x));
    let pool = MaxPool2d::builder(3).stride(2).padding(1).build().expect("a kernel");
    layer(c, "MaxPool2d 3 stride 2", &[16, 32, 56, 56], |x| pool.forward(x));
    let pool = AvgPool2d::new(2).expect("a kernel");
    layer(c, "AvgPool2d 2", &[16, 32, 56, 56], |x| pool.forward(x));
}

criterion_group!(benches, hello_step, convolution);
criterion_main!(benches);
