//! The network: an embedding of characters, recurrent layers, and a score for each next character.

use std::{fmt, path::Path};

use clap::ValueEnum;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Parameter, Tape, Var};
use refrain_data::Vocabulary;
use refrain_nn::{Embedding, GRU, LSTM, LSTMState, Linear, Module, RNN, Stream, module};
use refrain_tensor::Tensor;
use refrain_train::Checkpoint;

use refrain_examples::program::Fallible;

/// The kinds of recurrent layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cell {
    Rnn,
    Lstm,
    Gru,
}

/// All that decides what a model computes beside its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) cell: Cell,
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) embedding: usize,
    pub(crate) dropout: f64,
    pub(crate) characters: usize,
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
pub(crate) struct CharModel {
    embedding: Embedding<f32>,
    recurrent: Recurrent,
    head: Linear<f32>,
}
module!(CharModel: f32 { embedding, recurrent, head });

impl CharModel {
    /// A model with random parameters.
    pub(crate) fn new(sizes: &Sizes, rng: &mut Xoshiro256PlusPlus) -> Fallible<Self> {
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

    /// The model of a checkpoint, the best one that the training has seen, and its characters.
    pub(crate) fn from_checkpoint(path: &Path) -> Fallible<(Self, Vocabulary)> {
        let checkpoint = Checkpoint::<f32>::load(path)?;
        let vocabulary = Vocabulary::from_chars(&checkpoint.entry::<String>("vocabulary")?)?;
        let cell = Cell::from_str(&checkpoint.entry::<String>("cell")?, true)?;
        let sizes = Sizes {
            cell,
            layers: checkpoint.entry("layers")?,
            hidden: checkpoint.entry("hidden")?,
            embedding: checkpoint.entry("embedding")?,
            dropout: checkpoint.entry("dropout")?,
            characters: vocabulary.len(),
        };
        let mut model = Self::new(&sizes, &mut Xoshiro256PlusPlus::seed_from_u64(0))?;
        checkpoint.load_model(&sizes.to_string(), &mut model)?;
        if let Ok(best) = checkpoint.tensors("best") {
            best.load_into(&mut model)?;
        }
        Ok((model, vocabulary))
    }

    /// Writes into a checkpoint what [`CharModel::from_checkpoint`] reads.
    pub(crate) fn describe(sizes: &Sizes, vocabulary: &Vocabulary) -> [(&'static str, String); 6] {
        [
            ("vocabulary", vocabulary.tokens().iter().collect()),
            ("cell", format!("{:?}", sizes.cell).to_lowercase()),
            ("layers", sizes.layers.to_string()),
            ("hidden", sizes.hidden.to_string()),
            ("embedding", sizes.embedding.to_string()),
            ("dropout", sizes.dropout.to_string()),
        ]
    }

    /// `[seq, batch]` characters → `[seq · batch, characters]` logits of the next ones, and the
    /// states at the end. Dropout acts on a recording tape alone.
    pub(crate) fn forward<'t>(
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
    pub(crate) fn writer(&self) -> Fallible<Writer<'_>> {
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
pub(crate) struct Writer<'m> {
    model: &'m CharModel,
    stream: Stream<f32>,
    state: Vec<f32>,
    logits: Vec<f32>,
}

impl Writer<'_> {
    /// The logits of the characters that may follow this one.
    pub(crate) fn read(&mut self, letter: usize) -> refrain_nn::Result<&[f32]> {
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
