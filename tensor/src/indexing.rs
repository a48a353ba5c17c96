//! Elements picked by other tensors of positions: gather, index_select, scatter_add, one-hot.

use crate::{
    Element, Error, Index, Layout, Number, Result, Shape, Tensor,
    create::{filled, with_capacity, with_room},
    elementwise::along,
    kernels::append_rows::append_rows,
    nest::Nest,
};

impl<T: Element> Tensor<T> {
    /// The slices of an axis at the given positions, in their order, repeats allowed:
    /// `[.., n, ..]` with `index` of shape `[k]` → `[.., k, ..]`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RankMismatch`] where `index` is not of rank 1;
    /// [`Error::IndexOutOfRange`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4], [5, 6]]);
    /// assert_eq!(t.index_select(0, &Tensor::from([2usize, 0, 2]))?, Tensor::from([[5, 6], [1, 2], [5, 6]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn index_select<I: Index>(&self, axis: isize, index: &Tensor<I>) -> Result<Self> {
        let op = "index_select";
        let axis = self.shape().axis(op, axis)?;
        if index.rank() != 1 {
            return Err(Error::RankMismatch {
                op,
                what: "index",
                found: (*index.shape()).into(),
                expected: 1,
            });
        }
        let positions = positions(op, index, axis, self.shape())?;
        let shape = self.shape().with(axis, positions.len());
        let mut values = with_capacity(op, shape)?;
        if shape.numel() == 0 {
            return Ok(Self::computed(values, shape));
        }
        // One slice of the axis is read through its strides wherever it lies; the outer axes walk.
        let (storage, step) = (self.storage(), self.layout().strides()[axis]);
        let first = self.layout().narrow(axis as isize, 0, 1)?;
        let lead = (axis..shape.rank()).try_fold(first, |lead, axis| lead.narrow(axis as isize, 0, 1))?;
        let part = (0..axis).try_fold(first, |part, axis| part.narrow(axis as isize, 0, 1))?;
        let (outer, inner) = (Nest::new([&lead]), Nest::new([&part]));
        let (length, [stride]) = (inner.row_length(), inner.row_strides());
        let origin = self.layout().offset() as isize;
        // To find the rows of a slice takes longer than to copy a short one, so it is done once.
        let starts: Vec<[usize; 1]> = inner.row_starts(0..inner.rows()).collect();
        for start in outer.places() {
            // Where a slice lies relative to the first one of all.
            let shift = |position: usize| along(start, position, step) as isize - origin;
            let row = |k: usize| {
                // A division takes as long as copying a short row.
                let (k, [start]) = match starts[..] {
                    [start] => (k, start),
                    _ => (k / starts.len(), starts[k % starts.len()]),
                };
                (start as isize + shift(positions[k])) as usize
            };
            let rows = positions.len() * starts.len();
            if stride == 1 {
                append_rows(&mut values, rows, length, |k| &storage[row(k)..]);
            } else {
                for k in 0..rows {
                    let first = row(k);
                    values.extend((0..length).map(|i| storage[along(first, i, stride)]));
                }
            }
        }
        Ok(Self::computed(values, shape))
    }

    /// One element for each position of `index`, along an axis: for axis 1 of three,
    /// `out[i][j][k] = self[i][index[i][j][k]][k]`. The result has the shape of `index`, which
    /// has the rank of this tensor and, on the other axes, at most its sizes.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RankMismatch`], [`Error::ShapeMismatch`] for the index;
    /// [`Error::IndexOutOfRange`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let scores = Tensor::from([[0.1, 0.9], [0.8, 0.2]]);
    /// let classes = Tensor::from([[1i64], [0]]);
    /// assert_eq!(scores.gather(1, &classes)?, Tensor::from([[0.9], [0.8]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn gather<I: Index>(&self, axis: isize, index: &Tensor<I>) -> Result<Self> {
        let axis = self.shape().axis("gather", axis)?;
        let mut values = with_capacity("gather", *index.shape())?;
        let (offset, storage) = (self.layout().offset(), self.storage());
        let places = places("gather", index, axis, self.layout())?;
        values.extend(places.into_iter().map(|place| storage[(offset as isize + place) as usize]));
        Ok(Self::computed(values, *index.shape()))
    }
}

impl<T: Number> Tensor<T> {
    /// A copy with `source` added at the positions of `index`: for axis 1 of three,
    /// `out[i][index[i][j][k]][k] += source[i][j][k]`. Repeated positions add up, in order. The
    /// transpose of [`Tensor::gather`], and so its gradient.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RankMismatch`], [`Error::ShapeMismatch`] for the index
    /// or a source of another shape than the index; [`Error::IndexOutOfRange`].
    pub fn scatter_add<I: Index>(&self, axis: isize, index: &Tensor<I>, source: &Self) -> Result<Self> {
        let op = "scatter_add";
        let axis = self.shape().axis(op, axis)?;
        if source.shape() != index.shape() {
            let (found, expected) = (*source.shape(), *index.shape());
            return Err(Error::ShapeMismatch {
                op,
                what: "source",
                found: found.into(),
                expected: expected.into(),
            });
        }
        let places = places(op, index, axis, &Layout::contiguous(op, *self.shape())?)?;
        let mut result = self.clone();
        let values = result.try_as_mut_slice(op)?;
        for (place, x) in places.into_iter().zip(source.iter()) {
            let value = &mut values[place as usize];
            *value = value.plus(x);
        }
        Ok(result)
    }

