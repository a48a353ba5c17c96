//! Views: other shapes, orders and parts of the same storage, without a copy.

use std::ops::Range;

use crate::{Element, Error, Layout, Result, Shape, Tensor};

impl<T: Element> Tensor<T> {
    /// The view that a function of layouts makes of this tensor. The named views below are such
    /// functions; this joins several of them, or takes one as an argument.
    ///
    /// # Errors
    /// Those of `layout`.
    ///
    /// # Panics
    /// Where `layout` returns a layout that leaves the storage, which none of the functions of
    /// [`Layout`] does to the layout that it is given.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4], [5, 6]]);
    /// let view = t.view(|layout| layout.narrow(0, 1, 2)?.transpose(0, 1))?;
    /// assert_eq!(view, Tensor::from([[3, 5], [4, 6]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn view(&self, layout: impl FnOnce(Layout) -> Result<Layout>) -> Result<Self> {
        let layout = layout(*self.layout())?;
        assert!(layout.fits(self.storage().len()), "a view {layout:?} leaves its storage");
        Ok(self.with_layout(layout))
    }

    /// Two axes exchanged: `[.., a, .., b, ..]` → `[.., b, .., a, ..]`. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`].
    pub fn transpose(&self, a: isize, b: isize) -> Result<Self> {
        self.view(|layout| layout.transpose(a, b))
    }

    /// The axes in a new order: axis `k` of the result is axis `axes[k]` of this tensor. A view.
    ///
    /// # Errors
    /// [`Error::AxisCount`], [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn permute(&self, axes: &[isize]) -> Result<Self> {
        self.view(|layout| layout.permute(axes))
    }

    /// `length` elements of one axis, from `start`. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RangeOutOfBounds`].
    pub fn narrow(&self, axis: isize, start: usize, length: usize) -> Result<Self> {
        self.view(|layout| layout.narrow(axis, start, length))
    }

    /// Every `step`-th element of a range of one axis. A negative step runs from the range's end
    /// to its start, so `slice(0, 0..n, -1)` reverses an axis of size n. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RangeOutOfBounds`], [`Error::ZeroStep`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([0, 1, 2, 3, 4]);
    /// assert_eq!(t.slice(0, 1..5, 2)?.to_vec(), [1, 3]);
    /// assert_eq!(t.slice(0, 0..5, -2)?.to_vec(), [4, 2, 0]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn slice(&self, axis: isize, range: Range<usize>, step: isize) -> Result<Self> {
        self.view(|layout| layout.slice(axis, range, step))
    }

    /// The elements at one index of an axis; the axis is gone. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::IndexOutOfRange`].
    pub fn select(&self, axis: isize, index: usize) -> Result<Self> {
        self.view(|layout| layout.select(axis, index))
    }

    /// Without an axis of size 1. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::NotSingleton`].
    pub fn squeeze(&self, axis: isize) -> Result<Self> {
        self.view(|layout| layout.squeeze(axis))
    }

    /// With a new axis of size 1 at `axis` of the result; -1 puts it last. A view.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::RankTooHigh`].
    pub fn unsqueeze(&self, axis: isize) -> Result<Self> {
        self.view(|layout| layout.unsqueeze(axis))
    }

    /// Repeated along new leading axes and axes of size 1, until the shape is `shape`. A view
    /// whose repeated axes have stride 0.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] where the shapes do not allow it, [`Error::TooLarge`].
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.view(|layout| layout.broadcast_to(shape.into()))
    }

    /// The same elements in logical order under another shape: a view where the strides allow
    /// it, else a copy.
    ///
    /// # Errors
    /// [`Error::Reshape`] where the element counts differ.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(t.reshape([3, 2])?, Tensor::from([[1, 2], [3, 4], [5, 6]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        match self.layout().reshape(shape)? {
            Some(view) => Ok(self.with_layout(view)),
            None => Ok(self.try_contiguous("reshape")?.with_layout(Layout::row_major(shape))),
        }
    }

    /// Axes `first` to `last`, both included, merged into one.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RangeOutOfBounds`] where `last` comes before `first`.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let out = Tensor::<f32>::zeros([5, 3, 4])?; // [seq, batch, features]
    /// assert_eq!(*out.flatten(0, 1)?.shape(), [15, 4]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn flatten(&self, first: isize, last: isize) -> Result<Self> {
        let shape = *self.shape();
        self.reshape(shape.flattened(first, last)?)
    }
}

