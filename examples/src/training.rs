//! A training in epochs that stops where it no longer gets better, and goes on from its checkpoint.

use rand::rngs::Xoshiro256PlusPlus;
use refrain_nn::Module;
use refrain_optim::AdamW;
use refrain_train::{Checkpoint, EarlyStopping, Progress, Verdict};
use serde_json::{Value, json};

use crate::{
    checkpoint_file::{CheckpointFile, cannot_resume, set_finished},
    curve::{Curve, Point},
    identity::Identity,
    interrupt,
    program::Fallible,
    progress,
};

/// All that changes while a model learns.
#[derive(Clone, Debug)]
pub struct Learner<M> {
    /// What learns.
    pub model: M,
    /// How.
    pub optimizer: AdamW<f32>,
    /// In which order.
    pub rng: Xoshiro256PlusPlus,
}

/// How long to train.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The most epochs.
    pub epochs: usize,
    /// After how many epochs in a row without improvement to stop.
    pub patience: u64,
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// The loss while it learned.
    pub learning: f64,
    /// The metric on the validation part, which decides. The lower, the better.
    pub validation: f64,
}

/// Where the state of a training is kept, and what it is told from others by.
#[derive(Debug)]
pub struct Keeper<'f> {
    /// The checkpoint's file; it may hold a state to go on from.
    pub file: &'f mut CheckpointFile,
    /// What must be the same there.
    pub identity: Identity,
}

/// How a training went.
#[derive(Clone, Debug)]
pub struct History {
    /// What each epoch came to, counted from 1.
    pub curve: Curve,
    /// The best epoch, from 1.
    pub best: u64,
    /// Where it was interrupted: how to go on.
    pub interruption: Option<Interruption>,
}

/// The end of a training that was interrupted and has a checkpoint.
#[derive(Clone, Debug)]
pub struct Interruption {
    /// A sentence for the last line.
    pub sentence: String,
    /// The line that goes on.
    pub command: String,
}

impl History {
    /// The last line of the program: what it has to say, or how to go on.
    pub fn end(&self, end: String) -> String {
        self.interruption.as_ref().map_or(end.clone(), |how| format!("{end}\n{}", how.sentence))
    }

    /// How to go on, as JSON: `null` where the training came to its end.
    pub fn resume(&self) -> Value {
        json!(self.interruption.as_ref().map(|how| &how.command))
    }
}

/// Trains a model epoch after epoch, and leaves it with the weights of its best one by the validation
/// metric. A progress bar shows the figures. `epoch` gets the learner and the number of the epoch,
/// from 0; `metric` is what the bar calls its validation metric.
///
/// With a keeper, the state after each epoch goes to its file, and where that holds a state to go on
/// from, the training goes on with the bits that it would have had without the break.
///
/// Ctrl-C ends the training in the epoch in which it comes, where the program
/// [listens](crate::interrupt); an `epoch` that looks for it may end after the batch at hand. What that
/// epoch has learned counts for this program's end, but not for the checkpoint: resuming begins the
/// epoch anew.
///
/// The weights are as they were where no epoch had a metric that is a number.
///
/// # Errors
/// Those of `epoch` and of the checkpoint's file, a checkpoint of another training, and one where no
/// epoch has a metric that is a number.
pub fn train<M: Module<f32>>(
    learner: &mut Learner<M>,
    how_long: Patience,
    metric: &str,
    mut keeper: Option<Keeper<'_>>,
    mut epoch: impl FnMut(&mut Learner<M>, usize) -> Fallible<Epoch>,
) -> Fallible<History> {
    let mut run = Run { watch: EarlyStopping::new(how_long.patience), curve: Curve::default(), best: 0 };
    if let Some(keeper) = &mut keeper {
        if let Some(checkpoint) = keeper.file.load()? {
            run.resume(learner, &checkpoint, &keeper.identity).map_err(cannot_resume)?;
            eprintln!("goes on after epoch {} of {}", run.epochs(), how_long.epochs);
        }
        keeper.file.begin(&run.checkpoint(learner, &keeper.identity, how_long)?)?;
    }
    let bar = progress::bar(how_long.epochs, "training");
    bar.set_position(run.epochs() as u64);
    bar.reset_eta();
    let mut interruption = None;
    while !run.is_over(how_long) {
        let before = run.epochs();
        let Epoch { learning, validation } = epoch(learner, before)?;
        run.curve.0.push(Point { at: before as u64 + 1, training: learning, validation });
        if run.watch.look(validation, &learner.model) == Verdict::Improved {
            run.best = before as u64 + 1;
        }
        bar.set_message(format!("epoch {}: loss {learning:.4}, {metric} {validation:.4}", before + 1));
        bar.inc(1);
        if interrupt::requested() {
            let in_epoch = format!("interrupted in epoch {} of {}", before + 1, how_long.epochs);
            bar.suspend(|| eprintln!("{in_epoch}; the best weights so far are used"));
            interruption = keeper.as_ref().map(|keeper| {
                let (place, command) = (keeper.file.path().display(), keeper.file.go_on(&[]));
                let sentence = format!("{in_epoch}, saved after {before} in {place}; to go on: {command}");
                Interruption { sentence, command }
            });
            break;
        }
        if let Some(keeper) = &keeper {
            keeper.file.save(&run.checkpoint(learner, &keeper.identity, how_long)?)?;
        }
    }
    bar.finish_and_clear();
    let kept = run.watch.best().ok_or("the training came to no number; a lower --learning-rate may help")?;
    kept.weights.load_into(&mut learner.model)?;
    Ok(History { curve: run.curve, best: run.best, interruption })
}

/// Where a training stands between two epochs, beside the learner.
struct Run {
    watch: EarlyStopping<f32>,
    curve: Curve,
    best: u64,
}

