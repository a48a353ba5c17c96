//! A network that says of which class a word is, with all that it needs to be rebuilt from its file.
//! `names` trains it, `stream` runs it.
//!
//! In order: [`Words`] are labelled words as numbers, in parts; [`learn`] trains a [`WordClassifier`], which
//! is a [`Classifier`] and the [`Code`] in which it is asked; a [`Test`] says how often it is right; a
//! [`WordReader`] is fed a word a line.

mod evaluation;
mod file;
mod learning;
mod network;
mod word_reader;
mod words;

use refrain_data::Vocabulary;
use refrain_tensor::Tensor;

use crate::program::Fallible;

pub use evaluation::Test;
pub use file::KIND;
pub use learning::{Options, Padding, Training, learn};
pub use network::Classifier;
pub use word_reader::WordReader;
pub use words::{Word, Words};

/// A word as the network takes it: a number for each letter, `[letters]`, and the number of its class.
pub type Item = (Tensor<usize>, usize);

/// Which numbers letters and classes have.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// The letters that can be learned.
    pub letters: Vocabulary,
    /// The classes, sorted.
    pub labels: Vocabulary<String>,
}

/// A network and the code in which it is asked.
#[derive(Debug)]
pub struct WordClassifier {
    /// Letters and classes as numbers.
    pub code: Code,
    /// What answers.
    pub network: Classifier,
}

/// What a network says of a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The word.
    pub word: String,
    /// Its likeliest class.
    pub label: String,
    /// The probability of that class.
    pub probability: f32,
}

impl Code {
    /// The numbers of a word's letters, `[letters]`. 0 stands for a letter that is not known.
    ///
    /// # Errors
    /// Where there is no memory.
    pub fn encode(&self, text: &str) -> Fallible<Tensor<usize>> {
        let number = |letter| self.letters.index(&letter).map_or(0, |index| index + 1);
        let numbers: Vec<usize> = text.chars().map(number).collect();
        let length = numbers.len();
        Ok(Tensor::from_vec(numbers, [length])?)
    }

    /// That a word, which somebody asks for, has letters that can be learned.
    ///
    /// # Errors
    /// A sentence about the letter.
    pub fn check(&self, word: &str) -> Fallible<()> {
        if word.is_empty() {
            return Err("the word is empty".into());
        }
        if let Some(unknown) = word.chars().find(|letter| self.letters.index(letter).is_err()) {
            let known: String = self.letters.tokens().iter().collect();
            return Err(format!(
                "the word {word:?} has {unknown:?}, which no word to learn from has; their letters are {known}"
            )
            .into());
        }
        Ok(())
    }

    /// How many numbers letters have: one for each, and 0.
    pub fn letter_count(&self) -> usize {
        self.letters.len() + 1
    }
}

impl WordClassifier {
    /// The likeliest class of each word, and its probability.
    ///
    /// # Errors
    /// Those of [`Code::check`].
    pub fn classify<W: AsRef<str>>(&self, words: &[W]) -> Fallible<Vec<Answer>> {
        let numbers =
            |word: &W| self.code.check(word.as_ref()).and_then(|()| self.code.encode(word.as_ref()));
        let numbers = words.iter().map(numbers).collect::<Fallible<Vec<_>>>()?;
        let probabilities = self.network.probabilities(&numbers)?;
        let answer = |(word, row): (&W, &[f32])| {
            let (class, probability) = likeliest(row);
            let label = self.code.labels.token(class)?.clone();
            Ok(Answer { word: word.as_ref().to_owned(), label, probability })
        };
        words.iter().zip(probabilities.chunks_exact(self.code.labels.len())).map(answer).collect()
    }
}

/// The likeliest class, and its probability.
fn likeliest(row: &[f32]) -> (usize, f32) {
    let best = row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    best.unwrap_or((0, f32::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_were_never_seen_are_zero_and_refused() {
        let labels = Vocabulary::sorted(["x", "y"].map(str::to_owned));
        let code = Code { letters: Vocabulary::sorted("ab".chars()), labels };
        assert_eq!(code.encode("ab?ß").unwrap().to_vec(), [1, 2, 0, 0]);
        assert_eq!(code.letter_count(), 3);
        code.check("bbb").unwrap();
        assert_eq!(code.check("").unwrap_err().to_string(), "the word is empty");
        assert_eq!(
            code.check("aßc").unwrap_err().to_string(),
            "the word \"aßc\" has 'ß', which no word to learn from has; their letters are ab"
        );
        assert_eq!(likeliest(&[0.25, 0.5, 0.25]), (1, 0.5));
    }
}
