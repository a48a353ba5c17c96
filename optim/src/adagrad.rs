//! [`Adagrad`]: steps scaled by all squared gradients so far.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

use crate::{
    Optimizer, OptimizerState, Result,
    elements::each,
    options::check,
    state::{Slot, check_kind},
    states::{States, allot},
    terms::penalized,
};

/// Adagrad (Duchi, Hazan and Singer, 2011).
///
/// With gradient g, value p, learning rate γ, its decay η, weight decay λ, and t the number of
/// the step from 1:
///
/// ```text
/// g ← g + λ p
/// s ← s + g²                               s starts at the initial accumulator value
/// p ← p - γ / (1 + (t - 1) η) · g / (√s + ε)
/// ```
///
/// Each parameter counts its own steps. Options are checked at each step; the initial accumulator
/// value has its effect at a parameter's first.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_optim::{Adagrad, Optimizer};
/// use refrain_tensor::Tensor;
/// let mut w = Parameter::new(Tensor::from([2.0, -4.0]));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([3.0, -3.0]))?;
/// let mut optimizer = Adagrad::new(0.5).initial_accumulator_value(16.0).eps(0.0);
/// optimizer.step([&mut w], &gradients)?;
/// assert_eq!(*w.value(), Tensor::from([1.7, -3.7]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adagrad<T> {
    learning_rate: f64,
    lr_decay: f64,
    weight_decay: f64,
    initial_accumulator_value: f64,
    eps: f64,
    states: States<Accumulator<T>>,
}

#[derive(Clone, Debug)]
struct Accumulator<T> {
    steps: u64,
    sum: Vec<T>,
}

impl<T> Default for Accumulator<T> {
    fn default() -> Self {
        Self { steps: 0, sum: Vec::new() }
    }
}

impl<T: Real> Slot<T> for Accumulator<T> {
    fn fields(&mut self) -> (Option<&mut u64>, Vec<(&'static str, &mut Vec<T>)>) {
        let buffers = vec![("sum", &mut self.sum)];
        (Some(&mut self.steps), buffers)
    }
}

impl<T: Real> Adagrad<T> {
    /// Adagrad with ε = 1e-10, an accumulator that starts at 0, and no decay of any kind.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            lr_decay: 0.0,
            weight_decay: 0.0,
            initial_accumulator_value: 0.0,
            eps: 1e-10,
            states: States::new(),
        }
    }

    /// How fast the learning rate falls, η, at least 0. 0 by default.
    pub fn lr_decay(self, lr_decay: f64) -> Self {
        Self { lr_decay, ..self }
    }

    /// The factor λ of the L2 penalty, at least 0. 0 by default.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// What the sum of squares starts at, at least 0. 0 by default.
    pub fn initial_accumulator_value(self, initial_accumulator_value: f64) -> Self {
        Self { initial_accumulator_value, ..self }
    }

    /// What is added to the denominator, at least 0. 1e-10 by default.
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    fn check(&self) -> Result<()> {
        check("adagrad", "learning_rate", self.learning_rate).finite_and_not_negative()?;
        check("adagrad", "lr_decay", self.lr_decay).finite_and_not_negative()?;
        check("adagrad", "weight_decay", self.weight_decay).finite_and_not_negative()?;
        check("adagrad", "initial_accumulator_value", self.initial_accumulator_value)
            .finite_and_not_negative()?;
        check("adagrad", "eps", self.eps).finite_and_not_negative()
    }
}

impl<T: Real> Optimizer<T> for Adagrad<T> {
    fn step<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &Gradients<T>,
    ) -> Result<()> {
        self.check()?;
        let [initial, eps] = [self.initial_accumulator_value, self.eps].map(T::from_f64);
        let changes = self.states.prepare("adagrad", parameters, gradients, |accumulator, length| {
            allot(&mut accumulator.sum, length, initial)
        })?;
        let penalized = penalized(self.weight_decay);
        for change in changes {
            let accumulator = self.states.of(&change);
            let rate = self.learning_rate / (1.0 + accumulator.steps as f64 * self.lr_decay);
            let rate = T::from_f64(rate);
            accumulator.steps += 1;
            let (p, g) = (change.parameter.as_mut_slice(), &change.gradient.to_slice());
            each([p, &mut accumulator.sum], g, move |[p, sum], g| {
                let g = penalized(g, p);
                let sum = sum + g * g;
                [p - rate * g / (sum.sqrt() + eps), sum]
            });
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
        Ok(OptimizerState { optimizer: "adagrad".to_owned(), learning_rate: self.learning_rate, parameters })
    }

    fn load_state<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        state: &OptimizerState<T>,
    ) -> Result<()> {
        check_kind(state, "adagrad")?;
        let needed = &["sum"];
        self.states.load(parameters, &state.parameters, needed)?;
        self.learning_rate = state.learning_rate;
        Ok(())
    }
}
