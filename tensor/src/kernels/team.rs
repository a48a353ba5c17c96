//! The team: the calling thread and helpers share the pieces of one job.
//!
//! A kernel that meets many times a millisecond cannot wait for a sleeping thread each time. So a
//! helper, once called, keeps looking for the next job for about a millisecond before it sleeps
//! again. Where jobs follow each other it stays awake, and the system's scheduler, which moves
//! threads to idle cores only if they run, sees that caller and helper want a core each.
//!
//! The caller never depends on a helper: it takes pieces from the first one on, helpers from the last
//! one back, and if no helper comes, the caller does them all. Helpers are threads of the team's own,
//! started at the first job, because to call one must not allocate.

#![allow(unsafe_code)] // a job lives on the caller's stack, and helpers reach it through a pointer

use std::{
    cell::UnsafeCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::{self, Thread},
};

/// Calls `work(piece)` once for each piece below `pieces`, on as many threads as there are, and
/// returns when all are done. Pieces run in any order and at the same time.
///
/// A team is one: where it is at work already, for another thread or within a piece, the caller
/// does all pieces itself.
///
/// # Panics
/// Where a piece panicked.
pub(crate) fn share(pieces: usize, work: impl Fn(usize) + Sync) {
    let helpers = if pieces < 2 { 0 } else { helpers_wanted().min(pieces - 1) };
    if helpers == 0 || pieces > MOST_PIECES || TEAM.busy.swap(true, Ordering::Acquire) {
        return (0..pieces).for_each(work);
    }
    let _free = Free;
    /// # Safety
    /// `data` points to an `F`.
    unsafe fn call<F: Fn(usize)>(data: *const (), piece: usize) {
        // SAFETY: the caller's.
        unsafe { (*data.cast::<F>())(piece) }
    }
    fn job<F: Fn(usize)>(work: &F) -> Job {
        Job { data: std::ptr::from_ref(work).cast(), call: call::<F> }
    }
    // SAFETY: this caller has the team until `_free` is dropped, and `work` lives as long.
    unsafe { TEAM.run(pieces, helpers, job(&work)) };
}

/// Calls `fill(piece, chunk)` for every chunk of `out`, each `length` long but the last.
///
/// # Panics
/// Where `length` is 0, or a piece panicked.
pub(crate) fn share_chunks<T: Send>(out: &mut [T], length: usize, fill: impl Fn(usize, &mut [T]) + Sync) {
    share_chunks_of([out], length, |piece, [chunk]| fill(piece, chunk));
}

/// [`share_chunks`] of several slices of one length at once.
///
/// # Panics
/// Where the lengths differ, `length` is 0, or a piece panicked.
pub(crate) fn share_chunks_of<T: Send, const N: usize>(
    out: [&mut [T]; N],
    length: usize,
    fill: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    let count = out.first().map_or(0, |out| out.len());
    assert!(out.iter().all(|out| out.len() == count), "slices of one length");
    let starts = out.map(|out| Shared(out.as_mut_ptr()));
    share(count.div_ceil(length), |piece| {
        let first = piece * length;
        // SAFETY: chunks of different pieces do not meet, each piece is done once, and all lie in
        // slices of `out`, which are borrowed until they are done.
        let chunks = starts.each_ref().map(|start| unsafe {
            std::slice::from_raw_parts_mut(start.at(first), length.min(count - first))
        });
        fill(piece, chunks);
    });
}

/// Memory that the pieces of a job write in places of their own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

impl<T> Shared<T> {
    /// # Safety
    /// The place lies in the memory, or at its end.
    unsafe fn at(&self, place: usize) -> *mut T {
        // SAFETY: the caller's.
        unsafe { self.0.add(place) }
    }
}

// SAFETY: see `Shared`; what is written may come from another thread.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The threads beside the caller that can run at the same time, of as many as rayon would use.
fn helpers_wanted() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    rayon::current_num_threads().min(cores) - 1
}

static TEAM: Team = Team {
    busy: AtomicBool::new(false),
    ticket: AtomicU64::new(0),
    job: UnsafeCell::new(Job { data: std::ptr::null(), call: |_, _| () }),
    unfinished: AtomicUsize::new(0),
    panicked: AtomicBool::new(false),
    helpers: OnceLock::new(),
};

struct Team {
    /// Whether a caller has the team.
    busy: AtomicBool,
    /// A [`Ticket`]: the number of the job, and its pieces that nobody has taken.
    ticket: AtomicU64,
    /// Written by the caller that has the team, before it publishes a ticket; read by who has taken
    /// a piece, whose end the caller awaits.
    job: UnsafeCell<Job>,
    /// Pieces that are not done yet.
    unfinished: AtomicUsize,
    panicked: AtomicBool,
    /// One for each core but the caller's, from the first job on.
    helpers: OnceLock<Vec<Helper>>,
}

/// A thread that waits for jobs.
struct Helper {
    thread: Thread,
    asleep: &'static AtomicBool,
}

// SAFETY: `job` is accessed as its comment says, which the ticket's ordering enforces.
unsafe impl Sync for Team {}

#[derive(Clone, Copy)]
struct Job {
    data: *const (),
    call: unsafe fn(*const (), usize),
}

/// The number of a job, and its pieces that nobody has taken: from the first one on up to the end.
/// Caller and helpers take them from different ends, so that what a thread did in one job it is likely
/// to do in the next one like it, whose numbers are in its core's caches then.
#[derive(Clone, Copy)]
struct Ticket(u64);

