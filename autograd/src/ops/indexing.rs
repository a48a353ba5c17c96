//! Elements picked by tensors of positions.

use refrain_tensor::{Index, Real, Tensor};

use crate::{Result, Var};

impl<T: Real> Var<'_, T> {
    /// The slices of an axis at the given positions. The gradients of repeats add up.
    ///
    /// # Errors
    /// Those of [`Tensor::index_select`].
    pub fn index_select<I: Index>(&self, axis: isize, index: &Tensor<I>) -> Result<Self> {
        let (shape, y) = (*self.shape(), self.value().index_select(axis, index)?);
        let index = index.clone();
        Ok(self.unary("index_select", y, move |g| Tensor::zeros(shape)?.index_add(axis, &index, g)))
    }

    /// One element for each position of `index`, along an axis. The gradients of repeats add up.
    ///
    /// # Errors
    /// Those of [`Tensor::gather`].
    pub fn gather<I: Index>(&self, axis: isize, index: &Tensor<I>) -> Result<Self> {
        let (shape, y) = (*self.shape(), self.value().gather(axis, index)?);
        let index = index.clone();
        Ok(self.unary("gather", y, move |g| Tensor::zeros(shape)?.scatter_add(axis, &index, g)))
    }

    /// A copy with `source` added at the positions of `index`; the gradient of the source is
    /// gathered from there.
    ///
    /// # Errors
    /// Those of [`Tensor::scatter_add`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn scatter_add<I: Index>(&self, axis: isize, index: &Tensor<I>, source: &Self) -> Result<Self> {
        let y = self.value().scatter_add(axis, index, source.value())?;
        let index = index.clone();
        self.tape().record("scatter_add", [self, source], y, move |g, [_, to_source]| {
            Ok([Some(g.clone()), to_source.then(|| g.gather(axis, &index)).transpose()?])
        })
    }

    /// A copy with the slices of `source` added to the slices of an axis; the gradient of the
    /// source is selected from there.
    ///
    /// # Errors
    /// Those of [`Tensor::index_add`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn index_add<I: Index>(&self, axis: isize, index: &Tensor<I>, source: &Self) -> Result<Self> {
        let y = self.value().index_add(axis, index, source.value())?;
        let index = index.clone();
        self.tape().record("index_add", [self, source], y, move |g, [_, to_source]| {
            Ok([Some(g.clone()), to_source.then(|| g.index_select(axis, &index)).transpose()?])
        })
    }
}
