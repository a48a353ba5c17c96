//! [`Recipe`]: how a character model is made and trained.

use clap::{Args, ValueEnum, value_parser};
use serde_json::Value;

use super::{Cell, Sizes};
use crate::{identity::Settings, program::positive};

/// All that decides what a training comes to, beside the text and the number of steps.
#[derive(Args, Clone, Debug)]
pub struct Recipe {
    /// Steps from one validation to the next
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u64).range(1..))]
    pub eval_every: u64,
    /// How many characters of the validation text are looked at each time
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = positive())]
    pub eval_chars: usize,
    /// Stop after N validations in a row without improvement [default: never]
    #[arg(long, value_name = "N")]
    pub patience: Option<u64>,
    /// The kind of recurrent layer
    #[arg(long, value_enum, default_value_t = Cell::Gru)]
    pub cell: Cell,
    /// Recurrent layers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive())]
    pub layers: usize,
    /// Hidden units of each layer
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = positive())]
    pub hidden: usize,
    /// Numbers for each character
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    pub embedding: usize,
    /// The part of the numbers that is dropped between layers, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub dropout: f64,
    /// Parallel streams: the batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive())]
    pub streams: usize,
    /// Steps of a chunk: how far back the gradient reaches
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    pub chunk: usize,
    /// The learning rate of Adam; another one with --resume holds from there on [default: 0.002, with
    /// --resume that of the checkpoint]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// The largest norm of all gradients together; another one with --resume holds from there on
    /// [default: 1, with --resume that of the checkpoint]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub clip: Option<f64>,
    /// What to do where a loss or a gradient is not finite: end with an error, or leave the step out
    #[arg(long, value_enum, default_value_t = OnDivergence::Stop)]
    pub on_divergence: OnDivergence,
    /// The seed of the initial weights and of dropout
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
}

/// What to do about a loss or a gradient that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnDivergence {
    /// End with an error
    Stop,
    /// Leave the weights as they are and go on with the next chunk, unless ten in a row are so
    Skip,
}

impl Recipe {
    /// The sizes of the model, for a vocabulary.
    pub fn sizes(&self, characters: usize) -> Sizes {
        let &Self { cell, layers, hidden, embedding, dropout, .. } = self;
        Sizes { cell, layers, hidden, embedding, dropout, characters }
    }

    /// What must not change when a run resumes, beside model and text, under the names of the options.
    pub fn settings(&self) -> Settings {
        let Self { streams, chunk, seed, eval_every, eval_chars, .. } = *self;
        let settings = [("streams", streams as u64), ("chunk", chunk as u64), ("seed", seed)];
        let settings =
            settings.into_iter().chain([("eval-every", eval_every), ("eval-chars", eval_chars as u64)]);
        settings.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }
}
