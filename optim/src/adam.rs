//! [`Adam`]: steps scaled by running averages of the gradient and its square.

use std::collections::TryReserveError;

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{
    Optimizer, OptimizerState, Result,
    elements::each,
    options::check,
    state::{Slot, check_kind},
    states::{States, allot},
    terms::{maximum, penalized, running_mean, running_square},
};

/// Adam (Kingma and Ba, 2015), with AMSGrad (Reddi, Kale and Kumar, 2018) on request.
///
/// With gradient g, value p, learning rate γ, weight decay λ, and t the number of the step from 1:
///
/// ```text
/// g ← g + λ p
/// m ← β₁ m + (1 - β₁) g                   m, v start at 0
/// v ← β₂ v + (1 - β₂) g²
/// v̂ = v, or the largest v so far with amsgrad
/// p ← p - γ / (1 - β₁ᵗ) · m / (√v̂ / √(1 - β₂ᵗ) + ε)
/// ```
///
/// Each parameter counts its own steps. Options are checked at each step.
///
/// ```
/// use refrain_autograd::{Parameter, Tape};
/// use refrain_optim::{Adam, Optimizer};
/// use refrain_tensor::Tensor;
/// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
/// let mut optimizer = Adam::new(0.5).betas(0.9, 0.99);
/// let tape = Tape::new();
/// let gradients = tape.parameter(&w).square().sum(..)?.backward()?;
/// optimizer.step([&mut w], &gradients)?;
/// let moved = w.value().to_vec(); // the first step is γ long, whatever the gradient
/// assert!((moved[0] - 1.5_f64).abs() < 1e-8 && (moved[1] + 3.5_f64).abs() < 1e-8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T> {
    op: &'static str,
    learning_rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    /// Whether weight decay shrinks the values, as in AdamW, and stays out of the gradient.
    decoupled: bool,
    amsgrad: bool,
    states: States<Moments<T>>,
}

#[derive(Clone, Debug)]
struct Moments<T> {
    steps: u64,
    first: Vec<T>,
    second: Vec<T>,
    /// The largest `second` so far, with AMSGrad.
    largest: Vec<T>,
}

impl<T> Default for Moments<T> {
    fn default() -> Self {
        Self { steps: 0, first: Vec::new(), second: Vec::new(), largest: Vec::new() }
    }
}

impl<T: Real> Slot<T> for Moments<T> {
    fn fields(&mut self) -> (Option<&mut u64>, Vec<(&'static str, &mut Vec<T>)>) {
        let buffers = vec![
            ("exp_avg", &mut self.first),
            ("exp_avg_sq", &mut self.second),
            ("max_exp_avg_sq", &mut self.largest),
        ];
        (Some(&mut self.steps), buffers)
    }
}

impl<T: Real> Moments<T> {
    fn allot(&mut self, length: usize, amsgrad: bool) -> std::result::Result<(), TryReserveError> {
        allot(&mut self.first, length, T::ZERO)?;
        allot(&mut self.second, length, T::ZERO)?;
        if amsgrad { allot(&mut self.largest, length, T::ZERO) } else { Ok(()) }
    }
}

/// The factors that make up for averages that start at 0.
#[derive(Clone, Copy)]
struct BiasCorrection {
    steps: u64,
    first: f64,
    second: f64,
}

impl BiasCorrection {
    fn new((beta1, beta2): (f64, f64), steps: u64) -> Self {
        let t = steps as f64;
        Self { steps, first: 1.0 - beta1.powf(t), second: 1.0 - beta2.powf(t) }
    }
}

impl<T: Real> Adam<T> {
    /// Adam with β = (0.9, 0.999), ε = 1e-8, and no weight decay.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            op: "adam",
            learning_rate,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            amsgrad: false,
            states: States::new(),
        }
    }

    /// AdamW with its defaults.
    pub(crate) fn decoupled(learning_rate: f64) -> Self {
        Self { op: "adamw", weight_decay: 0.01, decoupled: true, ..Self::new(learning_rate) }
    }

    /// How much the averages of the gradient and of its square keep at each step, each at least 0
    /// and below 1. (0.9, 0.999) by default.
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        Self { betas: (beta1, beta2), ..self }
    }

    /// What is added to the denominator, at least 0. 1e-8 by default.
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// The factor λ of the L2 penalty, at least 0. 0 by default. See [`AdamW`](crate::AdamW) for
    /// weight decay apart from the gradient.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Whether to divide by the largest average of squares so far. Off by default.
    pub fn amsgrad(self, amsgrad: bool) -> Self {
        Self { amsgrad, ..self }
    }

    fn check(&self) -> Result<()> {
        check(self.op, "learning_rate", self.learning_rate).finite_and_not_negative()?;
        check(self.op, "betas.0", self.betas.0).below_one()?;
        check(self.op, "betas.1", self.betas.1).below_one()?;
        check(self.op, "eps", self.eps).finite_and_not_negative()?;
        check(self.op, "weight_decay", self.weight_decay).finite_and_not_negative()
    }
}

impl<T: Real> Optimizer<T> for Adam<T> {
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()> {
        self.check()?;
        let Self { amsgrad, betas, learning_rate, weight_decay, .. } = *self;
        let changes = self
            .states
            .prepare(self.op, parameters, gradients, |moments, length| moments.allot(length, amsgrad))?;

        let (penalty, shrink) =
            if self.decoupled { (0.0, 1.0 - learning_rate * weight_decay) } else { (weight_decay, 1.0) };
        let (shrink, eps) = (T::from_f64(shrink), T::from_f64(self.eps));
        let penalized = penalized(penalty);
        let (mean, square) = (running_mean(1.0 - betas.0), running_square(betas.1));
        let mut bias = BiasCorrection::new(betas, 1);

        for change in changes {
            let moments = self.states.of(&change);
            moments.steps += 1;
            if bias.steps != moments.steps {
                bias = BiasCorrection::new(betas, moments.steps);
            }
            let [size, root] = [learning_rate / bias.first, bias.second.sqrt()].map(T::from_f64);
            let moved = move |p: T, m: T, v: T| p * shrink - size * m / (v.sqrt() / root + eps);

            let (p, g) = (change.parameter.as_mut_slice(), &change.gradient.to_slice());
            let (m, v) = (&mut moments.first[..], &mut moments.second[..]);
            if amsgrad {
                each([p, m, v, &mut moments.largest], g, move |[p, m, v, largest], g| {
                    let g = penalized(g, p);
                    let (m, v) = (mean(m, g), square(v, g));
                    let largest = maximum(largest, v);
                    [moved(p, m, largest), m, v, largest]
                });
            } else {
                each([p, m, v], g, move |[p, m, v], g| {
                    let g = penalized(g, p);
                    let (m, v) = (mean(m, g), square(v, g));
                    [moved(p, m, v), m, v]
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
        Ok(OptimizerState { optimizer: self.op.to_owned(), learning_rate: self.learning_rate, parameters })
    }

    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()> {
        check_kind(state, self.op)?;
        let all = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        let needed = if self.amsgrad { &all[..] } else { &all[..2] };
        self.states.load(parameters, &state.parameters, needed)?;
        self.learning_rate = state.learning_rate;
        Ok(())
    }
}
