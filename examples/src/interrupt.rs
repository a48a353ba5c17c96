//! Ctrl-C as a wish: a program that is asked to end saves its work first.
//! [`program::interruptible`](crate::program::interruptible) is a program that listens to it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// What a shell expects of a program that Ctrl-C has ended.
pub const EXIT_CODE: u8 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, and SIGTERM and SIGHUP where there are such, no longer end the program: they
/// make [`requested`] true. The second one ends it at once.
///
/// # Errors
/// [`Error::Interrupt`] where the system does not allow it.
pub fn listen() -> Result<()> {
    let handler = || {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_CODE));
        }
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(Error::Interrupt(error)),
    }
}

/// Whether somebody has asked the program to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
