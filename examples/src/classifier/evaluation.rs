//! [`Test`]: how often a classifier is right about words that it has not learned from.

use refrain_metrics::{ConfusionMatrix, log_loss};

use super::{Classifier, Item, WordClassifier, Words, likeliest};
use crate::program::Fallible;

/// What a classifier says of the test words.
#[derive(Clone, Debug)]
pub struct Test {
    /// The words by what they are and what they are taken for.
    pub matrix: ConfusionMatrix,
    /// The log loss of the probabilities, in nats.
    pub log_loss: f64,
}

impl Test {
    /// Asks a classifier about the test words.
    ///
    /// # Errors
    /// Where it is made for other letters or classes.
    pub fn of(classifier: &WordClassifier, words: &Words) -> Fallible<Self> {
        let labels = &words.code.labels;
        let (probabilities, log_loss) = foretold(&classifier.network, &words.test, labels.len())?;
        let forecasts: Vec<usize> =
            probabilities.chunks_exact(labels.len()).map(|row| likeliest(row).0).collect();
        let outcomes: Vec<usize> = words.test.iter().map(|&(_, class)| class).collect();
        let mut matrix = ConfusionMatrix::new(labels.len())?.named(labels.tokens().iter().cloned())?;
        matrix.update(&forecasts, &outcomes)?;
        Ok(Self { matrix, log_loss })
    }
}

/// The probabilities of the classes for each word, row after row, and their log loss.
pub(super) fn foretold(network: &Classifier, items: &[Item], classes: usize) -> Fallible<(Vec<f32>, f64)> {
    let (words, outcomes): (Vec<_>, Vec<usize>) = items.iter().cloned().unzip();
    let probabilities = network.probabilities(&words)?;
    let loss = log_loss(&probabilities, classes, &outcomes)?;
    Ok((probabilities, loss))
}
