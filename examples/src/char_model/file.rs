//! A character model in the checkpoint of its training.

use std::path::Path;

use clap::ValueEnum;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_data::Vocabulary;
use refrain_nn::StateDict;
use refrain_train::Checkpoint;

use super::{Cell, CharModel, Sizes};
use crate::{
    model_file::{self, expect_shape},
    program::Fallible,
};

const MAKE_ONE: &str =
    "`cargo run --release --example char_lm -- train` makes a checkpoint, --checkpoint names another";

impl CharModel {
    /// The model of a checkpoint, the best one that the training has seen, and its characters.
    ///
    /// # Errors
    /// A sentence for a file that is not there, is damaged, or holds something else.
    pub fn load(path: &Path) -> Fallible<(Self, Vocabulary)> {
        model_file::load(path, MAKE_ONE, Self::from_checkpoint)
    }

    /// [`CharModel::load`] of a checkpoint that has been read.
    ///
    /// # Errors
    /// A sentence for a checkpoint of something else.
    pub fn from_checkpoint(checkpoint: &Checkpoint<f32>) -> Fallible<(Self, Vocabulary)> {
        let vocabulary = Vocabulary::from_chars(&checkpoint.entry::<String>("vocabulary")?)?;
        let cell = checkpoint.entry::<String>("cell")?;
        let cell = Cell::from_str(&cell, true)
            .map_err(|_| format!("its cell is {cell:?}, expected rnn, lstm or gru"))?;
        let sizes = Sizes {
            cell,
            layers: checkpoint.entry("layers")?,
            hidden: checkpoint.entry("hidden")?,
            embedding: checkpoint.entry("embedding")?,
            dropout: checkpoint.entry("dropout")?,
            characters: vocabulary.len(),
        };
        // The file holds what the model will: before it is built, so that a false size asks for no more
        // memory than that.
        sizes.fit(&checkpoint.tensors("model")?)?;
        let mut model = Self::new(&sizes, &mut Xoshiro256PlusPlus::seed_from_u64(0))?;
        checkpoint.load_model(&sizes.to_string(), &mut model)?;
        if let Ok(best) = checkpoint.tensors("best") {
            best.load_into(&mut model)?;
        }
        Ok((model, vocabulary))
    }

    /// What [`CharModel::load`] needs to know of a model, under the names of a checkpoint's entries.
    pub fn describe(sizes: &Sizes, vocabulary: &Vocabulary) -> [(&'static str, String); 6] {
        [
            ("vocabulary", vocabulary.tokens().iter().collect()),
            ("cell", format!("{:?}", sizes.cell).to_lowercase()),
            ("layers", sizes.layers.to_string()),
            ("hidden", sizes.hidden.to_string()),
            ("embedding", sizes.embedding.to_string()),
            ("dropout", sizes.dropout.to_string()),
        ]
    }
}

impl Sizes {
    /// That the tensors of a file are those of a model with these sizes.
    fn fit(&self, tensors: &StateDict<f32>) -> Fallible<()> {
        let &Self { cell, layers, hidden, embedding, characters, .. } = self;
        let gates = match cell {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        };
        let expect = |name: &str, expected| expect_shape(tensors, name, expected);
        expect("embedding.weight", [characters, embedding])?;
        expect("head.weight", [characters, hidden])?;
        let rows = hidden.saturating_mul(gates);
        // With more layers than the file has, the first that is missing ends the loop.
        for layer in 0..layers {
            let input = if layer == 0 { embedding } else { hidden };
            expect(&format!("recurrent.weight_ih_l{layer}"), [rows, input])?;
            expect(&format!("recurrent.weight_hh_l{layer}"), [rows, hidden])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes =
        Sizes { cell: Cell::Gru, layers: 2, hidden: 5, embedding: 3, dropout: 0.0, characters: 4 };

    fn checkpoint(changes: &[(&str, &str)]) -> Checkpoint<f32> {
        let vocabulary = Vocabulary::from_chars("abcd").unwrap();
        let model = CharModel::new(&SIZES, &mut Xoshiro256PlusPlus::seed_from_u64(7)).unwrap();
        let mut checkpoint = Checkpoint::new(SIZES.to_string(), &model);
        for (name, value) in CharModel::describe(&SIZES, &vocabulary) {
            checkpoint.set_entry(name, value);
        }
        changes.iter().for_each(|(name, value)| checkpoint.set_entry(name, value));
        Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap()
    }

    #[test]
    fn sizes_that_the_tensors_do_not_have_are_refused_before_anything_is_built() {
        let (_, vocabulary) = CharModel::from_checkpoint(&checkpoint(&[])).unwrap();
        assert_eq!(vocabulary.len(), 4);
        let most = usize::MAX.to_string();
        for (name, value, expected) in [
            (
                "hidden",
                most.as_str(),
                "head.weight of shape [4, 18446744073709551615], and the file has [4, 5]",
            ),
            ("hidden", "1000000000", "head.weight of shape [4, 1000000000], and the file has [4, 5]"),
            ("layers", &most, "its settings make recurrent.weight_ih_l2, and the file has none"),
            (
                "embedding",
                "1000000000000",
                "embedding.weight of shape [4, 1000000000000], and the file has [4, 3]",
            ),
            ("vocabulary", "abcdefgh", "embedding.weight of shape [8, 3], and the file has [4, 3]"),
            ("cell", "lstm", "recurrent.weight_ih_l0 of shape [20, 3], and the file has [15, 3]"),
            ("cell", "transformer", "its cell is \"transformer\", expected rnn, lstm or gru"),
            ("layers", "1", "the checkpoint is of another model"),
            ("dropout", "7", "dropout"),
            ("layers", "-1", "entry \"layers\" is \"-1\""),
        ] {
            let message =
                CharModel::from_checkpoint(&checkpoint(&[(name, value)])).err().unwrap().to_string();
            assert!(message.contains(expected), "{name} {value}: {message}");
        }
    }
}
