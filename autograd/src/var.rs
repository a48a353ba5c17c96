//! [`Var`]: a value on a tape.

use std::fmt;

use refrain_tensor::{Real, Shape, Tensor};

use crate::{Tape, list::Way};

/// A value and its place on a tape.
///
/// Operations on variables compute at once and record how to go back. Methods that can fail on
/// their arguments return a `Result`; the operators `+ - * /` panic instead, with the same
/// message.
///
/// A variable holds its value, so a value lives as long as a variable or a backward needs it and
/// no longer. Cloning costs a reference count.
#[derive(Clone)]
pub struct Var<'t, T> {
    tape: &'t Tape<T>,
    value: Tensor<T>,
    node: Option<u32>,
}

impl<'t, T: Real> Var<'t, T> {
    pub(crate) fn new(tape: &'t Tape<T>, value: Tensor<T>, node: Option<u32>) -> Self {
        Self { tape, value, node }
    }

    /// The tape that this variable belongs to.
    pub fn tape(&self) -> &'t Tape<T> {
        self.tape
    }

    /// The value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value, taken out: to carry it to another tape, without what came before it.
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// The shape of the value.
    pub fn shape(&self) -> &Shape {
        self.value.shape()
    }

    /// The number of axes of the value.
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// Whether a gradient flows through this variable.
    pub fn requires_grad(&self) -> bool {
        self.node.is_some()
    }

    /// The same value as a constant: no gradient flows back from here.
    pub fn detach(&self) -> Self {
        Self { node: None, ..self.clone() }
    }

    pub(crate) fn node(&self) -> Option<u32> {
        self.node
    }

    /// Records a function of this variable alone, which cannot fail.
    pub(crate) fn unary(
        &self,
        op: &'static str,
        value: Tensor<T>,
        backward: impl FnOnce(&Tensor<T>) -> Result<Tensor<T>, refrain_tensor::Error> + 'static,
    ) -> Self {
        self.tape.push(op, &[self], value, || {
            Way::Op(Box::new(move |gradient, _, sink| {
                let gradient = backward(gradient).map_err(|cause| crate::Error::Backward { op, cause })?;
                sink(0, gradient)
            }))
        })
    }
}

impl<T: Real> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<T: Real> fmt::Display for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}
