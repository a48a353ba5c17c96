//! Several tensors made one, and one made several.

use crate::{Element, Error, Result, Shape, Tensor, create::with_capacity};

impl<T: Element> Tensor<T> {
    /// Tensors joined along an axis that they all have: `[2, 3]` and `[2, 5]` along axis 1 give
    /// `[2, 8]`. The other sizes must agree.
    ///
    /// # Errors
    /// [`Error::NoTensors`], [`Error::AxisOutOfRange`], [`Error::ShapeMismatch`],
    /// [`Error::OutOfMemory`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let (a, b) = (Tensor::from([[1], [2]]), Tensor::from([[3, 4], [5, 6]]));
    /// assert_eq!(Tensor::cat(&[a, b], 1)?, Tensor::from([[1, 3, 4], [2, 5, 6]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn cat(tensors: &[Self], axis: isize) -> Result<Self> {
        Self::cat_as("cat", tensors, axis)
    }

    fn cat_as(op: &'static str, tensors: &[Self], axis: isize) -> Result<Self> {
        let first = tensors.first().ok_or(Error::NoTensors { op })?;
        let axis = first.shape().axis(op, axis)?;
        let mut size = 0usize;
        for tensor in tensors {
            let (found, mut expected) = (*tensor.shape(), *first.shape());
            if found.rank() == expected.rank() {
                expected = expected.with(axis, found[axis]);
            }
            if found != expected {
                return Err(Error::ShapeMismatch {
                    op,
                    what: "a tensor",
                    found: found.into(),
                    expected: expected.into(),
                });
            }
            size = size
                .checked_add(found[axis])
                .ok_or_else(|| Error::TooLarge { op, shape: first.shape().with(axis, usize::MAX).into() })?;
        }
        let shape = first.shape().with(axis, size);
        let mut values = with_capacity(op, shape)?;
        if shape.numel() == 0 {
            return Ok(Self::computed(values, shape));
        }
        let parts: Vec<_> = tensors.iter().map(|tensor| tensor.try_to_slice(op)).collect::<Result<_>>()?;
        let outer = Shape::from_slice(&shape[..axis]).numel();
        for row in 0..outer {
            for part in &parts {
                let block = part.len() / outer;
                values.extend_from_slice(&part[row * block..(row + 1) * block]);
            }
        }
        Ok(Self::computed(values, shape))
    }

    /// Tensors of one shape joined along a new axis: three of `[2, 5]` along axis 0 give
    /// `[3, 2, 5]`, along axis -1 `[2, 5, 3]`.
    ///
    /// # Errors
    /// [`Error::NoTensors`], [`Error::AxisOutOfRange`], [`Error::ShapeMismatch`],
    /// [`Error::RankTooHigh`], [`Error::OutOfMemory`].
    pub fn stack(tensors: &[Self], axis: isize) -> Result<Self> {
        let first = tensors.first().ok_or(Error::NoTensors { op: "stack" })?;
        let expected = *first.shape();
        if let Some(odd) = tensors.iter().find(|tensor| *tensor.shape() != expected) {
            return Err(Error::ShapeMismatch {
                op: "stack",
                what: "a tensor",
                found: (*odd.shape()).into(),
                expected: expected.into(),
            });
        }
        let widened: Vec<Self> = tensors
            .iter()
            .map(|tensor| tensor.view(|layout| layout.unsqueeze_as("stack", axis)))
            .collect::<Result<_>>()?;
        let axis = widened[0].shape().axis("stack", axis)?;
        Self::cat_as("stack", &widened, axis as isize)
    }

    /// The parts of an axis, of the given sizes, in order. Views.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::SplitSizes`] where the sizes do not add up to the axis.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let parts = Tensor::from([1, 2, 3, 4, 5]).split(&[2, 3], 0)?;
    /// assert_eq!((parts[0].to_vec(), parts[1].to_vec()), (vec![1, 2], vec![3, 4, 5]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn split(&self, sizes: &[usize], axis: isize) -> Result<Vec<Self>> {
        let place = self.shape().axis("split", axis)?;
        let (size, shape) = (self.shape()[place], *self.shape());
        let total = sizes.iter().fold(0, |total: usize, &n| total.saturating_add(n));
        if total != size {
            return Err(Error::SplitSizes { op: "split", total, axis: place, size, shape: shape.into() });
        }
        let mut start = 0;
        sizes
            .iter()
            .map(|&length| {
                start += length;
                self.narrow(axis, start - length, length)
            })
            .collect()
    }

    /// An axis cut into at most `count` parts of equal size, the last one smaller where it does
    /// not divide; as in PyTorch there are fewer parts where the size is small, and `count` empty
    /// parts where it is 0. Views.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::Zero`] for a count of 0; [`Error::OutOfMemory`].
    pub fn chunk(&self, count: usize, axis: isize) -> Result<Vec<Self>> {
        if count == 0 {
            return Err(Error::Zero { op: "chunk", what: "the number of chunks" });
        }
        let shape = *self.shape();
        let size = shape[shape.axis("chunk", axis)?];
        let each = size.div_ceil(count).max(1);
        let parts = if size == 0 { count } else { size.div_ceil(each) };
        let mut views = Vec::new();
        views.try_reserve_exact(parts).map_err(|_| Error::OutOfMemory {
            op: "chunk",
            shape: shape.into(),
            bytes: parts.saturating_mul(size_of::<Self>()),
        })?;
        for part in 0..parts {
            let start = part * each.min(size);
            views.push(self.narrow(axis, start, each.min(size - start))?);
        }
        Ok(views)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn split_undoes_cat(sizes in prop::collection::vec(0usize..4, 1..5), axis in 0isize..3) {
            let make = |n: usize| {
                let shape = Shape::from([2, 3, 2]).with(axis as usize, n);
                Tensor::from_vec((0..shape.numel() as i64).map(|x| x + 100 * n as i64).collect(), shape).unwrap()
            };
            let parts: Vec<_> = sizes.iter().map(|&n| make(n)).collect();
            let whole = Tensor::cat(&parts, axis).unwrap();
            prop_assert_eq!(whole.shape()[axis as usize], sizes.iter().sum::<usize>());
            prop_assert_eq!(whole.split(&sizes, axis).unwrap(), parts);
        }

        #[test]
        fn stack_is_undone_by_select(count in 1usize..4, axis in -3isize..3) {
            let parts: Vec<_> = (0..count as i64).map(|k| Tensor::from([[k, k + 1], [k + 2, k + 3]])).collect();
            let whole = Tensor::stack(&parts, axis).unwrap();
            for (k, part) in parts.iter().enumerate() {
                prop_assert_eq!(&whole.select(axis, k).unwrap(), part);
            }
        }
    }

    #[test]
    fn chunks_are_as_in_pytorch() {
        let sizes = |n: usize, count| {
            let t = Tensor::<i64>::arange(n).unwrap();
            t.chunk(count, 0).unwrap().iter().map(Tensor::numel).collect::<Vec<_>>()
        };
        assert_eq!(sizes(7, 3), [3, 3, 1]);
        assert_eq!(sizes(5, 4), [2, 2, 1]);
        assert_eq!(sizes(2, 5), [1, 1]);
        assert_eq!(sizes(0, 3), [0, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_nothing_is_quick() {
        let wide = Tensor::scalar(1u8).broadcast_to([1 << 58]).unwrap();
        assert!(matches!(wide.chunk(1 << 58, 0), Err(Error::OutOfMemory { op: "chunk", .. })));
        let many = Tensor::<u8>::zeros([0]).unwrap().chunk(usize::MAX, 0);
        assert!(matches!(many, Err(Error::OutOfMemory { op: "chunk", .. })));
        let wider = vec![Tensor::scalar(1u8).broadcast_to([isize::MAX as usize]).unwrap(); 3];
        assert!(matches!(Tensor::cat(&wider, 0), Err(Error::TooLarge { op: "cat", .. })));
        let empty = Tensor::<u8>::zeros([1 << 60, 0]).unwrap();
        assert_eq!(*Tensor::cat(&[empty.clone(), empty.clone()], 1).unwrap().shape(), [1 << 60, 0]);
        let nothing = empty.index_select(1, &Tensor::<i64>::zeros([0]).unwrap()).unwrap();
        assert_eq!(*nothing.shape(), [1 << 60, 0]);
        assert_eq!(empty.to_string(), format!("tensor([], size=({}, 0), dtype=u8)", 1u64 << 60));
        let deep = vec![Tensor::scalar(1u8).broadcast_to([1; crate::MAX_RANK]).unwrap(); 2];
        let message = Tensor::stack(&deep, 0).unwrap_err().to_string();
        assert_eq!(message, "stack: 7 axes, but a tensor has at most 6");
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let (a, b) = (Tensor::from([[1, 2]]), Tensor::from([1, 2]));
        let cases = [
            (Tensor::<f32>::cat(&[], 0).unwrap_err(), "cat: expected at least one tensor"),
            (
                Tensor::cat(&[a.clone(), b.clone()], 0).unwrap_err(),
                "cat: a tensor has shape [2], expected [1, 2]",
            ),
            (
                Tensor::stack(&[a.clone(), b], 0).unwrap_err(),
                "stack: a tensor has shape [2], expected [1, 2]",
            ),
            (
                a.split(&[1, 2], 1).unwrap_err(),
                "split: the sizes add up to 3, but axis 1 has size 2 (shape [1, 2])",
            ),
            (a.chunk(0, 0).unwrap_err(), "chunk: the number of chunks is 0, expected at least 1"),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
