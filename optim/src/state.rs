//! [`OptimizerState`]: what an optimizer remembers, under the names of the parameters.

use std::collections::BTreeMap;

use refrain_autograd::Parameter;
use refrain_tensor::{Real, Tensor};

use crate::{Error, Result, states::States};

/// What an optimizer remembers, as plain data: [`Optimizer::state`](crate::Optimizer::state) gives
/// it, [`Optimizer::load_state`](crate::Optimizer::load_state) takes it.
///
/// Every bit that the next step depends on is here, but for the options: those are of the
/// optimizer that takes the state.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState<T: Real> {
    /// The optimizer that the state is of: `sgd`, `adam`, `adamw`, `rmsprop` or `adagrad`.
    pub optimizer: String,
    /// The learning rate of the next step.
    pub learning_rate: f64,
    /// What is kept for each parameter, by its name.
    pub parameters: BTreeMap<String, ParameterState<T>>,
}

/// What an optimizer remembers of one parameter. Before the parameter's first step there is nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterState<T: Real> {
    /// How many steps the parameter has taken, where the optimizer counts them: Adam, AdamW,
    /// Adagrad, and SGD with momentum.
    pub steps: u64,
    /// Running averages, momentum, sums, in the parameter's shape, under PyTorch's names:
    /// `exp_avg`, `exp_avg_sq`, `max_exp_avg_sq`, `momentum_buffer`, `square_avg`, `grad_avg`, `sum`.
    pub tensors: BTreeMap<String, Tensor<T>>,
}

/// What an optimizer keeps for a parameter, as fields with names.
pub(crate) trait Slot<T>: Clone + Default {
    /// The number of steps, where it is kept, and the buffers; those that are not used are empty.
    fn fields(&mut self) -> (Option<&mut u64>, Vec<(&'static str, &mut Vec<T>)>);
}

impl<S> States<S> {
    /// The states of the named parameters as plain data.
    pub(crate) fn save<'p, T: Real>(
        &self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    ) -> Result<BTreeMap<String, ParameterState<T>>>
    where
        S: Slot<T>,
    {
        let mut saved = BTreeMap::new();
        for (name, parameter) in parameters {
            let name = name.as_ref();
            let mut slot = self.get(parameter.id()).cloned().unwrap_or_default();
            let (steps, buffers) = slot.fields();
            let mut state =
                ParameterState { steps: steps.map_or(0, |steps| *steps), tensors: BTreeMap::new() };
            for (what, buffer) in buffers {
                if !buffer.is_empty() {
                    let tensor = Tensor::from_vec(std::mem::take(buffer), *parameter.value().shape());
                    let tensor =
                        tensor.map_err(|cause| Error::StateTensor { name: name.to_owned(), cause })?;
                    state.tensors.insert(what.to_owned(), tensor);
                }
            }
            if saved.insert(name.to_owned(), state).is_some() {
                return Err(Error::StateName { name: name.to_owned() });
            }
        }
        Ok(saved)
    }

    /// Replaces the states of the named parameters by saved ones, in which the buffers `needed` and no
    /// others must be. After an error everything is as it was.
    pub(crate) fn load<'p, T: Real>(
        &mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
        saved: &BTreeMap<String, ParameterState<T>>,
        needed: &[&str],
    ) -> Result<()>
    where
        S: Slot<T>,
    {
        let mut loaded = BTreeMap::new();
        let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
        for (name, parameter) in parameters {
            let name = name.as_ref();
            let Some(state) = saved.get(name) else {
                missing.push(name.to_owned());
                continue;
            };
            let slot = read(name, parameter, state, needed, (&mut missing, &mut unexpected))?;
            if loaded.insert(name.to_owned(), (parameter.id(), slot)).is_some() {
                return Err(Error::StateName { name: name.to_owned() });
            }
        }
        unexpected.extend(saved.keys().filter(|name| !loaded.contains_key(*name)).cloned());
        if !missing.is_empty() || !unexpected.is_empty() {
            return Err(Error::StateNames { missing, unexpected });
        }
        loaded.into_values().for_each(|(id, slot)| self.set(id, slot));
        Ok(())
    }
}

/// The state of one parameter; names that do not fit go to the lists.
fn read<T: Real, S: Slot<T>>(
    name: &str,
    parameter: &Parameter<T>,
    state: &ParameterState<T>,
    needed: &[&str],
    (missing, unexpected): (&mut Vec<String>, &mut Vec<String>),
) -> Result<S> {
    let shape = *parameter.value().shape();
    // A parameter without elements has buffers without elements, which are not saved.
    let has_begun = state.steps > 0 || !state.tensors.is_empty();
    let needed = if has_begun && shape.numel() > 0 { needed } else { &[] };
    let lacking = needed.iter().filter(|what| !state.tensors.contains_key(**what));
    missing.extend(lacking.map(|what| format!("{name}.{what}")));
    let mut slot = S::default();
    let (steps, mut buffers) = slot.fields();
    if let Some(steps) = steps {
        *steps = state.steps;
    }
    for (what, tensor) in &state.tensors {
        let name = format!("{name}.{what}");
        let known = needed.contains(&what.as_str());
        let Some((_, buffer)) = buffers.iter_mut().find(|(buffer, _)| known && buffer == what) else {
            unexpected.push(name);
            continue;
        };
        if *tensor.shape() != shape {
            let (found, expected) = ((*tensor.shape()).into(), shape.into());
            return Err(Error::StateShape { name, found, expected });
        }
        **buffer = tensor.to_vec();
    }
    Ok(slot)
}

/// Refuses the state of another optimizer.
pub(crate) fn check_kind<T: Real>(state: &OptimizerState<T>, expected: &'static str) -> Result<()> {
    if state.optimizer == expected {
        return Ok(());
    }
    Err(Error::StateKind { found: state.optimizer.clone(), expected })
}
