//! [`AdamW`]: Adam with weight decay apart from the gradient.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{Adam, Optimizer, OptimizerState, Result};

/// [`Adam`] with decoupled weight decay (Loshchilov and Hutter, 2019).
///
/// Weight decay does not enter the averages. With learning rate γ and weight decay λ, each step
/// first shrinks the value by the factor 1 - γ λ, then does what Adam does without weight decay.
/// Options are checked at each step.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_optim::{AdamW, Optimizer};
/// use refrain_tensor::Tensor;
/// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([0.0, 0.0]))?;
/// AdamW::new(0.5).weight_decay(0.5).step([&mut w], &gradients)?;
/// assert_eq!(*w.value(), Tensor::from([1.5, -3.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdamW<T>(Adam<T>);

impl<T: Real> AdamW<T> {
    /// AdamW with β = (0.9, 0.999), ε = 1e-8, and weight decay 0.01.
    pub fn new(learning_rate: f64) -> Self {
        Self(Adam::decoupled(learning_rate))
    }

    /// How much the averages of the gradient and of its square keep at each step, each at least 0
    /// and below 1. (0.9, 0.999) by default.
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        Self(self.0.betas(beta1, beta2))
    }

    /// What is added to the denominator, at least 0. 1e-8 by default.
    pub fn eps(self, eps: f64) -> Self {
        Self(self.0.eps(eps))
    }

    /// The weight decay λ, at least 0. 0.01 by default.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self(self.0.weight_decay(weight_decay))
    }

    /// Whether to divide by the largest average of squares so far. Off by default.
    pub fn amsgrad(self, amsgrad: bool) -> Self {
        Self(self.0.amsgrad(amsgrad))
    }
}

impl<T: Real> Optimizer<T> for AdamW<T> {
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()> {
        self.0.step(parameters, gradients)
    }

    fn learning_rate(&self) -> f64 {
        self.0.learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.0.set_learning_rate(learning_rate);
    }

    fn state<'p>(
        &self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    ) -> Result<OptimizerState<T>> {
        self.0.state(parameters)
    }

    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()> {
        self.0.load_state(parameters, state)
    }
}