/// Where a checkpoint keeps them.
const BEST: &str = "best epoch";
const RNG: &str = "order";

impl Run {
    fn epochs(&self) -> usize {
        self.curve.0.len()
    }

    fn is_over(&self, how_long: Patience) -> bool {
        self.epochs() >= how_long.epochs || self.watch.is_over()
    }

    fn checkpoint<M: Module<f32>>(
        &self,
        learner: &Learner<M>,
        identity: &Identity,
        how_long: Patience,
    ) -> Fallible<Checkpoint<f32>> {
        let mut checkpoint = identity.checkpoint(&learner.model);
        checkpoint.progress = Progress { epoch: self.epochs() as u64, ..Progress::default() };
        checkpoint.set_optimizer(&learner.optimizer, &learner.model)?;
        checkpoint.set_rng(RNG, &learner.rng)?;
        checkpoint.set_entry(BEST, self.best);
        self.watch.save(&mut checkpoint)?;
        self.curve.save(&mut checkpoint);
        set_finished(&mut checkpoint, self.is_over(how_long));
        Ok(checkpoint)
    }

    fn resume<M: Module<f32>>(
        &mut self,
        learner: &mut Learner<M>,
        checkpoint: &Checkpoint<f32>,
        identity: &Identity,
    ) -> Fallible<()> {
        identity.check(checkpoint)?;
        checkpoint.load_model(&identity.kind, &mut learner.model)?;
        checkpoint.load_optimizer(&mut learner.optimizer, &learner.model)?;
        learner.rng = checkpoint.rng(RNG)?;
        self.watch.load(checkpoint)?;
        self.curve = Curve::load(checkpoint)?;
        self.best = checkpoint.entry(BEST)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint_file::CheckpointOptions;
    use rand::{RngExt, SeedableRng};
    use refrain_autograd::{Parameter, Tape};
    use refrain_optim::Optimizer;
    use refrain_tensor::Tensor;
    use std::{fs, path::Path};

    fn learner() -> Learner<Parameter<f32>> {
        let model = Parameter::new(Tensor::from([0.5f32]));
        Learner { model, optimizer: AdamW::new(0.1), rng: Xoshiro256PlusPlus::seed_from_u64(7) }
    }

    #[test]
    fn the_best_weights_are_left() {
        let mut learner = learner();
        let metrics = [3.0, 1.0, 2.0, 2.5, 0.5];
        let how_long = Patience { epochs: 5, patience: 2 };
        let history = train(&mut learner, how_long, "error", None, |learner, number| {
            learner.model.as_mut_slice()[0] = number as f32;
            Ok(Epoch { learning: 0.0, validation: metrics[number] })
        })
        .unwrap();
        assert_eq!((history.curve.0.len(), history.best, learner.model.value()[[0]]), (4, 2, 1.0));
        let nan = |_: &mut Learner<_>, _| Ok(Epoch { learning: 0.0, validation: f64::NAN });
        let nan = train(&mut learner, how_long, "error", None, nan);
        assert!(nan.unwrap_err().to_string().contains("no number"));
    }

    /// A step towards a drawn number, and how far the weight then is from 1.
    fn epoch(learner: &mut Learner<Parameter<f32>>) -> Fallible<Epoch> {
        let tape = Tape::new();
        let drawn = tape.constant(Tensor::from([learner.rng.random::<f32>()]));
        let loss = (tape.parameter(&learner.model) - drawn).square().sum(..)?;
        learner.optimizer.step([&mut learner.model], &loss.backward()?)?;
        let away = (f64::from(learner.model.value()[[0]]) - 1.0).abs();
        Ok(Epoch { learning: loss.value().item()?.into(), validation: away })
    }

    fn run(
        path: &Path,
        resume: bool,
        lives: usize,
        settings: &[(&str, u64)],
    ) -> Fallible<(Learner<Parameter<f32>>, History)> {
        let options =
            CheckpointOptions { resume: resume.then_some(None), overwrite: !resume, ..Default::default() };
        let mut file = CheckpointFile::new("test", &options, path, vec![]);
        file.check_places(&[], &[])?;
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        let identity = Identity { kind: "test one weight".to_owned(), about: vec![], settings };
        let keeper = Keeper { file: &mut file, identity };
        let mut learner = learner();
        let mut left = lives;
        let history =
            train(&mut learner, Patience { epochs: 12, patience: 20 }, "", Some(keeper), |learner, _| {
                left = left.checked_sub(1).ok_or("a crash")?;
                epoch(learner)
            })?;
        Ok((learner, history))
    }

    #[test]
    fn a_training_that_crashes_goes_on_with_the_same_bits() {
        let path = std::env::temp_dir().join(format!("refrain-training-{}.safetensors", std::process::id()));
        let (whole, history) = run(&path, false, 12, &[]).unwrap();
        let bytes = fs::read(&path).unwrap();
        for lives in [0, 1, 7, 11] {
            assert_eq!(run(&path, false, lives, &[]).unwrap_err().to_string(), "a crash");
            let refused = run(&path, true, 12, &[("hidden", 3)]).unwrap_err().to_string();
            assert!(refused.contains("with --hidden null, and this one has 3"), "{refused}");
            let (resumed, again) = run(&path, true, 12 - lives, &[]).unwrap();
            assert_eq!(resumed.model.value(), whole.model.value());
            assert_eq!((&again.curve, again.best), (&history.curve, history.best));
            assert!(fs::read(&path).unwrap() == bytes, "after {lives} epochs");
        }
        // What has come to its end ends again at once.
        assert_eq!(run(&path, true, 0, &[]).unwrap().0.model.value(), whole.model.value());
        fs::remove_file(&path).unwrap();
    }
}
