//! What a step costs, apart from the gradients: on a toy model, and on a million weights.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use refrain_autograd::{Gradients, Parameter};
use refrain_optim::{Adam, Optimizer, SGD, clip_grad_norm, clip_grad_value};
use refrain_tensor::Tensor;

/// `count` parameters of one shape, and a gradient for each.
fn model(count: usize, shape: [usize; 2]) -> (Vec<Parameter<f32>>, Gradients<f32>) {
    let mut gradients = Gradients::default();
    let parameters = (0..count).map(|_| {
        let gradient = Tensor::linspace(-1.0, 1.0, shape[0] * shape[1]).unwrap().reshape(shape).unwrap();
        let parameter = Parameter::new(Tensor::ones(shape).unwrap());
        gradients.insert(&parameter, gradient).unwrap();
        parameter
    });
    (parameters.collect(), gradients)
}

fn optim(c: &mut Criterion) {
    for (size, count, shape) in [("4 of [4, 4]", 4, [4, 4]), ("1 of [1000, 1000]", 1, [1000, 1000])] {
        let mut group = c.benchmark_group(size);
        group.throughput(Throughput::Elements((count * shape[0] * shape[1]) as u64));
        let (mut parameters, mut gradients) = model(count, shape);

        macro_rules! step {
            ($name:literal, $optimizer:expr) => {
                let mut optimizer = $optimizer;
                group.bench_function($name, |b| {
                    b.iter(|| optimizer.step(black_box(&mut parameters), &gradients).unwrap());
                });
            };
        }
        step!("SGD", SGD::new(1e-3));
        step!("SGD with momentum", SGD::new(1e-3).momentum(0.9));
        step!("Adam", Adam::new(1e-3));
        step!("Adam with AMSGrad", Adam::new(1e-3).amsgrad(true));

        // Within the limit, as most gradients are: a pass that only reads.
        group.bench_function("clip_grad_norm", |b| {
            b.iter(|| clip_grad_norm(black_box(&mut gradients), 1e6, 2.0).unwrap());
        });
        group.bench_function("clip_grad_value", |b| {
            b.iter(|| clip_grad_value(black_box(&mut gradients), 0.5).unwrap());
        });
    }
}

criterion_group!(benches, optim);
criterion_main!(benches);
