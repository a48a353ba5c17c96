//! How much memory does back-propagation through time need, and what does less of it cost?
//!
//! ```text
//! cargo run --release --example budget
//! cargo run --release --example budget -- --steps 1000 --percent 5
//! cargo run --release --example budget -- --threads
//! ```
//!
//! A language model and a recurrent layer go back through sequences of 1,000 and 10,000 steps, once
//! as they are and then within budgets of memory (Gruslys et al. 2016, arXiv 1606.03401). Memory is
//! counted by the allocator, for each row in a process of its own; times are the best of some
//! rounds. The story in order: `task` is what is run, `worker` how one run is measured, `report` the
//! table and the picture. `threads` compares two ways to share a step between threads.

mod report;
mod task;
mod threads;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, value_parser};
use refrain_examples::{
    plot,
    program::{self, Fallible, OutputFolder},
    progress, screen,
};
use refrain_train::budget::{Plan, StepCosts};

use report::Row;
use task::{Subject, Task};

/// Back-propagation through time within a budget of memory: measured memory and time.
#[derive(Parser)]
#[command(name = "budget")]
struct Arguments {
    /// The lengths of the sequences
    #[arg(long, value_name = "T", value_delimiter = ',', default_values_t = [1_000, 10_000],
        value_parser = value_parser!(u32).range(16..=1_000_000))]
    steps: Vec<u32>,
    /// The budgets, in percent of what all steps take
    #[arg(long, value_name = "P", value_delimiter = ',', default_values_t = [50, 20, 10, 5, 2, 1],
        value_parser = value_parser!(u8).range(1..=100))]
    percent: Vec<u8>,
    /// Sequences side by side
    #[arg(long, value_name = "B", default_value_t = 16, value_parser = value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// Hidden units
    #[arg(long, value_name = "H", default_value_t = 128, value_parser = value_parser!(u16).range(8..=2048))]
    hidden: u16,
    /// Timed runs of each row, of which the fastest counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Compare the kernels' own threads with data-parallel shards, and nothing else
    #[arg(long)]
    threads: bool,
    /// The folder for the figure, budget.svg
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
    /// What one process measures, as JSON
    #[arg(long, hide = true)]
    worker: Option<String>,
}

fn main() -> ExitCode {
    program::end("budget", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    if let Some(order) = &arguments.worker {
        let order = serde_json::from_str(order)?;
        let found = if arguments.threads { threads::work(&order)? } else { worker::work(&order)? };
        return Ok(screen::show(&format!("{found}\n"))?);
    }
    let text = if arguments.threads {
        let rows = threads::measure(arguments.rounds)?;
        if arguments.json { format!("{:#}\n", threads::json(&rows)) } else { threads::text(&rows) }
    } else {
        let out = OutputFolder::open(&arguments.out)?;
        let rows = measure(arguments)?;
        let path = out.file("budget.svg");
        plot::write(&path, &plot::svg(&report::panels(&rows), (760, 380))?)?;
        if arguments.json {
            format!("{:#}\n", report::json(&rows))
        } else {
            format!("{}\nThe picture is in {}.\n", report::text(&rows), path.display())
        }
    };
    Ok(screen::show(&text)?)
}

/// All rows: for each subject and length, the plain way first.
fn measure(arguments: &Arguments) -> Fallible<Vec<Row>> {
    let (batch, hidden, rounds) = (arguments.batch.into(), arguments.hidden.into(), arguments.rounds.into());
    let total = Subject::ALL.len() * arguments.steps.len() * (1 + arguments.percent.len());
    let bar = progress::bar(total, "measuring");
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        let task = |steps| Task { subject, steps, batch, hidden };
        let costs = worker::costs(&task(0))?;
        for &steps in &arguments.steps {
            let task = task(steps as usize);
            let plain = worker::run(&task, None, rounds)?;
            bar.inc(1);
            rows.push(Row::plain(&task, &plain));
            for &percent in &arguments.percent {
                let budget = (task.steps * costs.step * usize::from(percent) / 100).max(costs.step);
                let plan = Plan::new(task.steps, costs, budget)?;
                let found = worker::run(&task, Some((costs, budget)), rounds)?;
                bar.inc(1);
                rows.push(Row::within(&task, percent, (budget, &plan), &found, &plain));
            }
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// The costs as they go from process to process.
fn pair(StepCosts { state, step }: StepCosts) -> [usize; 2] {
    [state, step]
}
