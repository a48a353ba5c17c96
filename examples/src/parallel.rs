//! Independent runs on several threads.

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// `work(0)`, `work(1)`, … `work(runs - 1)`, on as many threads as there are cores.
///
/// The results come in the order of their numbers, so where each run depends on its number alone,
/// what comes of all of them does not depend on the threads.
///
/// ```
/// use refrain_examples::parallel::runs;
/// assert_eq!(runs(5, |k| k * k), [0, 1, 4, 9, 16]);
/// ```
///
/// # Panics
/// If a run panics.
pub fn runs<R: Send>(runs: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    runs_on(thread::available_parallelism().map_or(1, NonZeroUsize::get), runs, work)
}

/// [`runs`] on `threads` threads.
///
/// # Panics
/// If a run panics.
pub fn runs_on<R: Send>(threads: usize, runs: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    // Each thread takes the next number until there is none: a slow run keeps no other waiting.
    let worker = || {
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&run| run < runs);
        std::iter::from_fn(take).map(|run| (run, work(run))).collect::<Vec<_>>()
    };
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, runs.max(1))).map(|_| scope.spawn(worker)).collect();
        let join =
            |worker: thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or_else(|p| resume_unwind(p));
        workers.into_iter().flat_map(join).collect()
    });
    results.sort_by_key(|&(run, _)| run);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_numbers_whatever_the_threads() {
        for threads in [0, 1, 2, 7, 100] {
            let work = |run: usize| {
                // The first runs end last.
                thread::sleep(std::time::Duration::from_millis(20u64.saturating_sub(4 * run as u64)));
                run * 10
            };
            assert_eq!(runs_on(threads, 6, work), [0, 10, 20, 30, 40, 50], "{threads} threads");
            assert!(runs_on(threads, 0, work).is_empty());
        }
    }
}
