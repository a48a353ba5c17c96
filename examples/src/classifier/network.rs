//! [`Classifier`]: the network, how it learns, and what it answers.

use rand::Rng;
use refrain_autograd::{Tape, Var};
use refrain_data::{Loader, padded_time_major};
use refrain_metrics::RunningMean;
use refrain_nn::{CrossEntropyLoss, Embedding, GRU, Linear, Module, module, pack_padded_sequence};
use refrain_optim::{AdamW, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use refrain_train::check_finite;

use super::Item;
use crate::{interrupt, program::Fallible};

/// The numbers for each letter.
pub(super) const EMBEDDING: usize = 16;
const WEIGHT_DECAY: f64 = 0.05;
const MAX_GRADIENT_NORM: f64 = 1.0;

/// How many batches are sorted by length at a time.
pub(super) const POOL: usize = 20;

/// Reads a word from both ends: letters → vectors → a bidirectional GRU → the classes.
#[derive(Debug)]
pub struct Classifier {
    letters: Embedding<f32>,
    gru: GRU<f32>,
    head: Linear<f32>,
}
module!(Classifier: f32 { letters, gru, head });

impl Classifier {
    /// A network with random weights.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn new(letters: usize, hidden: usize, classes: usize, rng: &mut impl Rng) -> Fallible<Self> {
        Ok(Self {
            letters: Embedding::new(letters, EMBEDDING, rng)?,
            gru: GRU::builder(EMBEDDING, hidden).bidirectional(true).build(rng)?,
            head: Linear::new(2 * hidden, classes, rng)?,
        })
    }

    /// Words `[letters]` → a logit for each class, `[batch, classes]`.
    fn logits<'t>(&self, tape: &'t Tape<f32>, words: &[Tensor<usize>]) -> Fallible<Var<'t, f32>> {
        let (padded, lengths) = padded_time_major(words, 0)?; // [longest, batch]
        let vectors = self.letters.forward(tape, &padded)?; // [longest, batch, EMBEDDING]
        let packed = pack_padded_sequence(&vectors, &lengths, false)?;
        let (_, last) = self.gru.forward_packed(&packed, None)?; // [2 directions, batch, hidden]
        let both = Var::cat(&[last.select(0, 0)?, last.select(0, 1)?], 1)?;
        Ok(self.head.forward(&both)?)
    }

    /// One pass over the words in batches of like length, unless Ctrl-C ends it; the mean loss on the way.
    ///
    /// # Errors
    /// A training that diverges.
    pub fn learn(
        &mut self,
        items: &[Item],
        batch_size: usize,
        optimizer: &mut AdamW<f32>,
        (epoch, rng): (usize, &mut impl Rng),
    ) -> Fallible<f64> {
        let mut mean = RunningMean::new();
        let loader = Loader::new(items, batch_size)?.bucketed(&lengths(items), POOL, rng)?;
        let first = (epoch * loader.len()) as u64;
        for (step, batch) in (first..).zip(loader.batches()) {
            let (words, classes) = side_by_side(batch?)?;
            let tape = Tape::new();
            let loss = CrossEntropyLoss::default().forward(&self.logits(&tape, &words)?, &classes)?;
            let value = loss.value().item()?;
            mean.push_many(f64::from(value), words.len() as u64);
            let mut gradients = loss.backward()?;
            check_finite(step, value, self.named_parameters(), &gradients)?;
            clip_grad_norm(&mut gradients, MAX_GRADIENT_NORM, 2.0)?;
            optimizer.step(self.parameters_mut(), &gradients)?;
            if interrupt::requested() {
                break;
            }
        }
        Ok(mean.mean())
    }

    /// For each word the probabilities of the classes, row after row. The network reads a word from both
    /// ends, so it needs the whole word.
    ///
    /// # Errors
    /// For a word without letters, or with a number that no letter has.
    pub fn probabilities(&self, words: &[Tensor<usize>]) -> Fallible<Vec<f32>> {
        let mut all = Vec::new();
        for words in words.chunks(256) {
            all.extend(self.logits(&Tape::inference(), words)?.softmax(-1)?.value().iter());
        }
        Ok(all)
    }
}

/// The number of letters of each word.
pub(super) fn lengths(items: &[Item]) -> Vec<usize> {
    items.iter().map(|(letters, _)| letters.numel()).collect()
}

/// The optimizer that it learns with.
pub(super) fn optimizer(learning_rate: f64) -> AdamW<f32> {
    AdamW::new(learning_rate).weight_decay(WEIGHT_DECAY)
}

/// The words of a batch, and their classes `[batch]`.
fn side_by_side(items: Vec<Item>) -> Fallible<(Vec<Tensor<usize>>, Tensor<usize>)> {
    let (words, classes): (Vec<_>, Vec<usize>) = items.into_iter().unzip();
    let batch = words.len();
    Ok((words, Tensor::from_vec(classes, [batch])?))
}