    /// A copy with the slices of `source` added to the slices of an axis at the given positions:
    /// the transpose of [`Tensor::index_select`], and so its gradient.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RankMismatch`] where `index` is not of rank 1;
    /// [`Error::ShapeMismatch`] for the source; [`Error::IndexOutOfRange`].
    pub fn index_add<I: Index>(&self, axis: isize, index: &Tensor<I>, source: &Self) -> Result<Self> {
        let op = "index_add";
        let axis = self.shape().axis(op, axis)?;
        if index.rank() != 1 {
            return Err(Error::RankMismatch {
                op,
                what: "index",
                found: (*index.shape()).into(),
                expected: 1,
            });
        }
        let (found, expected) = (*source.shape(), self.shape().with(axis, index.numel()));
        if found != expected {
            return Err(Error::ShapeMismatch {
                op,
                what: "source",
                found: found.into(),
                expected: expected.into(),
            });
        }
        let positions = positions(op, index, axis, self.shape())?;
        let inner = Shape::from_slice(&self.shape()[axis + 1..]).numel();
        let block = self.shape()[axis] * inner;
        let mut result = self.clone();
        if source.is_empty() {
            return Ok(result);
        }
        let (values, source) = (result.try_as_mut_slice(op)?, source.try_to_slice(op)?);
        for (row, from) in source.chunks_exact(inner).enumerate() {
            let (outer, k) = (row / positions.len(), row % positions.len());
            let start = outer * block + positions[k] * inner;
            for (x, &y) in values[start..start + inner].iter_mut().zip(from) {
                *x = x.plus(y);
            }
        }
        Ok(result)
    }
}

/// Rows that hold a single 1, in the column of the index: indices of shape `[..]` and `classes`
/// columns give `[.., classes]`.
///
/// # Errors
/// [`Error::IndexOutOfRange`] where an index is negative or not below `classes`;
/// [`Error::RankTooHigh`], [`Error::OutOfMemory`].
///
/// ```
/// use refrain_tensor::{Tensor, one_hot};
/// let rows = one_hot::<f32, _>(&Tensor::from([1usize, 0, 3]), 4)?;
/// assert_eq!(rows, Tensor::from([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]));
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
pub fn one_hot<T: Number, I: Index>(indices: &Tensor<I>, classes: usize) -> Result<Tensor<T>> {
    let axis = indices.rank();
    let shape = indices.shape().inserted("one_hot", axis, classes)?;
    // The result is checked first: a broadcast view can name more indices than could be read.
    let mut values = filled("one_hot", shape, T::ZERO)?;
    for (row, index) in indices.iter().enumerate() {
        values[row * classes + position("one_hot", index, axis, &shape)?] = T::ONE;
    }
    Ok(Tensor::computed(values, shape))
}

/// The indices as positions along `axis` of `shape`.
fn positions<I: Index>(
    op: &'static str,
    index: &Tensor<I>,
    axis: usize,
    shape: &Shape,
) -> Result<Vec<usize>> {
    let mut positions = with_capacity(op, *index.shape())?;
    for &i in index.try_to_slice(op)?.iter() {
        positions.push(position(op, i, axis, shape)?);
    }
    Ok(positions)
}

/// One index as a position along `axis` of `shape`.
fn position<I: Index>(op: &'static str, index: I, axis: usize, shape: &Shape) -> Result<usize> {
    let size = shape[axis];
    index.position(size).ok_or_else(|| Error::IndexOutOfRange {
        op,
        index: index.to_i64(),
        axis,
        size,
        shape: (*shape).into(),
    })
}

