//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use refrain_examples::{
    char_model::{Cell, Sizes},
    checkpoint_file::CheckpointOptions,
    identity::Settings,
};
use serde_json::Value;

/// Where the checkpoint is unless somebody says otherwise.
pub(crate) const CHECKPOINT: &str = "out/char_lm.safetensors";

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

/// What a training is given. When a run resumes, the options that decide its model, its text and its
/// place in it must be as they were.
#[derive(Args, Clone)]
#[command(mut_arg("checkpoint", |checkpoint| checkpoint.default_value(CHECKPOINT)))]
pub(crate) struct TrainOptions {
    /// A UTF-8 text; its last tenth is for validation [default: the .rs and .md files of this workspace]
    #[arg(long, value_name = "PATH")]
    pub(crate) text: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: CheckpointOptions,
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
    /// The learning rate of Adam; another one with --resume holds from there on [default: 0.002, with
    /// --resume that of the checkpoint]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// The largest norm of all gradients together; another one with --resume holds from there on
    /// [default: 1, with --resume that of the checkpoint]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) clip: Option<f64>,
    /// What to do where a loss or a gradient is not finite: end with an error, or leave the step out
    #[arg(long, value_enum, default_value_t = OnDivergence::Stop)]
    pub(crate) on_divergence: OnDivergence,
    /// The seed of the initial weights and of dropout
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Also write the weights that `sample` uses, the best ones so far, under PyTorch's names, with the
    /// model's options as metadata
    #[arg(long, value_name = "PATH")]
    pub(crate) export: Option<PathBuf>,
    /// Draw the losses as an SVG file
    #[arg(long, value_name = "PATH")]
    pub(crate) plot: Option<PathBuf>,
}

/// What to do about a loss or a gradient that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDivergence {
    /// End with an error
    Stop,
    /// Leave the weights as they are and go on with the next chunk, unless ten in a row are so
    Skip,
}

/// The training of an example that is asked for nothing.
const TOUR: &str = "train --overwrite --steps 1000 --eval-every 50 --checkpoint out/char_lm_tour.safetensors --plot out/char_lm.svg";

impl TrainOptions {
    /// What the example does when it is asked for nothing, and the arguments that say so.
    pub(crate) fn tour() -> (Self, Vec<String>) {
        let words: Vec<String> = TOUR.split(' ').map(str::to_owned).collect();
        let program = std::iter::once("char_lm");
        match Arguments::parse_from(program.chain(words.iter().map(String::as_str))).command {
            Some(Command::Train(options)) => (options, words),
            _ => unreachable!("the arguments name the command train"),
        }
    }

    /// The sizes of the model, for a vocabulary.
    pub(crate) fn sizes(&self, characters: usize) -> Sizes {
        let &Self { cell, layers, hidden, embedding, dropout, .. } = self;
        Sizes { cell, layers, hidden, embedding, dropout, characters }
    }

    /// What must not change when a run resumes, beside model and text, under the names of the options.
    pub(crate) fn settings(&self) -> Settings {
        let Self { streams, chunk, seed, eval_every, eval_chars, .. } = *self;
        let settings = [("streams", streams as u64), ("chunk", chunk as u64), ("seed", seed)];
        let settings =
            settings.into_iter().chain([("eval-every", eval_every), ("eval-chars", eval_chars as u64)]);
        settings.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }
}

/// What a sample is given.
#[derive(Args, Clone)]
pub(crate) struct SampleOptions {
    /// The checkpoint of a training
    #[arg(long, value_name = "PATH", default_value = CHECKPOINT)]
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
    #[arg(long, value_name = "PATH", default_value = CHECKPOINT)]
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
