//! A run in a checkpoint, and how it comes back.

use std::path::Path;

use refrain_nn::StateDict;
use refrain_optim::Optimizer;
use refrain_train::{Checkpoint, TruncatedBPTT};
use serde_json::Value;

use super::Run;
use crate::{curve::Curve, program::Fallible};

impl Run<'_> {
    /// All of it in a checkpoint.
    ///
    /// # Errors
    /// None for a run that was built.
    pub fn checkpoint(&self) -> Fallible<Checkpoint<f32>> {
        let mut checkpoint = self.identity.checkpoint(&self.model);
        checkpoint.set_optimizer(&self.adam, &self.model)?;
        checkpoint.set_rng("dropout", &self.rng)?;
        self.driver.save(&mut checkpoint)?;
        self.watch.save(&mut checkpoint)?;
        checkpoint.set_entry("clip", self.clip);
        checkpoint.set_entry("skipped steps", self.skips.0);
        checkpoint.set_entry("sum of losses", self.losses.0);
        checkpoint.set_entry("number of losses", self.losses.1);
        self.curve.save(&mut checkpoint);
        Ok(checkpoint)
    }

    /// Goes on from a checkpoint of the same model, text and settings. Says which of the options that may
    /// change have changed.
    ///
    /// # Errors
    /// A sentence about what differs, or is missing.
    pub fn resume(&mut self, checkpoint: &Checkpoint<f32>) -> Fallible<Vec<String>> {
        self.identity.check(checkpoint)?;
        checkpoint.load_model(&self.identity.kind, &mut self.model)?;
        checkpoint.load_optimizer(&mut self.adam, &self.model)?;
        let before = [("--lr", self.adam.learning_rate()), ("--clip", checkpoint.entry("clip")?)];
        let now = [self.recipe.lr, self.recipe.clip];
        let [lr, clip] = [0, 1].map(|k| now[k].unwrap_or(before[k].1));
        self.adam.set_learning_rate(lr);
        self.clip = clip;
        self.rng = checkpoint.rng("dropout")?;
        self.driver = TruncatedBPTT::load(checkpoint)?;
        self.watch.load(checkpoint)?;
        self.skips = (checkpoint.entry("skipped steps")?, 0);
        self.losses = (checkpoint.entry("sum of losses")?, checkpoint.entry("number of losses")?);
        self.curve = Curve::load(checkpoint)?;
        let changed = before.into_iter().zip([lr, clip]).filter(|((_, before), now)| before != now);
        Ok(changed
            .map(|((name, before), now)| format!("{name} is {now} from here on, and was {before}"))
            .collect())
    }

    /// Writes the weights that count to a file, whole or not at all, with the options as metadata.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn export(&self, path: &Path) -> Fallible<()> {
        let weights = refrain_weights::to_bytes_with(&self.best_weights(), &self.metadata())?;
        Ok(refrain_weights::write_atomically(path, &weights)?)
    }

    /// The weights that count: the best so far, or where there was no validation yet, those of now.
    fn best_weights(&self) -> StateDict<f32> {
        self.watch.best().map_or_else(|| StateDict::of(&self.model), |best| best.weights.clone())
    }

    /// The options of the model and of the run as metadata for the weights alone.
    fn metadata(&self) -> refrain_weights::Metadata {
        let mut settings = self.identity.settings.clone();
        settings.insert("lr".to_owned(), self.adam.learning_rate().into());
        settings.insert("clip".to_owned(), self.clip.into());
        let settings = std::iter::once(("settings", Value::Object(settings).to_string()));
        let about = self.identity.about.iter().cloned().chain(settings);
        about.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
