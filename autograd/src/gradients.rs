//! [`Gradients`]: what a backward pass found.

use std::fmt;

use refrain_tensor::{Real, Tensor, kernels::update::change};

use crate::{Error, Parameter, ParameterId, Result, Tape, Var, by_parameter::ByParameter};

/// The gradients of one backward pass, by parameter and by [variable](crate::Tape::variable).
///
/// Gradients are plain data, apart from any tape: they can be sent between threads, merged,
/// clipped, and given to an optimizer. Parameters come in the order of their creation.
#[derive(Clone)]
pub struct Gradients<T> {
    tape: u64,
    parameters: ByParameter<Tensor<T>>,
    /// In descending order of the nodes, as a backward meets them.
    variables: Vec<(u32, Tensor<T>)>,
}

impl<T: Real> Gradients<T> {
    /// What a backward found: each parameter once, and the variables' nodes descending.
    pub(crate) fn of_tape(
        tape: u64,
        parameters: Vec<(ParameterId, Tensor<T>)>,
        variables: Vec<(u32, Tensor<T>)>,
    ) -> Self {
        Self { tape, parameters: ByParameter::of_entries(parameters), variables }
    }

    /// The gradient of a parameter, in its shape; `None` where the result did not depend on it.
    pub fn get(&self, parameter: &Parameter<T>) -> Option<&Tensor<T>> {
        self.parameters.get(parameter.id())
    }

    /// The gradient of a [variable](crate::Tape::variable) of the tape. Only these leaves keep
    /// theirs: `None` for anything computed from others, for a parameter (see
    /// [`Gradients::get`]), for what the result did not depend on, and for another tape.
    pub fn of(&self, variable: &Var<'_, T>) -> Option<&Tensor<T>> {
        let node = variable.node().filter(|_| variable.tape().id() == self.tape)?;
        let place = self.variables.binary_search_by(|(of, _)| node.cmp(of)).ok()?;
        Some(&self.variables[place].1)
    }

    /// Whether these gradients come from a backward on `tape`. A [reset](Tape::reset) tape is another
    /// one, and gradients that were put together from nothing are of none.
    pub fn are_of(&self, tape: &Tape<T>) -> bool {
        self.tape == tape.id()
    }

    /// Sets the gradient of a parameter, computed elsewhere: by another process, or by hand.
    ///
    /// # Errors
    /// [`Error::ParameterShape`] where the shape is not the parameter's.
    pub fn insert(&mut self, parameter: &Parameter<T>, gradient: Tensor<T>) -> Result<()> {
        if gradient.shape() != parameter.value().shape() {
            let (found, expected) = (*gradient.shape(), *parameter.value().shape());
            return Err(Error::ParameterShape {
                op: "insert",
                found: found.into(),
                expected: expected.into(),
            });
        }
        self.parameters.insert(parameter.id(), gradient);
        Ok(())
    }

    /// Adds the parameter gradients of `other`: those of another thread, or of another part of a
    /// batch. The gradients of variables, which belong to a tape, stay as they are.
    ///
    /// # Errors
    /// [`Error::ParameterShape`] where the two have gradients of different shapes for a
    /// parameter; then nothing is added.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        for (id, gradient) in other.parameters.iter() {
            if let Some(sum) = self.parameters.get(id).filter(|sum| sum.shape() != gradient.shape()) {
                let (found, expected) = (*gradient.shape(), *sum.shape());
                return Err(Error::ParameterShape {
                    op: "merge",
                    found: found.into(),
                    expected: expected.into(),
                });
            }
        }
        for (id, gradient) in other.parameters.into_entries() {
            match self.parameters.get_mut(id) {
                Some(sum) => sum.add_assign(&gradient)?,
                None => self.parameters.insert(id, gradient),
            }
        }
        Ok(())
    }

    /// Multiplies every parameter gradient by `factor`.
    pub fn scale(&mut self, factor: T) {
        for (_, gradient) in self.parameters.iter_mut() {
            change(gradient.as_mut_slice(), |chunk| chunk.iter_mut().for_each(|x| *x = *x * factor));
        }
    }

    /// The parameter gradients, in the order of the parameters' creation.
    pub fn iter(&self) -> impl Iterator<Item = (ParameterId, &Tensor<T>)> {
        self.parameters.iter()
    }

    /// The parameter gradients to be changed, in the order of the parameters' creation.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ParameterId, &mut Tensor<T>)> {
        self.parameters.iter_mut()
    }

    /// How many parameters have a gradient.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether no parameter has a gradient.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// No gradients yet: the start of a sum over threads or parts of a batch.
