//! A character model: an embedding of characters, recurrent layers, and a score for each next character.
//! `char_lm` trains it, `stream` runs it too.
//!
//! In order: a [`Text`] is characters as numbers, a [`Recipe`] says how to make and train a [`CharModel`], a
//! [`Run`] is a training between two steps and what a checkpoint of it holds, which goes on within [`Bounds`], [`evaluate`] measures,
//! [`sample`] writes. A [`LineReader`] is fed a text line by line.

mod evaluation;
mod file;
mod line_reader;
mod recipe;
mod run;
mod sample;
mod saving;
mod text;
mod training;

use std::fmt;

use clap::ValueEnum;
use rand::rngs::Xoshiro256PlusPlus;
use refrain_autograd::{Parameter, Tape, Var};
use refrain_nn::{Embedding, GRU, LSTM, LSTMState, Linear, Module, RNN, Stream, module};
use refrain_tensor::Tensor;

use crate::program::Fallible;

pub use evaluation::{Evaluation, evaluate};
pub use line_reader::LineReader;
pub use recipe::{OnDivergence, Recipe};
pub use run::{Run, Step};
pub use sample::{Sampling, sample};
pub use text::Text;
pub use training::{Bounds, Outcome};

/// The kinds of recurrent layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cell {
    /// A simple recurrent layer.
    Rnn,
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent units.
    Gru,
}

/// All that decides what a model computes beside its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// The kind of recurrent layer.
    pub cell: Cell,
    /// How many recurrent layers.
    pub layers: usize,
    /// The units of each layer.
    pub hidden: usize,
    /// The numbers for each character.
    pub embedding: usize,
    /// The part of the numbers that is dropped between layers while the model learns.
    pub dropout: f64,
    /// How many characters the model knows.
    pub characters: usize,
}

/// The sentence that a checkpoint is told from those of other models by.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, layers, hidden, embedding, dropout, characters } = self;
        let cell = format!("{cell:?}").to_lowercase();
        write!(
            f,
            "char_lm --cell {cell} --layers {layers} --hidden {hidden} --embedding {embedding} --dropout {dropout} of {characters} characters"
        )
    }
}

/// Recurrent layers of one of the kinds.
enum Recurrent {
    RNN(RNN<f32>),
    LSTM(LSTM<f32>),
    GRU(GRU<f32>),
}

/// The model.
pub struct CharModel {
    embedding: Embedding<f32>,
    recurrent: Recurrent,
    head: Linear<f32>,
}
module!(CharModel: f32 { embedding, recurrent, head });

impl CharModel {
    /// A model with random parameters.
    ///
    /// # Errors
    /// Where a size is 0 or the dropout is no probability.
    pub fn new(sizes: &Sizes, rng: &mut Xoshiro256PlusPlus) -> Fallible<Self> {
        let &Sizes { cell, layers, hidden, embedding: width, dropout, characters } = sizes;
        let embedding = Embedding::new(characters, width, rng)?;
        macro_rules! layers {
            ($kind:ident) => {
                Recurrent::$kind(
                    $kind::builder(width, hidden).num_layers(layers).dropout(dropout).build(rng)?,
                )
            };
        }
        let recurrent = match cell {
            Cell::Rnn => layers!(RNN),
            Cell::Lstm => layers!(LSTM),
            Cell::Gru => layers!(GRU),
        };
        Ok(Self { embedding, recurrent, head: Linear::new(hidden, characters, rng)? })
    }

    /// `[seq, batch]` characters → `[seq · batch, characters]` logits of the next ones, and the
    /// states at the end. Dropout acts on a recording tape alone.
    ///
    /// # Errors
    /// Where a character is unknown or a state is of another shape.
    pub fn forward<'t>(
        &self,
        tape: &'t Tape<f32>,
        letters: &Tensor<u16>,
        carried: &[Tensor<f32>],
        rng: &mut Xoshiro256PlusPlus,
    ) -> refrain_nn::Result<(Var<'t, f32>, Vec<Tensor<f32>>)> {
        let x = self.embedding.forward(tape, letters)?;
        let mut states = carried.iter().map(|state| tape.constant(state.clone()));
        let (out, last) = match &self.recurrent {
            Recurrent::RNN(layers) => {
                let (out, h) = layers.training(rng).forward(&x, states.next().as_ref())?;
                (out, vec![h])
            }
            Recurrent::GRU(layers) => {
                let (out, h) = layers.training(rng).forward(&x, states.next().as_ref())?;
                (out, vec![h])
            }
            Recurrent::LSTM(layers) => {
                let state = states.next().zip(states.next()).map(|(h, c)| LSTMState { h, c });
                let (out, last) = layers.training(rng).forward(&x, state.as_ref())?;
                (out, vec![last.h, last.c])
            }
        };
        let logits = self.head.forward(&out)?.flatten(0, 1)?;
        Ok((logits, last.iter().map(|state| state.value().clone()).collect()))
    }

    /// The model as a writer: one character at a time, in memory of its own.
    ///
    /// # Errors
    /// None for a model that was built.
    pub fn writer(&self) -> Fallible<Writer<'_>> {
        let stream = match &self.recurrent {
            Recurrent::RNN(layers) => layers.stream(1),
            Recurrent::LSTM(layers) => layers.stream(1),
            Recurrent::GRU(layers) => layers.stream(1),
        }?;
        let (state, logits) = (vec![0.0; self.head.in_features()], vec![0.0; self.head.out_features()]);
        Ok(Writer { model: self, stream, state, logits })
    }
}

/// Reads one character after the other and says what may come next.
pub struct Writer<'m> {
    model: &'m CharModel,
    stream: Stream<f32>,
    state: Vec<f32>,
    logits: Vec<f32>,
}

impl Writer<'_> {
    /// The logits of the characters that may follow this one.
    ///
    /// # Errors
    /// Where the model knows no such character.
    pub fn read(&mut self, letter: usize) -> refrain_nn::Result<&[f32]> {
        self.stream.step(&self.model.embedding.row(letter)?, &mut self.state)?;
        self.model.head.apply(&self.state, &mut self.logits)?;
        Ok(&self.logits)
    }
}

impl Module<f32> for Recurrent {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<f32>)) {
        match self {
            Recurrent::RNN(layers) => layers.visit(visitor),
            Recurrent::LSTM(layers) => layers.visit(visitor),
            Recurrent::GRU(layers) => layers.visit(visitor),
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<f32>)) {
        match self {
            Recurrent::RNN(layers) => layers.visit_mut(visitor),
            Recurrent::LSTM(layers) => layers.visit_mut(visitor),
            Recurrent::GRU(layers) => layers.visit_mut(visitor),
        }
    }
}
