//! [`SGD`]: gradient descent, with momentum.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{
    Error, Optimizer, OptimizerState, Result,
    elements::each,
    options::check,
    state::{Slot, check_kind},
    states::{States, allot},
    terms::penalized,
};

/// Stochastic gradient descent, with momentum on request.
///
/// With gradient g, value p, learning rate γ, momentum μ, dampening τ and weight decay λ:
///
/// ```text
/// g ← g + λ p
/// b ← g at the first step, then μ b + (1 - τ) g      with momentum
/// d = b, or g + μ b with nesterov, or g without momentum
/// p ← p - γ d
/// ```
///
/// Options are checked at each step.
///
/// ```
/// use refrain_autograd::{Parameter, Tape};
/// use refrain_optim::{Optimizer, SGD};
/// use refrain_tensor::Tensor;
/// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
/// let mut optimizer = SGD::new(0.25).momentum(0.5);
/// for _ in 0..2 {
///     let tape = Tape::new();
///     let gradients = tape.parameter(&w).square().sum(..)?.backward()?;
///     optimizer.step([&mut w], &gradients)?;
/// }
/// assert_eq!(*w.value(), Tensor::from([0.0, 0.0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SGD<T> {
    learning_rate: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    states: States<Velocity<T>>,
}

/// The momentum buffer; it starts as the first gradient, not as 0.
#[derive(Clone, Debug)]
struct Velocity<T> {
    steps: u64,
    buffer: Vec<T>,
}

impl<T> Default for Velocity<T> {
    fn default() -> Self {
        Self { steps: 0, buffer: Vec::new() }
    }
}

impl<T: Real> Slot<T> for Velocity<T> {
    fn fields(&mut self) -> (Option<&mut u64>, Vec<(&'static str, &mut Vec<T>)>) {
        let buffers = vec![("momentum_buffer", &mut self.buffer)];
        (Some(&mut self.steps), buffers)
    }
}

impl<T: Real> SGD<T> {
    /// Plain gradient descent: no momentum, no weight decay.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            states: States::new(),
        }
    }

    /// The part μ of the last direction that is kept, at least 0. 0 by default.
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// The part τ of each gradient that momentum leaves out. 0 by default.
    pub fn dampening(self, dampening: f64) -> Self {
        Self { dampening, ..self }
    }

    /// The factor λ of the L2 penalty, at least 0. 0 by default.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Whether to look one momentum step ahead; needs momentum without dampening.
    pub fn nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }

    fn check(&self) -> Result<()> {
        check("sgd", "learning_rate", self.learning_rate).finite_and_not_negative()?;
        check("sgd", "momentum", self.momentum).finite_and_not_negative()?;
        check("sgd", "dampening", self.dampening).finite()?;
        check("sgd", "weight_decay", self.weight_decay).finite_and_not_negative()?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            return Err(Error::Nesterov { momentum: self.momentum, dampening: self.dampening });
        }
        Ok(())
    }
}

impl<T: Real> Optimizer<T> for SGD<T> {
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()> {
        self.check()?;
        let has_momentum = self.momentum != 0.0;
        let changes = self.states.prepare("sgd", parameters, gradients, |velocity, length| {
            if has_momentum { allot(&mut velocity.buffer, length, T::ZERO) } else { Ok(()) }
        })?;
        let [rate, momentum, fresh] =
            [self.learning_rate, self.momentum, 1.0 - self.dampening].map(T::from_f64);
        let (nesterov, penalized) = (self.nesterov, penalized(self.weight_decay));
        for change in changes {
            let velocity = self.states.of(&change);
            let (p, g) = (change.parameter.as_mut_slice(), &change.gradient.to_slice());
            if !has_momentum {
                each([p], g, move |[p], g| [p - rate * penalized(g, p)]);
            } else if velocity.steps == 0 {
                velocity.steps = 1;
                each([p, &mut velocity.buffer], g, move |[p, _], g| {
                    let b = penalized(g, p);
                    [p - rate * if nesterov { b + momentum * b } else { b }, b]
                });
            } else {
                velocity.steps += 1;
                each([p, &mut velocity.buffer], g, move |[p, b], g| {
                    let g = penalized(g, p);
                    let b = b * momentum + fresh * g;
                    [p - rate * if nesterov { g + momentum * b } else { b }, b]
                });
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    fn state<'p>(
        &self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    ) -> Result<OptimizerState<T>> {
        let parameters = self.states.save(parameters)?;
        Ok(OptimizerState { optimizer: "sgd".to_owned(), learning_rate: self.learning_rate, parameters })
    }

    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()> {
        check_kind(state, "sgd")?;
        let needed: &[&str] = if self.momentum != 0.0 { &["momentum_buffer"] } else { &[] };
        self.states.load(parameters, &state.parameters, needed)?;
        self.learning_rate = state.learning_rate;
        Ok(())
    }
}
