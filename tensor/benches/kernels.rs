//! The kernels themselves: functions on vectors, and the recurrent sweeps on plain slices.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_tensor::kernels::{
    functions::{Function, apply},
    recurrent::{
        Backward, Cell, Columns, Forward, Layer, Needs, Sizes, Start, StateRows, Steps, Weights, backward,
    },
};

fn uniform(count: usize) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    (0..count).map(|_| rng.random_range(-0.1..0.1)).collect()
}

fn functions(c: &mut Criterion) {
    let mut group = c.benchmark_group("functions");
    let from = uniform(4096);
    let mut to = vec![0.0; from.len()];
    group.throughput(Throughput::Elements(from.len() as u64));
    for function in [Function::Exp, Function::Tanh, Function::Sigmoid] {
        group.bench_function(format!("{function:?}/4096"), |bench| {
            bench.iter(|| apply(function, black_box(&from), &mut to))
        });
    }
    group.finish();
}

/// Packing, all steps forward with and without what backward needs, all steps back, and one step.
fn sweeps(c: &mut Criterion) {
    const NONE: Start<'_, f32> = Start { h: &[], c: &[] };
    for cell in [Cell::Tanh, Cell::LSTM, Cell::GRU] {
        for [input, hidden, steps, batch] in [[32, 64, 50, 32], [128, 256, 64, 32], [64, 128, 1, 1]] {
            let mut group = c.benchmark_group(format!("{cell:?} i{input} h{hidden} T{steps} B{batch}"));
            let wide = cell.gates() * hidden;
            let sizes = Sizes { input, hidden, state: hidden };
            let (ih, hh) = (uniform(wide * input), uniform(wide * hidden));
            let (bias, x) = (uniform(wide), uniform(steps * batch * input));
            let weights = Weights { ih: &ih, hh: &hh, bias_ih: &bias, bias_hh: &bias, hr: &[] };
            let layer = Layer::new(cell, sizes, weights);
            group.bench_function("pack", |bench| bench.iter(|| Layer::new(cell, sizes, black_box(weights))));

            let (equal, columns) = (Steps::equal(steps, batch), Columns { width: hidden, first: 0 });
            let flops = 2 * steps * batch * wide * (input + hidden);
            group.throughput(Throughput::Elements(flops as u64));
            let mut h = StateRows::new();
            let sweep = |keep| Forward { steps: &equal, reverse: false, x: &x, start: NONE, keep };
            for (name, keep) in [("forward", false), ("forward, kept", true)] {
                group.bench_function(name, |bench| {
                    bench.iter(|| black_box(layer.forward(sweep(keep), &mut h, columns)))
                });
            }
            let dh = uniform(h.len());
            let back = Backward {
                cell,
                sizes,
                weights,
                steps: &equal,
                reverse: false,
                x: &x,
                start: NONE,
                h: &h,
                dh: &dh,
                columns,
                last: NONE,
            };
            let needs = Needs { x: false, ih: true, hh: true, bias: true, hr: false };
            group.throughput(Throughput::Elements(3 * flops as u64));
            group.bench_function("forward and backward", |bench| {
                bench.iter(|| {
                    let kept = layer.forward(sweep(true), &mut StateRows::new(), columns);
                    black_box(backward(&back, kept, needs))
                })
            });
            if steps == 1 {
                let mut scratch = layer.scratch(batch);
                let (before, mut next) = (uniform(hidden), uniform(hidden));
                let mut c = if cell.has_cell_state() { uniform(hidden) } else { Vec::new() };
                group.throughput(Throughput::Elements(flops as u64));
                group.bench_function("step", |bench| {
                    bench.iter(|| layer.step(&mut scratch, black_box(&x), &before, &mut next, &mut c))
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, functions, sweeps);
criterion_main!(benches);
