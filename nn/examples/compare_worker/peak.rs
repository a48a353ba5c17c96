//! How fast this machine multiplies and adds right now.

use std::{hint::black_box, thread, time::Instant};

use refrain_tensor::kernels::peak::multiply_add_flops;

/// So long a measurement lasts at least.
const SECONDS: f64 = 0.03;

/// The floating point operations a second of so many threads that do nothing but multiply and add.
pub(crate) fn flops_a_second(threads: usize) -> f64 {
    let mut rounds = 1000;
    loop {
        let start = Instant::now();
        let flops = on_threads(threads, rounds);
        let seconds = start.elapsed().as_secs_f64();
        if seconds >= SECONDS {
            return flops as f64 / seconds;
        }
        rounds *= 2;
    }
}

fn on_threads(threads: usize, rounds: usize) -> u64 {
    thread::scope(|scope| {
        let run = || black_box(multiply_add_flops::<f32>(black_box(rounds)));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    })
}
