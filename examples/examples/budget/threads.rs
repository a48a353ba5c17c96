//! Two ways to share a step of training between threads: the kernels' own, which share the work of
//! each operation, and data-parallel shards, which have a part of the batch each.

use std::{
    num::NonZeroUsize,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_examples::text_table::TextTable;
use refrain_nn::{CrossEntropyLoss, GRU, Linear};
use refrain_tensor::Tensor;
use refrain_train::data_parallel;
use serde_json::{Value, json};

use crate::{
    Fallible,
    worker::{number, start},
};

/// Hidden units and sequences side by side, of [`STEPS`] steps.
const SIZES: [[usize; 2]; 5] = [[16, 32], [64, 32], [128, 64], [256, 64], [512, 128]];
const STEPS: usize = 50;
const CLASSES: usize = 10;

/// Times of a step of training of one size, in milliseconds.
pub(crate) struct Row {
    hidden: usize,
    batch: usize,
    serial: f64,
    kernels: f64,
    shards: f64,
    both: f64,
}

/// All sizes, each way in a process of its own.
pub(crate) fn measure(rounds: u8) -> Fallible<Vec<Row>> {
    let all = available_parallelism().map_or(1, NonZeroUsize::get).to_string();
    let row = |[hidden, batch]: [usize; 2]| {
        let time = |threads: &str, shards: &str| {
            let shards: usize = shards.parse()?;
            let order = json!({ "hidden": hidden, "batch": batch, "shards": shards, "rounds": rounds });
            let variables = [("RAYON_NUM_THREADS", threads)];
            number(&start(&["--threads", "--worker", &order.to_string()], &variables)?, "milliseconds")
        };
        let (serial, kernels) = (time("1", "1")?, time(&all, "1")?);
        Ok(Row { hidden, batch, serial, kernels, shards: time("1", &all)?, both: time(&all, &all)? })
    };
    SIZES.into_iter().map(row).collect()
}

/// The side of the new process.
pub(crate) fn work(order: &Value) -> Fallible<Value> {
    let size = |name: &str| number(order, name).map(|size| size as usize);
    let (hidden, batch, shards) = (size("hidden")?, size("batch")?, size("shards")?);
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let gru = GRU::<f32>::new(hidden, hidden, rng)?;
    let head = Linear::new(hidden, CLASSES, rng)?;
    let inputs = Tensor::normal([STEPS, batch, hidden], 0.0, 1.0, rng)?;
    let targets = Tensor::from_vec((0..batch).map(|k| k % CLASSES).collect(), [batch])?;
    let step = || {
        data_parallel::gradients(batch, shards, |tape, items| {
            let inputs = tape.constant(inputs.narrow(1, items.start, items.len())?);
            let logits = head.forward(&gru.forward(&inputs, None)?.1.select(0, 0)?)?;
            CrossEntropyLoss::default().forward(&logits, &targets.narrow(0, items.start, items.len())?)
        })
    };
    // As many steps as take about a tenth of a second for each round; the first ones warm up.
    let before = Instant::now();
    step()?;
    step()?;
    let count = (Duration::from_millis(100).as_secs_f64() / (before.elapsed().as_secs_f64() / 2.0)).ceil();
    let mut fastest = f64::INFINITY;
    for _ in 0..size("rounds")?.max(1) {
        let before = Instant::now();
        for _ in 0..count as usize {
            step().map(drop)?;
        }
        fastest = fastest.min(before.elapsed().as_secs_f64() / count);
    }
    Ok(json!({ "milliseconds": 1e3 * fastest }))
}

pub(crate) fn text(rows: &[Row]) -> String {
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let mut table = TextTable::new(["GRU", "batch", "one thread, ms", "kernels", "shards", "both"]);
    for row in rows {
        let times = |time: f64| format!("{:.2} x", row.serial / time);
        table.row([
            format!("{} units", row.hidden),
            row.batch.to_string(),
            format!("{:.2}", row.serial),
            times(row.kernels),
            times(row.shards),
            times(row.both),
        ]);
    }
    format!(
        "A step of training of a GRU over {STEPS} steps, and how many times as fast {threads} threads make it:\n\
         the kernels' own, data-parallel shards, or both at once\n\n{table}\n"
    )
}

pub(crate) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "hidden": row.hidden, "batch": row.batch, "serial_ms": row.serial, "kernels_ms": row.kernels,
            "shards_ms": row.shards, "both_ms": row.both,
        })
    };
    rows.iter().map(row).collect()
}
