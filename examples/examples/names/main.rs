//! What is this word? A bidirectional GRU reads words of different lengths, letter by letter from
//! both ends, and says of which language they are.
//!
//! ```text
//! cargo run --release --example names
//! cargo run --release --example names -- karohan stenkrart
//! cargo run --release --example names -- --csv surnames.csv --word name --label country
//! cargo run --release --example names -- --load out/names.safetensors karohan
//! ```
//!
//! The story in order: `languages` makes words by rules, `refrain_examples::classifier` turns words into
//! numbers, reads them in packed batches of like length and is tested, `report` says what came of it. After
//! each epoch there is a checkpoint, from which `--resume` goes on. Ctrl-C ends the training; what was
//! learned until then is tested and saved as usual.

mod languages;
mod report;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::{Parser, value_parser};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_examples::{
    checkpoint_file::CheckpointOptions,
    classifier::{Options, Test, WordClassifier, Words, learn},
    plot,
    program::{self, Fallible},
    screen,
    training_files::TrainingFiles,
};
use refrain_nn::Module;
use serde_json::json;

use report::Report;

const ABOUT_CSV: &str = "\
The CSV file has a header and a line for each word, with its label. Without one, the words are of five
languages that do not exist, made by the rules at the head of examples/examples/names/languages.rs.
Words behind the options are classified at the end. `stream` answers lines with the saved model.";

/// The options of a training; a saved model needs none of them.
const OF_TRAINING: [&str; 12] = [
    "csv",
    "word",
    "label",
    "count",
    "hidden",
    "epochs",
    "patience",
    "batch_size",
    "learning_rate",
    "checkpoint",
    "resume",
    "overwrite",
];

/// What is this word? A bidirectional GRU over words of different lengths.
#[derive(Parser)]
#[command(name = "names", after_help = ABOUT_CSV)]
struct Arguments {
    /// Words to classify when the training is done, or with --load at once
    words: Vec<String>,
    /// A CSV file of labelled words [default: words made by rules]
    #[arg(long, value_name = "PATH")]
    csv: Option<PathBuf>,
    /// The column of the words
    #[arg(long, value_name = "NAME", default_value = "word")]
    word: String,
    /// The column of their labels
    #[arg(long, value_name = "NAME", default_value = "label")]
    label: String,
    /// How many words of each language to make
    #[arg(long, value_name = "N", default_value_t = 800, value_parser = value_parser!(u16).range(20..=5000))]
    count: u16,
    #[command(flatten)]
    options: Options,
    /// Classify the words behind the options with a saved model, without training
    #[arg(long, value_name = "MODEL", conflicts_with_all = OF_TRAINING, requires = "words")]
    load: Option<PathBuf>,
    #[command(flatten)]
    place: CheckpointOptions,
    /// The folder for the model, names.safetensors, the confusion matrix, names.svg, the figure of the
    /// training, names_training.svg, and the checkpoint, names_training.safetensors
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::interruptible("names", || run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let start = Instant::now();
    let text = match &arguments.load {
        Some(model) => classify(arguments, model)?,
        None => train(arguments, start)?,
    };
    Ok(screen::show(&text)?)
}

/// Classifies words with a saved model.
fn classify(arguments: &Arguments, model: &Path) -> Fallible<String> {
    let answers = WordClassifier::load(model)?.classify(&arguments.words)?;
    if arguments.json {
        let model = model.display().to_string();
        return Ok(format!("{:#}\n", json!({ "model": model, "words": report::json(&answers) })));
    }
    Ok(format!("{}names: {} words classified\n", report::lines(&answers), answers.len()))
}

/// Trains, tests, saves and loads a classifier, and classifies words with it.
fn train(arguments: &Arguments, start: Instant) -> Fallible<String> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(arguments.options.seed);
    let words = match &arguments.csv {
        Some(path) => {
            let (word, label) = (arguments.word.as_str(), arguments.label.as_str());
            program::read_csv(path, |file, bytes| Words::read(file, bytes, word, label))?
        }
        None => languages::words(usize::from(arguments.count), &mut rng),
    };
    let words = Words::new(&words, &mut rng)?;
    words.check(&arguments.words)?;
    let mut files = TrainingFiles::open("names", &arguments.out, arguments.csv.as_deref(), &arguments.place)?;
    let (classifier, training) = learn(&words, &arguments.options, rng, Some(&mut files.checkpoint))?;
    let test = Test::of(&classifier, &words)?;
    classifier.save(&files.model).map_err(|error| files.checkpoint.is_whole(error))?;
    let report = Report {
        parameters: classifier.network.parameter_count(),
        training,
        test,
        answers: WordClassifier::load(&files.model)?.classify(&arguments.words)?,
        model: files.model,
    };
    plot::write(&files.figure, &report.picture()?)?;
    let curve = &report.training.history.curve;
    plot::write_panel(&files.curve, curve.panel("How the training went", "epochs", "loss, nats"))?;
    if arguments.json {
        return Ok(format!("{:#}\n", report.json()));
    }
    let seconds = start.elapsed().as_secs_f64();
    let (text, end) = (report.text(&words), report.end());
    let (figure, curve) = (files.figure.display(), files.curve.display());
    Ok(format!("{text}\nFigures: {figure}, {curve}\nTime: {seconds:.1} s\n{end}\n"))
}