impl Shape {
    /// This shape with axes `first` to `last`, both included, merged into one.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::RangeOutOfBounds`] where `last` comes before `first`;
    /// [`Error::TooLarge`] where the merged size does not fit in an `isize`.
    pub fn flattened(&self, first: isize, last: isize) -> Result<Self> {
        let (first, last) = (self.axis("flatten", first)?, self.axis("flatten", last)?);
        if last < first {
            let (axis, size, shape) = (first, self[first], *self);
            return Err(Error::RangeOutOfBounds {
                op: "flatten",
                start: first,
                end: last,
                axis,
                size,
                shape: shape.into(),
            });
        }
        let too_large = || Error::TooLarge { op: "flatten", shape: (*self).into() };
        let merged = Self::from_slice(&self[first..=last]).checked_numel().ok_or_else(too_large)?;
        let sizes: Vec<usize> =
            self[..first].iter().copied().chain([merged]).chain(self[last + 1..].iter().copied()).collect();
        Self::new(&sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A view of random rank, order and steps, and the same elements in dense storage.
    pub(crate) fn any_view() -> impl Strategy<Value = Tensor<i64>> {
        (prop::collection::vec(0usize..4, 0..=4), any::<[u8; 6]>()).prop_map(|(sizes, choice)| {
            let shape = Shape::new(&sizes).unwrap();
            let mut view = Tensor::from_vec((0..shape.numel() as i64).collect(), shape).unwrap();
            let rank = view.rank();
            if rank > 0 {
                let pick = |k: usize| (choice[k] as usize % rank) as isize;
                view = view.transpose(pick(0), pick(1)).unwrap();
                let size = view.shape()[pick(2) as usize];
                let start = choice[3] as usize % (size + 1);
                let step = [-2, -1, 1, 2][choice[4] as usize % 4];
                view = view.slice(pick(2), start..size, step).unwrap();
                if choice[5] % 2 == 0 {
                    view = view.unsqueeze(pick(2)).unwrap();
                    let shape = view.shape().with(pick(2) as usize, 2);
                    view = view.broadcast_to(shape).unwrap();
                }
            }
            view
        })
    }

    proptest! {
        #[test]
        fn reshape_keeps_the_logical_order(view in any_view()) {
            let flat = view.reshape([view.numel()]).unwrap();
            prop_assert_eq!(flat.to_vec(), view.to_vec());
            let back = flat.reshape(view.shape()).unwrap();
            prop_assert_eq!(&back, &view);
            // Splitting an axis in front is always possible as a view of the same elements.
            let wide = view.unsqueeze(0).unwrap();
            prop_assert_eq!(wide.reshape(view.shape()).unwrap(), view);
        }

        #[test]
        fn views_of_views_agree_with_views_of_copies(view in any_view()) {
            let copy = view.contiguous();
            for axis in 0..view.rank() as isize {
                let size = view.shape()[axis as usize];
                prop_assert_eq!(view.slice(axis, 0..size, -1).unwrap(), copy.slice(axis, 0..size, -1).unwrap());
                prop_assert_eq!(view.narrow(axis, size / 2, size - size / 2).unwrap(),
                                copy.narrow(axis, size / 2, size - size / 2).unwrap());
                prop_assert_eq!(view.transpose(0, axis).unwrap(), copy.transpose(0, axis).unwrap());
                if size > 0 {
                    prop_assert_eq!(view.select(axis, size - 1).unwrap(), copy.select(axis, size - 1).unwrap());
                }
            }
        }
    }

    #[test]
    fn views_share_storage_and_reshape_copies_only_where_it_must() {
        let t = Tensor::from([[1, 2, 3], [4, 5, 6]]);
        let shares = |view: &Tensor<i32>| std::ptr::eq(view.storage(), t.storage());
        assert!(shares(&t.transpose(0, 1).unwrap()));
        assert!(shares(&t.reshape([3, 2]).unwrap()));
        assert!(shares(&t.broadcast_to([7, 2, 3]).unwrap()));
        assert!(!shares(&t.transpose(0, 1).unwrap().reshape([6]).unwrap()));
    }

    #[test]
    fn ranks_up_to_the_limit_and_no_further() {
        let mut t = Tensor::scalar(1.0f32);
        for rank in 1..=crate::MAX_RANK {
            t = t.unsqueeze(0).unwrap();
            assert_eq!(t.rank(), rank);
            assert_eq!(t.iter().count(), 1);
        }
        assert_eq!(t.unsqueeze(0).unwrap_err().to_string(), "unsqueeze: 7 axes, but a tensor has at most 6");
    }

    #[test]
    fn flatten_merges_or_says_why_not() {
        let t = Tensor::from([[[1, 2], [3, 4]]]);
        assert_eq!(*t.flatten(0, -1).unwrap().shape(), [4]);
        assert_eq!(*t.flatten(1, 2).unwrap().shape(), [1, 4]);
        let huge = Shape::from([1 << 40, 1 << 40]).flattened(0, 1).unwrap_err().to_string();
        assert_eq!(huge, "flatten: a tensor of shape [1099511627776, 1099511627776] is too large to address");
        assert!(t.flatten(2, 1).unwrap_err().to_string().starts_with("flatten: range 2..1"));
    }
}
