//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use refrain_examples::{
    char_model::{Bounds, Recipe, Sampling},
    checkpoint_file::CheckpointOptions,
    program::positive,
};

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
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) recipe: Recipe,
    /// Also write the weights that `sample` uses, the best ones so far, under PyTorch's names, with the
    /// model's options as metadata
    #[arg(long, value_name = "PATH")]
    pub(crate) export: Option<PathBuf>,
    /// Draw the losses as an SVG file
    #[arg(long, value_name = "PATH")]
    pub(crate) plot: Option<PathBuf>,
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
}

/// What a sample is given.
#[derive(Args, Clone)]
pub(crate) struct SampleOptions {
    /// The checkpoint of a training
    #[arg(long, value_name = "PATH", default_value = CHECKPOINT)]
    pub(crate) checkpoint: PathBuf,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
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
