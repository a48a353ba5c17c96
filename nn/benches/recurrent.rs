//! Recurrent layers: whole sequences without a gradient and with those of the parameters, packed
//! ones, and streams of single steps.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{GRU, LSTM, RNN, pack_padded_sequence};
use refrain_tensor::Tensor;

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(7)
}

macro_rules! of_each_kind {
    ($c:expr, $sizes:expr, $bench:ident) => {
        $bench!($c, $sizes, RNN);
        $bench!($c, $sizes, LSTM);
        $bench!($c, $sizes, GRU);
    };
}

macro_rules! whole_sequences {
    ($c:expr, $sizes:expr, $layer:ident) => {{
        let [i, h, t, b] = $sizes;
        let layer = $layer::<f32>::new(i, h, &mut rng()).expect("a small layer");
        let x = Tensor::normal([t, b, i], 0.0, 1.0, &mut rng()).expect("a small tensor");
        let cotangent = Tensor::ones([t, b, h]).expect("a small tensor");
        let mut group = $c.benchmark_group(format!("{} i{i} h{h} T{t} B{b}", stringify!($layer)));
        group.bench_function("infer", |bench| {
            bench.iter(|| {
                let tape = Tape::inference();
                let (out, _) = layer.forward(&tape.constant(x.clone()), None).expect("matching shapes");
                black_box(out.into_value())
            });
        });
        group.bench_function("train", |bench| {
            bench.iter(|| {
                let tape = Tape::new();
                let (out, _) = layer.forward(&tape.constant(x.clone()), None).expect("matching shapes");
                black_box(out.backward_with(cotangent.clone()))
            });
        });
        let lengths: Vec<usize> = (0..b).map(|k| 1 + (k * (t - 1)) / b.max(2)).collect();
        group.bench_function("train, packed", |bench| {
            bench.iter(|| {
                let tape = Tape::new();
                let x = pack_padded_sequence(&tape.constant(x.clone()), &lengths, false).expect("lengths");
                let (out, _) = layer.forward_packed(&x, None).expect("matching shapes");
                let cotangent = Tensor::ones(out.data().shape()).expect("a small tensor");
                black_box(out.data().backward_with(cotangent))
            });
        });
        group.finish();
    }};
}

macro_rules! single_steps {
    ($c:expr, $sizes:expr, $layer:ident) => {{
        let [i, h] = $sizes;
        let layer = $layer::<f32>::new(i, h, &mut rng()).expect("a small layer");
        let mut stream = layer.stream(1).expect("a small stream");
        let (x, mut out) = (vec![0.1; i], vec![0.0; h]);
        $c.bench_function(&format!("{} stream i{i} h{h}", stringify!($layer)), |bench| {
            bench.iter(|| stream.step(black_box(&x), &mut out))
        });
    }};
}

fn sequences(c: &mut Criterion) {
    for sizes in [[32, 64, 50, 32], [128, 256, 64, 32]] {
        of_each_kind!(c, sizes, whole_sequences);
    }
}

fn streams(c: &mut Criterion) {
    for sizes in [[64, 128], [128, 512]] {
        of_each_kind!(c, sizes, single_steps);
    }
}

criterion_group!(benches, sequences, streams);
criterion_main!(benches);
