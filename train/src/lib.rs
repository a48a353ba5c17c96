#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod budget;
mod checkpoint;
pub mod data_parallel;
mod divergence;
mod early_stopping;
mod error;
mod truncated_bptt;

pub use checkpoint::{Checkpoint, Progress};
pub use divergence::{Divergence, Place, check_finite};
pub use early_stopping::{Best, EarlyStopping, Verdict};
pub use error::{Error, Result};
pub use truncated_bptt::{Chunk, ChunkGradients, TruncatedBPTT};

/// The crate of the random generators.
pub use rand;
/// The crate of the streams.
pub use refrain_data as data;
/// The crate of the models.
pub use refrain_nn as nn;
/// The crate of the optimizers.
pub use refrain_optim as optim;
