//! A saved model, fed lines from standard input: one line out for each line in, as soon as it comes.
//! What one would put behind a socket.
//!
//! ```text
//! cargo run --release --example stream
//! tail -f temperatures.csv | cargo run --release --example stream -- --model out/forecast.safetensors
//! tail -f messages.log | cargo run --release --example stream -- --model out/char_lm.safetensors
//! tail -f words.txt | cargo run --release --example stream -- --model out/names.safetensors
//! ```
//!
//! The model is one that `forecast` or `names` saved, or a checkpoint of `char_lm`. Where there is none, a
//! small forecaster is trained first, which takes some seconds; `model` finds or makes it. What a model says
//! to a line stands beside the model in `refrain_examples`: the `RowReader` of a forecaster, the `LineReader`
//! of a character model and the `WordReader` of a classifier. Rows and characters cost a step of the network
//! each, and the state is carried on. A word is read from both ends, so each line is run as a whole. Ctrl-C
//! ends the program as the end of the input does.

mod model;

use std::{
    io::{self, Cursor, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use refrain_examples::{
    answers::{Answers, Format},
    apart::keep_apart,
    latencies::Latencies,
    lines::Lines,
    plot,
    program::{self, Fallible, OutputFolder},
};
use serde_json::json;

use model::Model;

const ABOUT_LINES: &str = "\
To a model of `forecast` a line holds the values of the model's columns, separated by commas, the target first. If the first line
holds names, it is a header: the columns are found by their names, and others are left out. A value that
is missing is the one before. Each line is answered by one line: the forecasts of the next rows, `-`
until there are rows enough. The header is answered by a header. A value that is no number, or further
from the usual ones than any measurement, is an error.
To a model of `char_lm` a line is text that goes on where the line before ended. It is answered by the
bits that the model needs for each of its characters: the more, the less it expected the line.
To a model of `names` a line is a word. It is answered by its label, a tab, and the probability of that.
A line that cannot be read is answered by `error: …` with its number, and the stream goes on as if it had
not come. How long the answers took goes to standard error at the end, which is also what Ctrl-C brings
about.";

/// A saved model, fed lines from standard input: one answer a line, and how long they took.
#[derive(Parser)]
#[command(name = "stream", after_help = ABOUT_LINES)]
struct Arguments {
    /// A model that `forecast` or `names` saved, or a checkpoint of `char_lm` [default:
    /// forecast.safetensors in the folder of --out; if there is none, a small one is trained and saved
    /// there]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// The folder of the default model
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Feed the last 60 days of the temperatures of Seattle instead of standard input, to a model of
    /// `char_lm` the source of this example, to one of `names` some words; so it is, too, where standard
    /// input is a terminal
    #[arg(long)]
    demo: bool,
    /// Draw how long the answers took as an SVG file
    #[arg(long, value_name = "PATH")]
    plot: Option<PathBuf>,
    /// Answer in JSON, and say how long it took in JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::interruptible("stream", || run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    if let Some(plot) = &arguments.plot {
        OutputFolder::of_file(plot, "--plot")?;
        let default = model::default_place(&arguments.out);
        let model = arguments.model.as_deref().map_or((default.as_path(), "--out"), |path| (path, "--model"));
        keep_apart(&[model], &[(plot, "--plot")])?;
    }
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => match Model::in_folder(&arguments.out)? {
            Some(model) => model,
            None => return Ok(()),
        },
    };
    let format = if arguments.json { Format::Json } else { Format::Text };
    let answers = model.answers(format)?;
    let of_terminal = io::stdin().is_terminal() && !arguments.demo;
    if of_terminal {
        eprintln!("stream: standard input is a terminal; lines of its own are fed instead (--demo)");
    }
    let lines = if arguments.demo || of_terminal {
        Lines::of(Cursor::new(model.demo()))
    } else {
        Lines::of(io::stdin())
    };
    let latencies = feed(&lines, answers, format)?;
    if let Some(path) = &arguments.plot {
        plot::write_panel(path, latencies.panel())?;
    }
    Ok(())
}

/// Answers line after line until there are no more, or nobody reads the answers; how long each took.
fn feed(input: &Lines, mut answers: Answers<'_>, format: Format) -> Fallible<Latencies> {
    let mut output = io::stdout().lock();
    let (mut lines, mut steps) = (Latencies::default(), Latencies::default());
    let start = Instant::now();
    while let Some(line) = input.next()? {
        let come = Instant::now();
        let (answer, step) = answers.answer(line.as_deref())?;
        let written = writeln!(output, "{answer}").and_then(|()| output.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
        lines.push(come.elapsed());
        step.into_iter().for_each(|step| steps.push(step));
    }
    let seconds = start.elapsed().as_secs_f64();
    let (count, errors) = (lines.count(), answers.errors);
    let (sentence, (name, figure)) = answers.reader.sum();
    if format == Format::Json {
        let latency = json!({ "line": lines.json()?, "step": steps.json()? });
        let read = json!({ "lines": count, "errors": errors });
        eprintln!("{}", json!({ "read": read, name: figure, "seconds": seconds, "latency_us": latency }));
        return Ok(lines);
    }
    if steps.count() > 0 {
        eprintln!("a line   {}", lines.text()?);
        eprintln!("a step   {}", steps.text()?);
    }
    sentence.iter().for_each(|sentence| eprintln!("{sentence}"));
    eprintln!("stream: {count} lines answered in {seconds:.2} s, {errors} of them with an error");
    Ok(lines)
}
