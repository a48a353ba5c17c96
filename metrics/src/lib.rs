#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod accuracy;
mod amounts;
mod confusion;
mod error;
mod probabilities;
mod running_mean;
mod spread;
mod text;

pub use accuracy::Accuracy;
pub use amounts::Errors;
pub use confusion::{ClassScores, ConfusionMatrix};
pub use error::{Error, Result};
pub use probabilities::{Scores, brier, log_loss, surprise};
pub use running_mean::RunningMean;
pub use spread::{Spread, quantiles};
pub use text::{bits_per_character, perplexity};
