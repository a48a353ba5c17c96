//! Where a tensor's elements lie in its storage, and the views that only change that.

use std::ops::Range;

use crate::{Error, MAX_RANK, Result, Shape};

/// Shape, strides and offset: the element at index `[i, j, …]` lies at
/// `offset + i * strides[0] + j * strides[1] + …` of the storage.
///
/// Every view is a function from layout to layout; nothing here touches elements. A stride of 0
/// repeats one element along its axis (a broadcast), a negative one runs backward. A layout is
/// `Copy` and needs no heap.
///
/// ```
/// use refrain_tensor::{Layout, Shape};
/// let rows = Layout::contiguous("example", Shape::from([3, 4]))?;
/// assert_eq!(rows.strides(), [4, 1]);
/// let columns = rows.transpose(0, 1)?;
/// assert_eq!(*columns.shape(), [4, 3]);
/// assert_eq!(columns.strides(), [1, 4]);
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    shape: Shape,
    strides: [isize; MAX_RANK],
    offset: usize,
}

impl Layout {
    /// Whether another one has the same shape, strides and start.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.shape == other.shape && self.strides() == other.strides() && self.offset == other.offset
    }

    /// The row-major layout of a shape: the last axis has stride 1.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the product of the sizes does not fit in an `isize`; sizes of 0
    /// do not count, so that the strides of an empty shape are numbers too.
    pub fn contiguous(op: &'static str, shape: Shape) -> Result<Self> {
        shape.check_addressable(op)?;
        Ok(Self::row_major(shape))
    }

    /// [`Layout::contiguous`] for a shape that is known to be small enough.
    pub(crate) fn row_major(shape: Shape) -> Self {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1isize;
        for axis in (0..shape.rank()).rev() {
            strides[axis] = stride;
            // An axis of size 0 or 1 is never stepped along; the strides before it go on as if it were 1.
            stride *= shape[axis].max(1) as isize;
        }
        Self { shape, strides, offset: 0 }
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements, which is known to fit.
    pub(crate) fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// The distance in the storage between neighbours along each axis.
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.shape.rank()]
    }

    /// Where the first element lies.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the elements lie in logical order without gaps. Axes of size 1 do not matter.
    pub fn is_contiguous(&self) -> bool {
        if self.shape.contains(&0) {
            return true;
        }
        let mut expected = 1;
        for axis in (0..self.shape.rank()).rev() {
            if self.shape[axis] != 1 && self.strides[axis] != expected {
                return false;
            }
            expected *= self.shape[axis] as isize;
        }
        true
    }

    /// Where the element at `index` lies, or `None` where `index` is outside the shape.
    pub fn position(&self, index: &[usize]) -> Option<usize> {
        let inside =
            index.len() == self.shape.rank() && index.iter().zip(&self.shape[..]).all(|(i, n)| i < n);
        inside.then(|| {
            let distance: isize = index.iter().zip(self.strides()).map(|(&i, &s)| i as isize * s).sum();
            (self.offset as isize + distance) as usize
        })
    }

    /// Whether every element lies inside a storage of `length` elements.
    pub(crate) fn fits(&self, length: usize) -> bool {
        self.shape.contains(&0) || stays_inside(length, self.offset, &self.shape, self.strides())
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`].
    pub fn transpose(mut self, a: isize, b: isize) -> Result<Self> {
        let (a, b) = (self.shape.axis("transpose", a)?, self.shape.axis("transpose", b)?);
        self.shape.swap(a, b);
        self.strides.swap(a, b);
        Ok(self)
    }

    /// The axes in a new order: axis `k` of the result is axis `axes[k]` of this layout.
    ///
    /// # Errors
    /// [`Error::AxisCount`], [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn permute(self, axes: &[isize]) -> Result<Self> {
        if axes.len() != self.shape.rank() {
            return Err(Error::AxisCount { op: "permute", count: axes.len(), shape: self.shape.into() });
        }
        let mut result = self;
        let mut seen = [false; MAX_RANK];
        for (k, &axis) in axes.iter().enumerate() {
            let axis = self.shape.axis("permute", axis)?;
            if std::mem::replace(&mut seen[axis], true) {
                return Err(Error::DuplicateAxis { op: "permute", axis, shape: self.shape.into() });
            }
            result.shape[k] = self.shape[axis];
            result.strides[k] = self.strides[axis];
        }
        Ok(result)
    }

    /// `range` of one axis, every `step`-th element; a negative step runs from the range's end
    /// to its start, as in `ndarray`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RangeOutOfBounds`], [`Error::ZeroStep`].
    pub fn slice(mut self, axis: isize, range: Range<usize>, step: isize) -> Result<Self> {
        let axis = self.shape.axis("slice", axis)?;
        if step == 0 {
            return Err(Error::ZeroStep { op: "slice" });
        }
        self.check_range("slice", axis, &range)?;
        let size = range.len().div_ceil(step.unsigned_abs());
        if size > 0 {
            let first = if step > 0 { range.start } else { range.end - 1 };
            self.move_along(axis, first);
        }
        // One element or none needs no stride; a huge step would overflow it.
        self.strides[axis] = if size > 1 { self.strides[axis] * step } else { self.strides[axis] };
        self.shape[axis] = size;
        Ok(self)
    }

    /// `length` elements of one axis, from `start`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RangeOutOfBounds`].
    pub fn narrow(mut self, axis: isize, start: usize, length: usize) -> Result<Self> {
        let axis = self.shape.axis("narrow", axis)?;
        self.check_range("narrow", axis, &(start..start.saturating_add(length)))?;
        if length > 0 {
            self.move_along(axis, start);
        }
        self.shape[axis] = length;
        Ok(self)
    }

    /// The elements at one index of an axis; the axis is gone.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn select(mut self, axis: isize, index: usize) -> Result<Self> {
        let axis = self.shape.axis("select", axis)?;
        let size = self.shape[axis];
        if index >= size {
            let index = i64::try_from(index).unwrap_or(i64::MAX);
            return Err(Error::IndexOutOfRange { op: "select", index, axis, size, shape: self.shape.into() });
        }
        self.move_along(axis, index);
        self.strides.copy_within(axis + 1.., axis);
        self.shape = self.shape.without(axis);
        Ok(self)
    }

    /// Without an axis of size 1.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::NotSingleton`].
    pub fn squeeze(mut self, axis: isize) -> Result<Self> {
        let axis = self.shape.axis("squeeze", axis)?;
        let size = self.shape[axis];
        if size != 1 {
            return Err(Error::NotSingleton { op: "squeeze", axis, size, shape: self.shape.into() });
        }
        self.strides.copy_within(axis + 1.., axis);
        self.shape = self.shape.without(axis);
        Ok(self)
    }

    /// With a new axis of size 1 at `axis` of the result; -1 puts it last.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RankTooHigh`].
    pub fn unsqueeze(self, axis: isize) -> Result<Self> {
        self.unsqueeze_as("unsqueeze", axis)
    }

    /// [`Layout::unsqueeze`] in the name of `op`.
    pub(crate) fn unsqueeze_as(mut self, op: &'static str, axis: isize) -> Result<Self> {
        let rank = self.shape.rank() as isize;
        let place = if axis < 0 { axis + rank + 1 } else { axis };
        if !(0..=rank).contains(&place) {
            return Err(Error::AxisOutOfRange { op, axis, shape: self.shape.into() });
        }
        let place = place as usize;
        self.shape = self.shape.inserted(op, place, 1)?;
        self.strides.copy_within(place..MAX_RANK - 1, place + 1);
        self.strides[place] = 0;
        Ok(self)
    }

    /// Repeated along new leading axes and axes of size 1, until the shape is `shape`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] where the shapes do not allow it, [`Error::TooLarge`].
    pub fn broadcast_to(self, shape: Shape) -> Result<Self> {
        self.broadcast_as("broadcast_to", shape)
    }

    /// [`Layout::broadcast_to`] in the name of `op`.
    pub(crate) fn broadcast_as(self, op: &'static str, shape: Shape) -> Result<Self> {
        if self.shape == shape {
            return Ok(self);
        }
        if self.shape.broadcast(op, shape).ok() != Some(shape) {
            let (found, expected) = (self.shape, shape);
            return Err(Error::ShapeMismatch {
                op,
                what: "a tensor",
                found: found.into(),
                expected: expected.into(),
            });
        }
        shape.check_addressable(op)?;
        let new_axes = shape.rank() - self.shape.rank();
        let mut strides = [0; MAX_RANK];
        for (axis, &size) in self.shape.iter().enumerate() {
            strides[new_axes + axis] = if size == 1 { 0 } else { self.strides[axis] };
        }
        Ok(Self { shape, strides, offset: self.offset })
    }

    /// The same elements in logical order under another shape, or `None` where the strides do
    /// not allow it and the elements have to be copied.
    ///
    /// # Errors
    /// [`Error::Reshape`] where the element counts differ, [`Error::TooLarge`].
    pub fn reshape(self, shape: Shape) -> Result<Option<Self>> {
        if shape.checked_numel() != Some(self.numel()) {
            return Err(Error::Reshape { op: "reshape", from: self.shape.into(), to: shape.into() });
        }
        shape.check_addressable("reshape")?;
        if self.is_contiguous() {
            return Ok(Some(Self { offset: self.offset, ..Self::row_major(shape) }));
        }
        // Match groups of old and new axes with equal products; inside a group the old axes must
        // follow each other without gaps. Axes of size 1 carry no stride worth matching.
        let old: Vec<(usize, isize)> =
            self.shape.iter().copied().zip(self.strides().iter().copied()).filter(|&(n, _)| n != 1).collect();
        let mut strides = [0; MAX_RANK];
        let (mut first_old, mut first_new) = (0, 0);
        while first_old < old.len() && first_new < shape.rank() {
            let (mut end_old, mut end_new) = (first_old + 1, first_new + 1);
            let (mut old_product, mut new_product) = (old[first_old].0, shape[first_new]);
            while old_product != new_product {
                if new_product < old_product {
                    new_product *= shape[end_new];
                    end_new += 1;
                } else {
                    old_product *= old[end_old].0;
                    end_old += 1;
                }
            }
            let group = &old[first_old..end_old];
            if group.windows(2).any(|pair| pair[0].1 != pair[1].0 as isize * pair[1].1) {
                return Ok(None);
            }
            let mut stride = old[end_old - 1].1;
            for axis in (first_new..end_new).rev() {
                strides[axis] = stride;
                stride *= shape[axis] as isize;
            }
            (first_old, first_new) = (end_old, end_new);
        }
        Ok(Some(Self { shape, strides, offset: self.offset }))
    }

    fn check_range(&self, op: &'static str, axis: usize, range: &Range<usize>) -> Result<()> {
        let (size, shape) = (self.shape[axis], self.shape);
        if range.start <= range.end && range.end <= size {
            return Ok(());
        }
        Err(Error::RangeOutOfBounds {
            op,
            start: range.start,
            end: range.end,
            axis,
            size,
            shape: shape.into(),
        })
    }

    fn move_along(&mut self, axis: usize, index: usize) {
        self.offset = (self.offset as isize + index as isize * self.strides[axis]) as usize;
    }
}

