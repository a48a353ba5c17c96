//! Vanishing and exploding gradients, on a task that needs a long memory.
//!
//! The first letter of a sequence is to be named at its end, after letters that do not matter. What
//! the loss says at the end must reach the first step, or nothing can be learned from it: a step back
//! through a simple RNN multiplies the gradient by about W_hh, so a small W_hh makes it vanish and a
//! large one explode. An LSTM and a GRU multiply by their gates as well: gates that start half open
//! make it vanish too, and a forget gate that starts open does not.
//!
//! For each network the example looks at ∂L/∂(state) of every step, before a training and after it.
//!
//! ```text
//! cargo run --release --example gradients
//! cargo run --release --example gradients -- --steps 100 --updates 2000
//! cargo run --release --example gradients -- --json
//! ```
//!
//! `networks` lists what is compared, `experiment` trains one of them and looks at its gradients, on the
//! `task`; `report` says what came of it.

mod experiment;
mod networks;
mod report;
mod task;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, value_parser};
use refrain_examples::{
    inside, parallel, plot,
    program::{self, Fallible, OutputFolder},
    progress, screen,
};

use experiment::Outcome;
use networks::NETWORKS;
use report::{beside_the_last, json, table};
use task::LETTERS;

/// Vanishing and exploding gradients: RNN, LSTM and GRU on a task that needs a long memory
#[derive(Parser)]
struct Arguments {
    /// The length of the sequences
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u16).range(2..=2000))]
    steps: u16,
    /// The size of each state
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=512))]
    hidden: u16,
    /// How many times the weights are changed
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = value_parser!(u16).range(1..))]
    updates: u16,
    /// How many sequences there are in a batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// The seed of weights and letters
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// The folder for the figure, gradients.svg
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::end("gradients", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let out = OutputFolder::open(&arguments.out)?;
    let steps = usize::from(arguments.steps);
    let bar = progress::bar(NETWORKS.len() * usize::from(arguments.updates), "training");
    let outcomes = parallel::runs(NETWORKS.len(), |k| NETWORKS[k].1(arguments, &|| bar.inc(1)));
    bar.finish_and_clear();
    let outcomes = outcomes.into_iter().collect::<Fallible<Vec<Outcome>>>()?;

    let numbers: Vec<String> = (1..=steps).map(|step| step.to_string()).collect();
    let panel = |title: &str, norms: fn(&Outcome) -> &[f64]| {
        let lines: Vec<(String, Vec<f64>)> = NETWORKS
            .iter()
            .zip(&outcomes)
            .map(|((name, _), outcome)| ((*name).to_owned(), beside_the_last(norms(outcome))))
            .collect();
        inside::norms_panel(title, &numbers, &lines)
    };
    let panels = [
        panel("Norm of the gradient of each step's state, the last step's being 1: before training", |o| {
            &o.before
        }),
        panel("The same after training", |o| &o.after),
    ];
    let path = out.file("gradients.svg");
    plot::write(&path, &plot::svg(&panels, (1120, 420))?)?;

    let text = if arguments.json {
        format!("{:#}\n", json(&outcomes))
    } else {
        format!(
            "The first of {steps} letters is to be named at the end: {LETTERS} letters, so chance is {:.0} %.\n\
             Hidden size {}, {} updates, clipped to a norm of 1.\n\n{}\n\n\
             A step back: by what the gradient is multiplied, as the geometric mean over all steps; below 1\n\
             it vanishes, above 1 it explodes. To the start: the norm at the first step, that at the last\n\
             being 1.\n\nFigure: {}\n",
            100.0 / LETTERS as f64,
            arguments.hidden,
            arguments.updates,
            table(&outcomes),
            path.display(),
        )
    };
    Ok(screen::show(&text)?)
}
