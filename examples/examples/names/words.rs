//! Labelled words as numbers.

use rand::Rng;
use refrain_data::{Table, Vocabulary, random_split};
use refrain_examples::program::Fallible;
use refrain_tensor::Tensor;

/// A word and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    /// The word.
    pub(crate) text: String,
    /// Its class.
    pub(crate) label: String,
}

/// A word as a network takes it: a number for each letter, `[letters]`, and the number of its class.
pub(crate) type Item = (Tensor<usize>, usize);

/// Words in three parts, and what their letters and classes are called.
pub(crate) struct Words {
    letters: Vocabulary,
    /// The classes, sorted.
    pub(crate) labels: Vocabulary<String>,
    /// The words to learn from.
    pub(crate) learning: Vec<Item>,
    /// The words to choose the best epoch by.
    pub(crate) validation: Vec<Item>,
    /// The words to be tested on.
    pub(crate) test: Vec<Item>,
}

/// More classes than this cannot be read in a picture, and are no classes as a rule.
const MOST_LABELS: usize = 100;

impl Words {
    /// Reads the columns `word` and `label` of a CSV file.
    pub(crate) fn read(file: &str, bytes: &[u8], word: &str, label: &str) -> Fallible<Vec<Word>> {
        let table = Table::from_reader(file, bytes)?;
        let (texts, labels) = (table.text(word)?, table.text(label)?);
        if let Some(row) = texts.iter().position(|text| text.trim().is_empty()) {
            let line = table.line(row).unwrap_or_default();
            return Err(format!("{file}:{line}: column {word:?}: there is no word; remove the line").into());
        }
        let word = |(text, label): (&String, &String)| Word {
            text: text.trim().to_owned(),
            label: label.trim().to_owned(),
        };
        Ok(texts.iter().zip(labels).map(word).collect())
    }

    /// Deals the words out at random: 70 % to learn from, 15 % to choose by, 15 % to test on.
    pub(crate) fn new(words: &[Word], rng: &mut impl Rng) -> Fallible<Self> {
        let labels = Vocabulary::sorted(words.iter().map(|word| word.label.clone()));
        if labels.len() < 2 || words.len() < 20 {
            let (words, labels) = (words.len(), labels.len());
            return Err(format!(
                "{words} words with {labels} labels are too few; at least 20 words with 2 labels are needed"
            )
            .into());
        }
        if labels.len() > MOST_LABELS {
            let labels = labels.len();
            return Err(format!(
                "{labels} different labels are more than {MOST_LABELS}; is --label the right column?"
            )
            .into());
        }
        let parts = random_split(words.len(), &[0.7, 0.15, 0.15], rng)?;
        // Letters that only the other parts have are as unknown as any that come later.
        let letters = Vocabulary::sorted(parts[0].iter().flat_map(|&word| words[word].text.chars()));
        let mut new = Self { letters, labels, learning: vec![], validation: vec![], test: vec![] };
        let items = |part: &[usize]| -> Fallible<Vec<Item>> {
            let item = |&word: &usize| {
                let Word { text, label } = &words[word];
                Ok((new.encode(text)?, new.labels.index(label)?))
            };
            part.iter().map(item).collect()
        };
        let [learning, validation, test] = [items(&parts[0])?, items(&parts[1])?, items(&parts[2])?];
        (new.learning, new.validation, new.test) = (learning, validation, test);
        Ok(new)
    }

    /// The numbers of a word's letters, `[letters]`. 0 stands for a letter that is not known.
    pub(crate) fn encode(&self, text: &str) -> Fallible<Tensor<usize>> {
        let number = |letter| self.letters.index(&letter).map_or(0, |index| index + 1);
        let numbers: Vec<usize> = text.chars().map(number).collect();
        let length = numbers.len();
        Ok(Tensor::from_vec(numbers, [length])?)
    }

    /// That these words, which somebody asks for, have letters that can be learned.
    pub(crate) fn check(&self, asked: &[String]) -> Fallible<()> {
        for (place, word) in asked.iter().enumerate() {
            if word.is_empty() {
                return Err(format!("word {} is empty", place + 1).into());
            }
            if let Some(unknown) = word.chars().find(|letter| self.letters.index(letter).is_err()) {
                let known: String = self.letters.tokens().iter().collect();
                return Err(format!(
                    "the word {word:?} has {unknown:?}, which no word to learn from has; their letters are {known}"
                )
                .into());
            }
        }
        Ok(())
    }

    /// How many numbers letters have: one for each, and 0.
    pub(crate) fn letter_count(&self) -> usize {
        self.letters.len() + 1
    }
}

/// The number of letters of each word.
pub(crate) fn lengths(items: &[Item]) -> Vec<usize> {
    items.iter().map(|(letters, _)| letters.numel()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn letters_that_were_never_seen_are_zero() {
        let word = |k: usize| Word { text: ["ab", "ba"][k % 2].to_owned(), label: (k % 2).to_string() };
        let all: Vec<Word> = (0..40).map(word).collect();
        let words = Words::new(&all, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
        assert_eq!((words.learning.len(), words.validation.len(), words.test.len()), (28, 6, 6));
        assert_eq!(words.encode("ab?ß").unwrap().to_vec(), [1, 2, 0, 0]);
        assert_eq!(words.letter_count(), 3);
        let check =
            |asked: &[&str]| words.check(&asked.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        check(&[]).unwrap();
        check(&["ab", "bbb"]).unwrap();
        assert_eq!(check(&["a", ""]).unwrap_err().to_string(), "word 2 is empty");
        assert_eq!(
            check(&["ab", "aßc"]).unwrap_err().to_string(),
            "the word \"aßc\" has 'ß', which no word to learn from has; their letters are ab"
        );
        let message = Words::new(&all[..3], &mut Xoshiro256PlusPlus::seed_from_u64(1)).err().unwrap();
        assert!(message.to_string().starts_with("3 words with 2 labels are too few"));
        let all: Vec<Word> = (0..101).map(|k| Word { text: "a".to_owned(), label: k.to_string() }).collect();
        let message = Words::new(&all, &mut Xoshiro256PlusPlus::seed_from_u64(1)).err().unwrap();
        assert!(message.to_string().starts_with("101 different labels are more than 100"));
    }

    #[test]
    fn a_file_is_read_and_its_faults_are_named() {
        let read = |text: &str| Words::read("w.csv", text.as_bytes(), "name", "land");
        let found = read("land,name\nit, Rossi \nde,Müller\n").unwrap();
        assert_eq!(found[0], Word { text: "Rossi".to_owned(), label: "it".to_owned() });
        let fail = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(fail("land,nom\n"), r#"w.csv: no column "name"; the columns are land, nom"#);
        assert_eq!(fail("land,name\nit, \n"), "w.csv:2: column \"name\": there is no word; remove the line");
        assert_eq!(fail(""), "w.csv: no header row");
    }
}
