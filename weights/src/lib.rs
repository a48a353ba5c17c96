#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bytes;
mod error;
mod file;

pub use bytes::{from_bytes, to_bytes};
pub use error::{Error, Result};
pub use file::{load, save};

/// The crate of the models.
pub use refrain_nn as nn;
