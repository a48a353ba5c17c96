//! How far apart the cores are that share work.
//!
//! A cache line that two cores write in turn goes to the one and back to the other. That takes some fifty
//! nanoseconds where they share a cache, and several times as long where they do not, on two chips or on
//! two parts of one; under a virtual machine, cores may be moved from one minute to the next. Whoever
//! chooses between work with many meetings and work that reads more asks here. What it gets depends on the
//! moment, so it must not decide on more than speed.

use std::{
    hint::spin_loop,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::team::share;

/// Nanoseconds of a round trip from which cores are far apart.
const FAR: u64 = 200;
/// Milliseconds for which an answer holds.
const HOLDS: u64 = 50;
/// Round trips of a measurement, of which the shortest counts: others may have been interrupted.
const TRIPS: usize = 8;
/// How often a player looks for the ball before it gives up, some hundred microseconds: the other one may
/// be asleep.
const LOOKS: usize = 1500;

/// The milliseconds from the first question to the last measurement, and one more; then a bit for
/// whether the cores were far apart. 0 before the first one.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Whether the cores that share work are far apart, as far as is known: measured now and then, in a few
/// microseconds.
pub(crate) fn cores_are_far_apart() -> bool {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let now = 1 + FIRST.get_or_init(Instant::now).elapsed().as_millis() as u64;
    let last = LAST.load(Ordering::Relaxed);
    let (measured, far) = (last >> 1, last & 1 == 1);
    if measured > 0 && now < measured + HOLDS {
        return far;
    }
    // Where nobody plays, nothing new is known.
    let far = round_trip().map_or(far, |nanoseconds| nanoseconds > FAR);
    LAST.store(now << 1 | u64::from(far), Ordering::Relaxed);
    far
}

/// A cache line, and the next one, which a processor may fetch with it.
#[repr(align(128))]
struct Ball(AtomicUsize);

/// The game is over.
const OVER: usize = usize::MAX;

impl Ball {
    /// Whether the ball comes, as this one.
    fn comes(&self, expected: usize) -> bool {
        for _ in 0..LOOKS {
            match self.0.load(Ordering::Relaxed) {
                found if found == expected => return true,
                OVER => return false,
                _ => spin_loop(),
            }
        }
        false
    }

    fn play(&self, next: usize) {
        self.0.store(next, Ordering::Relaxed);
    }
}

/// The nanoseconds that a cache line takes to another core and back, if another one plays.
fn round_trip() -> Option<u64> {
    let (ball, shortest) = (Ball(AtomicUsize::new(0)), AtomicU64::new(u64::MAX));
    let serves = || {
        for trip in 0..TRIPS {
            let start = Instant::now();
            ball.play(2 * trip + 1);
            if !ball.comes(2 * trip + 2) {
                break;
            }
            shortest.fetch_min(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        ball.play(OVER);
    };
    let returns = || {
        for trip in 0..TRIPS {
            if !ball.comes(2 * trip + 1) {
                break;
            }
            ball.play(2 * trip + 2);
        }
    };
    share(2, |player| if player == 0 { serves() } else { returns() });
    Some(shortest.into_inner()).filter(|&nanoseconds| nanoseconds < u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_game_ends_whoever_plays() {
        for _ in 0..50 {
            // Another test may have the team, or its helper sleeps.
            if let Some(nanoseconds) = round_trip() {
                assert!((1..100_000_000).contains(&nanoseconds), "{nanoseconds}");
            }
        }
        // Within a job of the team there is nobody else to play with.
        share(2, |_| _ = cores_are_far_apart());
    }

    #[test]
    fn an_answer_holds_for_a_while() {
        cores_are_far_apart();
        let measured = LAST.load(Ordering::Relaxed);
        assert!(measured > 1);
        (0..100).for_each(|_| _ = cores_are_far_apart());
        assert!(LAST.load(Ordering::Relaxed) >= measured);
    }
}