impl<T: Real> Default for Gradients<T> {
    fn default() -> Self {
        Self { tape: u64::MAX, parameters: ByParameter::new(), variables: Vec::new() }
    }
}

impl<T: Real> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.parameters.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradients_of(p: &Parameter<f64>, factor: f64) -> Gradients<f64> {
        let tape = Tape::new();
        tape.parameter(p).mul_scalar(factor).sum(..).unwrap().backward().unwrap()
    }

    #[test]
    fn merging_adds_and_scaling_multiplies() {
        let (p, q) = (Parameter::new(Tensor::from([1.0, 2.0])), Parameter::new(Tensor::from([5.0])));
        let mut sum = Gradients::default();
        assert!(sum.is_empty());
        for part in [gradients_of(&p, 2.0), gradients_of(&q, 7.0), gradients_of(&p, 3.0)] {
            sum.merge(part).unwrap();
        }
        sum.scale(0.5);
        assert_eq!(sum.get(&p), Some(&Tensor::from([2.5, 2.5])));
        assert_eq!(sum.get(&q), Some(&Tensor::from([3.5])));
        assert_eq!(sum.iter().map(|(id, _)| id).collect::<Vec<_>>(), [p.id(), q.id()]);
        assert_eq!(sum.len(), 2);
    }

    #[test]
    fn inserted_gradients_have_the_parameters_shape() {
        let p = Parameter::new(Tensor::from([1.0, 2.0]));
        let mut gradients = Gradients::default();
        gradients.insert(&p, Tensor::from([3.0, 4.0])).unwrap();
        assert_eq!(gradients.get(&p), Some(&Tensor::from([3.0, 4.0])));
        let message = gradients.insert(&p, Tensor::from(1.0)).unwrap_err().to_string();
        assert_eq!(message, "insert: the parameter has shape [2], the value []");
    }

    #[test]
    fn merging_does_not_broadcast() {
        let p = Parameter::new(Tensor::from([1.0, 2.0]));
        let mut sum = gradients_of(&p, 2.0);
        let mut other = Gradients::default();
        other.parameters.insert(p.id(), Tensor::from(1.0));
        let message = sum.merge(other).unwrap_err().to_string();
        assert_eq!(message, "merge: the parameter has shape [2], the value []");
        assert_eq!(sum.get(&p), Some(&Tensor::from([2.0, 2.0])));
    }

    #[test]
    fn each_leaf_finds_its_own_gradient_and_nothing_else_has_one() {
        let tape = Tape::new();
        let leaves: Vec<_> = (0..7).map(|k| tape.variable(Tensor::from(f64::from(k)))).collect();
        let used = [0, 1, 3, 4, 6];
        let middle = leaves[0].square();
        let sum = used[1..].iter().fold(middle.clone(), |sum, &k: &usize| sum + leaves[k].square());
        let gradients = sum.backward().unwrap();
        for (k, leaf) in leaves.iter().enumerate() {
            let expected = used.contains(&k).then(|| Tensor::from(2.0 * k as f64));
            assert_eq!(gradients.of(leaf), expected.as_ref(), "leaf {k}");
        }
        assert_eq!((gradients.of(&middle), gradients.of(&sum)), (None, None));
    }

    #[test]
    fn a_variable_of_another_tape_has_no_gradient_here() {
        let (a, b) = (Tape::new(), Tape::new());
        let (x, y) = (a.variable(Tensor::from(1.0)), b.variable(Tensor::from(1.0)));
        let gradients = x.square().backward().unwrap();
        assert_eq!(gradients.of(&x), Some(&Tensor::from(2.0)));
        assert_eq!(gradients.of(&y), None);
        assert!(gradients.are_of(&a) && !gradients.are_of(&b));
        assert!(!Gradients::default().are_of(&a));
    }
}
