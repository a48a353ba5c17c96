//! [`RMSprop`]: steps scaled by a running average of the squared gradient.

use std::collections::TryReserveError;

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{
    Optimizer, OptimizerState, Result,
    elements::each,
    options::check,
    state::{Slot, check_kind},
    states::{States, allot},
    terms::{penalized, running_mean, running_square},
};

/// RMSprop (Tieleman and Hinton, 2012), centered (Graves, 2013) on request.
///
/// With gradient g, value p, learning rate γ, momentum μ and weight decay λ:
///
/// ```text
/// g ← g + λ p
/// v ← α v + (1 - α) g²                     v, a, b start at 0
/// a ← α a + (1 - α) g                      with centered
/// r = √v, or √(v - a²) with centered
/// b ← μ b + g / (r + ε)                    with momentum
/// p ← p - γ b, or p - γ g / (r + ε) without momentum
/// ```
///
/// Options are checked at each step.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_optim::{Optimizer, RMSprop};
/// use refrain_tensor::Tensor;
/// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([8.0, -0.5]))?;
/// RMSprop::new(0.25).alpha(0.75).eps(0.0).step([&mut w], &gradients)?;
/// assert_eq!(*w.value(), Tensor::from([1.5, -3.5])); // by γ / √(1 - α), whatever the gradient
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RMSprop<T> {
    learning_rate: f64,
    alpha: f64,
    eps: f64,
    weight_decay: f64,
    momentum: f64,
    centered: bool,
    states: States<Averages<T>>,
}

#[derive(Clone, Debug)]
struct Averages<T> {
    square: Vec<T>,
    /// The average gradient, if centered.
    mean: Vec<T>,
    /// The momentum buffer, with momentum.
    velocity: Vec<T>,
}

impl<T> Default for Averages<T> {
    fn default() -> Self {
        Self { square: Vec::new(), mean: Vec::new(), velocity: Vec::new() }
    }
}

impl<T: Real> Slot<T> for Averages<T> {
    fn fields(&mut self) -> (Option<&mut u64>, Vec<(&'static str, &mut Vec<T>)>) {
        let buffers = vec![
            ("square_avg", &mut self.square),
            ("grad_avg", &mut self.mean),
            ("momentum_buffer", &mut self.velocity),
        ];
        (None, buffers)
    }
}

impl<T: Real> Averages<T> {
    /// Buffers that are not used stay empty.
    fn allot(
        &mut self,
        length: usize,
        centered: bool,
        momentum: bool,
    ) -> std::result::Result<(), TryReserveError> {
        allot(&mut self.square, length, T::ZERO)?;
        if centered {
            allot(&mut self.mean, length, T::ZERO)?;
        }
        if momentum { allot(&mut self.velocity, length, T::ZERO) } else { Ok(()) }
    }
}

impl<T: Real> RMSprop<T> {
    /// RMSprop with α = 0.99, ε = 1e-8, no momentum and no weight decay, not centered.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.0,
            centered: false,
            states: States::new(),
        }
    }

    /// How much the averages keep at each step, from 0 to 1. 0.99 by default.
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// What is added to the denominator, at least 0. 1e-8 by default.
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// The factor λ of the L2 penalty, at least 0. 0 by default.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// The part μ of the last direction that is kept, at least 0. 0 by default.
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Whether to divide by an estimate of the gradient's standard deviation and not of its size.
    /// Off by default.
    pub fn centered(self, centered: bool) -> Self {
        Self { centered, ..self }
    }

    fn check(&self) -> Result<()> {
        check("rmsprop", "learning_rate", self.learning_rate).finite_and_not_negative()?;
        check("rmsprop", "alpha", self.alpha).fraction()?;
        check("rmsprop", "eps", self.eps).finite_and_not_negative()?;
        check("rmsprop", "weight_decay", self.weight_decay).finite_and_not_negative()?;
        check("rmsprop", "momentum", self.momentum).finite_and_not_negative()
    }
}

impl<T: Real> Optimizer<T> for RMSprop<T> {
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()> {
        self.check()?;
        let (centered, has_momentum) = (self.centered, self.momentum != 0.0);
        let changes = self.states.prepare("rmsprop", parameters, gradients, |averages, length| {
            averages.allot(length, centered, has_momentum)
        })?;
        let [rate, eps, momentum] = [self.learning_rate, self.eps, self.momentum].map(T::from_f64);
        let penalized = penalized(self.weight_decay);
        let (mean, square) = (running_mean(1.0 - self.alpha), running_square(self.alpha));

        // The size of the gradient, and its spread around the mean.
        let size = move |v: T| v.sqrt() + eps;
        let spread = move |v: T, a: T| (v - a * a).sqrt() + eps;

        for change in changes {
            let averages = self.states.of(&change);
            let (p, g) = (change.parameter.as_mut_slice(), &change.gradient.to_slice());
            let (v, a, b) = (&mut averages.square[..], &mut averages.mean[..], &mut averages.velocity[..]);
            match (centered, has_momentum) {
                (false, false) => each([p, v], g, move |[p, v], g| {
                    let g = penalized(g, p);
                    let v = square(v, g);
                    [p - rate * g / size(v), v]
                }),
                (true, false) => each([p, v, a], g, move |[p, v, a], g| {
                    let g = penalized(g, p);
                    let (v, a) = (square(v, g), mean(a, g));
                    [p - rate * g / spread(v, a), v, a]
                }),
                (false, true) => each([p, v, b], g, move |[p, v, b], g| {
                    let g = penalized(g, p);
                    let v = square(v, g);
                    let b = b * momentum + g / size(v);
                    [p - rate * b, v, b]
                }),
                (true, true) => each([p, v, a, b], g, move |[p, v, a, b], g| {
                    let g = penalized(g, p);
                    let (v, a) = (square(v, g), mean(a, g));
                    let b = b * momentum + g / spread(v, a);
                    [p - rate * b, v, a, b]
                }),
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
        Ok(OptimizerState { optimizer: "rmsprop".to_owned(), learning_rate: self.learning_rate, parameters })
    }

    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()> {
        check_kind(state, "rmsprop")?;
        let mean = self.centered.then_some("grad_avg");
        let velocity = (self.momentum != 0.0).then_some("momentum_buffer");
        let needed: Vec<&str> = ["square_avg"].into_iter().chain(mean).chain(velocity).collect();
        self.states.load(parameters, &state.parameters, &needed)?;
        self.learning_rate = state.learning_rate;
        Ok(())
    }
}
