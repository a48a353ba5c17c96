//! [`Optimizer`]: what all optimizers have in common.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{OptimizerState, Result};

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
    /// After an error every parameter is as it was; [`Error::with_names`](crate::Error::with_names)
    /// gives the error the parameter's name.
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()>;

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64;

    /// Sets the learning rate of the next step. It is checked there.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// What the optimizer remembers of these parameters, under these names: those of
    /// `model.named_parameters()`. Together with the parameters' values and the optimizer's options
    /// it decides all later steps, bit for bit.
    ///
    /// # Errors
    /// [`Error::StateName`](crate::Error::StateName) where two have one name;
    /// [`Error::StateTensor`](crate::Error::StateTensor) where there is no memory.
    ///
    /// ```
    /// use refrain_autograd::{Gradients, Parameter};
    /// use refrain_optim::{Adam, Optimizer};
    /// use refrain_tensor::Tensor;
    /// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
    /// let mut gradients = Gradients::default();
    /// gradients.insert(&w, Tensor::from([0.5, 3.0]))?;
    /// let mut adam = Adam::new(0.1);
    /// adam.step([&mut w], &gradients)?;
    /// let state = adam.state([("w", &w)])?;
    /// assert_eq!(state.parameters["w"].steps, 1);
    ///
    /// // Another process: the same values, an optimizer with the same options.
    /// let mut again = w.clone();
    /// let mut gradients_again = Gradients::default();
    /// gradients_again.insert(&again, Tensor::from([0.5, 3.0]))?;
    /// let mut resumed = Adam::new(0.1);
    /// resumed.load_state([("w", &again)], &state)?;
    /// adam.step([&mut w], &gradients)?;
    /// resumed.step([&mut again], &gradients_again)?;
    /// assert_eq!(w.value(), again.value());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn state<'p>(
        &self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    ) -> Result<OptimizerState<T>>;

    /// Goes on from what [`Optimizer::state`] gave, for parameters of the same names: sets what is
    /// remembered of them, and the learning rate. Strict: there is a state for each parameter, a
    /// parameter for each state, and the shapes are equal. After an error everything is as it was.
    ///
    /// # Errors
    /// [`Error::StateKind`](crate::Error::StateKind) for the state of another optimizer,
    /// [`Error::StateNames`](crate::Error::StateNames) lists all names that are missing or not
    /// expected, [`Error::StateShape`](crate::Error::StateShape) names the first of a wrong shape.
    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()>;
}
