//! A run: all that changes while a model is trained, one step of it, and its checkpoint.

use std::f64::consts::LN_2;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Streams;
use refrain_nn::{CrossEntropyLoss, Module};
use refrain_optim::{Adam, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use refrain_train::{Checkpoint, EarlyStopping, Error, TruncatedBPTT, Verdict, check_finite};

use refrain_examples::{char_model::CharModel, program::Fallible};

use crate::{evaluation::evaluate, options::TrainOptions, text::Text};

/// A training between two steps.
pub(crate) struct Run<'o> {
    options: &'o TrainOptions,
    kind: String,
    /// What a checkpoint says of the model, the text and the settings.
    about: Vec<(&'static str, String)>,
    pub(crate) model: CharModel,
    adam: Adam<f32>,
    rng: Xoshiro256PlusPlus,
    streams: Streams<u16>,
    validation: Tensor<u16>,
    driver: TruncatedBPTT<f32>,
    pub(crate) watch: EarlyStopping<f32>,
    /// The sum of the losses since the last validation, in nats, and their number.
    losses: (f64, u64),
    /// Validations so far.
    pub(crate) curve: Vec<Point>,
}

/// A validation: after how many steps, the training since the one before, and the result, in bits per
/// character.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) step: u64,
    pub(crate) training: f64,
    pub(crate) validation: f64,
}

impl<'o> Run<'o> {
    /// A run before its first step.
    pub(crate) fn new(options: &'o TrainOptions, text: &Text) -> Fallible<Self> {
        for (name, value) in [("--lr", options.lr), ("--clip", options.clip)] {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("{name} is {value}, expected a finite number of at least 0").into());
            }
        }
        let (training, validation) = (text.training()?, text.validation()?);
        let needed = options.streams.saturating_mul(options.chunk).saturating_add(1);
        if training.numel() < needed || validation.numel() < 2 {
            return Err(format!(
                "{} has {} characters to learn from and {} for validation; {} streams in chunks of {} need {needed} and 2: use a longer text, fewer --streams or a smaller --chunk",
                text.name, training.numel(), validation.numel(), options.streams, options.chunk
            )
            .into());
        }
        let sizes = options.sizes(text.vocabulary.len());
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
        let mut about = vec![("text", text.fingerprint()), ("settings", options.settings())];
        about.extend(CharModel::describe(&sizes, &text.vocabulary));
        Ok(Self {
            options,
            kind: sizes.to_string(),
            about,
            model: CharModel::new(&sizes, &mut rng)?,
            adam: Adam::new(options.lr),
            rng,
            streams: Streams::new(&training, options.streams, options.chunk)?,
            validation,
            driver: TruncatedBPTT::new(),
            watch: EarlyStopping::new(options.patience.unwrap_or(u64::MAX)),
            losses: (0.0, 0),
            curve: Vec::new(),
        })
    }

    /// The number of steps made.
    pub(crate) fn step_count(&self) -> u64 {
        self.driver.progress().step
    }

    /// The parts of the text that have been gone through.
    pub(crate) fn epochs(&self) -> f64 {
        let progress = self.driver.progress();
        progress.epoch as f64 + progress.position as f64 / self.streams.len() as f64
    }

    /// The characters that a whole chunk has.
    pub(crate) fn characters_per_step(&self) -> usize {
        self.options.streams * self.options.chunk
    }

    /// One step on the next chunk; its loss in bits per character.
    pub(crate) fn step(&mut self) -> Fallible<f64> {
        let Self { model, rng, .. } = self;
        let mut step = self.driver.backward::<_, Error>(&self.streams, |tape, chunk| {
            let (logits, last) = model.forward(tape, chunk.inputs, chunk.carried, rng)?;
            let targets = chunk.targets.flatten(0, 1)?;
            Ok((CrossEntropyLoss::default().forward(&logits, &targets)?, last))
        })?;
        let number = self.driver.progress().step;
        check_finite(number, step.loss, self.model.named_parameters(), &step.gradients)?;
        clip_grad_norm(&mut step.gradients, self.options.clip, 2.0)?;
        self.adam.step(self.model.parameters_mut(), &step.gradients)?;
        self.driver.advance(&self.streams, step.carried);
        let loss = f64::from(step.loss);
        self.losses = (self.losses.0 + loss, self.losses.1 + 1);
        Ok(loss / LN_2)
    }

    /// Bits per character on the validation text.
    pub(crate) fn validate(&self) -> Fallible<f64> {
        let TrainOptions { streams, chunk, eval_chars, .. } = *self.options;
        Ok(evaluate(&self.model, &self.validation, streams, chunk, eval_chars)?.0)
    }

    /// A validation that belongs to the run: it counts for the best weights and for stopping.
    pub(crate) fn look(&mut self) -> Fallible<(Point, Verdict)> {
        let validation = self.validate()?;
        let training = self.losses.0 / self.losses.1.max(1) as f64 / LN_2;
        let point = Point { step: self.step_count(), training, validation };
        self.losses = (0.0, 0);
        self.curve.push(point);
        Ok((point, self.watch.look(validation, &self.model)))
    }

    /// All of it in a checkpoint.
    pub(crate) fn checkpoint(&self) -> Fallible<Checkpoint<f32>> {
        let mut checkpoint = Checkpoint::new(&self.kind, &self.model);
        checkpoint.set_optimizer(&self.adam, &self.model)?;
        checkpoint.set_rng("dropout", &self.rng)?;
        self.driver.save(&mut checkpoint)?;
        self.watch.save(&mut checkpoint);
        self.about.iter().for_each(|(name, value)| checkpoint.set_entry(name, value));
        checkpoint.set_entry("sum of losses", self.losses.0);
        checkpoint.set_entry("number of losses", self.losses.1);
        let line = |point: &Point| format!("{} {} {}\n", point.step, point.training, point.validation);
        checkpoint.set_entry("curve", self.curve.iter().map(line).collect::<String>());
        Ok(checkpoint)
    }

    /// Goes on from a checkpoint of the same model, text and settings.
    pub(crate) fn resume(&mut self, checkpoint: &Checkpoint<f32>) -> Fallible<()> {
        checkpoint.load_model(&self.kind, &mut self.model)?;
        for (name, expected) in &self.about {
            let found: String = checkpoint.entry(name)?;
            if found != *expected {
                return Err(format!(
                    "the checkpoint is of another run, with {name} {found}, and this one has {expected}; give the options it was made with, or begin anew with --overwrite"
                )
                .into());
            }
        }
        checkpoint.load_optimizer(&mut self.adam, &self.model)?;
        self.rng = checkpoint.rng("dropout")?;
        self.driver = TruncatedBPTT::load(checkpoint)?;
        self.watch.load(checkpoint)?;
        self.losses = (checkpoint.entry("sum of losses")?, checkpoint.entry("number of losses")?);
        let curve: String = checkpoint.entry("curve")?;
        self.curve =
            curve.lines().map(point).collect::<Option<_>>().ok_or("the checkpoint's curve is no curve")?;
        Ok(())
    }

    /// The options of the model as metadata for the weights alone.
    pub(crate) fn metadata(&self) -> refrain_weights::Metadata {
        self.about.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }
}

fn point(line: &str) -> Option<Point> {
    let mut numbers = line.split(' ');
    let step = numbers.next()?.parse().ok()?;
    let [training, validation] = [numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?];
    Some(Point { step, training, validation })
}
