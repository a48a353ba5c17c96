//! A run: all that changes while a model is trained, and one step of it.

use std::f64::consts::LN_2;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Streams;
use refrain_nn::{CrossEntropyLoss, Module};
use refrain_optim::{Adam, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use refrain_train::{EarlyStopping, Error, TruncatedBPTT, Verdict, check_finite};

use super::{CharModel, OnDivergence, Recipe, Text, evaluate};
use crate::{
    curve::{Curve, Point},
    identity::Identity,
    program::Fallible,
};

const LEARNING_RATE: f64 = 0.002;
const CLIP: f64 = 1.0;

/// After how many steps in a row that are not finite nothing good is to be expected.
const MOST_SKIPS: u64 = 10;

/// A training between two steps.
pub struct Run<'r> {
    pub(super) recipe: &'r Recipe,
    /// What a checkpoint says of the model, the text and the recipe.
    pub(super) identity: Identity,
    /// The largest norm of all gradients together.
    pub(super) clip: f64,
    /// What learns.
    pub model: CharModel,
    pub(super) adam: Adam<f32>,
    pub(super) rng: Xoshiro256PlusPlus,
    streams: Streams<u16>,
    validation: Tensor<u16>,
    pub(super) driver: TruncatedBPTT<f32>,
    /// When to stop, and the best weights.
    pub watch: EarlyStopping<f32>,
    /// The sum of the losses since the last validation, in nats, and their number.
    pub(super) losses: (f64, u64),
    /// Validations so far.
    pub curve: Curve,
    /// Steps that were left out, in all and in a row.
    pub(super) skips: (u64, u64),
}

/// What became of a step.
#[derive(Debug)]
pub enum Step {
    /// It is made; the loss in bits per character.
    Made(f64),
    /// It was left out, for this reason.
    Skipped(String),
    /// The training cannot go on, for this reason.
    Diverged(String),
}

impl<'r> Run<'r> {
    /// A run before its first step.
    ///
    /// # Errors
    /// A text that is too short, and numbers that are none.
    pub fn new(recipe: &'r Recipe, text: &Text) -> Fallible<Self> {
        let (lr, clip) = (recipe.lr.unwrap_or(LEARNING_RATE), recipe.clip.unwrap_or(CLIP));
        for (name, value) in [("--lr", lr), ("--clip", clip)] {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("{name} is {value}, expected a finite number of at least 0").into());
            }
        }
        let (training, validation) = (text.training()?, text.validation()?);
        let needed = recipe.streams.saturating_mul(recipe.chunk).saturating_add(1);
        if training.numel() < needed || validation.numel() < 2 {
            return Err(format!(
                "{} has {} characters to learn from and {} for validation; {} streams in chunks of {} need {needed} and 2: use a longer text, fewer --streams or a smaller --chunk",
                text.name, training.numel(), validation.numel(), recipe.streams, recipe.chunk
            )
            .into());
        }
        let sizes = recipe.sizes(text.vocabulary.len());
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(recipe.seed);
        let mut about = vec![("text", text.fingerprint())];
        about.extend(CharModel::describe(&sizes, &text.vocabulary));
        Ok(Self {
            recipe,
            identity: Identity { kind: sizes.to_string(), about, settings: recipe.settings() },
            clip,
            model: CharModel::new(&sizes, &mut rng)?,
            adam: Adam::new(lr),
            rng,
            streams: Streams::new(&training, recipe.streams, recipe.chunk)?,
            validation,
            driver: TruncatedBPTT::new(),
            watch: EarlyStopping::new(recipe.patience.unwrap_or(u64::MAX)),
            losses: (0.0, 0),
            curve: Curve::default(),
            skips: (0, 0),
        })
    }

    /// The number of steps made.
    pub fn step_count(&self) -> u64 {
        self.driver.progress().step
    }

    /// The parts of the text that have been gone through.
    pub fn epochs(&self) -> f64 {
        let progress = self.driver.progress();
        progress.epoch as f64 + progress.position as f64 / self.streams.len() as f64
    }

    /// The characters that a whole chunk has.
    pub fn characters_per_step(&self) -> usize {
        self.recipe.streams * self.recipe.chunk
    }

    /// How many steps were left out.
    pub fn skipped(&self) -> u64 {
        self.skips.0
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.adam.learning_rate()
    }

    /// One step on the next chunk. The weights are as they were unless it is made.
    ///
    /// # Errors
    /// None for a run that was built.
    pub fn step(&mut self) -> Fallible<Step> {
        let Self { model, rng, .. } = self;
        let mut step = self.driver.backward::<_, Error>(&self.streams, |tape, chunk| {
            let (logits, last) = model.forward(tape, chunk.inputs, chunk.carried, rng)?;
            let targets = chunk.targets.flatten(0, 1)?;
            Ok((CrossEntropyLoss::default().forward(&logits, &targets)?, last))
        })?;
        let number = self.driver.progress().step;
        if let Err(why) = check_finite(number, step.loss, self.model.named_parameters(), &step.gradients) {
            return Ok(self.not_finite(why.to_string()));
        }
        self.skips.1 = 0;
        clip_grad_norm(&mut step.gradients, self.clip, 2.0)?;
        self.adam.step(self.model.parameters_mut(), &step.gradients)?;
        self.driver.advance(&self.streams, step.carried);
        let loss = f64::from(step.loss);
        self.losses = (self.losses.0 + loss, self.losses.1 + 1);
        Ok(Step::Made(loss / LN_2))
    }

    /// Ends, or goes on to the next chunk with the weights and the states from before this one.
    fn not_finite(&mut self, why: String) -> Step {
        if self.recipe.on_divergence == OnDivergence::Stop {
            return Step::Diverged(why);
        }
        self.skips = (self.skips.0 + 1, self.skips.1 + 1);
        if self.skips.1 == MOST_SKIPS {
            return Step::Diverged(format!("{MOST_SKIPS} steps in a row are not finite; {why}"));
        }
        self.driver.skip(&self.streams);
        Step::Skipped(why)
    }

    /// Bits per character on the validation text.
    ///
    /// # Errors
    /// None for a run that was built.
    pub fn validate(&self) -> Fallible<f64> {
        let Recipe { streams, chunk, eval_chars, .. } = *self.recipe;
        // To the end, also after Ctrl-C: half a validation would be another one.
        Ok(evaluate(&self.model, &self.validation, (streams, chunk), eval_chars, || true)?.bits)
    }

    /// A validation that belongs to the run, in bits per character: it counts for the best weights and for stopping.
    ///
    /// # Errors
    /// None for a run that was built.
    pub fn look(&mut self) -> Fallible<(Point, Verdict)> {
        let validation = self.validate()?;
        let training = self.losses.0 / self.losses.1.max(1) as f64 / LN_2;
        let point = Point { at: self.step_count(), training, validation };
        self.losses = (0.0, 0);
        self.curve.0.push(point);
        Ok((point, self.watch.look(validation, &self.model)))
    }
}
