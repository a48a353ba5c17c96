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
//! small forecaster is trained first, which takes some seconds. `lines` reads, `answers` gives each line its
//! answer, from `rows` of numbers, from the `characters` of a text or from `words`; `latencies` keeps how
//! long that took. Rows and characters cost a step of the network each, and the state is carried on. A word
//! is read from both ends, so each line is run as a whole. Ctrl-C ends the program as the end of the input
//! does.

mod answers;
mod characters;
mod latencies;
mod lines;
mod rows;
mod words;

use std::{
    io::{self, Cursor, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use refrain_data::Vocabulary;
use refrain_examples::{
    apart::keep_apart,
    char_model::CharModel,
    classifier::{self, WordClassifier},
    forecaster::{self, Choice, Forecaster, Options, Problem, SEATTLE, Series, learn},
    interrupt, plot,
    program::{self, Fallible, OutputFolder},
};
use refrain_train::Checkpoint;
use serde_json::json;

use answers::{Answers, Format};
use characters::Characters;
use latencies::Latencies;
use lines::Lines;
use rows::Rows;
use words::Words;

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

/// A model that answers lines.
enum Model {
    Forecaster(Forecaster),
    Characters(CharModel, Vocabulary),
    Words(WordClassifier),
}

const NAME_ONE: &str =
    "name a model that `forecast` or `names` has saved, or a checkpoint of `char_lm`, with --model";

/// Words by the rules of `names`, one of each kind, and one that no model knows.
const SOME_WORDS: &str = "lomipave\nstenkkrart\nharudosan\nkehideris\ndokisahen\nrodanehur\n1999\n";

fn run(arguments: &Arguments) -> Fallible<()> {
    if let Some(plot) = &arguments.plot {
        OutputFolder::of_file(plot, "--plot")?;
        let default = default_place(&arguments.out);
        let model = arguments.model.as_deref().map_or((default.as_path(), "--out"), |path| (path, "--model"));
        keep_apart(&[model], &[(plot, "--plot")])?;
    }
    let model = match &arguments.model {
        Some(path) => Model::load(path)?,
        None => match default_model(&arguments.out)? {
            Some(forecaster) => Model::Forecaster(forecaster),
            None => return Ok(()),
        },
    };
    let format = if arguments.json { Format::Json } else { Format::Text };
    let answers = match &model {
        Model::Forecaster(forecaster) => Answers::new(Rows::new(forecaster)?, format),
        Model::Characters(model, vocabulary) => Answers::new(Characters::new(model, vocabulary)?, format),
        Model::Words(classifier) => Answers::new(Words::new(classifier), format),
    };
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
        plot::write(path, &plot::svg(&[latencies.panel()], (900, 420))?)?;
    }
    Ok(())
}

impl Model {
    /// The model in a file, of whichever kind.
    fn load(path: &Path) -> Fallible<Self> {
        let checkpoint = Checkpoint::load(path).map_err(|error| format!("{error}; {NAME_ONE}"))?;
        Self::of(&checkpoint).map_err(|error| format!("{}: {error}; {NAME_ONE}", path.display()).into())
    }

    fn of(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        match checkpoint.kind() {
            forecaster::KIND => Forecaster::from_checkpoint(checkpoint).map(Self::Forecaster),
            classifier::KIND => WordClassifier::from_checkpoint(checkpoint).map(Self::Words),
            kind if kind.starts_with("char_lm ") => CharModel::from_checkpoint(checkpoint)
                .map(|(model, vocabulary)| Self::Characters(model, vocabulary)),
            kind => Err(format!("this is a checkpoint of {kind:?}, which answers no lines").into()),
        }
    }

    /// Lines to show what it does.
    fn demo(&self) -> String {
        match self {
            Self::Forecaster(_) => seattle(),
            Self::Characters(..) => include_str!("main.rs").to_owned(),
            Self::Words(_) => SOME_WORDS.to_owned(),
        }
    }
}

fn default_place(folder: &Path) -> PathBuf {
    folder.join("forecast.safetensors")
}

/// The model in the folder, or a small one that is trained now and saved there; none where Ctrl-C came while
/// it was trained.
fn default_model(folder: &Path) -> Fallible<Option<Forecaster>> {
    let path = default_place(folder);
    if path.exists() {
        return Forecaster::load(&path).map(Some);
    }
    OutputFolder::open(folder)?;
    eprintln!("stream: there is no {}; a small model is trained and saved there", path.display());
    let choice = Choice { target: Some("temp"), others: None, time: None };
    let series = Series::read("seattle-temps.csv", SEATTLE.as_bytes(), &choice)?;
    let (forecaster, _) = learn(&Problem::new(&series, 72, 24, 24, "°F")?, &Options::default(), None)?;
    if interrupt::requested() {
        return Ok(None);
    }
    forecaster.save(&path)?;
    Ok(Some(forecaster))
}

/// The header and the last 60 days of the temperatures.
fn seattle() -> String {
    let lines: Vec<&str> = SEATTLE.lines().collect();
    let days = &lines[lines.len() - 60 * 24..];
    [&lines[..1], days].concat().join("\n")
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
