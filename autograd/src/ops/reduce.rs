//! Reductions along axes.

use refrain_tensor::{Axes, Real, Shape, Tensor, keepdim};

use crate::{Result, Var};

type TensorResult<T> = std::result::Result<T, refrain_tensor::Error>;

impl<T: Real> Var<'_, T> {
    /// The sum along `axes`. The gradient is repeated along them.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::DuplicateAxis`].
    pub fn sum(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (axes, shape) = (axes.into(), *self.shape());
        let kept = axes.kept_shape("sum", &shape)?;
        Ok(self.unary("sum", self.value().sum(axes)?, move |g| g.reshape(kept)?.broadcast_to(shape)))
    }

    /// The mean along `axes`. The gradient is repeated along them, divided by their size.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::DuplicateAxis`].
    pub fn mean(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (axes, shape) = (axes.into(), *self.shape());
        let kept = axes.kept_shape("mean", &shape)?;
        let share = T::from_usize(shape.numel() / kept.numel().max(1)).recip();
        Ok(self.unary("mean", self.value().mean(axes)?, move |g| {
            g.mul_scalar(share).reshape(kept)?.broadcast_to(shape)
        }))
    }

    /// The variance along `axes`, divided by n − `correction`:
    /// dy/dx = 2 (x − mean) / (n − correction).
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::DuplicateAxis`].
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Result<Self> {
        let (axes, x) = (axes.into(), self.value().clone());
        let kept = axes.kept_shape("var", x.shape())?;
        let count = x.numel() / kept.numel().max(1);
        let factor = T::from_f64(2.0) / T::from_usize(count.saturating_sub(correction));
        Ok(self.unary("var", x.var(axes, correction)?, move |g| {
            x.sub(&x.mean(keepdim(axes))?)?.mul_scalar(factor).mul(&g.reshape(kept)?)
        }))
    }

    /// The standard deviation along `axes`: the root of [`Var::var`].
    /// dy/dx = (x − mean) / ((n − correction) · y); where all elements are equal and y is 0, the
    /// gradient is 0, as in PyTorch.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::DuplicateAxis`].
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Result<Self> {
        let (axes, x) = (axes.into(), self.value().clone());
        let kept = axes.kept_shape("std", x.shape())?;
        let freedom = T::from_usize((x.numel() / kept.numel().max(1)).saturating_sub(correction));
        let y = x.std(axes, correction)?;
        let deviation = y.clone();
        Ok(self.unary("std", y, move |g| {
            let share =
                g.zip_map(
                    "std",
                    &deviation,
                    |g, y| {
                        if y == T::zero() { T::zero() } else { g / (freedom * y) }
                    },
                )?;
            x.sub(&x.mean(keepdim(axes))?)?.mul(&share.reshape(kept)?)
        }))
    }

    /// The largest element along `axes`. The gradient goes to it, shared evenly among equals.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::EmptyReduction`], [`refrain_tensor::Error::AxisOutOfRange`],
    /// [`refrain_tensor::Error::DuplicateAxis`].
    pub fn max(&self, axes: impl Into<Axes>) -> Result<Self> {
        let axes = axes.into();
        self.extreme_along("max", axes, self.value().max(axes)?)
    }

    /// The smallest element along `axes`. The gradient goes to it, shared evenly among equals.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::EmptyReduction`], [`refrain_tensor::Error::AxisOutOfRange`],
    /// [`refrain_tensor::Error::DuplicateAxis`].
    pub fn min(&self, axes: impl Into<Axes>) -> Result<Self> {
        let axes = axes.into();
        self.extreme_along("min", axes, self.value().min(axes)?)
    }

    fn extreme_along(&self, op: &'static str, axes: Axes, y: Tensor<T>) -> Result<Self> {
        let (x, kept) = (self.value().clone(), axes.kept_shape(op, self.shape())?);
        let extreme = y.reshape(kept)?;
        Ok(self.unary(op, y, move |g| {
            let chosen = x.zip_map(op, &extreme, |x, y| if x == y { T::one() } else { T::zero() })?;
            let shared = g.reshape(kept)?.div(&chosen.sum(keepdim(axes))?)?;
            chosen.mul(&shared)
        }))
    }

    /// The product along `axes`. The gradient of an element is the product of the others, which
    /// is right also where there are zeros.
    ///
    /// # Errors
    /// [`refrain_tensor::Error::AxisOutOfRange`], [`refrain_tensor::Error::DuplicateAxis`].
    pub fn prod(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (axes, x) = (axes.into(), self.value().clone());
        let kept = axes.kept_shape("prod", x.shape())?;
        Ok(self.unary("prod", x.prod(axes)?, move |g| products_of_others(&x, kept)?.mul(&g.reshape(kept)?)))
    }
}

/// For each element, the product of the other elements that reduce to the same one of `kept`:
/// the product of those before it times the product of those after.
fn products_of_others<T: Real>(x: &Tensor<T>, kept: Shape) -> TensorResult<Tensor<T>> {
    let groups = Tensor::<usize>::arange(kept.numel())?.reshape(kept)?.broadcast_to(x.shape())?.to_vec();
    let values = x.to_vec();
    let mut running = vec![T::one(); kept.numel()];
    let mut others = Tensor::ones(x.shape())?;
    let out = others.as_mut_slice();
    for i in 0..values.len() {
        out[i] = running[groups[i]];
        running[groups[i]] = running[groups[i]] * values[i];
    }
    running.fill(T::one());
    for i in (0..values.len()).rev() {
        out[i] = out[i] * running[groups[i]];
        running[groups[i]] = running[groups[i]] * values[i];
    }
    Ok(others)
}
