//! The task: to name the first letter of a sequence at its end.

use rand::{Rng, RngExt};
use refrain_autograd::Var;
use refrain_data::one_hot;
use refrain_examples::program::Fallible;
use refrain_nn::{CrossEntropyLoss, Linear};
use refrain_tensor::Tensor;

/// How many letters there are to remember.
pub(crate) const LETTERS: usize = 4;

/// A batch of sequences, each of one letter to remember and others that do not matter.
pub(crate) struct Task {
    /// One-hot: the first letter in the first four features, the others in the last four;
    /// `[seq, batch, features 8]`.
    pub(crate) inputs: Tensor<f64>,
    /// `[batch]`.
    pub(crate) first: Tensor<usize>,
}

impl Task {
    pub(crate) fn random(steps: usize, batch: usize, rng: &mut impl Rng) -> Fallible<Self> {
        let letters: Vec<usize> = (0..steps * batch)
            .map(|place| rng.random_range(0..LETTERS) + if place < batch { 0 } else { LETTERS })
            .collect();
        let first = Tensor::from_vec(letters[..batch].to_vec(), [batch])?;
        let letters = Tensor::from_vec(letters, [steps, batch])?;
        Ok(Self { inputs: one_hot(&letters, 2 * LETTERS)?, first })
    }

    /// The cross entropy of the answer that the last state gives.
    pub(crate) fn loss<'t>(&self, head: &Linear<f64>, states: &Var<'t, f64>) -> Fallible<Var<'t, f64>> {
        let logits = head.forward(&states.select(0, states.shape()[0] - 1)?)?; // [batch, letters]
        Ok(CrossEntropyLoss::default().forward(&logits, &self.first)?)
    }
}
