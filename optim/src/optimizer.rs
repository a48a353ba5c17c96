//! [`Optimizer`]: what all optimizers have in common.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::Result;

/// Changes parameters by their gradients, so that the loss falls.
///
/// What an optimizer remembers of a parameter (momentum, running averages) it keeps under the
/// parameter's [id](Parameter::id), so parameters can come in any order, and more of them later.
/// State is made at the first step that needs it.
///
/// The arithmetic is that of PyTorch's single-tensor code: elements in `T`, constants such as
/// bias corrections in `f64`.
pub trait Optimizer<T: Real> {
    /// Changes each parameter once.
    ///
    /// [Frozen](Parameter::requires_grad) parameters stay as they are and need no gradient.
    /// Gradients of parameters that are not given are not used. A parameter cannot be given
    /// twice: the borrow checker sees to it.
    ///
    /// The values change in place. A value that something else still holds (a variable of the
    /// tape, a clone) is copied first; drop the tape's variables before the step to spare that.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) where an option or the learning rate is out of
    /// range, [`Error::NoGradient`](crate::Error::NoGradient) where a parameter has no gradient,
    /// and [`Error::GradientShape`](crate::Error::GradientShape) where it has one of another shape.
    /// After an error every parameter is as it was.
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()>;

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next step. It is checked there.
    fn set_learning_rate(&mut self, learning_rate: f64);
}
