//! A classifier in its file.

use std::path::Path;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Vocabulary;
use refrain_train::Checkpoint;
use serde_json::Value;

use super::{Classifier, Code, WordClassifier, network::EMBEDDING};
use crate::{
    model_file::{self, expect_shape},
    program::Fallible,
};

/// What the file of a classifier says it is.
pub const KIND: &str = "refrain example names, version 1";

/// The command that makes such a file.
const MAKE_ONE: &str = "`cargo run --release --example names` makes a model";

impl WordClassifier {
    /// Writes the classifier to a file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> Fallible<()> {
        let mut checkpoint = Checkpoint::new(KIND, &self.network);
        checkpoint.set_entry("letters", self.code.letters.tokens().iter().collect::<String>());
        checkpoint.set_entry("labels", Value::from(self.code.labels.tokens().to_vec()));
        model_file::save(&checkpoint, path)
    }

    /// The classifier in a file.
    ///
    /// # Errors
    /// A sentence for a file that is not there, is damaged, or holds something else.
    pub fn load(path: &Path) -> Fallible<Self> {
        model_file::load(path, MAKE_ONE, Self::from_checkpoint)
    }

    /// [`WordClassifier::load`] of a checkpoint that has been read.
    ///
    /// # Errors
    /// A sentence for a checkpoint of something else.
    pub fn from_checkpoint(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        model_file::expect_kind(checkpoint, KIND)?;
        let labels: Value = checkpoint.entry("labels")?;
        let labels: Option<Vec<String>> = labels
            .as_array()
            .and_then(|all| all.iter().map(|label| label.as_str().map(str::to_owned)).collect());
        let code = Code {
            letters: Vocabulary::from_chars(&checkpoint.entry::<String>("letters")?)?,
            labels: Vocabulary::new(labels.ok_or("the model's labels are no list of names")?)?,
        };
        let (letters, classes) = (code.letter_count(), code.labels.len());
        // The file holds what the network will: before it is built, so that a false size asks for no
        // more memory than that.
        let tensors = checkpoint.tensors("model")?;
        let hidden =
            tensors.get("gru.weight_hh_l0").map_or(0, |weight| weight.shape().last().copied().unwrap_or(0));
        expect_shape(&tensors, "letters.weight", [letters, EMBEDDING])?;
        expect_shape(&tensors, "head.weight", [classes, hidden.saturating_mul(2)])?;
        for direction in ["", "_reverse"] {
            let rows = hidden.saturating_mul(3);
            expect_shape(&tensors, &format!("gru.weight_ih_l0{direction}"), [rows, EMBEDDING])?;
            expect_shape(&tensors, &format!("gru.weight_hh_l0{direction}"), [rows, hidden])?;
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0); // every weight is replaced
        let mut network = Classifier::new(letters, hidden, classes, &mut rng)?;
        checkpoint.load_model(KIND, &mut network)?;
        Ok(Self { code, network })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn classifier() -> WordClassifier {
        let labels = Vocabulary::sorted(["x, y", "\"z\""].map(str::to_owned));
        let code = Code { letters: Vocabulary::sorted("abß".chars()), labels };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let network = Classifier::new(code.letter_count(), 5, 2, &mut rng).unwrap();
        WordClassifier { code, network }
    }

    #[test]
    fn a_file_brings_back_the_same_classifier_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("refrain-classifier-{}", std::process::id()));
        let saved = classifier();
        saved.save(&path).unwrap();
        let loaded = WordClassifier::load(&path).unwrap();
        assert_eq!(loaded.code, saved.code);
        let words = ["ab", "ß", "bbabß"];
        let answers = saved.classify(&words).unwrap();
        assert_eq!(loaded.classify(&words).unwrap(), answers);
        assert!(answers.iter().all(|answer| (0.5..=1.0).contains(&answer.probability)), "{answers:?}");

        let bytes = fs::read(&path).unwrap();
        for damaged in [&[][..], &bytes[..bytes.len() / 2], b"word,label\nx,y\n"] {
            fs::write(&path, damaged).unwrap();
            let message = WordClassifier::load(&path).unwrap_err().to_string();
            assert!(message.ends_with(MAKE_ONE), "{message}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn sizes_that_the_tensors_do_not_have_are_refused() {
        let saved = classifier();
        let mut checkpoint = Checkpoint::new(KIND, &saved.network);
        checkpoint.set_entry("letters", "abß");
        for (labels, expected) in [
            ("[\"a\"]", "its settings make head.weight of shape [1, 10], and the file has [2, 10]"),
            ("[1, 2]", "the model's labels are no list of names"),
            ("7", "the model's labels are no list of names"),
        ] {
            checkpoint.set_entry("labels", labels);
            let message = WordClassifier::from_checkpoint(&checkpoint).unwrap_err().to_string();
            assert_eq!(message, expected);
        }
        checkpoint.set_entry("labels", "[\"a\", \"b\"]");
        checkpoint.set_entry("letters", "ab");
        let message = WordClassifier::from_checkpoint(&checkpoint).unwrap_err().to_string();
        assert_eq!(message, "its settings make letters.weight of shape [3, 16], and the file has [4, 16]");
        let other = WordClassifier::from_checkpoint(&Checkpoint::new("names", &saved.network)).unwrap_err();
        assert!(other.to_string().starts_with("this is a model of kind \"names\", expected"), "{other}");
    }
}
