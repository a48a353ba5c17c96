//! A saved model, fed lines from standard input: one line out for each line in, as soon as it comes.
//! What one would put behind a socket.
//!
//! ```text
//! cargo run --release --example stream
//! tail -f temperatures.csv | cargo run --release --example stream -- --model out/forecast.safetensors
//! ```
//!
//! The model is one that `forecast` saved. Where there is none, a small one is trained first, which
//! takes some seconds. `answers` turns a line into a row and the row into an answer, `latencies` keeps
//! how long that took.

mod answers;
mod latencies;

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use refrain_examples::{
    forecaster::{Choice, Forecaster, Options, Problem, SEATTLE, Series, learn},
    program::{self, Fallible, OutputFolder},
};
use serde_json::json;

use answers::{Answers, Format};
use latencies::Latencies;

const ABOUT_LINES: &str = "\
A line holds the values of the model's columns, separated by commas, the target first. If the first line
holds names, it is a header: the columns are found by their names, and others are left out. A value that
is missing is the one before. Each line is answered by one line: the forecasts of the next rows, `-`
until there are rows enough, or `error: …`, after which the stream goes on as if the line had not come.
The header is answered by a header. How long the answers took goes to standard error at the end.";

/// A saved model, fed lines from standard input: one answer a line, and how long they took.
#[derive(Parser)]
#[command(name = "stream", after_help = ABOUT_LINES)]
struct Arguments {
    /// A model that `forecast` saved [default: forecast.safetensors in the folder of --out; if there is
    /// none, a small one is trained and saved there]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// The folder of the default model
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Feed the last 60 days of the temperatures of Seattle instead of standard input; so it is, too,
    /// where standard input is a terminal
    #[arg(long)]
    demo: bool,
    /// Answer in JSON, and say how long it took in JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::end("stream", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let forecaster = match &arguments.model {
        Some(path) => Forecaster::load(path)?,
        None => default_model(&arguments.out)?,
    };
    let format = if arguments.json { Format::Json } else { Format::Text };
    let answers = Answers::new(&forecaster, format)?;
    if arguments.demo {
        return feed(demo().as_bytes(), answers, format);
    }
    if io::stdin().is_terminal() {
        eprintln!(
            "stream: standard input is a terminal; the last 60 days of Seattle are fed instead (--demo)"
        );
        return feed(demo().as_bytes(), answers, format);
    }
    feed(io::stdin().lock(), answers, format)
}

/// The model in the folder, or a small one that is trained now and saved there.
fn default_model(folder: &Path) -> Fallible<Forecaster> {
    let path = folder.join("forecast.safetensors");
    if path.exists() {
        return Forecaster::load(&path);
    }
    OutputFolder::open(folder)?;
    eprintln!("stream: there is no {}; a small model is trained and saved there", path.display());
    let choice = Choice { target: Some("temp"), others: None, time: "date" };
    let series = Series::read("seattle-temps.csv", SEATTLE.as_bytes(), &choice)?;
    let (forecaster, _) = learn(&Problem::new(&series, 72, 24, 24, "°F")?, &Options::default())?;
    forecaster.save(&path)?;
    Ok(forecaster)
}

/// The header and the last 60 days of the temperatures.
fn demo() -> String {
    let lines: Vec<&str> = SEATTLE.lines().collect();
    let days = &lines[lines.len() - 60 * 24..];
    [&lines[..1], days].concat().join("\n")
}

/// The longest line that is read.
const LONGEST_LINE: u64 = 1 << 16;

/// Answers line after line until there are no more, or nobody reads the answers.
fn feed(mut input: impl BufRead, mut answers: Answers, format: Format) -> Fallible<()> {
    let mut output = io::stdout().lock();
    let (mut lines, mut steps) = (Latencies::default(), Latencies::default());
    let (start, mut line) = (Instant::now(), Vec::new());
    loop {
        line.clear();
        input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        let come = Instant::now();
        let whole = line.last() == Some(&b'\n') || (line.len() as u64) < LONGEST_LINE;
        if !whole {
            input.skip_until(b'\n')?;
        }
        let (answer, step) = answers.answer(whole.then_some(line.as_slice()))?;
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
        lines.push(come.elapsed());
        step.into_iter().for_each(|step| steps.push(step));
    }
    let seconds = start.elapsed().as_secs_f64();
    let (count, errors, error) = (lines.count(), answers.errors, answers.error);
    if format == Format::Json {
        let latency = json!({ "line": lines.json()?, "step": steps.json()? });
        let (read, mae) = (json!({ "lines": count, "errors": errors }), error.mean());
        eprintln!(
            "{}",
            json!({ "read": read, "one_step_mae": mae, "seconds": seconds, "latency_us": latency })
        );
        return Ok(());
    }
    if steps.count() > 0 {
        eprintln!("a line   {}", lines.text()?);
        eprintln!("a step   {}", steps.text()?);
    }
    if error.count() > 0 {
        eprintln!("foretold one row ahead: mean absolute error {error:.3} over {} rows", error.count());
    }
    eprintln!("stream: {count} lines answered in {seconds:.2} s, {errors} of them with an error");
    Ok(())
}
