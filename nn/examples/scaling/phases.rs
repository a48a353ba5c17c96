//! Where a training step's time goes: the share of the peak that each phase of it reaches.

use std::{
    cell::RefCell,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use refrain_tensor::{
    Tensor,
    kernels::recurrent::{
        Backward, Cell, Columns, Forward, Gradients, Kept, Layer, Needs, Sizes, Start, StateRows, Steps,
        Weights, backward,
    },
};

use crate::{
    peak::flops_a_second,
    training_step::{KINDS, median},
};

/// i, h, T and B.
const SIZES: [[usize; 4]; 3] = [[32, 64, 50, 32], [128, 256, 64, 32], [512, 1024, 32, 64]];
/// So often everything is measured; medians count.
const ROUNDS: usize = 11;
/// A phase is repeated for so long.
const STRETCH: Duration = Duration::from_millis(10);
/// How long to wait before the peak is measured.
const PAUSE: Duration = Duration::from_millis(5);
const NO_STATE: Start<'static, f32> = Start { h: &[], c: &[] };

/// A table of shares. What a phase takes is a difference of two times, so a round can be odd; the
/// median is not.
pub(crate) fn table() {
    let threads = kernel_threads();
    println!("Share of the peak that the phases of a training step reach, threads: {threads}");
    let phases = ["forward", "kept", "sweep back", "gradients", "all", "peak GFLOP/s"];
    println!("{:<26}{}", "", phases.map(|phase| format!("{phase:>13}")).concat());
    for sizes in SIZES {
        for (kind, cell) in KINDS.into_iter().zip([Cell::Tanh, Cell::LSTM, Cell::GRU]) {
            line(kind, &Problem::new(cell, sizes), threads);
        }
    }
    println!();
}

/// One line of the table: forward with nothing kept, then the phases of training and all of them.
fn line(kind: &str, problem: &Problem, threads: usize) {
    let [i, h, t, b] = problem.sizes;
    let all = Needs { ih: true, hh: true, bias: true, ..Needs::default() };
    let weights = (problem.cell.gates() * h) as f64;
    let [of_all, of_state] = [i + h, h].map(|depth| 2.0 * (t * b * depth) as f64 * weights);
    let mut columns = [const { Vec::new() }; 6];
    for round in 0..=ROUNDS {
        thread::sleep(PAUSE); // helpers that still look for work would take a part of the peak
        let peak = flops_a_second(threads);
        let free = seconds(|| problem.forward(false));
        let kept = seconds(|| problem.forward(true));
        let swept = seconds(|| problem.training(Needs::default()));
        let trained = seconds(|| problem.training(all));
        let rates = [
            of_all / free,
            of_all / kept,
            of_state / (swept - kept),
            of_all / (trained - swept),
            (2.0 * of_all + of_state) / trained,
        ];
        let shares = rates.map(|rate| 100.0 * rate / peak);
        if round > 0 {
            let row = shares.into_iter().chain([peak / 1e9]);
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
    }
    let [shares @ .., peak] = columns.map(median);
    let shares = shares.map(|share| format!("{share:>11.1} %")).concat();
    println!("{:<26}{shares}{peak:>13.0}", format!("{kind} i{i} h{h} T{t} B{b}"));
}

/// How long something takes, repeated for [`STRETCH`].
fn seconds<T>(mut work: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    let mut times = 0;
    while times == 0 || start.elapsed() < STRETCH {
        black_box(work());
        times += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(times)
}

/// As many threads as the kernels use.
fn kernel_threads() -> usize {
    if !cfg!(feature = "rayon") {
        return 1;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wanted = std::env::var("RAYON_NUM_THREADS").ok().and_then(|count| count.parse().ok());
    wanted.filter(|&count| count > 0).map_or(cores, |count: usize| count.min(cores))
}

/// A layer without a tape, and what goes through it.
struct Problem {
    cell: Cell,
    sizes: [usize; 4],
    ih: Vec<f32>,
    hh: Vec<f32>,
    bias: Vec<f32>,
    x: Vec<f32>,
    dh: Vec<f32>,
    steps: Steps,
    /// The states of all steps, in memory that is used again, as a tensor's is.
    h: RefCell<StateRows<f32>>,
}

impl Problem {
    fn new(cell: Cell, sizes: [usize; 4]) -> Self {
        let [i, h, t, b] = sizes;
        // Any numbers of a fitting size: between -1/√h and 1/√h.
        let numbers = |count: usize, size: f32| -> Vec<f32> {
            (0..count).map(|k| size * ((k * 7919 % 1013) as f32 / 506.5 - 1.0)).collect()
        };
        let (wide, size) = (cell.gates() * h, 1.0 / (h as f32).sqrt());
        Self {
            cell,
            sizes,
            ih: numbers(wide * i, size),
            hh: numbers(wide * h, size),
            bias: numbers(wide, size),
            x: numbers(t * b * i, 1.0),
            dh: numbers(t * b * h, 1.0),
            steps: Steps::equal(t, b),
            h: RefCell::default(),
        }
    }

    fn layer_sizes(&self) -> Sizes {
        let [input, hidden, ..] = self.sizes;
        Sizes { input, hidden, state: hidden }
    }

    fn weights(&self) -> Weights<'_, f32> {
        Weights { ih: &self.ih, hh: &self.hh, bias_ih: &self.bias, bias_hh: &self.bias, hr: &[] }
    }

    fn columns(&self) -> Columns {
        Columns { width: self.sizes[1], first: 0 }
    }

    /// Forward, packing included; what was kept.
    fn forward(&self, keep: bool) -> Kept<f32> {
        let layer = Layer::new(self.cell, self.layer_sizes(), self.weights());
        let sweep = Forward { steps: &self.steps, reverse: false, x: &self.x, start: NO_STATE, keep };
        layer.forward(sweep, &mut self.h.borrow_mut(), self.columns())
    }

    /// Forward and back.
    fn training(&self, needs: Needs) {
        let kept = self.forward(true);
        let h = self.h.borrow();
        let sweep = Backward {
            cell: self.cell,
            sizes: self.layer_sizes(),
            weights: self.weights(),
            steps: &self.steps,
            reverse: false,
            x: &self.x,
            start: NO_STATE,
            h: &h,
            dh: &self.dh,
            columns: self.columns(),
            last: NO_STATE,
        };
        let Gradients { ih, hh, bias_ih, bias_hh, .. } = backward(&sweep, kept, needs);
        // As tensors, whose memory is used again.
        for gradient in [ih, hh, bias_ih, bias_hh] {
            let count = gradient.len();
            black_box(Tensor::from_vec(gradient, [count]).expect("a vector has its own length"));
        }
    }
}
