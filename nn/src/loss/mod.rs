//! Losses: how far a prediction is from its target.
//!
//! A target is data, a [`Tensor`], and takes no gradient. Each loss is one node on the tape.

mod bce;
mod cross_entropy;
mod mse;

pub use bce::BCEWithLogitsLoss;
pub use cross_entropy::CrossEntropyLoss;
pub use mse::MSELoss;

use refrain_autograd::Var;
use refrain_tensor::{Real, Shape, Tensor};

use crate::{Error, Result};

/// What becomes of the losses of all elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They stay as they are.
    None,
}

impl Reduction {
    /// Reduces the losses; `divisor` is what the mean divides by.
    fn apply<T: Real>(self, losses: Tensor<T>, divisor: T) -> Result<Tensor<T>> {
        Ok(match self {
            Self::None => losses,
            Self::Sum => losses.sum(..)?,
            Self::Mean => {
                let mut mean = losses.sum(..)?;
                mean.as_mut_slice().iter_mut().for_each(|sum| *sum = *sum / divisor);
                mean
            }
        })
    }

    /// The gradient of each loss, as a tensor that broadcasts to them.
    fn share<T: Real>(self, g: &Tensor<T>, divisor: T) -> Tensor<T> {
        match self {
            Self::None | Self::Sum => g.clone(),
            Self::Mean => g.map(|g| g / divisor),
        }
    }
}

/// # Errors
/// [`Error::Target`] where the target does not have the input's shape, [`Error::Empty`] where
/// there is nothing to take a loss of.
fn check_same_shape<T: Real>(op: &'static str, input: &Var<'_, T>, target: &Tensor<T>) -> Result<()> {
    let (shape, found) = (*input.shape(), *target.shape());
    if shape != found {
        return Err(Error::Target {
            op,
            what: "target",
            found: found.into(),
            expected: shape.into(),
            input: shape.into(),
        });
    }
    check_not_empty(op, shape, "[..]")
}

/// # Errors
/// [`Error::Empty`].
fn check_not_empty(op: &'static str, shape: Shape, axes: &'static str) -> Result<()> {
    if shape.contains(&0) {
        Err(Error::Empty { op, what: "batch", shape: shape.into(), axes })
    } else {
        Ok(())
    }
}
