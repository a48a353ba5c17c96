//! What a tape costs: a node, a backward, a small network.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use refrain_autograd::{Parameter, Tape};
use refrain_tensor::Tensor;

fn chain(c: &mut Criterion) {
    let p = Parameter::new(Tensor::from(1.0f32));
    let mut tape = Tape::new();
    c.bench_function("1000 scalar nodes, forward and backward", |bench| {
        bench.iter(|| {
            let start = tape.parameter(&p);
            let gradients = (0..1000).fold(start, |x, _| x.add_scalar(1e-3)).backward();
            tape.reset();
            black_box(gradients)
        });
    });
}

fn dense_layer(c: &mut Criterion) {
    let weight = Parameter::new(Tensor::<f32>::full([64, 64], 0.01).expect("a small tensor fits in memory"));
    let x = Tensor::<f32>::full([32, 64], 0.5).expect("a small tensor fits in memory");
    let mut tape = Tape::new();
    c.bench_function("tanh of a 32x64x64 product, forward and backward", |bench| {
        bench.iter(|| {
            let y = tape.constant(x.clone()).matmul(&tape.parameter(&weight)).and_then(|y| y.tanh().sum(..));
            let gradients = y.and_then(|loss| loss.backward());
            tape.reset();
            black_box(gradients)
        });
    });
}

criterion_group!(benches, chain, dense_layer);
criterion_main!(benches);
