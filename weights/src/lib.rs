#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod atomic;
mod bytes;
mod error;
mod file;
mod metadata;

pub use atomic::write_atomically;
pub use bytes::{from_bytes, to_bytes, to_bytes_with};
pub use error::{Error, Result};
pub use file::{load, metadata, save, save_with};
pub use metadata::{CHECKPOINT, Metadata, metadata_in};

/// The crate of the models.
pub use refrain_nn as nn;
