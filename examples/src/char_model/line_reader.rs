//! [`LineReader`]: lines of a text, answered by how surprising they are.

use std::time::Instant;

use refrain_data::Vocabulary;
use refrain_metrics::bits_per_character;
use serde_json::{Value, json};

use super::{CharModel, Writer};
use crate::{
    answers::{Reader, Reply},
    program::Fallible,
};

/// A character model that reads a text line by line, and carries its state from line to line.
pub struct LineReader<'m> {
    writer: Writer<'m>,
    vocabulary: &'m Vocabulary,
    /// The end of a line, where the model knows it.
    end: Option<usize>,
    /// The logits of the next character.
    logits: Vec<f32>,
    /// The surprise of all characters in nats, and their number.
    sum: (f64, u64),
}

impl<'m> LineReader<'m> {
    /// A model and the characters that it knows, before the first line.
    ///
    /// # Errors
    /// Those of [`CharModel::writer`].
    pub fn new(model: &'m CharModel, vocabulary: &'m Vocabulary) -> Fallible<Self> {
        let mut writer = model.writer()?;
        let end = vocabulary.index(&'\n').ok();
        // The first line stands behind an end of a line, like every other.
        let logits = end.map_or(Ok(Vec::new()), |end| writer.read(end).map(<[f32]>::to_vec))?;
        Ok(Self { writer, vocabulary, end, logits, sum: (0.0, 0) })
    }
}

impl Reader for LineReader<'_> {
    fn read(&mut self, line: &str) -> Fallible<Reply> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut letters = Vec::new();
        for letter in line.chars() {
            let Ok(index) = self.vocabulary.index(&letter) else {
                return Ok(Reply::Refusal(format!("{letter:?} is not a character of the model")));
            };
            letters.push(index);
        }
        letters.extend(self.end);
        let start = Instant::now();
        let (mut nats, mut count) = (0.0, 0);
        for letter in letters {
            if let Some(surprise) = surprise(&self.logits, letter) {
                (nats, count) = (nats + surprise, count + 1);
            }
            self.logits.clear();
            self.logits.extend_from_slice(self.writer.read(letter)?);
        }
        let step = Some(start.elapsed());
        self.sum = (self.sum.0 + nats, self.sum.1 + count);
        let bits = bits_per_character(nats, count);
        let text = if count > 0 { format!("{bits:.3}") } else { "-".to_owned() };
        Ok(Reply::Answer(text, json!({ "bits_per_character": bits, "characters": count }), step))
    }

    fn sum(&self) -> (Option<String>, (&'static str, Value)) {
        let (nats, count) = self.sum;
        let bits = bits_per_character(nats, count);
        let sentence = || format!("{bits:.3} bits per character over {count} characters");
        ((count > 0).then(sentence), ("bits_per_character", json!(bits)))
    }
}

/// −ln of the probability of a class; none where nothing was foretold.
fn surprise(logits: &[f32], class: usize) -> Option<f64> {
    let of_class = f64::from(*logits.get(class)?);
    let largest = logits.iter().copied().map(f64::from).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    Some(largest + sum.ln() - of_class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::char_model::{Cell, Sizes};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;
    use refrain_nn::CrossEntropyLoss;
    use refrain_tensor::Tensor;

    fn model(characters: usize) -> CharModel {
        let sizes = Sizes { cell: Cell::Lstm, layers: 1, hidden: 6, embedding: 3, dropout: 0.0, characters };
        CharModel::new(&sizes, &mut Xoshiro256PlusPlus::seed_from_u64(7)).unwrap()
    }

    fn bits(reply: Reply) -> (f64, u64) {
        let Reply::Answer(_, value, _) = reply else { panic!("the line is refused") };
        (value["bits_per_character"].as_f64().unwrap_or(f64::NAN), value["characters"].as_u64().unwrap())
    }

    #[test]
    fn lines_cost_the_bits_of_the_whole_text() {
        let (model, vocabulary) = (model(4), Vocabulary::from_chars("\nabc").unwrap());
        let mut reader = LineReader::new(&model, &vocabulary).unwrap();
        let mut total = 0.0;
        for (line, characters) in [("abba\n", 5), ("\r\n", 1), ("caab", 5)] {
            let (bits, count) = bits(reader.read(line).unwrap());
            assert_eq!(count, characters, "{line:?}");
            total += bits * count as f64;
            let Reply::Refusal(why) = reader.read("abß").unwrap() else { panic!("ß is known") };
            assert_eq!(why, "'ß' is not a character of the model");
        }
        // All at once, as a training reads it.
        let text = "\nabba\n\ncaab\n".chars().map(|c| vocabulary.index(&c).unwrap() as u16);
        let text = Tensor::from_vec(text.collect(), [12, 1]).unwrap();
        let part = |from| text.narrow(0, from, 11).unwrap();
        let tape = Tape::inference();
        let mut unused = Xoshiro256PlusPlus::seed_from_u64(0);
        let (logits, _) = model.forward(&tape, &part(0), &[], &mut unused).unwrap();
        let loss = CrossEntropyLoss::default().forward(&logits, &part(1).flatten(0, 1).unwrap()).unwrap();
        let expected = 11.0 * f64::from(loss.value().item().unwrap()) / std::f64::consts::LN_2;
        assert!((total - expected).abs() < 1e-4, "{total} {expected}");
        let (sentence, (name, value)) = reader.sum();
        assert_eq!((name, sentence.unwrap().ends_with(" over 11 characters")), ("bits_per_character", true));
        assert!((value.as_f64().unwrap() - total / 11.0).abs() < 1e-9);
    }

    #[test]
    fn a_model_without_ends_of_lines_has_nothing_to_say_of_its_first_character() {
        let (model, vocabulary) = (model(2), Vocabulary::from_chars("ab").unwrap());
        let mut reader = LineReader::new(&model, &vocabulary).unwrap();
        assert!(matches!(reader.read("\n").unwrap(), Reply::Answer(text, ..) if text == "-"));
        assert_eq!(bits(reader.read("ab\n").unwrap()).1, 1);
        assert_eq!(bits(reader.read("ab\n").unwrap()).1, 2);
    }
}
