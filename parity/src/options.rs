//! [`Options`]: the arguments of a case, under PyTorch's own names.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    error::{Error, Result},
    python_json::number,
};

/// The options that nobody has taken yet. Taking removes, so that what is left at the end is what
/// the code does not know, and [`Options::finish`] makes that a failure. `null`, which is Python's
/// `None`, is the same as an option that is not there.
#[derive(Debug)]
pub(crate) struct Options(BTreeMap<String, Value>);

impl Options {
    /// The entries of a JSON object.
    pub(crate) fn new(entries: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// A size or a count.
    pub(crate) fn size(&mut self, option: &'static str) -> Result<usize> {
        self.optional_size(option)?.ok_or(Error::MissingOption(option))
    }

    /// A size or a count, or the default.
    pub(crate) fn size_or(&mut self, option: &'static str, default: usize) -> Result<usize> {
        Ok(self.optional_size(option)?.unwrap_or(default))
    }

    fn optional_size(&mut self, option: &'static str) -> Result<Option<usize>> {
        self.take(option, "an integer of at least 0", size)
    }

    /// A size for each axis: a list, or one integer for all of them, if it is there.
    pub(crate) fn sizes<const N: usize>(&mut self, option: &'static str) -> Result<Option<[usize; N]>> {
        self.take(option, "an integer of at least 0, or one for each axis", sizes)
    }

    /// One of the words given, as `Ok` of its meaning, or [`Options::sizes`] as `Err`, if it is
    /// there.
    pub(crate) fn word_or_sizes<M: Copy, const N: usize>(
        &mut self,
        option: &'static str,
        words: &[(&str, M)],
    ) -> Result<Option<std::result::Result<M, [usize; N]>>> {
        let read = |value: &Value| match value.as_str() {
            Some(word) => words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| Ok(*meaning)),
            None => sizes(value).map(Err),
        };
        self.take(option, "a known word, an integer of at least 0, or one for each axis", read)
    }

    /// An integer that may be negative, if it is there.
    pub(crate) fn integer(&mut self, option: &'static str) -> Result<Option<i64>> {
        self.take(option, "an integer", Value::as_i64)
    }

    /// A number, which need not be finite.
    pub(crate) fn number(&mut self, option: &'static str) -> Result<f64> {
        self.take(option, "a number", number)?.ok_or(Error::MissingOption(option))
    }

    /// A number, or the default.
    pub(crate) fn number_or(&mut self, option: &'static str, default: f64) -> Result<f64> {
        Ok(self.take(option, "a number", number)?.unwrap_or(default))
    }

    /// Two numbers in a list, or the default.
    pub(crate) fn pair_or(&mut self, option: &'static str, default: (f64, f64)) -> Result<(f64, f64)> {
        let read = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => Some((number(a)?, number(b)?)),
            _ => None,
        };
        Ok(self.take(option, "a list of two numbers", read)?.unwrap_or(default))
    }

    /// True or false, or the default.
    pub(crate) fn flag_or(&mut self, option: &'static str, default: bool) -> Result<bool> {
        Ok(self.take(option, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// One of the words given, each with its meaning; the first is the default.
    pub(crate) fn word<M: Copy>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        words: &[(&str, M)],
    ) -> Result<M> {
        let meaning =
            |word: &str| words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
        let found = self.take(option, expected, |value| meaning(value.as_str()?))?;
        found.or(words.first().map(|(_, meaning)| *meaning)).ok_or(Error::MissingOption(option))
    }

    /// One of the words given, each with its meaning; there is no default.
    pub(crate) fn name<M: Copy>(&mut self, expected: &'static str, words: &[(&str, M)]) -> Result<M> {
        if !self.0.contains_key("name") {
            return Err(Error::MissingOption("name"));
        }
        self.word("name", expected, words)
    }

    /// # Errors
    /// [`Error::UnknownOption`] where an option was not taken.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.into_keys().next().map_or(Ok(()), |option| Err(Error::UnknownOption(option)))
    }

    fn take<M>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        read: impl FnOnce(&Value) -> Option<M>,
    ) -> Result<Option<M>> {
        match self.0.remove(option) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(&value) {
                Some(meaning) => Ok(Some(meaning)),
                None => Err(Error::OptionValue { option, found: value.to_string(), expected }),
            },
        }
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|size| usize::try_from(size).ok())
}

