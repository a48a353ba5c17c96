//! [`StateDict`]: the values of a model's parameters, by name.

use refrain_tensor::{Real, Tensor};

use crate::{Error, Module, Result};

/// The values of a model's parameters under PyTorch's names, in order: what
/// `torch.nn.Module.state_dict()` gives.
///
/// A state dict is plain data and shares the parameters' storage until one of them changes.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{GRU, StateDict};
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let trained = GRU::<f32>::new(4, 8, &mut rng)?;
/// let mut other = GRU::<f32>::new(4, 8, &mut rng)?;
/// StateDict::of(&trained).load_into(&mut other)?;
/// assert_eq!(StateDict::of(&other), StateDict::of(&trained));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict<T: Real> {
    entries: Vec<(String, Tensor<T>)>,
}

impl<T: Real> StateDict<T> {
    /// The values of a model's parameters.
    pub fn of(model: &impl Module<T>) -> Self {
        let named = model.named_parameters().into_iter();
        Self { entries: named.map(|(name, parameter)| (name, parameter.value().clone())).collect() }
    }

    /// The named values, in this order.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] where a name comes twice.
    pub fn new(entries: Vec<(String, Tensor<T>)>) -> Result<Self> {
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::DuplicateName { name: pair[0].to_owned() });
        }
        Ok(Self { entries })
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Tensor<T>> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, value)| value)
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor<T>)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets every parameter of a model to the value under its name. Strict, as PyTorch's
    /// `load_state_dict` is: each parameter has a value, each value a parameter, and the shapes are
    /// equal. Where that is not so, the model stays as it was.
    ///
    /// # Errors
    /// [`Error::Names`] lists all names that are missing or not expected; [`Error::ValueShape`]
    /// names the first value of a wrong shape.
    pub fn load_into(&self, model: &mut impl Module<T>) -> Result<()> {
        let parameters = model.named_parameters();
        let missing =
            parameters.iter().map(|(name, _)| name.as_str()).filter(|name| self.get(name).is_none());
        let missing: Vec<String> = missing.map(str::to_owned).collect();
        let known = |name: &str| parameters.iter().any(|(parameter, _)| parameter == name);
        let unexpected: Vec<String> =
            self.iter().map(|(name, _)| name).filter(|name| !known(name)).map(str::to_owned).collect();
        if !missing.is_empty() || !unexpected.is_empty() {
            return Err(Error::Names { missing, unexpected });
        }
        let mut values = Vec::with_capacity(parameters.len());
        for (name, parameter) in &parameters {
            let Some(value) = self.get(name) else { continue };
            let (found, expected) = (*value.shape(), *parameter.value().shape());
            if found != expected {
                let name = name.clone();
                return Err(Error::ValueShape { name, found: found.into(), expected: expected.into() });
            }
            values.push(value.clone());
        }
        for (parameter, value) in model.parameters_mut().into_iter().zip(values) {
            parameter.set(value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, RNN, module};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    struct Net {
        rnn: RNN<f64>,
        head: Linear<f64>,
    }
    module!(Net: f64 { rnn, head });

    fn net(seed: u64) -> Net {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Net { rnn: RNN::new(2, 3, &mut rng).unwrap(), head: Linear::new(3, 1, &mut rng).unwrap() }
    }

    #[test]
    fn values_move_between_models_and_stay_apart() {
        let (a, mut b) = (net(1), net(2));
        let state = StateDict::of(&a);
        assert_ne!(state, StateDict::of(&b));
        state.load_into(&mut b).unwrap();
        assert_eq!(state, StateDict::of(&b));
        b.head.bias.as_mut().unwrap().as_mut_slice()[0] += 1.0;
        assert_eq!(state, StateDict::of(&a), "a change of one model does not reach the other");
        assert_eq!(state.get("head.bias"), Some(a.head.bias.as_ref().unwrap().value()));
        assert_eq!((state.len(), state.is_empty()), (6, false));
    }

    #[test]
    fn what_does_not_fit_is_named_and_changes_nothing() {
        let mut model = net(1);
        let before = StateDict::of(&model);
        let mut entries: Vec<_> =
            before.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        entries[0].0 = "rnn.weight_ih_l1".into();
        entries.push(("tail.weight".into(), Tensor::from([1.0])));
        let message = StateDict::new(entries).unwrap().load_into(&mut model).unwrap_err().to_string();
        assert_eq!(
            message,
            "load: the model has rnn.weight_ih_l0, for which there is no value; there are values for rnn.weight_ih_l1, tail.weight, which the model does not have"
        );
        let mut entries: Vec<_> =
            before.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        entries[5].1 = Tensor::from([1.0, 2.0]);
        let message = StateDict::new(entries).unwrap().load_into(&mut model).unwrap_err().to_string();
        assert_eq!(message, "load: the value for head.bias has shape [2], the parameter [1]");
        assert_eq!(StateDict::of(&model), before);
        let twice = vec![("a".to_owned(), Tensor::from(1.0f32)), ("a".to_owned(), Tensor::from(2.0))];
        let message = StateDict::new(twice).unwrap_err().to_string();
        assert_eq!(message, "state dict: there are two values for a");
    }
}