/// For each element of `index`, how far from the first element of `layout` it points.
fn places<I: Index>(op: &'static str, index: &Tensor<I>, axis: usize, layout: &Layout) -> Result<Vec<isize>> {
    let (shape, strides) = (layout.shape(), layout.strides());
    let found = *index.shape();
    if found.rank() != shape.rank() {
        return Err(Error::RankMismatch { op, what: "index", found: found.into(), expected: shape.rank() });
    }
    if (0..shape.rank()).any(|a| a != axis && found[a] > shape[a]) {
        return Err(Error::ShapeMismatch {
            op,
            what: "index",
            found: found.into(),
            expected: (shape.with(axis, found[axis])).into(),
        });
    }
    let mut places: Vec<isize> = with_room(op, found, |count| {
        let mut places = Vec::new();
        places.try_reserve_exact(count).map(|()| places)
    })?;
    let mut at = [0usize; crate::MAX_RANK];
    // The distance of `at` from the first element, without the axis that the index replaces.
    let mut distance = 0;
    for i in index.iter() {
        places.push(distance + position(op, i, axis, shape)? as isize * strides[axis]);
        for a in (0..found.rank()).rev() {
            let step = if a == axis { 0 } else { strides[a] };
            at[a] += 1;
            if at[a] < found[a] {
                distance += step;
                break;
            }
            at[a] = 0;
            distance -= (found[a] as isize - 1) * step;
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Tensor<i64> {
        Tensor::from_vec((0..24).collect(), [2, 3, 4]).unwrap()
    }

    proptest! {
        #[test]
        fn gather_and_scatter_add_follow_the_formula(picks in prop::collection::vec(0usize..2, 24), axis in 0usize..3) {
            let t = table();
            let index = Tensor::from_vec(picks, [2, 3, 4]).unwrap();
            let gathered = t.gather(axis as isize, &index).unwrap();
            let mut expected = Tensor::<i64>::zeros([2, 3, 4]).unwrap();
            for i in 0..2 { for j in 0..3 { for k in 0..4 {
                let mut place = [i, j, k];
                place[axis] = index[[i, j, k]];
                prop_assert_eq!(gathered[[i, j, k]], t[place]);
                let at = expected.layout().position(&place).unwrap();
                expected.as_mut_slice()[at] += t[[i, j, k]];
            }}}
            let zeros = Tensor::<i64>::zeros([2, 3, 4]).unwrap();
            let turned = t.permute(&[1, 2, 0]).unwrap().contiguous().permute(&[2, 0, 1]).unwrap();
            prop_assert_eq!(turned.gather(axis as isize, &index).unwrap(), gathered);
            prop_assert_eq!(zeros.scatter_add(axis as isize, &index, &t).unwrap(), expected);
        }

        #[test]
        fn index_add_is_the_transpose_of_index_select(picks in prop::collection::vec(0usize..2, 0..6), axis in 0isize..3) {
            let (t, index) = (table(), Tensor::from_vec(picks.clone(), [picks.len()]).unwrap());
            let selected = t.index_select(axis, &index).unwrap();
            let turned = t.permute(&[1, 2, 0]).unwrap().contiguous().permute(&[2, 0, 1]).unwrap();
            prop_assert_eq!(&turned.index_select(axis, &index).unwrap(), &selected);
            let last = t.slice(axis, 0..t.shape()[axis as usize], -1).unwrap();
            prop_assert_eq!(last.index_select(axis, &index).unwrap(), last.contiguous().index_select(axis, &index).unwrap());
            for (k, &pick) in picks.iter().enumerate() {
                prop_assert_eq!(selected.select(axis, k).unwrap(), t.select(axis, pick).unwrap());
            }
            // <select(t), select(t)> = <t, add(0, select(t))>
            let added = Tensor::<i64>::zeros([2, 3, 4]).unwrap().index_add(axis, &index, &selected).unwrap();
            prop_assert_eq!((&selected * &selected).sum(..).unwrap(), (&t * &added).sum(..).unwrap());
        }
    }

    #[test]
    fn a_smaller_index_is_allowed_off_the_axis() {
        let picked = table().gather(2, &Tensor::from([[[3u8], [0]]])).unwrap();
        assert_eq!(picked, Tensor::from([[[3], [4]]]));
    }

    #[test]
    fn a_broadcast_index_without_memory_is_an_error() {
        let index = Tensor::scalar(0u8).broadcast_to([1 << 58]).unwrap();
        assert!(matches!(Tensor::from([1]).gather(0, &index), Err(Error::OutOfMemory { op: "gather", .. })));
        assert!(matches!(
            Tensor::from([1]).index_select(0, &index),
            Err(Error::OutOfMemory { op: "index_select", .. })
        ));
        assert!(matches!(one_hot::<f32, _>(&index, 1 << 20), Err(Error::TooLarge { op: "one_hot", .. })));
    }

    #[test]
    fn errors_name_index_axis_and_size() {
        let t = table();
        let cases = [
            (
                t.index_select(1, &Tensor::from([0i64, -1])).unwrap_err(),
                "index_select: index -1 is out of range for axis 1, which has size 3 (shape [2, 3, 4])",
            ),
            (
                t.index_select(1, &Tensor::from([[0i64]])).unwrap_err(),
                "index_select: index has 2 axes (shape [1, 1]), expected 1",
            ),
            (
                t.gather(0, &Tensor::from([0usize])).unwrap_err(),
                "gather: index has 1 axis (shape [1]), expected 3",
            ),
            (
                t.gather(0, &Tensor::from([[[0usize; 5]]])).unwrap_err(),
                "gather: index has shape [1, 1, 5], expected [1, 3, 4]",
            ),
            (
                one_hot::<f32, _>(&Tensor::from([4i64]), 4).unwrap_err(),
                "one_hot: index 4 is out of range for axis 1, which has size 4 (shape [1, 4])",
            ),
            (
                t.scatter_add(0, &Tensor::from([[[0usize]]]), &t).unwrap_err(),
                "scatter_add: source has shape [2, 3, 4], expected [1, 1, 1]",
            ),
            (
                t.index_add(0, &Tensor::from([0usize]), &t).unwrap_err(),
                "index_add: source has shape [2, 3, 4], expected [1, 3, 4]",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
