//! What is this word? A bidirectional GRU reads words of different lengths, letter by letter from
//! both ends, and says of which language they are.
//!
//! ```text
//! cargo run --release --example names
//! cargo run --release --example names -- karohan stenkrart
//! cargo run --release --example names -- --csv surnames.csv --word name --label country
//! ```
//!
//! The story in order: `languages` makes words by rules, `words` turns words into numbers, `network`
//! reads them in packed batches of like length, `report` says what came of it. Ctrl-C ends the training;
//! what was learned until then is tested as usual.

mod languages;
mod network;
mod report;
mod words;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, value_parser};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Loader;
use refrain_examples::{
    apart::keep_apart,
    plot,
    program::{self, Fallible, OutputFolder},
    screen,
    training::{Epoch, Patience, train},
};
use refrain_nn::Module;

use network::{Classifier, POOL, optimizer};
use report::{Padding, Report};
use words::{Item, Words, lengths};

const ABOUT_CSV: &str = "\
The CSV file has a header and a line for each word, with its label. Without one, the words are of five
languages that do not exist, made by the rules at the head of examples/examples/names/languages.rs.
Words behind the options are classified at the end.";

/// What is this word? A bidirectional GRU over words of different lengths.
#[derive(Parser)]
#[command(name = "names", after_help = ABOUT_CSV)]
struct Arguments {
    /// Words to classify when the training is done
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
    /// The size of the GRU's state in each direction
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = value_parser!(u16).range(1..=1024))]
    hidden: u16,
    /// The most times that a training goes through its words
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = value_parser!(u16).range(1..=10_000))]
    epochs: u16,
    /// After how many epochs in a row without improvement to stop
    #[arg(long, value_name = "N", default_value_t = 10)]
    patience: u64,
    /// How many words make a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u16).range(1..=10_000))]
    batch_size: u16,
    /// How far a step goes
    #[arg(long, value_name = "X", default_value_t = 5e-3)]
    learning_rate: f64,
    /// The seed of the words, the weights and the order
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder for the confusion matrix, names.svg
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
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(arguments.seed);
    let words = match &arguments.csv {
        Some(path) => {
            let (word, label) = (arguments.word.as_str(), arguments.label.as_str());
            program::read_csv(path, |file, bytes| Words::read(file, bytes, word, label))?
        }
        None => languages::words(usize::from(arguments.count), &mut rng),
    };
    let words = Words::new(&words, &mut rng)?;
    words.check(&arguments.words)?;
    let out = OutputFolder::open(&arguments.out)?;
    let path = out.file("names.svg");
    let csv = arguments.csv.as_deref().map(|path| (path, "--csv"));
    keep_apart(csv.as_slice(), &[(&path, "--out")])?;

    let batch_size = usize::from(arguments.batch_size);
    let (letters, classes) = (words.letter_count(), words.labels.len());
    let mut network = Classifier::new(letters, usize::from(arguments.hidden), classes, &mut rng)?;
    let mut optimizer = optimizer(arguments.learning_rate);
    let how_long = Patience { epochs: usize::from(arguments.epochs), patience: arguments.patience };
    let (epochs, best) = train(&mut network, how_long, "validation loss", |network, epoch| {
        let learning = network.learn(&words.learning, batch_size, &mut optimizer, (epoch, &mut rng))?;
        let (_, validation) = answers(network, &words.validation, classes)?;
        Ok(Epoch { learning, validation })
    })?;

    let (probabilities, log_loss) = answers(&network, &words.test, classes)?;
    let report = Report {
        parameters: network.parameter_count(),
        epochs: epochs.len(),
        best: best + 1,
        padding: padding(&words, batch_size, &mut rng)?,
        matrix: report::matrix(&words, &probabilities)?,
        log_loss,
        answers: report::classify(&arguments.words, &words, &network)?,
    };
    plot::write(&path, &report.picture()?)?;
    let text = if arguments.json {
        format!("{:#}\n", report.json())
    } else {
        let seconds = start.elapsed().as_secs_f64();
        format!(
            "{}\nFigure: {}\nTime: {seconds:.1} s\n{}\n",
            report.text(&words),
            path.display(),
            report.end()
        )
    };
    Ok(screen::show(&text)?)
}

/// The probabilities of the classes for each word, row after row, and their log loss.
fn answers(network: &Classifier, items: &[Item], classes: usize) -> Fallible<(Vec<f32>, f64)> {
    let (words, outcomes): (Vec<_>, Vec<usize>) = items.iter().cloned().unzip();
    let probabilities = network.probabilities(&words)?;
    let loss = refrain_metrics::log_loss(&probabilities, classes, &outcomes)?;
    Ok((probabilities, loss))
}

/// What padding would cost, with and without batches of like length.
fn padding(words: &Words, batch_size: usize, rng: &mut Xoshiro256PlusPlus) -> Fallible<Padding> {
    let lengths = lengths(&words.learning);
    let loader = || Loader::new(&words.learning, batch_size);
    Ok(Padding {
        shuffled: loader()?.shuffled(rng)?.padding_share(&lengths)?,
        bucketed: loader()?.bucketed(&lengths, POOL, rng)?.padding_share(&lengths)?,
    })
}
