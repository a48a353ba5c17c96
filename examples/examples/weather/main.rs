//! Will it rain tomorrow? A dense and a recurrent network learn it from some years of weather, and
//! are held against two forecasts that need no network.
//!
//! ```text
//! cargo run --release --example weather
//! cargo run --release --example weather -- --window 7 --hidden 24
//! cargo run --release --example weather -- --csv my-weather.csv --json
//! ```
//!
//! The story in order: `days` reads the weather, `baselines` are the forecasts to beat,
//! `networks` the two networks, `training` how both are trained, `report` and `figure` what
//! came of it.

mod baselines;
mod days;
mod figure;
mod networks;
mod problem;
mod report;
mod training;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, value_parser};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_examples::{
    apart::keep_apart,
    parallel, plot,
    program::{self, Fallible, OutputFolder},
    progress, screen,
};
use refrain_nn::Module;

use days::{Days, FEATURES};
use networks::{Dense, Recurrent};
use problem::Problem;
use report::Forecast;
use training::{Outcome, train};

/// The weather of Seattle, 2012 to 2015; `data/README.md` says where it is from.
const SEATTLE: &str = include_str!("../../data/seattle-weather.csv");

const ABOUT_CSV: &str = "\
The CSV file has the columns date (YYYY-MM-DD or YYYY/MM/DD), precipitation, temp_max,
temp_min and wind, and a row for every day. Its last calendar year is the test; the years
before it are there to learn from.";

/// Will it rain tomorrow? A dense and a recurrent network against climatology and persistence.
#[derive(Parser)]
#[command(name = "weather", after_help = ABOUT_CSV)]
struct Arguments {
    /// Daily weather, the last year of it the test [default: Seattle, 2012 to 2015]
    #[arg(long, value_name = "PATH")]
    csv: Option<PathBuf>,
    /// How many days the networks look back
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=365))]
    window: u16,
    /// How many times each network is trained, from different random weights
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u16).range(1..=1000))]
    seeds: u16,
    /// How many times a training goes through its days
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = value_parser!(u16).range(1..=10_000))]
    epochs: u16,
    /// The size of the RNN's state; the dense network gets about as many parameters
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u16).range(1..=1024))]
    hidden: u16,
    /// The first seed; the others follow it
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder for the figure, weather.svg
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::end("weather", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let start = Instant::now();
    let days = read_days(arguments)?;
    let problem = Problem::new(&days, usize::from(arguments.window))?;
    let out = OutputFolder::open(&arguments.out)?;
    let path = out.file("weather.svg");
    let csv = arguments.csv.as_deref().map(|path| (path, "--csv"));
    keep_apart(csv.as_slice(), &[(&path, "--out")])?;
    let (dense, rnn) = train_all(arguments, &problem)?;
    let (climatology, persistence) = (baselines::climatology(&days), baselines::persistence(&days));

    let panels = [figure::learning_curves(&dense.1, &rnn.1), figure::test_year(&days, &climatology, &rnn.1)];
    plot::write(&path, &plot::svg(&panels, (1120, 420))?)?;

    let forecast = |name, parameters, probabilities| Forecast { name, parameters, probabilities };
    let by_seed =
        |outcomes: Vec<Outcome>| outcomes.into_iter().map(|outcome| outcome.probabilities).collect();
    let forecasts = [
        forecast("climatology", 12, vec![climatology]),
        forecast("persistence", 2, vec![persistence]),
        forecast("dense", dense.0, by_seed(dense.1)),
        forecast("rnn", rnn.0, by_seed(rnn.1)),
    ];
    let wet = &days.wet[problem.test.clone()];
    let text = if arguments.json {
        format!("{:#}\n", report::json(&forecasts, wet))
    } else {
        format!(
            "{}\n\n{}\n{}\n\n{}\n\n\
             Figure: {}\nTime: {:.1} s\n",
            introduction(&days, &problem, arguments.window),
            report::table(&forecasts, wet),
            match arguments.seeds {
                1 => "A single seed has no spread.".to_owned(),
                seeds =>
                    format!("Mean ± standard deviation over {seeds} seeds; – where nothing depends on them."),
            },
            report::verdict(&forecasts, wet),
            path.display(),
            start.elapsed().as_secs_f64(),
        )
    };
    Ok(screen::show(&text)?)
}

fn read_days(arguments: &Arguments) -> Fallible<Days> {
    match &arguments.csv {
        Some(path) => program::read_csv(path, Days::read),
        None => Ok(Days::read("seattle-weather.csv", SEATTLE.as_bytes())?),
    }
}

/// The number of a network's parameters, and what came of its training by seed.
type Trained = (usize, Vec<Outcome>);

/// Trains both networks from every seed, on as many threads as there are cores. A network is plain
/// data and each thread records on tapes of its own, so the threads share nothing but the windows.
fn train_all(arguments: &Arguments, problem: &Problem) -> Fallible<(Trained, Trained)> {
    let [window, seeds, epochs, hidden] =
        [arguments.window, arguments.seeds, arguments.epochs, arguments.hidden].map(usize::from);
    let seeded = |seed: usize| Xoshiro256PlusPlus::seed_from_u64(arguments.seed.wrapping_add(seed as u64));
    let parameters = Recurrent::new(FEATURES, hidden, &mut seeded(0))?.parameter_count();
    let units = Dense::units_for(parameters, window, FEATURES);

    let bar = progress::bar(2 * seeds * epochs, "training");
    let outcomes = parallel::runs(2 * seeds, |run| {
        let mut rng = seeded(run % seeds);
        if run < seeds {
            let network = Dense::new(window, FEATURES, units, &mut rng)?;
            train(network, problem, epochs, &mut rng, || bar.inc(1))
        } else {
            let network = Recurrent::new(FEATURES, hidden, &mut rng)?;
            train(network, problem, epochs, &mut rng, || bar.inc(1))
        }
    });
    bar.finish_and_clear();
    let mut dense = outcomes.into_iter().collect::<Fallible<Vec<Outcome>>>()?;
    let rnn = dense.split_off(seeds);
    let dense_parameters = Dense::new(window, FEATURES, units, &mut seeded(0))?.parameter_count();
    Ok(((dense_parameters, dense), (parameters, rnn)))
}

/// What there is to learn from and what is to be foretold.
fn introduction(days: &Days, problem: &Problem, window: u16) -> String {
    let part = |name: &str, part: &std::ops::Range<usize>| {
        let (first, last) = (days.dates[part.start], days.dates[part.end - 1]);
        let wet = days.wet[part.clone()].iter().filter(|wet| **wet).count();
        let share = 100.0 * wet as f64 / part.len() as f64;
        format!("  {name:<24}{first} to {last}  {:>5} days, {share:.0} % wet", part.len())
    };
    [
        format!("Will it rain tomorrow? {} days of weather; the networks look back {window}.", days.len()),
        part("to learn from", &problem.learning),
        part("to choose epochs by", &problem.validation),
        part("test", &problem.test),
        "All four then learn from, or count, all days before the test.".to_owned(),
    ]
    .join("\n")
}
