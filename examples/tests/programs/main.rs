//! The examples as programs that a user runs.

mod bad_input;
mod built;
#[cfg(unix)] // signals, limits and `sh`
mod char_lm;
#[cfg(unix)] // signals
mod interrupt;
#[cfg(unix)]
mod small_char_lm;
