//! A character model: a recurrent network learns to continue a text, letter by letter.
//!
//! ```text
//! cargo run --release --example char_lm                              # train for a while, evaluate, sample
//! cargo run --release --example char_lm -- train --text book.txt --steps 20000
//! cargo run --release --example char_lm -- train --text book.txt --steps 20000 --resume
//! cargo run --release --example char_lm -- sample --prompt "It was" --temperature 0.7
//! ```
//!
//! The network, a step of its training and what a checkpoint of it holds stand in
//! `refrain_examples::char_model`, for `stream` runs it too; `training` says what a training is and what came
//! of it, `options` what can be asked for.

mod options;
mod training;

use std::process::ExitCode;

use clap::Parser;
use refrain_examples::{
    char_model::{self, CharModel, Evaluation, Text, evaluate},
    interrupt,
    program::{self, Fallible},
    screen,
};
use serde_json::{Value, json};

use options::{Arguments, Command, EvalOptions, SampleOptions, TrainOptions};

fn main() -> ExitCode {
    program::interruptible("char_lm", || run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let summary = match &arguments.command {
        None => tour(arguments),
        Some(Command::Train(options)) => training::train(options, program::arguments(), arguments.json),
        Some(Command::Sample(options)) => sample(options, arguments.json),
        Some(Command::Eval(options)) => eval(options, arguments.json),
    }?;
    if arguments.json { Ok(screen::line(summary.to_string())?) } else { Ok(()) }
}

/// Without a command: a bounded training on the workspace's own text, a measurement, a sample.
fn tour(arguments: &Arguments) -> Fallible<Value> {
    let (options, mut words) = TrainOptions::tour();
    if arguments.json {
        words.push("--json".to_owned());
    }
    let training = training::train(&options, words, arguments.json)?;
    if interrupt::requested() {
        return Ok(training);
    }
    let mut sample = SampleOptions::tour();
    sample.checkpoint = options.place.checkpoint.unwrap_or(sample.checkpoint);
    let sampled = self::sample(&sample, arguments.json)?;
    if !arguments.json {
        screen::line(format!("\n{}", training["end"].as_str().unwrap_or_default()))?;
    }
    Ok(json!({ "training": training, "sample": sampled }))
}

fn sample(options: &SampleOptions, quiet: bool) -> Fallible<Value> {
    let (model, vocabulary) = CharModel::load(&options.checkpoint)?;
    let mut written = String::new();
    let show = |text: &str| if quiet { Ok(()) } else { screen::show(text) };
    char_model::sample(&model, &vocabulary, &options.sampling, |letter| {
        written.push(letter);
        show(letter.encode_utf8(&mut [0; 4]))?;
        Ok(!interrupt::requested())
    })?;
    show("\n")?;
    Ok(json!({ "text": written }))
}

fn eval(options: &EvalOptions, quiet: bool) -> Fallible<Value> {
    let (model, vocabulary) = CharModel::load(&options.checkpoint)?;
    let text = Text::read(options.text.as_deref(), Some(vocabulary))?;
    let part = if options.all { text.all() } else { text.validation()? };
    let sizes = (options.streams, options.chunk);
    let found = evaluate(&model, &part, sizes, usize::MAX, || !interrupt::requested())?;
    let (Evaluation { bits, count }, name) = (found, &text.name);
    let mut end = format!("{bits:.4} bits per character over {count} characters of {name}");
    if interrupt::requested() {
        end = format!("interrupted: {end}, which are not all");
    }
    if !quiet {
        screen::line(&end)?;
    }
    let interrupted = interrupt::requested();
    Ok(
        json!({ "bits_per_character": bits, "characters": count, "text": name, "interrupted": interrupted, "end": end }),
    )
}
