//! Tensor operations that the layers lean on.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_tensor::Tensor;

fn uniform<const N: usize>(shape: [usize; N]) -> Tensor<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    Tensor::uniform(shape, -1.0, 1.0, &mut rng).expect("a small tensor fits in memory")
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    for [m, k, n] in
        [[1, 4, 4], [1, 512, 512], [32, 64, 64], [32, 256, 256], [2048, 128, 256], [1024, 1024, 1024]]
    {
        let (a, b) = (uniform([m, k]), uniform([n, k]).transpose(0, 1).expect("two axes"));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bench| {
            bench.iter(|| black_box(&a).matmul(black_box(&b)))
        });
    }
    group.finish();
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    // Around 1 << 15 a costly function and around 1 << 19 a cheap one begins to use threads.
    for n in [16, 4096, 1 << 15, 1 << 19, 1 << 20] {
        let (a, b) = (uniform([n]), uniform([n]));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("add/{n}"), |bench| bench.iter(|| black_box(&a).add(black_box(&b))));
        group.bench_function(format!("tanh/{n}"), |bench| bench.iter(|| black_box(&a).tanh()));
        group.bench_function(format!("sum/{n}"), |bench| bench.iter(|| black_box(&a).sum(..)));
    }
    let (rows, bias) = (uniform([1024, 256]), uniform([256]));
    group.bench_function("add a row/1024x256", |bench| bench.iter(|| black_box(&rows).add(black_box(&bias))));
    group.bench_function("sum columns/1024x256", |bench| bench.iter(|| black_box(&rows).sum(0)));
    group.bench_function("log_softmax/1024x256", |bench| bench.iter(|| black_box(&rows).log_softmax(1)));
    group.finish();
}

criterion_group!(benches, products, elementwise);
criterion_main!(benches);
