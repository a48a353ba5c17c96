//! How far apart the cores are that share work.
//!
//! A cache line that two cores write in turn goes to the one and back to the other. That takes several times
//! as long where the two share no cache, on two chips or on two parts of one; under a virtual machine, cores
//! may be moved from one minute to the next. Whoever chooses between work with many meetings and work that
//! reads more asks here. The answer is that of one helper at one moment, so nothing but speed may depend on
//! it.

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
/// So many times the clock is read. The shortest time counts: others may have been interrupted.
const TIMES: usize = 4;
/// Round trips from one reading to the next.
const TRIPS: usize = 4;
/// How often a player looks for the ball before it gives up: the other one may be asleep.
const LOOKS: usize = 1500;

/// The last [`answer`]; 0 before the first one.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Whether the cores that share work are far apart, as far as is known. Measured now and then.
pub(crate) fn cores_are_far_apart() -> bool {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let now = FIRST.get_or_init(Instant::now).elapsed().as_millis() as u64;
    let answer = answer(now, LAST.load(Ordering::Relaxed), round_trip);
    LAST.store(answer, Ordering::Relaxed);
    answer & 1 == 1
}

/// One more than the millisecond of the last measurement, and a bit for whether the cores were far apart.
fn answer(now: u64, last: u64, measure: impl FnOnce() -> Option<u64>) -> u64 {
    let (until, far) = ((last >> 1) + HOLDS, last & 1);
    if last > 0 && now < until {
        return last;
    }
    // Where nobody plays, nothing new is known.
    let far = measure().map_or(far, |nanoseconds| u64::from(nanoseconds > FAR));
    (now + 1) << 1 | far
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

/// The nanoseconds that a cache line takes to another core and back, if another one plays to the end.
fn round_trip() -> Option<u64> {
    let (ball, shortest) = (Ball(AtomicUsize::new(0)), AtomicU64::new(u64::MAX));
    let serves = || {
        let mut least = u64::MAX;
        for time in 0..TIMES {
            let start = Instant::now();
            for trip in time * TRIPS..(time + 1) * TRIPS {
                ball.play(2 * trip + 1);
                if !ball.comes(2 * trip + 2) {
                    return ball.play(OVER);
                }
            }
            least = least.min(start.elapsed().as_nanos() as u64 / TRIPS as u64);
        }
        shortest.store(least, Ordering::Relaxed);
    };
    let returns = || {
        for trip in 0..TIMES * TRIPS {
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
            round_trip();
        }
        // Within a job of the team there is nobody else to play with, unless another test has the team.
        share(2, |_| _ = round_trip());
    }

    #[test]
    fn an_answer_holds_for_a_while_and_until_there_is_another() {
        let never = || unreachable!("the last answer holds");
        let far = answer(7, 0, || Some(FAR + 1));
        assert_eq!(far & 1, 1);
        assert_eq!(answer(7 + HOLDS, far, never), far);
        assert_eq!(answer(8 + HOLDS, far, || None) & 1, 1, "nobody plays");
        let near = answer(8 + HOLDS, far, || Some(FAR));
        assert_eq!(near & 1, 0);
        assert_eq!(answer(8 + 2 * HOLDS, near, never), near);
        assert_eq!(answer(0, answer(0, 0, || None), never) & 1, 0, "near, as long as nothing is known");
    }
}
