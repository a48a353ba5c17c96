//! The elements brought into logical order: the copies that a strided or broadcast view needs.

use std::borrow::Cow;

use crate::{
    Element, Result, Tensor, create::with_capacity, elementwise::along, error::or_panic, nest::Nest,
};

/// The side of the square blocks in which a transposed matrix is copied: two of them fit in the
/// fastest cache, so that every line fetched from memory is used whole.
const BLOCK: usize = 32;

impl<T: Element> Tensor<T> {
    /// The elements in logical order.
    ///
    /// # Panics
    /// Where there is no memory for them, which only a broadcast view can bring about.
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        or_panic(self.try_to_vec("to_vec"))
    }

    /// The elements as one slice in logical order, copied where they do not lie so.
    ///
    /// # Panics
    /// Where there is no memory for the copy, which only a broadcast view can bring about.
    #[track_caller]
    pub fn to_slice(&self) -> Cow<'_, [T]> {
        or_panic(self.try_to_slice("to_slice"))
    }

    /// This tensor with its elements in logical order without gaps; itself where they lie so.
    ///
    /// # Panics
    /// Where there is no memory for the copy, which only a broadcast view can bring about.
    #[track_caller]
    pub fn contiguous(&self) -> Self {
        or_panic(self.try_contiguous("contiguous"))
    }

    /// [`Tensor::to_vec`] for operations that return errors, in the name of `op`.
    pub(crate) fn try_to_vec(&self, op: &'static str) -> Result<Vec<T>> {
        let mut values = with_capacity(op, *self.shape())?;
        if let Some(slice) = self.as_slice() {
            values.extend_from_slice(slice);
            return Ok(values);
        }
        let nest = Nest::new([self.layout()]);
        let (length, [stride], storage) = (nest.row_length(), nest.row_strides(), self.storage());
        if let Some((rows, row_stride)) = nest.transposed_matrix() {
            values.resize(self.numel(), T::default());
            for (matrix, [start]) in
                values.chunks_exact_mut(rows * length).zip(nest.row_starts(0..nest.rows()).step_by(rows))
            {
                copy_blocks(matrix, length, (storage, start), [row_stride, stride]);
            }
            return Ok(values);
        }
        for [start] in nest.row_starts(0..nest.rows()) {
            match stride {
                1 => values.extend_from_slice(&storage[start..start + length]),
                0 => values.resize(values.len() + length, storage[start]),
                _ => values.extend((0..length).map(|i| storage[along(start, i, stride)])),
            }
        }
        Ok(values)
    }

    /// [`Tensor::to_slice`] for operations that return errors, in the name of `op`.
    pub(crate) fn try_to_slice(&self, op: &'static str) -> Result<Cow<'_, [T]>> {
        Ok(match self.as_slice() {
            Some(slice) => Cow::Borrowed(slice),
            None => Cow::Owned(self.try_to_vec(op)?),
        })
    }

    /// [`Tensor::contiguous`] for operations that return errors, in the name of `op`.
    pub(crate) fn try_contiguous(&self, op: &'static str) -> Result<Self> {
        if self.is_contiguous() {
            return Ok(self.clone());
        }
        Ok(Self::computed(self.try_to_vec(op)?, *self.shape()))
    }
}

/// Fills a row-major matrix of rows of `length` from elements of other strides, block by block.
fn copy_blocks<T: Copy>(
    out: &mut [T],
    length: usize,
    (storage, start): (&[T], usize),
    [down, right]: [isize; 2],
) {
    for (band, rows) in out.chunks_mut(BLOCK * length).enumerate() {
        let band_start = along(start, band * BLOCK, down);
        for first in (0..length).step_by(BLOCK) {
            let end = (first + BLOCK).min(length);
            for (i, row) in rows.chunks_exact_mut(length).enumerate() {
                let row_start = along(band_start, i, down);
                for (j, out) in (first..end).zip(&mut row[first..end]) {
                    *out = storage[along(row_start, j, right)];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn transposed_matrices_are_copied_right_across_block_borders() {
        for (m, n) in [(1, 5), (31, 33), (64, 70), (100, 2)] {
            let t = Tensor::from_vec((0..(3 * m * n) as i64).collect(), [3, m, n]).unwrap();
            for view in [
                t.transpose(1, 2).unwrap(),
                t.transpose(0, 2).unwrap(),
                t.transpose(1, 2).unwrap().slice(1, 0..n, -1).unwrap(),
            ] {
                assert_eq!(view.to_vec(), view.iter().collect::<Vec<_>>(), "{:?}", view.layout());
            }
        }
    }

    #[test]
    fn a_view_without_memory_is_an_error_in_every_fallible_operation() {
        let t = Tensor::scalar(1f32).broadcast_to([1 << 58]).unwrap();
        let index = Tensor::scalar(0usize).broadcast_to([1 << 58]).unwrap();
        let mut assigned = t.clone();
        let matrix = t.reshape([1 << 29, 1 << 29]).unwrap();
        let results = [
            ("sum", t.sum(..)),
            ("max", t.max(0)),
            ("mean", t.mean(..)),
            ("logsumexp", t.logsumexp(0)),
            ("argmax", t.argmax(0).map(|places| places.cast())),
            ("softmax", t.softmax(0)),
            ("log_softmax", t.log_softmax(0)),
            ("index_select", t.index_select(0, &index)),
            ("gather", t.gather(0, &index)),
            ("scatter_add", t.scatter_add(0, &Tensor::from([0usize]), &Tensor::from([1.0]))),
            ("index_add", t.index_add(0, &Tensor::from([0usize]), &Tensor::from([1.0]))),
            ("add_assign", assigned.add_assign(&Tensor::scalar(1.0)).map(|()| t.clone())),
            ("sum_to", t.sum_to([])),
            ("reshape", matrix.transpose(0, 1).unwrap().narrow(1, 0, 1 << 28).unwrap().sum(0)),
            ("cat", Tensor::cat(&[t.clone(), t.clone()], 0)),
            ("stack", Tensor::stack(&[t.clone(), t.clone()], 0)),
            ("add", t.add(&t)),
        ];
        for (name, result) in results {
            let error = result.map(|t| *t.shape()).unwrap_err();
            let known = matches!(error, Error::OutOfMemory { .. } | Error::TooLarge { .. });
            assert!(known, "{name}: {error}");
        }
    }

    #[test]
    #[should_panic(expected = "to_vec: out of memory for shape [288230376151711744]")]
    fn what_cannot_return_an_error_panics_with_its_message() {
        Tensor::scalar(1u8).broadcast_to([1 << 58]).unwrap().to_vec();
    }
}
