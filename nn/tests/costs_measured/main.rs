//! Costs beside what is measured while layers run. One test at a time, for the counts are of the whole
//! process.

mod allocated;
mod counted;

use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
