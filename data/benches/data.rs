//! What stands between a file and a training step.

use std::{fmt::Write, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::{Dataset, Loader, StandardScaler, Streams, Table, Windows};
use refrain_tensor::Tensor;

/// Four years of days.
const ROWS: usize = 1461;
const COLUMNS: [&str; 4] = ["precipitation", "temp_max", "temp_min", "wind"];

fn series() -> Tensor<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    Tensor::uniform([ROWS, COLUMNS.len()], -10.0, 30.0, &mut rng).expect("a small tensor fits in memory")
}

fn csv_text() -> String {
    let mut text = format!("day,{}\n", COLUMNS.join(","));
    for (day, row) in series().to_vec().chunks_exact(COLUMNS.len()).enumerate() {
        write!(text, "{day}").expect("a string takes any text");
        row.iter().for_each(|x| write!(text, ",{x:.1}").expect("a string takes any text"));
        text.push('\n');
    }
    text
}

fn csv(c: &mut Criterion) {
    let text = csv_text();
    let mut group = c.benchmark_group("csv");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bench| bench.iter(|| Table::from_str("bench.csv", black_box(&text))));
    let table = Table::from_str("bench.csv", &text).expect("the text is a table");
    group.bench_function("matrix", |bench| bench.iter(|| black_box(&table).matrix::<f32>(&COLUMNS)));
    group.finish();
}

fn batches(c: &mut Criterion) {
    let series = series();
    let windows = Windows::new(&series, 30, 1).expect("the series is long enough");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut group = c.benchmark_group("batches");
    group.throughput(Throughput::Elements(windows.len() as u64));
    group.bench_function("an epoch of shuffled windows", |bench| {
        bench.iter(|| {
            let loader = Loader::new(&windows, 32).and_then(|loader| loader.shuffled(&mut rng));
            loader.expect("32 items a batch").stacked(1, 0).for_each(|batch| {
                black_box(batch).expect("windows have one shape");
            });
        })
    });
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("an epoch of streams", |bench| {
        bench.iter(|| {
            let streams = Streams::new(black_box(&series), 8, 30).expect("the series is long enough");
            streams.chunks().for_each(|chunk| {
                black_box(chunk).expect("a chunk lies inside its stream");
            });
        })
    });
    group.finish();
}

fn scaler(c: &mut Criterion) {
    let series = series();
    let scaler = StandardScaler::fit(&series).expect("the series is finite");
    let mut group = c.benchmark_group("scaler");
    group.throughput(Throughput::Elements(series.numel() as u64));
    group.bench_function("fit", |bench| bench.iter(|| StandardScaler::fit(black_box(&series))));
    group.bench_function("transform", |bench| bench.iter(|| scaler.transform(black_box(&series))));
    group.finish();
}

criterion_group!(benches, csv, batches, scaler);
criterion_main!(benches);
