//! The loop around a step: checkpoints, validations, a progress bar, and a good end.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use refrain_examples::{
    apart::keep_apart,
    char_model::CharModel,
    interrupt, memory,
    plot::{self, Axis, Panel, Series, Shape, colors},
    program::{self, Fallible, OutputFolder},
    progress, screen,
};
use refrain_nn::Module;
use refrain_train::{Checkpoint, Error, Verdict};
use serde_json::{Value, json};

use crate::{
    options::TrainOptions,
    run::{Point, Run, Step},
    text::Text,
};

/// Trains until the steps are made, the validation no longer improves, or somebody interrupts. `words`
/// are the arguments of the program, for the line that goes on with the training.
pub(crate) fn train(options: &TrainOptions, words: &[String], quiet: bool) -> Fallible<Value> {
    let path = &options.checkpoint;
    let place = path.display();
    // What cannot be saved after a night of work is better known at once.
    try_places(options)?;
    if options.overwrite && path.exists() && !CharModel::is_in(path) {
        return Err(format!(
            "{place} is there and is no checkpoint of char_lm that is whole: remove it, or name another place with --checkpoint"
        )
        .into());
    }
    if !options.resume && !options.overwrite && path.exists() {
        return Err(format!(
            "{place} is there already: go on from it with --resume, or begin anew with --overwrite"
        )
        .into());
    }
    let text = Text::read(options.text.as_deref(), None)?;
    let mut run = Run::new(options, &text)?;
    let changed = if options.resume { resumed(&mut run, path)? } else { Vec::new() };
    let first_save = run.checkpoint()?.save(path);
    first_save.map_err(|error| format!("{error}; {}", room(&error)))?;
    let save = |run: &Run<'_>| -> Fallible<()> {
        let saved = run.checkpoint()?.save(path);
        let advice = |error| {
            format!(
                "{error}; the checkpoint before it is whole: {}, and go on with: {}",
                room(&error),
                go_on(words)
            )
        };
        saved.map_err(|error| advice(error).into())
    };
    let say = |line: &str| if quiet { Ok(()) } else { screen::line(line) };
    let (parameters, letters) = (run.model.parameter_count(), text.vocabulary.len());
    let characters = text.all().numel();
    say(&format!(
        "{}: {characters} characters, {letters} of them different; {parameters} parameters",
        text.name
    ))?;
    changed.iter().try_for_each(|change| say(change))?;

    let bar = progress::bar(usize::try_from(options.steps).unwrap_or(usize::MAX), "training");
    bar.set_position(run.step_count());
    bar.reset_eta();
    let first = run.step_count();
    let (mut spent, mut stopped, mut valid) = (Duration::ZERO, run.watch.is_over(), String::new());
    while run.step_count() < options.steps && !interrupt::requested() && !stopped {
        let start = Instant::now();
        let bits = match run.step()? {
            Step::Made(bits) => bits,
            Step::Skipped(why) => {
                bar.suspend(|| eprintln!("{why}; the step is left out"));
                continue;
            }
            Step::Diverged(why) => {
                let command = with_lower_rate(words, run.learning_rate());
                return Err(format!(
                    "{why}. Go on from the last checkpoint with a lower learning rate: {command}"
                )
                .into());
            }
        };
        spent += start.elapsed();
        let step = run.step_count();
        let speed = speed(step - first, run.characters_per_step(), spent);
        bar.set_message(format!("{bits:.3} bits{valid}, {speed:.0} char/s"));
        bar.inc(1);
        if step % options.eval_every == 0 {
            let (point, verdict) = run.look()?;
            let Point { training, validation, .. } = point;
            valid = format!(", valid {validation:.3}");
            bar.suspend(|| {
                eprintln!("step {step}: {training:.4} bits per character, validation {validation:.4}, {speed:.0} characters a second");
            });
            stopped = verdict == Verdict::Stop;
        }
        if step % options.checkpoint_every == 0 {
            save(&run)?;
        }
    }
    bar.finish_and_clear();
    save(&run)?;
    if let Some(export) = &options.export {
        let weights = refrain_weights::to_bytes_with(&run.best_weights(), &run.metadata())?;
        refrain_weights::write_atomically(export, &weights)?;
    }
    if let Some(plot) = &options.plot {
        plot::write(plot, &figure(&run.curve)?)?;
    }
    let step = run.step_count();
    let speed = speed(step - first, run.characters_per_step(), spent);
    let mut summary = json!({
        "steps": step, "epochs": run.epochs(), "parameters": parameters, "checkpoint": place.to_string(),
        "interrupted": interrupt::requested(), "stopped_early": stopped, "characters_per_second": speed,
        "peak_memory_bytes": memory::peak(), "skipped_steps": run.skipped(), "changed": changed,
    });
    let end = if interrupt::requested() {
        let command = go_on(words);
        summary["resume"] = json!(command);
        format!("interrupted after step {step}, saved in {place}; to go on: {command}")
    } else {
        let bits = run.validate()?;
        summary["bits_per_character"] = json!(bits);
        summary["best_bits_per_character"] = json!(run.watch.best().map(|best| best.metric));
        let memory =
            memory::peak().map(|bytes| format!(", {} MB of memory at most", bytes.div_ceil(1_000_000)));
        let skipped =
            if run.skipped() > 0 { format!(", {} steps left out", run.skipped()) } else { String::new() };
        format!(
            "{step} steps, {bits:.4} bits per character in validation, {speed:.0} characters a second{}{skipped}; saved in {place}",
            memory.unwrap_or_default()
        )
    };
    say(&end)?;
    summary["end"] = json!(end);
    Ok(summary)
}

