//! [`Embedding`]: a row of numbers for each word.

use std::borrow::Cow;

use rand::Rng;
use refrain_autograd::{Parameter, Tape, Var};
use refrain_tensor::{Index, Real, Shape, Tensor};

use crate::{Error, Result, init::standard_normal, module};

/// A table with a row for each index: the product with a one-hot matrix, without the matrix.
///
/// | | shape |
/// | --- | --- |
/// | indices | `[..]` |
/// | output | `[.., embedding_dim]` |
/// | `weight` | `[num_embeddings, embedding_dim]` |
///
/// The rows start normally distributed with variance 1, as in PyTorch.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::Embedding;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let words = Embedding::<f32>::new(10, 3, &mut rng)?;
/// let tape = Tape::inference();
/// let sentence = words.forward(&tape, &Tensor::from([[2usize, 7], [7, 0]]))?; // [seq, batch]
/// assert_eq!(*sentence.shape(), [2, 2, 3]);
/// assert_eq!(sentence.value().select(0, 0)?.select(0, 1)?, words.weight.value().select(0, 7)?);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedding<T: Real> {
    /// The table: `[num_embeddings, embedding_dim]`.
    pub weight: Parameter<T>,
    padding_idx: Option<usize>,
}
module!(Embedding { weight });

impl<T: Real> Embedding<T> {
    /// A table of `num_embeddings` rows.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Tensor`] where there is no memory.
    pub fn new(num_embeddings: usize, embedding_dim: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        for (option, size) in [("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)] {
            if size == 0 {
                return Err(Error::ZeroOption { op: "embedding", option });
            }
        }
        Ok(Self { weight: standard_normal([num_embeddings, embedding_dim], rng)?, padding_idx: None })
    }

    /// The same table with one row for padding: it is set to 0 and gets no gradient.
    ///
    /// # Errors
    /// [`Error::Row`] where there is no such row.
    pub fn with_padding_idx(mut self, padding_idx: usize) -> Result<Self> {
        let (size, width) = (self.weight.value().shape()[0], self.weight.value().shape()[1]);
        if padding_idx >= size {
            return Err(Error::Row {
                op: "embedding",
                what: "padding_idx",
                index: padding_idx.to_i64(),
                size,
            });
        }
        self.weight.as_mut_slice()[padding_idx * width..(padding_idx + 1) * width].fill(T::zero());
        self.padding_idx = Some(padding_idx);
        Ok(self)
    }

    /// `[..]` indices → `[.., embedding_dim]`, on the given tape.
    ///
    /// # Errors
    /// [`Error::Row`] where an index has no row.
    pub fn forward<'t, I: Index>(&self, tape: &'t Tape<T>, indices: &Tensor<I>) -> Result<Var<'t, T>> {
        let [size, width] = [self.weight.value().shape()[0], self.weight.value().shape()[1]];
        if let Some(odd) = indices.iter().find(|i| i.position(size).is_none()) {
            return Err(Error::Row { op: "embedding", what: "index", index: odd.to_i64(), size });
        }
        let shape = self.output_shape(*indices.shape())?;
        let (weight, flat) = (tape.parameter(&self.weight), indices.reshape([indices.numel()])?);
        let rows = weight.value().index_select(0, &flat)?.reshape(shape)?;
        let padding_idx = self.padding_idx;
        Ok(tape.record("embedding", [&weight], rows, move |g, _| {
            let mut table = Tensor::zeros([size, width])?;
            let g = g.reshape([flat.numel(), width])?;
            table = table.index_add(0, &flat, &g)?;
            if let Some(row) = padding_idx {
                table.as_mut_slice()[row * width..(row + 1) * width].fill(T::zero());
            }
            Ok([Some(table)])
        })?)
    }

    /// The row of one index, `[embedding_dim]`, without a tape: what a [`Stream`](crate::Stream) takes as
    /// input. Nothing is allocated, unless the table was set to a view whose rows do not lie in one piece.
    ///
    /// # Errors
    /// [`Error::Row`] where the index has no row.
    pub fn row(&self, index: usize) -> Result<Cow<'_, [T]>> {
        let table = self.weight.value();
        let [size, width] = [table.shape()[0], table.shape()[1]];
        if index >= size {
            return Err(Error::Row { op: "embedding", what: "index", index: index.to_i64(), size });
        }
        Ok(match table.as_slice() {
            Some(rows) => Cow::Borrowed(&rows[index * width..(index + 1) * width]),
            None => Cow::Owned(table.select(0, index)?.to_vec()),
        })
    }

    /// The shape of the output, for indices of this shape.
    pub(crate) fn output_shape(&self, indices: Shape) -> Result<Shape> {
        Ok(indices.inserted("embedding", indices.rank(), self.weight.value().shape()[1])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn repeated_rows_add_up_and_padding_gets_nothing() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let table = Embedding::<f64>::new(4, 2, &mut rng).unwrap().with_padding_idx(1).unwrap();
        assert_eq!(table.weight.value().select(0, 1).unwrap().to_vec(), [0.0, 0.0]);
        let tape = Tape::new();
        let rows = table.forward(&tape, &Tensor::from([3i64, 1, 3])).unwrap();
        let gradients = rows.backward_with(Tensor::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).unwrap();
        let expected = Tensor::from([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [6.0, 8.0]]);
        assert_eq!(gradients.get(&table.weight), Some(&expected));
    }

    #[test]
    fn a_row_is_that_of_the_table_however_it_lies() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut table = Embedding::<f64>::new(4, 2, &mut rng).unwrap();
        let columns = Tensor::from([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
        for value in [columns.transpose(0, 1).unwrap().contiguous(), columns.transpose(0, 1).unwrap()] {
            table.weight.set(value).unwrap();
            assert_eq!(table.row(2).unwrap()[..], [3.0, 7.0]);
        }
        let message = table.row(4).unwrap_err().to_string();
        assert_eq!(message, "embedding: index 4 is not among the 4 rows");
    }

    #[test]
    fn errors_name_the_index() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let table = Embedding::<f64>::new(4, 2, &mut rng).unwrap();
        let message = table.forward(&Tape::new(), &Tensor::from([0i64, -1])).unwrap_err().to_string();
        assert_eq!(message, "embedding: index -1 is not among the 4 rows");
        let message = table.with_padding_idx(4).unwrap_err().to_string();
        assert_eq!(message, "embedding: padding_idx 4 is not among the 4 rows");
    }
}
