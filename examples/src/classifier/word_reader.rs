//! [`WordReader`]: lines that are words, answered by what they are.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Value, json};

use super::{Answer, WordClassifier};
use crate::{
    answers::{Reader, Reply},
    program::Fallible,
};

/// A classifier that reads words. It reads a word from both ends, so it cannot go step by step as letters
/// come: each line is a sequence of its own, and the whole word is run.
pub struct WordReader<'m> {
    classifier: &'m WordClassifier,
    /// How many words were taken for each class.
    counts: BTreeMap<String, u64>,
}

impl<'m> WordReader<'m> {
    /// A classifier before its first word.
    pub fn new(classifier: &'m WordClassifier) -> Self {
        Self { classifier, counts: BTreeMap::new() }
    }
}

impl Reader for WordReader<'_> {
    fn read(&mut self, line: &str) -> Fallible<Reply> {
        let word = line.trim();
        if let Err(why) = self.classifier.code.check(word) {
            return Ok(Reply::Refusal(why.to_string()));
        }
        let start = Instant::now();
        let answers = self.classifier.classify(&[word])?;
        let step = Some(start.elapsed());
        let Answer { word, label, probability } = answers.into_iter().next().ok_or("there is no answer")?;
        *self.counts.entry(label.clone()).or_default() += 1;
        // An answer is one line, whatever a label holds.
        let text = format!("{}\t{probability:.4}", label.replace(char::is_control, " "));
        Ok(Reply::Answer(text, json!({ "word": word, "label": label, "probability": probability }), step))
    }

    fn sum(&self) -> (Option<String>, (&'static str, Value)) {
        let counts: Vec<String> =
            self.counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
        let sentence = (!counts.is_empty()).then(|| format!("words by label: {}", counts.join(", ")));
        (sentence, ("labels", json!(self.counts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{Classifier, Code};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_data::Vocabulary;

    #[test]
    fn a_word_is_answered_by_one_label_however_the_line_ends() {
        let code = Code {
            letters: Vocabulary::sorted("ab".chars()),
            labels: Vocabulary::sorted(["x\ny", "x\tz"].map(str::to_owned)),
        };
        let network = Classifier::new(3, 4, 2, &mut Xoshiro256PlusPlus::seed_from_u64(7)).unwrap();
        let classifier = WordClassifier { code, network };
        let mut words = WordReader::new(&classifier);
        let mut answers = Vec::new();
        for line in ["abba\n", "abba\r\n", " abba"] {
            let Reply::Answer(text, value, step) = words.read(line).unwrap() else { panic!("{line:?}") };
            assert!(step.is_some() && value["word"] == "abba", "{value}");
            let (label, probability) = text.split_once('\t').unwrap();
            assert!(["x y", "x z"].contains(&label), "{text:?}");
            assert!((0.5..=1.0).contains(&probability.parse::<f64>().unwrap()), "{text:?}");
            answers.push(text);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        for (line, expected) in
            [("\n", "the word is empty"), ("abc\n", "has 'c', which no word to learn from has")]
        {
            let Reply::Refusal(why) = words.read(line).unwrap() else { panic!("{line:?} is taken") };
            assert!(why.contains(expected), "{why}");
        }
        let (sentence, (name, counts)) = words.sum();
        assert!(sentence.unwrap().ends_with(" 3") && name == "labels");
        assert_eq!(counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(), 3);
    }
}
