#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buckets;
mod collate;
mod csv_table;
mod dataset;
mod error;
mod loader;
mod scaler;
mod split;
mod streams;
mod vocabulary;
mod windows;

pub use collate::{padded_time_major, stack_pairs, time_major};
pub use csv_table::{Missing, Table};
pub use dataset::{Dataset, Subset, TensorDataset};
pub use error::{Error, Result};
pub use loader::Loader;
pub use scaler::{MinMaxScaler, StandardScaler};
pub use split::{chronological, chronological_counts, random_split};
pub use streams::Streams;
pub use vocabulary::Vocabulary;
pub use windows::Windows;

/// Classes or tokens as rows with a single 1; see [`refrain_tensor::one_hot`]. The indices come
/// from [`Vocabulary::encode`] or from a column of class numbers.
pub use refrain_tensor::one_hot;

/// The crate of the generators that shuffle and split.
pub use rand;
/// The crate of the tensors.
pub use refrain_tensor as tensor;
