//! [`Vocabulary`]: tokens as numbers, and back.

use std::{collections::BTreeMap, fmt::Debug};

use refrain_tensor::{Index, Tensor};

use crate::{Error, Result};

/// A list of distinct tokens, each known by its place in the list. The tokens are characters
/// unless another type is named.
///
/// ```
/// use refrain_data::{Vocabulary, one_hot};
/// use refrain_tensor::Tensor;
/// let vocabulary = Vocabulary::from_chars("ehlo")?;
/// let indices = vocabulary.encode("hello")?;
/// assert_eq!(indices, Tensor::from([1, 0, 2, 2, 3]));
/// assert_eq!(vocabulary.decode(&indices)?, "hello");
/// let rows = one_hot::<f32, _>(&indices, vocabulary.len())?;
/// assert_eq!(*rows.shape(), [5, 4]);
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary<T = char> {
    tokens: Vec<T>,
    indices: BTreeMap<T, usize>,
}

impl<T: Ord + Clone + Debug> Vocabulary<T> {
    /// The tokens in the given order.
    ///
    /// # Errors
    /// [`Error::DuplicateToken`].
    ///
    /// ```
    /// use refrain_data::Vocabulary;
    /// let weather = Vocabulary::new(["sun", "rain", "snow"])?;
    /// assert_eq!((weather.index(&"rain")?, *weather.token(2)?), (1, "snow"));
    /// # Ok::<(), refrain_data::Error>(())
    /// ```
    pub fn new(tokens: impl IntoIterator<Item = T>) -> Result<Self> {
        let tokens: Vec<T> = tokens.into_iter().collect();
        let mut indices = BTreeMap::new();
        for (second, token) in tokens.iter().enumerate() {
            if let Some(first) = indices.insert(token.clone(), second) {
                return Err(Error::DuplicateToken { token: format!("{token:?}"), first, second });
            }
        }
        Ok(Self { tokens, indices })
    }

    /// The distinct tokens among those given, sorted.
    pub fn sorted(tokens: impl IntoIterator<Item = T>) -> Self {
        let mut indices: BTreeMap<T, usize> = tokens.into_iter().map(|token| (token, 0)).collect();
        indices.values_mut().enumerate().for_each(|(place, index)| *index = place);
        Self { tokens: indices.keys().cloned().collect(), indices }
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens, each at its index.
    pub fn tokens(&self) -> &[T] {
        &self.tokens
    }

    /// The index of a token.
    ///
    /// # Errors
    /// [`Error::UnknownToken`].
    pub fn index(&self, token: &T) -> Result<usize> {
        let unknown = || Error::UnknownToken { token: format!("{token:?}"), size: self.len() };
        self.indices.get(token).copied().ok_or_else(unknown)
    }

    /// The token at an index.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`].
    pub fn token(&self, index: usize) -> Result<&T> {
        self.tokens.get(index).ok_or_else(|| self.no_such_token(index))
    }

    /// The indices of tokens: `[tokens]`.
    ///
    /// # Errors
    /// [`Error::UnknownTokenAt`], naming the token and its place in the list.
    pub fn encode_tokens(&self, tokens: impl IntoIterator<Item = T>) -> Result<Tensor<usize>> {
        let lookup = |(position, token): (usize, T)| {
            let unknown = || {
                let token = format!("{token:?}");
                Error::UnknownTokenAt { token, position, size: self.len() }
            };
            self.indices.get(&token).copied().ok_or_else(unknown)
        };
        let indices: Vec<usize> = tokens.into_iter().enumerate().map(lookup).collect::<Result<_>>()?;
        let length = indices.len();
        Ok(Tensor::from_vec(indices, [length])?)
    }

    /// The tokens at indices of any shape, in row-major order.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`].
    pub fn decode_tokens<I: Index>(&self, indices: &Tensor<I>) -> Result<Vec<T>> {
        let lookup = |index: I| {
            let place = index.position(self.len()).ok_or_else(|| self.no_such_token(index))?;
            Ok(self.tokens[place].clone())
        };
        indices.iter().map(lookup).collect()
    }

    fn no_such_token(&self, index: impl Index) -> Error {
        Error::NoSuchToken { index: index.to_i64(), size: self.len() }
    }
}

impl Vocabulary<char> {
    /// The characters of `chars`, in the order in which they stand there: an alphabet. For the
    /// characters of a text, where they come more than once, there is [`Vocabulary::from_text`].
    ///
    /// # Errors
    /// [`Error::DuplicateToken`].
    pub fn from_chars(chars: &str) -> Result<Self> {
        Self::new(chars.chars())
    }

    /// The distinct characters of a text, sorted by code point.
    pub fn from_text(text: &str) -> Self {
        Self::sorted(text.chars())
    }

    /// The indices of the characters of a text: `[characters]`.
    ///
    /// # Errors
    /// [`Error::UnknownTokenAt`], naming the character and its position, counted in characters
    /// from 0.
    pub fn encode(&self, text: &str) -> Result<Tensor<usize>> {
        self.encode_tokens(text.chars())
    }

    /// The text whose characters stand at indices of any shape, in row-major order.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`].
    pub fn decode<I: Index>(&self, indices: &Tensor<I>) -> Result<String> {
        Ok(self.decode_tokens(indices)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text: String) {
            let vocabulary = Vocabulary::from_text(&text);
            prop_assert!(vocabulary.tokens().is_sorted_by(|a, b| a < b));
            let indices = vocabulary.encode(&text).unwrap();
            prop_assert_eq!(*indices.shape(), [text.chars().count()]);
            prop_assert_eq!(vocabulary.decode(&indices).unwrap(), text);
            for (index, token) in vocabulary.tokens().iter().enumerate() {
                prop_assert_eq!(vocabulary.index(token).unwrap(), index);
                prop_assert_eq!(vocabulary.token(index).unwrap(), token);
            }
        }
    }

    #[test]
    fn the_order_is_the_given_one_or_sorted() {
        assert_eq!(Vocabulary::from_chars("ole").unwrap().tokens(), ['o', 'l', 'e']);
        assert_eq!(Vocabulary::from_text("hello").tokens(), ['e', 'h', 'l', 'o']);
        assert_eq!(Vocabulary::from_chars("ehlo").unwrap(), Vocabulary::from_text("hello"));
        assert!(Vocabulary::from_text("").is_empty());
        let words = Vocabulary::sorted("to be or not to be".split(' '));
        assert_eq!(words.encode_tokens(["be", "to"]).unwrap(), Tensor::from([0, 3]));
    }

    #[test]
    fn errors_name_the_token_or_the_index() {
        let v = Vocabulary::from_chars("ehlo").unwrap();
        let cases = [
            (
                Vocabulary::from_chars("hello").unwrap_err(),
                "vocabulary: 'l' is listed twice, at positions 2 and 3",
            ),
            (v.index(&'x').unwrap_err(), "vocabulary: 'x' is not among its 4 tokens"),
            (v.encode("hölle").unwrap_err(), "vocabulary: 'ö' at position 1 is not among its 4 tokens"),
            (v.token(4).unwrap_err(), "vocabulary: index 4 is out of range for 4 tokens"),
            (
                v.decode(&Tensor::from([0i64, -1])).unwrap_err(),
                "vocabulary: index -1 is out of range for 4 tokens",
            ),
            (
                Vocabulary::new(["sun"]).unwrap().index(&"fog").unwrap_err(),
                "vocabulary: \"fog\" is not among its 1 tokens",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
