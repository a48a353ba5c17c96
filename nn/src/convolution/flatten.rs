//! [`Flatten`]: the step from images to features.

use std::fmt;

use refrain_autograd::Var;
use refrain_tensor::Real;

#[cfg(doc)]
use crate::Error;
use crate::Result;

/// Axes `start_dim` to `end_dim`, both included, made one. Negative numbers count from the end. By
/// default all axes but the first: `[batch, channels, height, width]` →
/// `[batch, channels · height · width]`.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::Flatten;
/// use refrain_tensor::Tensor;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::<f32>::ones([4, 16, 5, 5])?);
/// assert_eq!(*Flatten::default().forward(&x)?.shape(), [4, 400]);
/// assert_eq!(*Flatten { start_dim: 0, end_dim: -3 }.forward(&x)?.shape(), [64, 5, 5]);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flatten {
    /// The first axis. Default 1.
    pub start_dim: isize,
    /// The last axis. Default -1.
    pub end_dim: isize,
}

impl Flatten {
    /// The same elements with these axes merged.
    ///
    /// # Errors
    /// [`Error::Autograd`] where an axis is out of range or the last comes before the first.
    pub fn forward<'t, T: Real>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        Ok(input.flatten(self.start_dim, self.end_dim)?)
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Self { start_dim: 1, end_dim: -1 }
    }
}

/// As PyTorch prints it.
impl fmt::Debug for Flatten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flatten(start_dim={}, end_dim={})", self.start_dim, self.end_dim)
    }
}
