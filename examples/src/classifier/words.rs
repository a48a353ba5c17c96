//! [`Words`]: labelled words as numbers.

use rand::Rng;
use refrain_data::{Table, Vocabulary, random_split};

use super::{Code, Item};
use crate::program::Fallible;

/// A word and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Its class.
    pub label: String,
}

/// Words in three parts, and the numbers of their letters and classes.
#[derive(Clone, Debug)]
pub struct Words {
    /// The numbers of letters and classes.
    pub code: Code,
    /// The words to learn from.
    pub learning: Vec<Item>,
    /// The words to choose the best epoch by.
    pub validation: Vec<Item>,
    /// The words to be tested on.
    pub test: Vec<Item>,
}

/// More classes than this cannot be read in a picture, and are no classes as a rule.
const MOST_LABELS: usize = 100;

impl Words {
    /// Reads the columns `word` and `label` of a CSV file; errors call it `file`.
    ///
    /// # Errors
    /// A sentence that names the file and, where there is one, the line.
    pub fn read(file: &str, bytes: &[u8], word: &str, label: &str) -> Fallible<Vec<Word>> {
        let table = Table::from_reader(file, bytes)?;
        let (texts, labels) = (table.text(word)?, table.text(label)?);
        for (column, texts, what) in [(word, texts, "word"), (label, labels, "label")] {
            if let Some(row) = texts.iter().position(|text| text.trim().is_empty()) {
                let line = table.line(row).unwrap_or_default();
                return Err(
                    format!("{file}:{line}: column {column:?}: there is no {what}; remove the line").into()
                );
            }
        }
        let word = |(text, label): (&String, &String)| Word {
            text: text.trim().to_owned(),
            label: label.trim().to_owned(),
        };
        Ok(texts.iter().zip(labels).map(word).collect())
    }

    /// Deals the words out at random: 70 % to learn from, 15 % to choose by, 15 % to test on.
    ///
    /// # Errors
    /// Too few words, and too many labels.
    pub fn new(words: &[Word], rng: &mut impl Rng) -> Fallible<Self> {
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
        let code = Code { letters, labels };
        let items = |part: &[usize]| -> Fallible<Vec<Item>> {
            let item = |&word: &usize| {
                let Word { text, label } = &words[word];
                Ok((code.encode(text)?, code.labels.index(label)?))
            };
            part.iter().map(item).collect()
        };
        let [learning, validation, test] = [items(&parts[0])?, items(&parts[1])?, items(&parts[2])?];
        Ok(Self { code, learning, validation, test })
    }

    /// That these words, which somebody asks for, have letters that can be learned.
    ///
    /// # Errors
    /// A sentence about the first that has not.
    pub fn check(&self, asked: &[String]) -> Fallible<()> {
        asked.iter().try_for_each(|word| self.code.check(word))
    }

    /// Tells the words and how they are dealt out from others.
    pub fn fingerprint(&self) -> String {
        let parts = [&self.learning, &self.validation, &self.test];
        let mut crc = crc32fast::Hasher::new();
        let mut push = |number: usize| crc.update(&(number as u64).to_le_bytes());
        for part in parts {
            push(part.len());
            for (letters, class) in part {
                push(letters.numel());
                letters.iter().chain([*class]).for_each(&mut push);
            }
        }
        let count: usize = parts.iter().map(|part| part.len()).sum();
        let (letters, labels) = (self.code.letters.tokens(), self.code.labels.tokens());
        crc.update(format!("{letters:?} {labels:?}").as_bytes());
        format!("{count} words with {} labels, checksum {:08x}", labels.len(), crc.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn words_are_dealt_out_and_told_from_others() {
        let word = |k: usize| Word { text: ["ab", "ba"][k % 2].to_owned(), label: (k % 2).to_string() };
        let all: Vec<Word> = (0..40).map(word).collect();
        let words = Words::new(&all, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
        assert_eq!((words.learning.len(), words.validation.len(), words.test.len()), (28, 6, 6));
        assert_eq!(words.code.letters.tokens(), ['a', 'b']);
        words.check(&["ab".to_owned(), "bbb".to_owned()]).unwrap();
        assert!(words.check(&["ab".to_owned(), "aßc".to_owned()]).is_err());
        let dealt =
            |seed| Words::new(&all, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap().fingerprint();
        assert_eq!(dealt(1), words.fingerprint());
        assert_ne!(dealt(1), dealt(2));
        assert!(dealt(1).starts_with("40 words with 2 labels, checksum "));
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
        assert_eq!(
            fail("land,name\nit,A\n ,B\n"),
            "w.csv:3: column \"land\": there is no label; remove the line"
        );
        assert_eq!(fail(""), "w.csv: no header row");
    }
}
