//! What all cases of layers and losses have in common: parameters in, outputs and gradients out.

use refrain_autograd::{Gradients, Tape, Var};
use refrain_nn::Module;
use refrain_tensor::Tensor;

use crate::{
    case_file::Case,
    compare::Results,
    error::{Error, Result},
    tensors::{Scalar, check_shape},
};

/// The file's dice: parameters are drawn and then replaced, so any generator will do.
pub(crate) fn dice() -> rand::rngs::Xoshiro256PlusPlus {
    rand::SeedableRng::seed_from_u64(0)
}

/// Sets every parameter of the module to the file's tensor of that name. A parameter that the
/// file does not have is a failure; one that the module does not have stays in the case, which
/// makes it one.
pub(crate) fn load<T: Scalar>(case: &mut Case, module: &mut impl Module<T>) -> Result<()> {
    let mut result = Ok(());
    module.visit_mut(&mut |name, parameter| {
        if result.is_ok() {
            let shape = *parameter.value().shape();
            let loaded = case.given.of_shape(&format!("param.{name}"), &shape);
            result = loaded.and_then(|value| Ok(parameter.set(value)?));
        }
    });
    result
}

/// A module without parameters: that of a loss.
pub(crate) struct NoParameters;

impl<T: Scalar> Module<T> for NoParameters {
    fn visit<'m>(&'m self, _: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m refrain_autograd::Parameter<T>)) {}

    fn visit_mut<'m>(
        &'m mut self,
        _: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m mut refrain_autograd::Parameter<T>),
    ) {
    }
}

/// The inputs that get a gradient, by name.
pub(crate) struct Inputs<'t, T> {
    tape: &'t Tape<T>,
    variables: Vec<(&'static str, Var<'t, T>)>,
}

impl<'t, T: Scalar> Inputs<'t, T> {
    /// None so far.
    pub(crate) fn on(tape: &'t Tape<T>) -> Self {
        Self { tape, variables: Vec::new() }
    }

    /// Takes `input.NAME` from the case, if it is there, as a variable of the tape.
    pub(crate) fn optional(&mut self, case: &mut Case, name: &'static str) -> Result<Option<Var<'t, T>>> {
        let Some(value) = case.given.optional(&format!("input.{name}"))? else { return Ok(None) };
        let variable = self.tape.variable(value);
        self.variables.push((name, variable.clone()));
        Ok(Some(variable))
    }

    /// Takes `input.NAME` from the case as a variable of the tape.
    pub(crate) fn required(&mut self, case: &mut Case, name: &'static str) -> Result<Var<'t, T>> {
        self.optional(case, name)?.ok_or_else(|| Error::MissingTensor(format!("input.{name}")))
    }
}

/// The outputs and, where the case expects some, the gradients of Σ output · cotangent over all
/// outputs, from one backward pass.
pub(crate) fn results<T: Scalar>(
    case: &mut Case,
    module: &impl Module<T>,
    inputs: &Inputs<'_, T>,
    outputs: &[(&str, &Var<'_, T>)],
) -> Result<Results> {
    let mut results = Results::new();
    let mut cotangents = Vec::new();
    for (name, output) in outputs {
        results.insert(format!("output.{name}"), widened(output.value()));
        let cotangent_name = format!("cotangent.{name}");
        if let Some(cotangent) = case.given.optional::<T>(&cotangent_name)? {
            check_shape(&cotangent_name, cotangent.shape(), output.shape())?;
            cotangents.push((*output, cotangent));
        }
    }
    if !case.expects_gradients() {
        return Ok(results);
    }
    let gradients = backward(inputs.tape, &cotangents)?;
    for (name, variable) in &inputs.variables {
        let gradient = gradients.of(variable);
        results.extend(gradient.map(|g| (format!("grad.input.{name}"), widened(g))));
    }
    module.visit(&mut |name, parameter| {
        let gradient = gradients.get(parameter);
        results.extend(gradient.map(|g| (format!("grad.param.{name}"), widened(g))));
    });
    Ok(results)
}

fn backward<T: Scalar>(tape: &Tape<T>, cotangents: &[(&Var<'_, T>, Tensor<T>)]) -> Result<Gradients<T>> {
    let mut sum: Option<Var<'_, T>> = None;
    for (output, cotangent) in cotangents {
        let part = output.mul(&tape.constant(cotangent.clone()))?.sum(..)?;
        sum = Some(match sum {
            Some(sum) => sum.add(&part)?,
            None => part,
        });
    }
    Ok(sum.ok_or_else(|| Error::MissingTensor("cotangent.*".to_owned()))?.backward()?)
}

/// The same numbers in f64, in which all comparing is done.
pub(crate) fn widened<T: Scalar>(tensor: &Tensor<T>) -> Tensor<f64> {
    tensor.map(refrain_tensor::Real::to_f64)
}
