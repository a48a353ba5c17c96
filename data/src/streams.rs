//! [`Streams`]: one long sequence as parallel streams, for training with a carried hidden state.

use refrain_tensor::{Element, Tensor};

use crate::{Error, Result};

/// A long sequence cut into parallel streams, and those into chunks that continue one another.
///
/// The sequence `[steps, ..]` is cut into `streams` parts of equal length, laid side by side:
/// `[length, streams, ..]`. Chunk k holds the steps `k · chunk .. (k + 1) · chunk` of every part,
/// and its targets are the same steps one later. So column b of a chunk begins where column b of
/// the chunk before it ended, and the hidden state of the one is the right start for the other:
/// what truncated backpropagation through time needs.
///
/// The length is (steps − 1) / `streams`, rounded down; up to `streams` − 1 steps at the end of
/// the sequence stay unused. The last chunk is shorter where the length does not divide.
///
/// ```
/// use refrain_data::Streams;
/// use refrain_tensor::Tensor;
/// let sequence = Tensor::<usize>::arange(9)?;
/// let streams = Streams::new(&sequence, 2, 3)?;
/// let chunks = streams.chunks().collect::<Result<Vec<_>, _>>()?;
/// let (inputs, targets) = &chunks[0]; // [chunk, streams]
/// assert_eq!(*inputs, Tensor::from([[0, 4], [1, 5], [2, 6]]));
/// assert_eq!(*targets, Tensor::from([[1, 5], [2, 6], [3, 7]]));
/// assert_eq!(chunks[1], (Tensor::from([[3, 7]]), Tensor::from([[4, 8]])));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Streams<T: Element> {
    inputs: Tensor<T>,
    targets: Tensor<T>,
    chunk: usize,
}

impl<T: Element> Streams<T> {
    /// `sequence` `[steps, ..]` as `streams` parallel streams in chunks of `chunk` steps. Nothing
    /// is copied where the sequence is contiguous.
    ///
    /// # Errors
    /// [`Error::Zero`] for no streams or chunks of no steps; [`Error::StreamTooShort`] for fewer
    /// than `streams` + 1 steps; [`Error::Tensor`] for a sequence of rank 0, or of the most axes that a tensor can have, which
    /// leaves none for the streams.
    pub fn new(sequence: &Tensor<T>, streams: usize, chunk: usize) -> Result<Self> {
        let op = "streams";
        for (what, size) in [("the number of streams", streams), ("the chunk", chunk)] {
            if size == 0 {
                return Err(Error::Zero { op, what });
            }
        }
        let steps = sequence.shape()[sequence.shape().axis(op, 0)?];
        let length = steps.saturating_sub(1) / streams;
        if length == 0 {
            return Err(Error::StreamTooShort { steps, streams });
        }
        let side_by_side = |first| -> Result<Tensor<T>> {
            let used = sequence.narrow(0, first, streams * length)?;
            let parted = used.shape().with(0, length).inserted(op, 0, streams)?;
            Ok(used.reshape(parted)?.transpose(0, 1)?)
        };
        Ok(Self { inputs: side_by_side(0)?, targets: side_by_side(1)?, chunk })
    }

    /// The number of chunks.
    pub fn len(&self) -> usize {
        self.inputs.shape()[0].div_ceil(self.chunk)
    }

    /// Whether there are no chunks: never, for a sequence too short is an error.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunks from first to last: inputs and targets `[chunk, streams, ..]`. They are views.
    ///
    /// The items are results because cutting a tensor gives results; the bounds are right by
    /// construction.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = Result<(Tensor<T>, Tensor<T>)>> {
        (0..self.len()).map(|k| self.chunk(k))
    }

    /// Chunk `k`, counted from 0: inputs and targets `[chunk, streams, ..]`. They are views.
    ///
    /// # Errors
    /// [`Error::NoSuchChunk`].
    pub fn chunk(&self, k: usize) -> Result<(Tensor<T>, Tensor<T>)> {
        let chunks = self.len();
        if k >= chunks {
            return Err(Error::NoSuchChunk { chunk: k, chunks });
        }
        let start = k * self.chunk;
        let steps = self.chunk.min(self.inputs.shape()[0] - start);
        Ok((self.inputs.narrow(0, start, steps)?, self.targets.narrow(0, start, steps)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_continue_one_another(streams in 1usize..5, chunk in 1usize..6, extra in 0usize..40) {
            let steps = streams + 1 + extra;
            let sequence = Tensor::<i64>::arange(2 * steps).unwrap().reshape([steps, 2]).unwrap();
            let batches = Streams::new(&sequence, streams, chunk).unwrap();
            let chunks: Vec<_> = batches.chunks().collect::<Result<_>>().unwrap();
            prop_assert_eq!(chunks.len(), batches.len());
            let inputs: Vec<_> = chunks.iter().map(|(x, _)| x.clone()).collect();
            let targets: Vec<_> = chunks.iter().map(|(_, y)| y.clone()).collect();
            let length = (steps - 1) / streams;
            for (whole, first) in [(inputs, 0), (targets, 1)] {
                prop_assert!(whole.iter().rev().skip(1).all(|t| t.shape()[0] == chunk));
                let whole = Tensor::cat(&whole, 0).unwrap();
                prop_assert_eq!(*whole.shape(), [length, streams, 2]);
                for b in 0..streams {
                    let part = sequence.narrow(0, b * length + first, length).unwrap();
                    prop_assert_eq!(whole.select(1, b).unwrap(), part);
                }
            }
        }
    }

    #[test]
    fn chunks_are_views() {
        let sequence = Tensor::<f32>::arange(101).unwrap();
        for chunk in Streams::new(&sequence, 4, 10).unwrap().chunks() {
            let (x, y) = chunk.unwrap();
            assert!(std::ptr::eq(x.storage(), sequence.storage()));
            assert!(std::ptr::eq(y.storage(), sequence.storage()));
        }
    }

    #[test]
    fn errors_name_the_sizes() {
        let sequence = Tensor::from([1, 2, 3, 4]);
        let cases = [
            (
                Streams::new(&sequence, 4, 2).unwrap_err(),
                "streams: 4 steps are too few for 4 streams, expected one for each and one more for the last target",
            ),
            (
                Streams::new(&sequence, 0, 2).unwrap_err(),
                "streams: the number of streams is 0, expected at least 1",
            ),
            (Streams::new(&sequence, 2, 0).unwrap_err(), "streams: the chunk is 0, expected at least 1"),
            (
                Streams::new(&Tensor::scalar(1), 1, 1).unwrap_err(),
                "streams: axis 0 is out of range for shape [] of rank 0",
            ),
            (
                Streams::new(&Tensor::<u8>::zeros([2, 1, 1, 1, 1, 1]).unwrap(), 1, 1).unwrap_err(),
                "streams: 7 axes, but a tensor has at most 6",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        let empty = Tensor::<f32>::zeros([0]).unwrap();
        assert!(matches!(Streams::new(&empty, 1, 1), Err(Error::StreamTooShort { steps: 0, .. })));
        let streams = Streams::new(&sequence, 1, usize::MAX).unwrap();
        assert_eq!(streams.len(), 1);
        assert_eq!(streams.chunk(1).unwrap_err().to_string(), "streams: there is no chunk 1 among 1");
    }
}
