//! [`Parameter`]: a tensor that training changes.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use refrain_tensor::{Element, Tensor};

use crate::{Error, Result};

/// Tells parameters apart, in the order of their creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(u64);

/// A tensor that training changes: a weight or a bias.
///
/// A parameter is plain data. It holds no gradient and no tape, so a model of parameters can be
/// shared by threads that each record on a tape of their own; gradients come back from
/// [`crate::Var::backward`] in a [`crate::Gradients`], which finds them by parameter.
///
/// A clone is another parameter: it has the same value, but gradients of its own.
///
/// ```
/// use refrain_autograd::{Parameter, Tape};
/// use refrain_tensor::Tensor;
/// let w = Parameter::new(Tensor::from([2.0, 3.0]));
/// let tape = Tape::new();
/// let loss = tape.parameter(&w).square().sum(..)?;
/// let gradients = loss.backward()?;
/// assert_eq!(gradients.get(&w), Some(&Tensor::from([4.0, 6.0])));
/// # Ok::<(), refrain_autograd::Error>(())
/// ```
pub struct Parameter<T> {
    id: ParameterId,
    value: Tensor<T>,
    requires_grad: bool,
}

impl<T: Element> Parameter<T> {
    /// A parameter with an initial value.
    pub fn new(value: Tensor<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: ParameterId(NEXT.fetch_add(1, Ordering::Relaxed)), value, requires_grad: true }
    }

    /// What tells this parameter from every other one.
    pub fn id(&self) -> ParameterId {
        self.id
    }

    /// The current value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Error::ParameterShape`] where the shape differs.
    pub fn set(&mut self, value: Tensor<T>) -> Result<()> {
        if value.shape() != self.value.shape() {
            let (found, expected) = (*value.shape(), *self.value.shape());
            return Err(Error::ParameterShape { op: "set", found: found.into(), expected: expected.into() });
        }
        self.value = value;
        Ok(())
    }

    /// The elements in logical order, to be changed in place; a tape or a clone that still holds
    /// the old value keeps it.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.value.as_mut_slice()
    }

    /// Whether tapes record what depends on this parameter. A parameter that does not require a
    /// gradient is frozen: optimizers leave it as it is.
    pub fn requires_grad(&self) -> bool {
        self.requires_grad
    }

    /// Freezes the parameter (`false`) or frees it again.
    pub fn set_requires_grad(&mut self, requires_grad: bool) {
        self.requires_grad = requires_grad;
    }
}

impl<T: Element> Clone for Parameter<T> {
    fn clone(&self) -> Self {
        Self { requires_grad: self.requires_grad, ..Self::new(self.value.clone()) }
    }
}

/// The shape alone, so that a model prints as a page and not as all its weights.
impl<T: Element> fmt::Debug for Parameter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({})", self.value.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_another_parameter_with_the_same_value() {
        let mut a = Parameter::new(Tensor::from([1.0, 2.0]));
        a.set_requires_grad(false);
        let mut b = a.clone();
        assert_ne!(a.id(), b.id());
        assert!(!b.requires_grad());
        b.as_mut_slice()[0] = 9.0;
        assert_eq!((a.value()[[0]], b.value()[[0]]), (1.0, 9.0));
    }

    #[test]
    fn a_value_of_another_shape_is_refused() {
        let mut p = Parameter::new(Tensor::from([1.0, 2.0]));
        let message = p.set(Tensor::from([1.0])).unwrap_err().to_string();
        assert_eq!(message, "set: the parameter has shape [2], the value [1]");
    }
}
