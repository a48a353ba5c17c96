//! Words of five languages that do not exist, made by rules.
//!
//! | language | its words |
//! | --- | --- |
//! | `lomi` | open syllables: one consonant of `l m n p v`, one vowel |
//! | `strenk` | clusters before and behind the vowel of a syllable: `st kr pl tr`, `nk rt st lk` |
//! | `harun` | vowels in harmony: all of them back (`a o u`) or all front (`e i`); ends closed |
//! | `dishu` | the letters of `harun`, but back and front vowels take turns; ends closed |
//! | `kelek` | the letters of `harun`; the last consonant is the first one again, vowels are as they come |
//!
//! The last three can only be told apart by what stands far apart in a word, and now and then a word
//! obeys the rules of two: no reader can be right on all of them.

use std::collections::BTreeSet;

use rand::{Rng, RngExt, seq::IndexedRandom};

use refrain_examples::classifier::Word;

/// The languages, by number.
const LANGUAGES: [&str; 5] = ["lomi", "strenk", "harun", "dishu", "kelek"];

/// `count` different words of each language, of two to seven syllables.
pub(crate) fn words(count: usize, rng: &mut impl Rng) -> Vec<Word> {
    let mut words = Vec::with_capacity(count * LANGUAGES.len());
    for (language, label) in LANGUAGES.iter().enumerate() {
        let mut seen = BTreeSet::new();
        while seen.len() < count {
            let text = word(language, rng);
            if seen.insert(text.clone()) {
                words.push(Word { text, label: (*label).to_owned() });
            }
        }
    }
    words
}

fn word(language: usize, rng: &mut impl Rng) -> String {
    let syllables: usize = rng.random_range(2..=7);
    let mut pick = |letters: &[&str]| letters.choose(rng).copied().unwrap_or_default().to_owned();
    const PLAIN: [&str; 6] = ["d", "h", "k", "n", "r", "s"];
    const BACK: [&str; 3] = ["a", "o", "u"];
    const FRONT: [&str; 2] = ["e", "i"];
    const ANY: [&str; 5] = ["a", "o", "u", "e", "i"];
    match language {
        0 => (0..syllables).map(|_| pick(&["l", "m", "n", "p", "v"]) + &pick(&ANY)).collect(),
        1 => {
            let mut syllable = |_| {
                pick(&["st", "kr", "pl", "tr"]) + &pick(&["a", "e", "i"]) + &pick(&["nk", "rt", "st", "lk"])
            };
            (0..syllables.div_ceil(2)).map(&mut syllable).collect()
        }
        2 => {
            let vowels: &[&str] = if pick(&["back", "front"]) == "back" { &BACK } else { &FRONT };
            let open: String = (0..syllables).map(|_| pick(&PLAIN) + &pick(vowels)).collect();
            open + &pick(&PLAIN)
        }
        3 => {
            let first = usize::from(pick(&["back", "front"]) == "back");
            let vowels =
                |place: usize| if (place + first).is_multiple_of(2) { &FRONT[..] } else { &BACK[..] };
            let open: String = (0..syllables).map(|place| pick(&PLAIN) + &pick(vowels(place))).collect();
            open + &pick(&PLAIN)
        }
        _ => {
            let first = pick(&PLAIN);
            let middle: String = (1..syllables).map(|_| pick(&ANY) + &pick(&PLAIN)).collect();
            first.clone() + &middle + &pick(&ANY) + &first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn words_obey_the_rules_of_their_language() {
        let words = words(200, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        assert_eq!(words.len(), 1000);
        for Word { text, label } in &words {
            let vowels: Vec<bool> =
                text.chars().filter(|c| "aoueei".contains(*c)).map(|c| "aou".contains(c)).collect();
            let closed = !text.ends_with(['a', 'e', 'i', 'o', 'u']);
            let obeys = match label.as_str() {
                "lomi" => !closed && text.len() == 2 * vowels.len(),
                "strenk" => closed && text.len() == 5 * vowels.len(),
                "harun" => closed && vowels.windows(2).all(|pair| pair[0] == pair[1]),
                "dishu" => closed && vowels.windows(2).all(|pair| pair[0] != pair[1]),
                _ => closed && text.chars().next() == text.chars().last(),
            };
            assert!(obeys, "{text} is no word of {label}");
        }
        let texts: BTreeSet<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert!(texts.len() > 950, "few words belong to two languages: {}", texts.len());
    }
}
