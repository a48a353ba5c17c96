//! What is run: a language model of letters, and a layer alone.

use std::ops::Range;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Gradients, Parameter, Tape, Var};
use refrain_nn::{CrossEntropyLoss, Embedding, GRU, LSTM, Linear, Module, Reduction, module};
use refrain_tensor::{Real, Tensor};
use refrain_train::budget::{BPTT, Chunk, Plan, StepCosts};

use refrain_examples::program::Fallible;

/// What goes back through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Embedding, GRU, Linear and cross entropy at every step, by `refrain_train::budget`.
    Model,
    /// Two layers of LSTM as one node on the tape, by `forward_within`.
    Layer,
}

impl Subject {
    pub(crate) const ALL: [Self; 2] = [Self::Model, Self::Layer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Layer => "layer",
        }
    }
}

/// A subject and its sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) subject: Subject,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) hidden: usize,
}

const LETTERS: usize = 64;

/// A task with its weights and data.
pub(crate) enum Prepared {
    Model(Box<Model<f32>>),
    Layer(Box<Layer>),
}

impl Prepared {
    pub(crate) fn new(task: &Task) -> Fallible<Self> {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
        let Task { steps, batch, hidden, .. } = *task;
        Ok(match task.subject {
            Subject::Model => {
                let letter = |k: usize| (k * k + k / 5) % LETTERS;
                let letters = (0..(steps + 1) * batch).map(letter).collect();
                Self::Model(Box::new(Model {
                    embedding: Embedding::new(LETTERS, LETTERS, rng)?,
                    gru: GRU::new(LETTERS, hidden, rng)?,
                    head: Linear::new(hidden, LETTERS, rng)?,
                    letters: Tensor::from_vec(letters, [steps + 1, batch])?,
                }))
            }
            Subject::Layer => {
                let lstm = LSTM::builder(hidden, hidden).num_layers(2).build(rng)?;
                let inputs = Tensor::normal([steps, batch, hidden], 0.0, 1.0, rng)?;
                Self::Layer(Box::new(Layer { lstm, inputs }))
            }
        })
    }

    /// The gradients of all parameters, in order; within a plan or a budget where one is given.
    pub(crate) fn gradients(&self, within: Option<(&Plan, usize)>) -> Fallible<Gradients<f32>> {
        match self {
            Self::Model(model) => model.gradients(within.map(|(plan, _)| plan)),
            Self::Layer(layer) => layer.gradients(within.map(|(_, budget)| budget)),
        }
    }

    pub(crate) fn parameters(&self) -> Vec<&Parameter<f32>> {
        let mut parameters = Vec::new();
        let module: &dyn Module<f32> = match self {
            Self::Model(model) => model.as_ref(),
            Self::Layer(layer) => &layer.lstm,
        };
        module.visit(&mut |_, parameter| parameters.push(parameter));
        parameters
    }

    /// The costs of the layer, as it knows them itself.
    pub(crate) fn step_costs(&self, batch: usize) -> StepCosts {
        match self {
            Self::Model(model) => model.gru.step_costs(batch),
            Self::Layer(layer) => layer.lstm.step_costs(batch),
        }
    }

    /// The bytes of the results that every way back has: the layer's outputs.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Model(_) => 0,
            Self::Layer(layer) => size_of::<f32>() * layer.inputs.numel(),
        }
    }
}

/// Letters in, letters out.
pub(crate) struct Model<T: Real> {
    embedding: Embedding<T>,
    gru: GRU<T>,
    head: Linear<T>,
    /// `[seq + 1, batch]`.
    letters: Tensor<usize>,
}
module!(Model { embedding, gru, head });

impl Model<f32> {
    fn chunk<'t>(
        &self,
        tape: &'t Tape<f32>,
        steps: Range<usize>,
        states: &[Var<'t, f32>],
    ) -> Fallible<Chunk<'t, f32>> {
        let inputs = self.letters.narrow(0, steps.start, steps.len())?;
        let (y, h) = self.gru.forward(&self.embedding.forward(tape, &inputs)?, states.first())?;
        let mut loss = None;
        if tape.records() {
            let targets = self.letters.narrow(0, steps.start + 1, steps.len())?.flatten(0, 1)?;
            let sum = CrossEntropyLoss { reduction: Reduction::Sum, ..Default::default() };
            let logits = self.head.forward(&y.flatten(0, 1)?)?;
            loss = Some(sum.forward(&logits, &targets)?.mul_scalar(1.0 / self.letters.numel() as f32));
        }
        Ok(Chunk { loss, states: vec![h] })
    }

    fn gradients(&self, plan: Option<&Plan>) -> Fallible<Gradients<f32>> {
        let [rows, batch] = [0, 1].map(|axis| self.letters.shape()[axis]);
        let Some(plan) = plan else {
            let tape = Tape::new();
            let loss = self.chunk(&tape, 0..rows - 1, &[])?.loss;
            return Ok(loss.ok_or("a tape that records has a loss")?.backward()?);
        };
        let start = [Tensor::zeros([1, batch, self.gru.hidden_size()])?];
        Ok(BPTT::new(plan).run(&start, |tape, steps, states| self.chunk(tape, steps, states))?.gradients)
    }
}

/// A layer alone; the result is the mean of its outputs.
pub(crate) struct Layer {
    lstm: LSTM<f32>,
    /// `[seq, batch, features]`.
    inputs: Tensor<f32>,
}

impl Layer {
    fn gradients(&self, budget: Option<usize>) -> Fallible<Gradients<f32>> {
        let tape = Tape::new();
        let inputs = tape.constant(self.inputs.clone());
        let (outputs, _) = match budget {
            Some(budget) => self.lstm.forward_within(&inputs, None, budget)?,
            None => self.lstm.forward(&inputs, None)?,
        };
        Ok(outputs.mean(..)?.backward()?)
    }
}
