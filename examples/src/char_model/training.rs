//! The loop around a step: checkpoints, validations, a progress bar, and a good end.

use std::time::{Duration, Instant};

use clap::{Args, value_parser};
use refrain_train::Verdict;

use super::{Run, Step};
use crate::{checkpoint_file::CheckpointFile, curve::Point, interrupt, program::Fallible, progress};

/// How far a training goes, and how often its state is kept.
#[derive(Args, Clone, Copy, Debug)]
pub struct Bounds {
    /// How many steps in all, those before a break included
    #[arg(long, value_name = "N", default_value_t = 4000)]
    pub steps: u64,
    /// Steps from one checkpoint to the next
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u64).range(1..))]
    pub checkpoint_every: u64,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Whether it stopped because the validation no longer improved.
    pub stopped_early: bool,
    /// How many characters it went through in a second of its steps.
    pub characters_per_second: f64,
}

impl Run<'_> {
    /// Trains until the steps are made, the validation no longer improves, or somebody interrupts. The state
    /// goes to the file now and then, and at the end. A progress bar and standard error show how it goes.
    ///
    /// # Errors
    /// A sentence with the way to go on where a step diverges, and those of the file.
    pub fn train(&mut self, bounds: &Bounds, file: &CheckpointFile) -> Fallible<Outcome> {
        let first = self.step_count();
        if file.resumes() {
            eprintln!("goes on after step {first}");
        }
        let bar = progress::bar(usize::try_from(bounds.steps).unwrap_or(usize::MAX), "training");
        bar.set_position(first);
        bar.reset_eta();
        let (mut spent, mut stopped_early, mut valid) = (Duration::ZERO, self.watch.is_over(), String::new());
        while self.step_count() < bounds.steps && !interrupt::requested() && !stopped_early {
            let start = Instant::now();
            let bits = match self.step()? {
                Step::Made(bits) => bits,
                Step::Skipped(why) => {
                    bar.suspend(|| eprintln!("{why}; the step is left out"));
                    continue;
                }
                Step::Diverged(why) => {
                    let command = file.go_on(&[("--lr", format!("{:e}", self.learning_rate() / 10.0))]);
                    return Err(format!(
                        "{why}. Go on from the last checkpoint with a lower learning rate: {command}"
                    )
                    .into());
                }
            };
            spent += start.elapsed();
            let step = self.step_count();
            let speed = self.speed(first, spent);
            bar.set_message(format!("{bits:.3} bits{valid}, {speed:.0} char/s"));
            bar.inc(1);
            if step.is_multiple_of(self.recipe.eval_every) {
                let (point, verdict) = self.look()?;
                let Point { training, validation, .. } = point;
                valid = format!(", valid {validation:.3}");
                bar.suspend(|| {
                    eprintln!("step {step}: {training:.4} bits per character, validation {validation:.4}, {speed:.0} characters a second");
                });
                stopped_early = verdict == Verdict::Stop;
            }
            if step.is_multiple_of(bounds.checkpoint_every) {
                file.save(&self.checkpoint()?)?;
            }
        }
        bar.finish_and_clear();
        file.save(&self.checkpoint()?)?;
        Ok(Outcome { stopped_early, characters_per_second: self.speed(first, spent) })
    }

    /// Characters a second since a step.
    fn speed(&self, first: u64, spent: Duration) -> f64 {
        let characters = (self.step_count() - first) * self.characters_per_step() as u64;
        characters as f64 / spent.as_secs_f64().max(1e-9)
    }
}