/// The number, the first piece and the end have 32, 16 and 16 bits.
const MOST_PIECES: usize = u16::MAX as usize;

/// From where a thread takes its pieces.
#[derive(Clone, Copy)]
enum End {
    /// The caller's.
    First,
    /// The helpers'.
    Last,
}

impl Ticket {
    fn new(number: u64, pieces: usize) -> Self {
        debug_assert!(pieces <= MOST_PIECES);
        Self(number << 32 | pieces as u64)
    }

    fn number(self) -> u64 {
        self.0 >> 32
    }

    /// A piece, and the ticket without it.
    fn take(self, from: End) -> Option<(usize, Self)> {
        let (first, end) = ((self.0 >> 16) & 0xffff, self.0 & 0xffff);
        (first < end).then(|| match from {
            End::First => (first as usize, Self(self.0 + (1 << 16))),
            End::Last => (end as usize - 1, Self(self.0 - 1)),
        })
    }
}

/// Rounds of looking, some fifty microseconds, after which whoever waits lets another thread have the
/// core: the one that is awaited may need this very core.
const ROUNDS: usize = 2000;
/// So often a helper looks that long before it sleeps.
const PATIENCE: usize = 20;

impl Team {
    /// Publishes a job, takes part in it, and returns when it is done. This is not generic over the
    /// job, so that it is compiled once.
    ///
    /// # Safety
    /// The caller has the team, and `job.data` is what `job.call` expects until this returns.
    unsafe fn run(&self, pieces: usize, helpers: usize, job: Job) {
        // SAFETY: the caller has the team, and of the job before every piece is done, so nobody
        // else looks at it.
        unsafe { *self.job.get() = job };
        self.unfinished.store(pieces, Ordering::Relaxed);
        let number = Ticket(self.ticket.load(Ordering::Relaxed)).number();
        self.ticket.store(Ticket::new(number.wrapping_add(1), pieces).0, Ordering::Release);
        // The ticket is there before anybody is found asleep; see `help`.
        fence(Ordering::SeqCst);
        for helper in self.helpers.get_or_init(start_helpers).iter().take(helpers) {
            if helper.asleep.swap(false, Ordering::Relaxed) {
                helper.thread.unpark();
            }
        }
        while self.take_one(End::First) {}
        let mut rounds = 0usize;
        while self.unfinished.load(Ordering::Acquire) > 0 {
            rounds += 1;
            if rounds.is_multiple_of(ROUNDS) {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
        if self.panicked.swap(false, Ordering::Relaxed) {
            resume_unwind(Box::new("a piece of shared work panicked"));
        }
    }

    /// Takes a piece of the current job and does it; false where none is left.
    fn take_one(&self, end: End) -> bool {
        let mut now = self.ticket.load(Ordering::Acquire);
        loop {
            let Some((piece, next)) = Ticket(now).take(end) else { return false };
            match self.ticket.compare_exchange_weak(now, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: having taken a piece of this job, which is not done until
                    // `unfinished` says so below, its data is alive and nobody writes `job`.
                    let done = catch_unwind(AssertUnwindSafe(|| unsafe {
                        let Job { data, call } = *self.job.get();
                        call(data, piece);
                    }));
                    if done.is_err() {
                        self.panicked.store(true, Ordering::Relaxed);
                    }
                    self.unfinished.fetch_sub(1, Ordering::Release);
                    return true;
                }
                Err(other) => now = other,
            }
        }
    }

    /// A helper's life.
    fn help(&self, asleep: &AtomicBool) -> ! {
        loop {
            let mut idle = 0;
            while idle < PATIENCE * ROUNDS {
                if self.take_one(End::Last) {
                    idle = 0;
                    continue;
                }
                idle += 1;
                if idle.is_multiple_of(ROUNDS) {
                    thread::yield_now();
                }
                std::hint::spin_loop();
            }
            // Either the caller sees that this helper sleeps, or the helper sees the caller's ticket.
            asleep.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if self.take_one(End::Last) {
                asleep.store(false, Ordering::Relaxed);
            }
            while asleep.load(Ordering::Relaxed) {
                thread::park();
            }
        }
    }
}

/// Starts a helper for each core but the caller's; fewer where the system refuses.
fn start_helpers() -> Vec<Helper> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let start = |_| {
        let asleep: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let helper = thread::Builder::new().name("refrain helper".to_owned());
        let thread = helper.spawn(|| TEAM.help(asleep)).ok()?.thread().clone();
        Some(Helper { thread, asleep })
    };
    (1..cores).map_while(start).collect()
}

/// Gives the team back, also where a piece panicked.
struct Free;

impl Drop for Free {
    fn drop(&mut self) {
        TEAM.busy.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        for pieces in [0, 1, 2, 7, 1000, MOST_PIECES + 1] {
            let counts: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            share(pieces, |piece| {
                counts[piece].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{pieces}");
        }
    }

    #[test]
    fn jobs_within_jobs_and_on_many_threads_come_to_an_end() {
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        share(5, |_| share(3, |_| _ = total.fetch_add(1, Ordering::Relaxed)));
                    }
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 4 * 200 * 15);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_team_usable() {
        let caught = catch_unwind(|| share(8, |piece| assert_ne!(piece, 5)));
        assert!(caught.is_err());
        let count = AtomicUsize::new(0);
        share(8, |_| _ = count.fetch_add(1, Ordering::Relaxed));
        assert_eq!(count.load(Ordering::Relaxed), 8);
    }
}