fn sizes<const N: usize>(value: &Value) -> Option<[usize; N]> {
    match value.as_array() {
        Some(list) => list.iter().map(size).collect::<Option<Vec<usize>>>()?.try_into().ok(),
        None => size(value).map(|size| [size; N]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        let Ok(Value::Object(entries)) = serde_json::from_str(text) else { panic!("{text} is no object") };
        Options::new(entries)
    }

    #[test]
    fn what_was_not_taken_is_unknown() {
        let mut options = options(r#"{"bias": false, "maximize": false}"#);
        assert!(!options.flag_or("bias", true).expect("a flag"));
        assert_eq!(options.finish().expect_err("a leftover").to_string(), "unknown option `maximize`");
    }

    #[test]
    fn null_is_the_default() {
        let mut options = options(r#"{"padding_idx": null, "lr": null, "momentum": null}"#);
        assert_eq!(options.integer("padding_idx").expect("nothing"), None);
        assert_eq!(options.number_or("lr", 0.5).expect("the default"), 0.5);
        assert_eq!(options.number_or("dampening", 0.25).expect("the default"), 0.25);
        let missing = options.number("momentum").expect_err("no value");
        assert_eq!(missing.to_string(), "option `momentum` is missing");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        let text = r#"{"bias": 1, "size": -1, "lr": "fast", "betas": [0.9], "name": "sgdd", "k": 1.5}"#;
        let mut options = options(text);
        let messages = [
            options.flag_or("bias", true).err(),
            options.size("size").err(),
            options.number("lr").err(),
            options.pair_or("betas", (0.0, 0.0)).err(),
            options.name("sgd", &[("sgd", 1)]).err(),
            options.integer("k").err(),
        ];
        let messages: Vec<String> = messages.into_iter().flatten().map(|error| error.to_string()).collect();
        let expected = [
            "option `bias` is 1, expected true or false",
            "option `size` is -1, expected an integer of at least 0",
            "option `lr` is \"fast\", expected a number",
            "option `betas` is [0.9], expected a list of two numbers",
            "option `name` is \"sgdd\", expected sgd",
            "option `k` is 1.5, expected an integer",
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn a_size_for_each_axis() {
        let text = r#"{"kernel_size": 3, "stride": [2, 1], "dilation": [1], "padding": "same", "p": [0, 4], "q": "x"}"#;
        let mut options = options(text);
        assert_eq!(options.sizes("kernel_size").expect("one size"), Some([3, 3]));
        assert_eq!(options.sizes("stride").expect("two sizes"), Some([2, 1]));
        assert_eq!(options.sizes::<2>("output_padding").expect("nothing"), None);
        let message = options.sizes::<2>("dilation").expect_err("too few").to_string();
        assert_eq!(
            message,
            "option `dilation` is [1], expected an integer of at least 0, or one for each axis"
        );
        let words = [("same", 1), ("valid", 2)];
        assert_eq!(options.word_or_sizes::<_, 2>("padding", &words).expect("a word"), Some(Ok(1)));
        assert_eq!(options.word_or_sizes("p", &words).expect("sizes"), Some(Err([0, 4])));
        assert!(options.word_or_sizes::<_, 2>("q", &words).is_err());
    }

    #[test]
    fn the_first_word_is_the_default_except_of_a_name() {
        let words = [("mean", 1), ("sum", 2)];
        let mut options = options(r#"{"reduction": "sum"}"#);
        assert_eq!(options.word("reduction", "mean or sum", &words).expect("a word"), 2);
        assert_eq!(options.word("reduction", "mean or sum", &words).expect("the default"), 1);
        assert!(options.name("mean or sum", &words).is_err());
    }
}
