//! A training from its options to its last line, and the files that it leaves.

use refrain_examples::{
    apart::given,
    char_model::{Outcome, Run, Text},
    checkpoint_file::{CheckpointFile, cannot_resume},
    interrupt, memory, plot,
    program::Fallible,
    screen,
};
use refrain_nn::Module;
use serde_json::{Value, json};

use crate::options::{CHECKPOINT, TrainOptions};

/// Trains until the steps are made, the validation no longer improves, or somebody interrupts. `words`
/// are the arguments of the program, for the line that goes on with the training.
pub(crate) fn train(options: &TrainOptions, words: Vec<String>, quiet: bool) -> Fallible<Value> {
    let mut file = CheckpointFile::new("char_lm", &options.place, CHECKPOINT.as_ref(), words);
    // What cannot be saved after a night of work is better known at once.
    let outputs = given(&[(&options.export, "--export"), (&options.plot, "--plot")]);
    file.check_places(&given(&[(&options.text, "--text")]), &outputs)?;
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
    let Outcome { stopped_early, characters_per_second: speed } = run.train(&options.bounds, &file)?;
    if let Some(export) = &options.export {
        run.export(export)?;
    }
    let drawn = options.plot.as_ref().filter(|_| !run.curve.0.is_empty());
    if let Some(path) = drawn {
        let title = "What the model needs for each character";
        plot::write_panel(path, run.curve.panel(title, "steps", "bits per character"))?;
    }
    if let (Some(path), None) = (&options.plot, drawn) {
        let (path, every) = (path.display(), options.recipe.eval_every);
        eprintln!("{path} is not written: there was no validation to draw, for --eval-every is {every}");
    }
    let step = run.step_count();
    let place = file.path().display();
    let mut summary = json!({
        "steps": step, "epochs": run.epochs(), "parameters": parameters, "checkpoint": place.to_string(),
        "interrupted": interrupt::requested(), "stopped_early": stopped_early, "characters_per_second": speed,
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
