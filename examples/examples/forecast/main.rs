//! What comes next? A GRU foretells the next rows of a series from the last ones, and is held against
//! two forecasts that need no network.
//!
//! ```text
//! cargo run --release --example forecast
//! cargo run --release --example forecast -- --csv load.csv --target megawatts --horizon 48
//! cargo run --release --example forecast -- --csv load.csv --target megawatts --horizon 48 --resume
//! cargo run --release --example forecast -- --load out/forecast.safetensors
//! ```
//!
//! What is trained stands in `refrain_examples::forecaster`, for `stream` runs it too; `report`
//! says what came of it. After each epoch there is a checkpoint, from which `--resume` goes on. Ctrl-C
//! ends the training; what was learned until then is tested and saved as usual.

mod report;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, value_parser};
use refrain_examples::{
    apart::{given, keep_apart},
    checkpoint_file::CheckpointOptions,
    forecaster::{Choice, Forecaster, Options, Outlook, Problem, SEATTLE, Series, Test, learn},
    plot,
    program::{self, Fallible, OutputFolder},
    screen,
    training_files::TrainingFiles,
};

use report::Report;

const ABOUT_CSV: &str = "\
The CSV file has a header, a column of numbers to be foretold, and a row for each step of time. With a
column of times (YYYY-MM-DD HH:MM) rows that are missing are filled with the row before. All other
columns of numbers are input besides, or those of --columns; `--columns ''` uses the target alone.";

/// The size of each panel of the figure, in pixels.
const PANEL: (u32, u32) = (1120, 380);

/// The options of a training; a saved model has them in it.
const OF_TRAINING: [&str; 14] = [
    "target",
    "columns",
    "unit",
    "horizon",
    "window",
    "season",
    "hidden",
    "epochs",
    "patience",
    "learning_rate",
    "seed",
    "checkpoint",
    "resume",
    "overwrite",
];

/// What comes next? A GRU against persistence and the season before, with bands, on any series.
#[derive(Parser)]
#[command(name = "forecast", after_help = ABOUT_CSV)]
struct Arguments {
    /// The series, a CSV file [default: hourly temperatures of Seattle, 2010]
    #[arg(long, value_name = "PATH")]
    csv: Option<PathBuf>,
    /// The column to be foretold [default: the only one of numbers]
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// The columns to look at besides [default: all others of numbers]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// The column of times [default: date, where there is such a column]
    #[arg(long, value_name = "NAME")]
    time: Option<String>,
    /// The unit of the target, for tables and plots [default for Seattle: °F]
    #[arg(long, value_name = "TEXT")]
    unit: Option<String>,
    /// How many rows to look ahead
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = value_parser!(u16).range(1..=1000))]
    horizon: u16,
    /// How many rows to look back
    #[arg(long, value_name = "N", default_value_t = 72, value_parser = value_parser!(u16).range(2..=10_000))]
    window: u16,
    /// After how many rows the series does much the same again; 0 for never [default: 24 where a row is
    /// an hour, else 0]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(0..=5_000))]
    season: Option<u16>,
    #[command(flatten)]
    options: Options,
    /// Foretell from the last rows with a saved model, without training
    #[arg(long, value_name = "MODEL", conflicts_with_all = OF_TRAINING)]
    load: Option<PathBuf>,
    #[command(flatten)]
    place: CheckpointOptions,
    /// The folder for the model, forecast.safetensors, the figures, forecast.svg and forecast_training.svg,
    /// and the checkpoint, forecast_training.safetensors
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::interruptible("forecast", || run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let start = Instant::now();
    let (report, figures) = match &arguments.load {
        Some(model) => outlook(arguments, Forecaster::load(model)?)?,
        None => train(arguments)?,
    };
    let text = if arguments.json {
        format!("{:#}\n", report.json())
    } else {
        let seconds = start.elapsed().as_secs_f64();
        format!("{}\n{figures}\nTime: {seconds:.1} s\n{}\n", report.text(), report.end())
    };
    Ok(screen::show(&text)?)
}

/// Trains, tests, saves and loads a forecaster, and foretells what comes after the file; says where the
/// figures are.
fn train(arguments: &Arguments) -> Fallible<(Report, String)> {
    let others =
        arguments.columns.as_ref().map(|names| names.iter().filter(|name| !name.is_empty()).cloned());
    let others: Option<Vec<String>> = others.map(Iterator::collect);
    let (target, time) = (arguments.target.as_deref(), arguments.time.as_deref());
    let series = read(arguments, &Choice { target, others: others.as_deref(), time })?;
    let [window, horizon] = [arguments.window, arguments.horizon].map(usize::from);
    let hourly = series.clock.is_some_and(|(_, minutes)| minutes == 60) && window > 24;
    let season = arguments.season.map_or(if hourly { 24 } else { 0 }, usize::from);
    if season >= window {
        return Err(format!("--season {season} must be below --window {window}").into());
    }
    let unit = arguments.unit.as_deref().unwrap_or(if arguments.csv.is_none() { "°F" } else { "" });
    let problem = Problem::new(&series, window, horizon, season, unit)?;
    let csv = arguments.csv.as_deref();
    let mut files = TrainingFiles::open("forecast", &arguments.out, csv, &arguments.place)?;

    let (forecaster, training) = learn(&problem, &arguments.options, Some(&mut files.checkpoint))?;
    let test = Test::of(&problem, &forecaster)?;
    forecaster.save(&files.model).map_err(|error| files.checkpoint.is_whole(error))?;
    let loaded = Forecaster::load(&files.model)?;
    if loaded.forecast(&series.values)? != forecaster.forecast(&series.values)? {
        let path = files.model.display();
        return Err(format!("{path}: the loaded model foretells something else").into());
    }
    let outlook = Outlook::of(&loaded, series)?;
    plot::write(&files.figure, &plot::svg(&outlook.panels(Some(&test)), PANEL)?)?;
    plot::write_panel(&files.curve, outlook.training_panel(&training))?;
    let figures = format!("Figures: {}, {}", files.figure.display(), files.curve.display());
    Ok((Report { outlook, test: Some((training, test)), model: files.model }, figures))
}

/// Foretells what comes after the file, with a saved forecaster.
fn outlook(arguments: &Arguments, forecaster: Forecaster) -> Fallible<(Report, String)> {
    let columns = &forecaster.plan.columns;
    let choice = Choice {
        target: columns.first().map(String::as_str),
        others: Some(&columns[1..]),
        time: arguments.time.as_deref(),
    };
    let series = read(arguments, &choice)?;
    let out = OutputFolder::open(&arguments.out)?;
    let path = out.file("forecast.svg");
    let inputs = given(&[(&arguments.csv, "--csv"), (&arguments.load, "--load")]);
    keep_apart(&inputs, &[(&path, "--out")])?;
    let outlook = Outlook::of(&forecaster, series)?;
    plot::write(&path, &plot::svg(&outlook.panels(None), PANEL)?)?;
    let model = arguments.load.clone().unwrap_or_default();
    Ok((Report { outlook, test: None, model }, format!("Figure: {}", path.display())))
}

fn read(arguments: &Arguments, choice: &Choice<'_>) -> Fallible<Series> {
    match &arguments.csv {
        Some(path) => program::read_csv(path, |file, bytes| Series::read(file, bytes, choice)),
        None => Series::read("seattle-temps.csv", SEATTLE.as_bytes(), choice),
    }
}
