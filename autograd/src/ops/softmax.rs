//! Exponentials normalised along an axis.

use refrain_tensor::{Axes, Real, keepdim};

use crate::{Result, Var};

impl<T: Real> Var<'_, T> {
    /// ln Σ eˣ along `axes`; the gradient is g · softmax.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::EmptyReduction`], [`refrain_tensor::Error::AxisOutOfRange`],
    /// [`refrain_tensor::Error::DuplicateAxis`].
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (axes, x) = (axes.into(), self.value().clone());
        let y = x.logsumexp(axes)?;
        let kept = axes.kept_shape("logsumexp", x.shape())?;
        let largest = y.reshape(kept)?;
        Ok(self.unary("logsumexp", y, move |g| x.sub(&largest)?.exp().mul(&g.reshape(kept)?)))
    }

    /// eˣ / Σ eˣ along one axis; the gradient is y · (g − Σ g y).
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`].
    pub fn softmax(&self, axis: isize) -> Result<Self> {
        let y = self.value().softmax(axis)?;
        let kept = y.clone();
        Ok(self.unary("softmax", y, move |g| kept.mul(&g.sub(&g.mul(&kept)?.sum(keepdim(axis))?)?)))
    }

    /// x − ln Σ eˣ along one axis; the gradient is g − eʸ · Σ g.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`].
    pub fn log_softmax(&self, axis: isize) -> Result<Self> {
        let y = self.value().log_softmax(axis)?;
        let kept = y.clone();
        Ok(self.unary("log_softmax", y, move |g| g.sub(&kept.exp().mul(&g.sum(keepdim(axis))?)?)))
    }
}