/// Goes on from the checkpoint; says what has changed since.
fn resumed(run: &mut Run<'_>, path: &Path) -> Fallible<Vec<String>> {
    let checkpoint = Checkpoint::load(path).map_err(|error| {
        let none =
            matches!(&error, Error::Read { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound);
        let advice = if none { "; without --resume the training begins anew" } else { "" };
        format!("cannot resume: {error}{advice}; nothing is changed")
    })?;
    run.resume(&checkpoint).map_err(|error| format!("cannot resume: {error}; nothing is changed").into())
}

/// That all files of a training can be written where they are to go, and none over another one.
fn try_places(options: &TrainOptions) -> Fallible<()> {
    OutputFolder::of_file(&options.checkpoint, "--checkpoint")?;
    let mut outputs = vec![(options.checkpoint.as_path(), "--checkpoint")];
    for (path, option) in [(&options.export, "--export"), (&options.plot, "--plot")] {
        let Some(path) = path else { continue };
        OutputFolder::of_file(path, option)?;
        outputs.push((path, option));
    }
    let text = options.text.as_ref().map(|path| (path.as_path(), "--text"));
    keep_apart(text.as_slice(), &outputs)
}

/// What to do where a checkpoint cannot be written.
fn room(error: &Error) -> &'static str {
    program::advice(error)
        .unwrap_or("make it a place that you may write to, or name another with --checkpoint")
}

/// The line that goes on with a training that these arguments began.
fn go_on(words: &[String]) -> String {
    let words = words.iter().filter(|word| !["--overwrite", "--resume"].contains(&word.as_str()));
    let words: Vec<String> = words.cloned().chain(["--resume".to_owned()]).collect();
    program::command_line("char_lm", &words)
}

/// [`go_on`] with a tenth of a learning rate.
fn with_lower_rate(words: &[String], rate: f64) -> String {
    let is_rate = |word: &String| word == "--lr" || word.starts_with("--lr=");
    let value_of = |place: usize| place > 0 && words[place - 1] == "--lr";
    let others = words.iter().enumerate().filter(|(place, word)| !is_rate(word) && !value_of(*place));
    let others: Vec<String> = others.map(|(_, word)| word.clone()).collect();
    format!("{} --lr {:e}", go_on(&others), rate / 10.0)
}

fn speed(steps: u64, characters: usize, spent: Duration) -> f64 {
    (steps * characters as u64) as f64 / spent.as_secs_f64().max(1e-9)
}

/// Bits per character over the steps, on the training and on the validation text.
fn figure(curve: &[Point]) -> Fallible<String> {
    let series = |label: &str, color, value: fn(&Point) -> f64| Series {
        label: label.to_owned(),
        color,
        shape: Shape::Line,
        points: curve.iter().map(|point| (point.step as f64, value(point))).collect(),
    };
    let lines = vec![
        series("training", colors::GRAY, |point| point.training),
        series("validation", colors::BLUE, |point| point.validation),
    ];
    let heights = lines.iter().flat_map(|line| line.points.iter().map(|(_, height)| *height));
    let (low, high) =
        heights.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), y| (low.min(y), high.max(y)));
    let last = curve.last().map_or(1.0, |point| point.step as f64);
    let panel = Panel {
        title: "What the model needs for each character".to_owned(),
        x: Axis::new("steps", 0.0, last),
        y: Axis::new("bits per character", if low.is_finite() { 0.9 * low } else { 0.0 }, 1.05 * high),
        series: lines,
    };
    Ok(plot::svg(&[panel], (900, 420))?)
}
