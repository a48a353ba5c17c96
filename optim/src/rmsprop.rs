//! [`RMSprop`]: steps scaled by a running average of the squared gradient.

use std::collections::TryReserveError;

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{
    Optimizer, Result,
    options::check,
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
        let coasted = |p: &mut T, b: &mut T, g: T, size: T| {
            *b = *b * momentum + g / size;
            *p = *p - rate * *b;
        };

        for change in changes {
            let averages = self.states.of(&change);
            let gradient = change.gradient.to_slice();
            let elements = change.parameter.as_mut_slice().iter_mut().zip(gradient.iter());
            let elements = elements.zip(&mut averages.square);
            // The size of the gradient, and its spread around the mean.
            let size = |g: T, v: &mut T| {
                *v = square(*v, g);
                v.sqrt() + eps
            };
            let spread = |g: T, v: &mut T, a: &mut T| {
                (*v, *a) = (square(*v, g), mean(*a, g));
                (*v - *a * *a).sqrt() + eps
            };
            match (centered, has_momentum) {
                (false, false) => elements.for_each(|((p, &g), v)| {
                    let g = penalized(g, *p);
                    *p = *p - rate * g / size(g, v);
                }),
                (true, false) => elements.zip(&mut averages.mean).for_each(|(((p, &g), v), a)| {
                    let g = penalized(g, *p);
                    *p = *p - rate * g / spread(g, v, a);
                }),
                (false, true) => elements.zip(&mut averages.velocity).for_each(|(((p, &g), v), b)| {
                    let g = penalized(g, *p);
                    coasted(p, b, g, size(g, v));
                }),
                (true, true) => elements.zip(&mut averages.mean).zip(&mut averages.velocity).for_each(
                    |((((p, &g), v), a), b)| {
                        let g = penalized(g, *p);
                        coasted(p, b, g, spread(g, v, a));
                    },
                ),
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
}
