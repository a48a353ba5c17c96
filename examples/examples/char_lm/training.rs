//! The loop around a step: checkpoints, validations, a progress bar, and a good end.

use std::time::{Duration, Instant};

use refrain_examples::{
    char_model::{Run, Step, Text},
    checkpoint_file::{CheckpointFile, cannot_resume},
    curve::Point,
    interrupt, memory, plot,
    program::Fallible,
    progress, screen,
};
use refrain_nn::Module;
use refrain_train::Verdict;
use serde_json::{Value, json};

use crate::options::{CHECKPOINT, TrainOptions};

/// Trains until the steps are made, the validation no longer improves, or somebody interrupts. `words`
/// are the arguments of the program, for the line that goes on with the training.
pub(crate) fn train(options: &TrainOptions, words: Vec<String>, quiet: bool) -> Fallible<Value> {
    let mut file = CheckpointFile::new("char_lm", &options.place, CHECKPOINT.as_ref(), words);
    // What cannot be saved after a night of work is better known at once.
    let others = [(&options.export, "--export"), (&options.plot, "--plot")];
    let others = others.map(|(path, option)| Some((path.as_deref()?, option)));
    let text = options.text.as_deref().map(|path| (path, "--text"));
    file.check_places(text.as_slice(), &others.into_iter().flatten().collect::<Vec<_>>())?;
    let text = Text::read(options.text.as_deref(), None)?;
    let mut run = Run::new(&options.recipe, &text)?;
    let checkpoint = file.load()?;
    let changed = checkpoint.map_or(Ok(Vec::new()), |checkpoint| run.resume(&checkpoint));
    let changed = changed.map_err(cannot_resume)?;
    file.begin(&run.checkpoint()?)?;
    let say = |line: &str| if quiet { Ok(()) } else { screen::line(line) };
    let (parameters, letters) = (run.model.parameter_count(), text.vocabulary.len());
    let characters = text.all().numel();
    say(&format!(
        "{}: {characters} characters, {letters} of them different; {parameters} parameters",
        text.name
    ))?;
    changed.iter().try_for_each(|change| say(change))?;
    let first = run.step_count();
    if file.resumes() {
        eprintln!("goes on after step {first}");
    }

    let bar = progress::bar(usize::try_from(options.steps).unwrap_or(usize::MAX), "training");
    bar.set_position(first);
    bar.reset_eta();
    let place = file.path().display();
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
                let command = file.go_on(&[("--lr", format!("{:e}", run.learning_rate() / 10.0))]);
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
        if step % options.recipe.eval_every == 0 {
            let (point, verdict) = run.look()?;
            let Point { training, validation, .. } = point;
            valid = format!(", valid {validation:.3}");
            bar.suspend(|| {
                eprintln!("step {step}: {training:.4} bits per character, validation {validation:.4}, {speed:.0} characters a second");
            });
            stopped = verdict == Verdict::Stop;
        }
        if step % options.checkpoint_every == 0 {
            file.save(&run.checkpoint()?)?;
        }
    }
    bar.finish_and_clear();
    file.save(&run.checkpoint()?)?;
    if let Some(export) = &options.export {
        let weights = refrain_weights::to_bytes_with(&run.best_weights(), &run.metadata())?;
        refrain_weights::write_atomically(export, &weights)?;
    }
    let drawn = options.plot.as_ref().filter(|_| !run.curve.0.is_empty());
    if let Some(path) = drawn {
        let title = "What the model needs for each character";
        plot::write(path, &plot::svg(&[run.curve.panel(title, "steps", "bits per character")], (900, 420))?)?;
    }
    if let (Some(path), None) = (&options.plot, drawn) {
        let (path, every) = (path.display(), options.recipe.eval_every);
        eprintln!("{path} is not written: there was no validation to draw, for --eval-every is {every}");
    }
    let step = run.step_count();
    let speed = speed(step - first, run.characters_per_step(), spent);
    let mut summary = json!({
        "steps": step, "epochs": run.epochs(), "parameters": parameters, "checkpoint": place.to_string(),
        "interrupted": interrupt::requested(), "stopped_early": stopped, "characters_per_second": speed,
        "peak_memory_bytes": memory::peak(), "skipped_steps": run.skipped(), "changed": changed,
    });
    let end = if interrupt::requested() {
        let command = file.go_on(&[]);
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

fn speed(steps: u64, characters: usize, spent: Duration) -> f64 {
    (steps * characters as u64) as f64 / spent.as_secs_f64().max(1e-9)
}
