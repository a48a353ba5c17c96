//! [`States`]: what an optimizer keeps for each parameter, and the checks before a step.

use std::collections::{BTreeMap, TryReserveError};

use refrain_autograd::{Gradients, Parameter, ParameterId};
use refrain_tensor::{Real, Tensor};

use crate::{Error, Result};

/// A state `S` for each parameter seen so far, in the order of first sight.
///
/// Steps mostly see the same parameters in the same order, so the state of one is looked for
/// after that of the one before, and in the index only if it is not there.
#[derive(Clone, Debug)]
pub(crate) struct States<S> {
    slots: Vec<(ParameterId, S)>,
    index: BTreeMap<ParameterId, usize>,
}

/// A parameter that a step is to change.
pub(crate) struct Change<'p, 'g, T> {
    pub(crate) parameter: &'p mut Parameter<T>,
    pub(crate) gradient: &'g Tensor<T>,
    slot: usize,
}

impl<S> States<S> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), index: BTreeMap::new() }
    }

    /// The state of a parameter, if it has one.
    pub(crate) fn get(&self, id: ParameterId) -> Option<&S> {
        self.index.get(&id).map(|&slot| &self.slots[slot].1)
    }

    /// Replaces the state of a parameter.
    pub(crate) fn set(&mut self, id: ParameterId, state: S) {
        let end = self.slots.len();
        match *self.index.entry(id).or_insert(end) {
            slot if slot == end => self.slots.push((id, state)),
            slot => self.slots[slot].1 = state,
        }
    }
}

impl<S: Default> States<S> {
    /// Pairs each parameter that is not frozen with its gradient and calls `prepare`, with the
    /// number of elements, on its state. After this nothing can fail, so a step is done
    /// completely or not at all.
    ///
    /// No parameter comes twice: each `&mut` is of another one.
    pub(crate) fn prepare<'p, 'g, T: Real>(
        &mut self,
        op: &'static str,
        parameters: impl IntoIterator<Item = &'p mut Parameter<T>>,
        gradients: &'g Gradients<T>,
        prepare: impl Fn(&mut S, usize) -> std::result::Result<(), TryReserveError>,
    ) -> Result<Vec<Change<'p, 'g, T>>> {
        let parameters = parameters.into_iter();
        let mut changes = Vec::with_capacity(parameters.size_hint().0);
        let mut likely = 0;
        for (position, parameter) in parameters.enumerate() {
            if !parameter.requires_grad() {
                continue;
            }
            let shape = *parameter.value().shape();
            let gradient = gradients.get(parameter).ok_or_else(|| Error::NoGradient {
                op,
                position,
                id: parameter.id(),
                name: None,
                shape: shape.into(),
            })?;
            if *gradient.shape() != shape {
                let (found, expected) = (*gradient.shape(), shape);
                return Err(Error::GradientShape {
                    op,
                    position,
                    found: found.into(),
                    expected: expected.into(),
                });
            }
            let slot = self.slot(parameter.id(), likely);
            likely = slot + 1;
            prepare(&mut self.slots[slot].1, shape.numel()).map_err(|_| Error::OutOfMemory {
                op,
                position,
                shape: shape.into(),
            })?;
            changes.push(Change { parameter, gradient, slot });
        }
        Ok(changes)
    }

    /// The state of a prepared change.
    pub(crate) fn of<T>(&mut self, change: &Change<'_, '_, T>) -> &mut S {
        &mut self.slots[change.slot].1
    }

    fn slot(&mut self, id: ParameterId, likely: usize) -> usize {
        if self.slots.get(likely).is_some_and(|(of, _)| *of == id) {
            return likely;
        }
        let slots = &mut self.slots;
        *self.index.entry(id).or_insert_with(|| {
            slots.push((id, S::default()));
            slots.len() - 1
        })
    }
}

/// Makes `buffer` as long as the parameter, filled with `value`, unless it is so already.
pub(crate) fn allot<T: Copy>(
    buffer: &mut Vec<T>,
    length: usize,
    value: T,
) -> std::result::Result<(), TryReserveError> {
    if buffer.len() != length {
        buffer.clear();
        buffer.try_reserve_exact(length)?;
        buffer.resize(length, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters_and_gradients(n: usize) -> (Vec<Parameter<f64>>, Gradients<f64>) {
        let parameters: Vec<_> = (0..n).map(|i| Parameter::new(Tensor::from([i as f64]))).collect();
        let mut gradients = Gradients::default();
        for p in &parameters {
            gradients.insert(p, Tensor::from([1.0])).unwrap();
        }
        (parameters, gradients)
    }

    #[test]
    fn a_state_is_found_in_any_order_of_the_parameters() {
        let (mut parameters, gradients) = parameters_and_gradients(5);
        let ids: Vec<_> = parameters.iter().map(Parameter::id).collect();
        let mut states = States::<Option<ParameterId>>::new();
        for order in [vec![3, 1], vec![0, 1, 2, 3, 4], vec![4, 3, 2, 1, 0], vec![2], vec![0, 1, 2, 3, 4]] {
            for i in order {
                let changes = states.prepare("t", [&mut parameters[i]], &gradients, |_, _| Ok(())).unwrap();
                let state = states.of(&changes[0]);
                assert_eq!(*state.get_or_insert(ids[i]), ids[i]);
            }
            let changes = states.prepare("t", parameters.iter_mut(), &gradients, |_, _| Ok(())).unwrap();
            for change in changes {
                let id = change.parameter.id();
                assert_eq!(*states.of(&change).get_or_insert(id), id);
            }
        }
        assert_eq!(states.slots.len(), 5);
    }

    #[test]
    fn a_missing_or_misshapen_gradient_is_named_by_position() {
        let (mut parameters, mut gradients) = parameters_and_gradients(3);
        let mut states = States::<()>::new();
        *gradients.iter_mut().nth(2).unwrap().1 = Tensor::from([[1.0, 2.0]]);
        let error = states.prepare("sgd", parameters.iter_mut(), &gradients, |_, _| Ok(())).err().unwrap();
        assert_eq!(error.to_string(), "sgd: parameter 2 (counted from 0) has shape [1], its gradient [1, 2]");

        parameters.insert(1, Parameter::new(Tensor::from([[0.0; 3]; 2])));
        let error = states.prepare("sgd", parameters.iter_mut(), &gradients, |_, _| Ok(())).err().unwrap();
        assert_eq!(
            error.to_string(),
            "sgd: parameter 1 (counted from 0) of shape [2, 3] has no gradient: the loss does not depend on it; freeze it or leave it out"
        );

        parameters[1].set_requires_grad(false);
        parameters.truncate(3);
        let changes = states.prepare("sgd", parameters.iter_mut(), &gradients, |_, _| Ok(())).unwrap();
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn memory_that_does_not_exist_is_an_error() {
        let (mut parameters, gradients) = parameters_and_gradients(1);
        let mut states = States::<Vec<f64>>::new();
        let error = states
            .prepare("adam", parameters.iter_mut(), &gradients, |state, _| allot(state, usize::MAX, 0.0))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "adam: out of memory for the state of parameter 0 (counted from 0) of shape [1]"
        );
    }
}
