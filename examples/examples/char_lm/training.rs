//! The loop around a step: checkpoints, validations, a progress bar, and a good end.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use refrain_examples::{
    interrupt, memory,
    plot::{self, Axis, Panel, Series, Shape, colors},
    progress,
};
use refrain_nn::Module;
use refrain_train::{Checkpoint, Verdict};
use serde_json::{Value, json};

use crate::{
    Fallible,
    options::TrainOptions,
    run::{Point, Run},
    text::Text,
};

/// Trains until the steps are made, the validation no longer improves, or somebody interrupts.
pub(crate) fn train(options: &TrainOptions, quiet: bool) -> Fallible<Value> {
    let path = &options.checkpoint;
    let place = path.display();
    if !options.resume && !options.overwrite && path.exists() {
        return Err(format!(
            "{place} is there already: go on from it with --resume, or begin anew with --overwrite"
        )
        .into());
    }
    let text = Text::read(options.text.as_deref(), None)?;
    let mut run = Run::new(options, &text)?;
    if options.resume {
        let resumed =
            Checkpoint::load(path).map_err(Into::into).and_then(|checkpoint| run.resume(&checkpoint));
        resumed.map_err(|error| format!("cannot resume: {error}; nothing is changed"))?;
    }
    // What cannot be saved after a night of work is better known at once.
    make_folder(path)?;
    run.checkpoint()?.save(path)?;
    let say = |line: &str| if quiet { Ok(()) } else { crate::say(line) };
    let (parameters, letters) = (run.model.parameter_count(), text.vocabulary.len());
    let characters = text.all().numel();
    say(&format!(
        "{}: {characters} characters, {letters} of them different; {parameters} parameters",
        text.name
    ))?;

    let bar = progress::bar(usize::try_from(options.steps).unwrap_or(usize::MAX), "training");
    bar.set_position(run.step_count());
    bar.reset_eta();
    let first = run.step_count();
    let (mut spent, mut stopped, mut valid) = (Duration::ZERO, run.watch.is_over(), String::new());
    while run.step_count() < options.steps && !interrupt::requested() && !stopped {
        let start = Instant::now();
        let bits = run
            .step()
            .map_err(|error| format!("{error}. The last checkpoint is {place}; a smaller --lr may help"))?;
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
            run.checkpoint()?.save(path)?;
        }
    }
    bar.finish_and_clear();
    run.checkpoint()?.save(path)?;
    if let Some(export) = &options.export {
        make_folder(export)?;
        refrain_weights::save_with(export, &run.model, &run.metadata())?;
    }
    if let Some(plot) = &options.plot {
        plot::write(plot, &figure(&run.curve)?)?;
    }
    let step = run.step_count();
    let speed = speed(step - first, run.characters_per_step(), spent);
    let mut summary = json!({
        "steps": step, "epochs": run.epochs(), "parameters": parameters, "checkpoint": place.to_string(),
        "interrupted": interrupt::requested(), "stopped_early": stopped, "characters_per_second": speed,
        "peak_memory_bytes": memory::peak(),
    });
    let memory = memory::peak().map(|bytes| format!(", {} MB of memory at most", bytes.div_ceil(1_000_000)));
    let memory = memory.unwrap_or_default();
    let end = if interrupt::requested() {
        format!(
            "interrupted after step {step}, saved in {place}; the same command with --resume (and without --overwrite) goes on"
        )
    } else {
        let bits = run.validate()?;
        summary["bits_per_character"] = json!(bits);
        summary["best_bits_per_character"] = json!(run.watch.best().map(|best| best.metric));
        format!(
            "{step} steps, {bits:.4} bits per character in validation, {speed:.0} characters a second{memory}; saved in {place}"
        )
    };
    say(&end)?;
    summary["end"] = json!(end);
    Ok(summary)
}

fn speed(steps: u64, characters: usize, spent: Duration) -> f64 {
    (steps * characters as u64) as f64 / spent.as_secs_f64().max(1e-9)
}

fn make_folder(path: &Path) -> Fallible<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()).into())
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
