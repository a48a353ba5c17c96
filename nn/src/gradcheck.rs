//! [`gradcheck_module`]: a model's parameter gradients held to the slope of its forward.

use std::error::Error as StdError;

use refrain_autograd::{Gradcheck, GradcheckError, Tape, Var};

use crate::Module;

/// [`refrain_autograd::gradcheck`] for the parameters of a model: compares the gradients that the
/// backward of `function` finds for every parameter with central differences, in f64. The result
/// of the function must be one number. Input k in an error is the k-th parameter.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{Linear, gradcheck_module};
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let mut layer = Linear::<f64>::new(3, 2, &mut rng)?;
/// let x = Tensor::normal([5, 3], 0.0, 1.0, &mut rng)?;
/// gradcheck_module(&mut layer, |layer, tape| {
///     Ok::<_, refrain_nn::Error>(layer.forward(&tape.constant(x.clone()))?.tanh().sum(..)?)
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`GradcheckError::Mismatch`] names the first parameter and element that is off;
/// [`GradcheckError::Function`] where the function fails.
pub fn gradcheck_module<M, F, E>(model: &mut M, function: F) -> Result<(), GradcheckError>
where
    M: Module<f64>,
    F: for<'t> Fn(&M, &'t Tape<f64>) -> Result<Var<'t, f64>, E>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let failed = |error: Box<dyn StdError + Send + Sync>| GradcheckError::Function(error);
    let gradients = {
        let tape = Tape::new();
        let loss = function(model, &tape).map_err(|e| failed(e.into()))?;
        loss.backward().map_err(|e| failed(e.into()))?
    };
    for k in 0..model.parameters().len() {
        let original = model.parameters()[k].value().clone();
        let gradient = gradients.get(model.parameters()[k]).cloned();
        let result = Gradcheck::default().compare(k, &original, gradient.as_ref(), |moved| {
            model.parameters_mut()[k].set(moved).map_err(|e| failed(e.into()))?;
            let tape = Tape::inference();
            let loss = function(model, &tape).map_err(|e| failed(e.into()))?;
            loss.value().item().map_err(|e| failed(e.into()))
        });
        model.parameters_mut()[k].set(original).map_err(|e| failed(e.into()))?;
        result?;
    }
    Ok(())
}