/// Whether every element of axes of these sizes (none of them 0) and strides, from `offset` on, lies
/// inside a storage of `length` elements. What does not fit in an `isize` does not lie there.
pub(crate) fn stays_inside(length: usize, offset: usize, sizes: &[usize], strides: &[isize]) -> bool {
    let reach = || {
        let start = isize::try_from(offset).ok()?;
        sizes.iter().zip(strides).try_fold((start, start), |(low, high), (&n, &stride)| {
            let end = isize::try_from(n).ok()?.checked_sub(1)?.checked_mul(stride)?;
            Some((low.checked_add(end.min(0))?, high.checked_add(end.max(0))?))
        })
    };
    reach().is_some_and(|(low, high): (isize, isize)| low >= 0 && high.unsigned_abs() < length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout<const N: usize>(shape: [usize; N]) -> Layout {
        Layout::row_major(Shape::from(shape))
    }

    #[test]
    fn views_move_offset_and_strides() {
        let base = layout([3, 4, 5]);
        let cases = [
            ("transpose", base.transpose(0, -1), Shape::from([5, 4, 3]), vec![1, 5, 20], 0),
            ("permute", base.permute(&[1, 2, 0]), Shape::from([4, 5, 3]), vec![5, 1, 20], 0),
            ("narrow", base.narrow(1, 2, 2), Shape::from([3, 2, 5]), vec![20, 5, 1], 10),
            ("narrow to nothing", base.narrow(1, 4, 0), Shape::from([3, 0, 5]), vec![20, 5, 1], 0),
            ("slice", base.slice(2, 1..5, 2), Shape::from([3, 4, 2]), vec![20, 5, 2], 1),
            ("slice backward", base.slice(0, 0..3, -2), Shape::from([2, 4, 5]), vec![-40, 5, 1], 40),
            ("select", base.select(1, 3), Shape::from([3, 5]), vec![20, 1], 15),
            ("unsqueeze", base.unsqueeze(-1), Shape::from([3, 4, 5, 1]), vec![20, 5, 1, 0], 0),
        ];
        for (name, view, shape, strides, offset) in cases {
            let view = view.unwrap();
            assert_eq!(
                (*view.shape(), view.strides(), view.offset()),
                (shape, &strides[..], offset),
                "{name}"
            );
        }
    }

    #[test]
    fn reshape_finds_a_view_exactly_where_one_exists() {
        let base = layout([4, 6]);
        let strides = |l: Layout, shape: &[usize]| {
            l.reshape(Shape::new(shape).unwrap()).unwrap().map(|view| view.strides().to_vec())
        };
        assert_eq!(strides(base, &[2, 2, 3, 2]), Some(vec![12, 6, 2, 1]));
        assert_eq!(strides(base.transpose(0, 1).unwrap(), &[24]), None);
        assert_eq!(strides(base.transpose(0, 1).unwrap(), &[3, 2, 4]), Some(vec![2, 1, 6]));
        assert!(strides(base.transpose(0, 1).unwrap(), &[1, 6, 1, 4, 1]).is_some());
        assert_eq!(strides(base.narrow(1, 0, 3).unwrap(), &[2, 2, 3]), Some(vec![12, 6, 1]));
        assert_eq!(strides(base.narrow(1, 0, 3).unwrap(), &[12]), None);
        assert_eq!(strides(layout([]).broadcast_to(Shape::from([3, 2])).unwrap(), &[6]), Some(vec![0]));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let base = layout([3, 4]);
        let cases = [
            (base.permute(&[0]).unwrap_err(), "permute: 1 axis was named, but shape [3, 4] has 2"),
            (base.permute(&[0, 0]).unwrap_err(), "permute: axis 0 is named twice (shape [3, 4])"),
            (
                base.transpose(0, 2).unwrap_err(),
                "transpose: axis 2 is out of range for shape [3, 4] of rank 2",
            ),
            (
                base.narrow(1, 2, 3).unwrap_err(),
                "narrow: range 2..5 does not lie in axis 1, which has size 4 (shape [3, 4])",
            ),
            (
                base.narrow(1, 2, usize::MAX).unwrap_err(),
                "narrow: range 2..18446744073709551615 does not lie in axis 1, which has size 4 (shape [3, 4])",
            ),
            (base.slice(0, 0..3, 0).unwrap_err(), "slice: the step is 0"),
            (
                base.select(0, 3).unwrap_err(),
                "select: index 3 is out of range for axis 0, which has size 3 (shape [3, 4])",
            ),
            (base.squeeze(0).unwrap_err(), "squeeze: axis 0 has size 3, expected 1 (shape [3, 4])"),
            (
                base.broadcast_to(Shape::from([3, 5])).unwrap_err(),
                "broadcast_to: a tensor has shape [3, 4], expected [3, 5]",
            ),
            (
                layout([1, 1]).broadcast_to(Shape::from([1 << 40, 1 << 40])).unwrap_err(),
                "broadcast_to: a tensor of shape [1099511627776, 1099511627776] is too large to address",
            ),
            (
                base.reshape(Shape::from([5])).unwrap_err(),
                "reshape: shape [3, 4] has 12 elements and cannot become [5], which has 5",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn the_reach_of_a_layout_is_checked_without_wrapping() {
        let cases: [(&[usize], &[isize], usize, bool); 6] = [
            (&[3, 4], &[4, 1], 0, true),
            (&[3, 4], &[4, 1], 1, false),
            (&[3], &[-4], 8, true),
            (&[1025, 2], &[1 << 54, 1], 0, false),
            (&[2, 2], &[isize::MAX, isize::MAX], 0, false),
            (&[1], &[1], usize::MAX, false),
        ];
        for (sizes, strides, offset, inside) in cases {
            assert_eq!(stays_inside(12, offset, sizes, strides), inside, "{sizes:?} {strides:?} {offset}");
        }
    }

    #[test]
    fn empty_shapes_of_huge_axes_are_too_large() {
        let huge = Shape::from([1 << 62, 8, 0]);
        let empty = layout([0]);
        for result in [
            Layout::contiguous("t", huge),
            empty.broadcast_to(huge),
            layout([1, 1, 0]).broadcast_to(huge),
            empty.reshape(huge).map(|_| empty),
        ] {
            assert!(result.is_err());
        }
        assert_eq!(Layout::contiguous("t", Shape::from([1 << 40, 0])).unwrap().strides(), [1, 1]);
    }

    #[test]
    fn a_huge_step_is_harmless() {
        for step in [isize::MAX, isize::MIN] {
            assert_eq!(*layout([5]).slice(0, 1..5, step).unwrap().shape(), [1]);
        }
    }
}
