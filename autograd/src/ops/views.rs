//! Other shapes, orders and parts of a value.

use std::ops::Range;

use refrain_tensor::{Real, Shape};

use crate::{Result, Var};

impl<T: Real> Var<'_, T> {
    /// The same elements in logical order under another shape.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Reshape`] where the element counts differ.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let from = *self.shape();
        Ok(self.unary("reshape", self.value().reshape(shape)?, move |g| g.reshape(from)))
    }

    /// Axes `first` to `last`, both included, merged into one.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::RangeOutOfBounds`].
    pub fn flatten(&self, first: isize, last: isize) -> Result<Self> {
        self.reshape(self.shape().flattened(first, last)?)
    }

    /// Without an axis of size 1.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::NotSingleton`].
    pub fn squeeze(&self, axis: isize) -> Result<Self> {
        let from = *self.shape();
        Ok(self.unary("squeeze", self.value().squeeze(axis)?, move |g| g.reshape(from)))
    }

    /// With a new axis of size 1 at `axis` of the result; -1 puts it last.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::RankTooHigh`].
    pub fn unsqueeze(&self, axis: isize) -> Result<Self> {
        let from = *self.shape();
        Ok(self.unary("unsqueeze", self.value().unsqueeze(axis)?, move |g| g.reshape(from)))
    }

    /// Two axes exchanged.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`].
    pub fn transpose(&self, a: isize, b: isize) -> Result<Self> {
        Ok(self.unary("transpose", self.value().transpose(a, b)?, move |g| g.transpose(a, b)))
    }

    /// The axes in a new order: axis `k` of the result is axis `axes[k]` of this variable.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisCount`], [`refrain_tensor::Error::AxisOutOfRange`],
    /// [`refrain_tensor::Error::DuplicateAxis`].
    pub fn permute(&self, axes: &[isize]) -> Result<Self> {
        let y = self.value().permute(axes)?;
        let mut inverse = vec![0; axes.len()];
        for (k, &axis) in axes.iter().enumerate() {
            inverse[self.shape().axis("permute", axis)?] = k as isize;
        }
        Ok(self.unary("permute", y, move |g| g.permute(&inverse)))
    }

    /// Repeated along new leading axes and axes of size 1, until the shape is `shape`. The
    /// gradient is summed over the repeats.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::ShapeMismatch`], [`refrain_tensor::Error::TooLarge`].
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        Ok(self.unary("broadcast_to", self.value().broadcast_to(shape)?, |g| Ok(g.clone())))
    }

    /// `length` elements of one axis, from `start`.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::RangeOutOfBounds`].
    pub fn narrow(&self, axis: isize, start: usize, length: usize) -> Result<Self> {
        self.tape().record_part("narrow", self, |layout| layout.narrow(axis, start, length))
    }

    /// Every `step`-th element of a range of one axis; a negative step runs backward.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::RangeOutOfBounds`],
    /// [`refrain_tensor::Error::ZeroStep`].
    pub fn slice(&self, axis: isize, range: Range<usize>, step: isize) -> Result<Self> {
        self.tape().record_part("slice", self, |layout| layout.slice(axis, range.clone(), step))
    }

    /// The elements at one index of an axis; the axis is gone.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::IndexOutOfRange`].
    pub fn select(&self, axis: isize, index: usize) -> Result<Self> {
        self.tape().record_part("select", self, |layout| layout.select(axis, index))
    }
}
