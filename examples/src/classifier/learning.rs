//! How a classifier learns.

use clap::{Args, value_parser};
use rand::rngs::Xoshiro256PlusPlus;
use refrain_data::Loader;

use super::{
    Classifier, WordClassifier, Words,
    evaluation::foretold,
    network::{POOL, lengths, optimizer},
};
use crate::{
    checkpoint_file::CheckpointFile,
    identity::Identity,
    program::Fallible,
    training::{Epoch, History, Keeper, Learner, Patience, train},
};

/// How a network is made and trained.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// The size of the GRU's state in each direction
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = value_parser!(u16).range(1..=1024))]
    pub hidden: u16,
    /// The most times that a training goes through its words
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = value_parser!(u16).range(1..=10_000))]
    pub epochs: u16,
    /// After how many epochs in a row without improvement to stop
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub patience: u64,
    /// How many words make a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u16).range(1..=10_000))]
    pub batch_size: u16,
    /// How far a step goes
    #[arg(long, value_name = "X", default_value_t = 5e-3)]
    pub learning_rate: f64,
    /// The seed of the words, the weights and the order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What came of the training.
#[derive(Clone, Debug)]
pub struct Training {
    /// How it went.
    pub history: History,
    /// What padding cost.
    pub padding: Padding,
}

/// The share of a padded batch that is padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Padding {
    /// With batches as a shuffle makes them.
    pub shuffled: f64,
    /// With batches of like length.
    pub bucketed: f64,
}

impl Options {
    /// What a training with these options is told from others by. The number of epochs is none of it: a
    /// training may go on for longer.
    fn identity(&self, words: &Words) -> Identity {
        let settings = [
            ("hidden", self.hidden.into()),
            ("learning-rate", self.learning_rate.into()),
            ("batch-size", self.batch_size.into()),
            ("seed", self.seed.into()),
        ];
        Identity {
            kind: "names training, version 1".to_owned(),
            about: vec![("data", words.fingerprint())],
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// A classifier that has learned the first part of the words and was watched on the second. The weights and
/// the order come from `rng`. With a file, its checkpoints go there, and it goes on from the one there if
/// that is asked for. Where the program listens to Ctrl-C, that ends the training.
///
/// # Errors
/// A training that diverges, and those of the checkpoint's file.
pub fn learn(
    words: &Words,
    options: &Options,
    mut rng: Xoshiro256PlusPlus,
    file: Option<&mut CheckpointFile>,
) -> Fallible<(WordClassifier, Training)> {
    let [hidden, batch_size] = [options.hidden, options.batch_size].map(usize::from);
    let how_long = Patience { epochs: options.epochs.into(), patience: options.patience };
    let (letters, classes) = (words.code.letter_count(), words.code.labels.len());
    let model = Classifier::new(letters, hidden, classes, &mut rng)?;
    let mut learner = Learner { model, optimizer: optimizer(options.learning_rate), rng };
    let keeper = file.map(|file| Keeper { file, identity: options.identity(words) });
    let history = train(&mut learner, how_long, "validation loss", keeper, |learner, epoch| {
        let Learner { model, optimizer, rng } = learner;
        let learning = model.learn(&words.learning, batch_size, optimizer, (epoch, rng))?;
        let (_, validation) = foretold(model, &words.validation, classes)?;
        Ok(Epoch { learning, validation })
    })?;
    let padding = Padding::of(words, batch_size, &mut learner.rng)?;
    let classifier = WordClassifier { code: words.code.clone(), network: learner.model };
    Ok((classifier, Training { history, padding }))
}

impl Padding {
    /// What padding costs in batches of the words to learn from.
    fn of(words: &Words, batch_size: usize, rng: &mut Xoshiro256PlusPlus) -> Fallible<Self> {
        let lengths = lengths(&words.learning);
        let loader = || Loader::new(&words.learning, batch_size);
        Ok(Self {
            shuffled: loader()?.shuffled(rng)?.padding_share(&lengths)?,
            bucketed: loader()?.bucketed(&lengths, POOL, rng)?.padding_share(&lengths)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{Test, Word};
    use rand::SeedableRng;

    #[test]
    fn two_kinds_of_words_are_learned_and_told_apart() {
        let word =
            |k: usize| Word { text: ["ab", "ba"][k % 2].repeat(1 + k % 3), label: (k % 2).to_string() };
        let all: Vec<Word> = (0..60).map(word).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let words = Words::new(&all, &mut rng).unwrap();
        let options =
            Options { hidden: 8, epochs: 20, patience: 20, batch_size: 6, learning_rate: 0.02, seed: 7 };
        let (classifier, training) = learn(&words, &options, rng, None).unwrap();
        let test = Test::of(&classifier, &words).unwrap();
        assert_eq!((test.matrix.count(), test.matrix.accuracy()), (9, 1.0));
        assert!(test.log_loss < 0.2, "{}", test.log_loss);
        assert!(training.history.best > 1 && training.history.interruption.is_none());
        let Padding { shuffled, bucketed } = training.padding;
        assert!(bucketed < shuffled && shuffled < 1.0, "{bucketed} {shuffled}");
    }
}
