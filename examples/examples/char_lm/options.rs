//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use refrain_examples::char_model::{Cell, Sizes};
use serde_json::json;

/// A character model: a recurrent network learns to continue a text, letter by letter.
///
/// Without a command it trains for a minute on the sources and documents of this workspace,
/// measures, and writes a sample.
#[derive(Parser)]
#[command(name = "char_lm")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Print one JSON object at the end, and nothing else on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train on a text, with checkpoints
    Train(TrainOptions),
    /// Write text with the model of a checkpoint
    Sample(SampleOptions),
    /// Measure the model of a checkpoint in bits per character
    Eval(EvalOptions),
}

/// What a training is given. The model and the settings of a run cannot change when it resumes.
#[derive(Args, Clone)]
pub(crate) struct TrainOptions {
    /// A UTF-8 text; its last tenth is for validation [default: the .rs and .md files of this workspace]
    #[arg(long, value_name = "PATH")]
    pub(crate) text: Option<PathBuf>,
    /// Where the checkpoint goes; it appears whole or not at all
    #[arg(long, value_name = "PATH", default_value = "out/char_lm.safetensors")]
    pub(crate) checkpoint: PathBuf,
    /// Go on from the checkpoint, with the bits that an uninterrupted run would have
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,
    /// Begin anew although there is a checkpoint
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// How many steps in all, those before a break included
    #[arg(long, value_name = "N", default_value_t = 4000)]
    pub(crate) steps: u64,
    /// Steps from one checkpoint to the next
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u64).range(1..))]
    pub(crate) checkpoint_every: u64,
    /// Steps from one validation to the next
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u64).range(1..))]
    pub(crate) eval_every: u64,
    /// How many characters of the validation text are looked at each time
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = positive())]
    pub(crate) eval_chars: usize,
    /// Stop after N validations in a row without improvement [default: never]
    #[arg(long, value_name = "N")]
    pub(crate) patience: Option<u64>,
    /// The kind of recurrent layer
    #[arg(long, value_enum, default_value_t = Cell::Gru)]
    pub(crate) cell: Cell,
    /// Recurrent layers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive())]
    pub(crate) layers: usize,
    /// Hidden units of each layer
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = positive())]
    pub(crate) hidden: usize,
    /// Numbers for each character
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    pub(crate) embedding: usize,
    /// The part of the numbers that is dropped between layers, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(crate) dropout: f64,
    /// Parallel streams: the batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive())]
    pub(crate) streams: usize,
    /// Steps of a chunk: how far back the gradient reaches
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    pub(crate) chunk: usize,
    /// The learning rate of Adam
    #[arg(long, value_name = "X", default_value_t = 0.002, allow_negative_numbers = true)]
    pub(crate) lr: f64,
    /// The largest norm of all gradients together
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) clip: f64,
    /// The seed of the initial weights and of dropout
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Also write the weights alone, under PyTorch's names, with the model's options as metadata
    #[arg(long, value_name = "PATH")]
    pub(crate) export: Option<PathBuf>,
    /// Draw the losses as an SVG file
    #[arg(long, value_name = "PATH")]
    pub(crate) plot: Option<PathBuf>,
}

impl TrainOptions {
    /// What the example does when it is asked for nothing.
    pub(crate) fn tour() -> Self {
        let arguments = ["char_lm", "train", "--overwrite", "--steps", "1000", "--eval-every", "50"];
        let files = ["--checkpoint", "out/char_lm_tour.safetensors", "--plot", "out/char_lm.svg"];
        match Arguments::parse_from(arguments.into_iter().chain(files)).command {
            Some(Command::Train(options)) => options,
            _ => unreachable!("the arguments name the command train"),
        }
    }

    /// The sizes of the model, for a vocabulary.
    pub(crate) fn sizes(&self, characters: usize) -> Sizes {
        let &Self { cell, layers, hidden, embedding, dropout, .. } = self;
        Sizes { cell, layers, hidden, embedding, dropout, characters }
    }

    /// All that decides the numbers of a run beside model, text and length.
    pub(crate) fn settings(&self) -> String {
        let Self { streams, chunk, lr, clip, seed, eval_every, eval_chars, .. } = self;
        json!({
            "streams": streams, "chunk": chunk, "lr": lr, "clip": clip, "seed": seed,
            "eval-every": eval_every, "eval-chars": eval_chars,
        })
        .to_string()
    }
}

/// What a sample is given.
#[derive(Args, Clone)]
pub(crate) struct SampleOptions {
    /// The checkpoint of a training
    #[arg(long, value_name = "PATH", default_value = "out/char_lm.safetensors")]
    pub(crate) checkpoint: PathBuf,
    /// What the model is to continue [default: a new line, or the model's first character]
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// How many characters it writes
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) length: usize,
    /// 0 takes the likeliest character, 1 draws as the model says, more is bolder
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub(crate) temperature: f64,
    /// Draw from the K likeliest characters alone [default: from all]
    #[arg(long, value_name = "K", value_parser = positive())]
    pub(crate) top_k: Option<usize>,
    /// The seed of the draws
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
}

impl SampleOptions {
    /// What the example does when it is asked for nothing.
    pub(crate) fn tour() -> Self {
        let arguments = ["char_lm", "sample", "--prompt", "/// The number of ", "--top-k", "20"];
        match Arguments::parse_from(arguments).command {
            Some(Command::Sample(options)) => options,
            _ => unreachable!("the arguments name the command sample"),
        }
    }
}

/// What a measurement is given.
#[derive(Args)]
pub(crate) struct EvalOptions {
    /// A UTF-8 text, of which the last tenth is measured [default: that of train]
    #[arg(long, value_name = "PATH")]
    pub(crate) text: Option<PathBuf>,
    /// Measure all of the text
    #[arg(long)]
    pub(crate) all: bool,
    /// The checkpoint of a training
    #[arg(long, value_name = "PATH", default_value = "out/char_lm.safetensors")]
    pub(crate) checkpoint: PathBuf,
    /// Parallel streams
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive())]
    pub(crate) streams: usize,
    /// Steps of a chunk
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = positive())]
    pub(crate) chunk: usize,
}

/// A count of at least 1.
fn positive() -> impl Fn(&str) -> Result<usize, String> + Clone {
    |text| match text.parse() {
        Ok(0) => Err("expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}
