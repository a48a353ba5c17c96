//! [`gradcheck`]: a backward held to the slope of its forward.

use std::error::Error as StdError;

use refrain_tensor::{Shape, Tensor};

use crate::{Tape, Var};

/// Compares the gradients that a function's backward computes with central differences
/// (f(x + eps) − f(x − eps)) / 2 eps, in f64.
///
/// A function of any output shape is reduced to one number by fixed weights that differ from
/// element to element, so that errors cannot cancel. A gradient a passes against the difference d
/// where |a − d| ≤ atol + rtol · |d|.
///
/// ```
/// use refrain_autograd::gradcheck;
/// use refrain_tensor::Tensor;
/// let inputs = [Tensor::from([0.5, -1.0]), Tensor::from([[2.0], [3.0]])];
/// gradcheck(|_, x| x[0].mul(&x[1])?.tanh().sum(0), &inputs)?;
/// # Ok::<(), refrain_autograd::GradcheckError>(())
/// ```
///
/// # Errors
/// [`GradcheckError::Mismatch`] names the first input and element that is off;
/// [`GradcheckError::Function`] where the function itself fails.
pub fn gradcheck<F, E>(function: F, inputs: &[Tensor<f64>]) -> Result<(), GradcheckError>
where
    F: for<'t> Fn(&'t Tape<f64>, &[Var<'t, f64>]) -> Result<Var<'t, f64>, E>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    Gradcheck::default().check(function, inputs)
}

/// The settings of a [`gradcheck`]: the step and the tolerances.
#[derive(Clone, Copy, Debug)]
pub struct Gradcheck {
    /// The step of the differences. Default 1e-6.
    pub eps: f64,
    /// The relative tolerance. Default 1e-5.
    pub rtol: f64,
    /// The absolute tolerance. Default 1e-7.
    pub atol: f64,
}

impl Default for Gradcheck {
    fn default() -> Self {
        Self { eps: 1e-6, rtol: 1e-5, atol: 1e-7 }
    }
}

/// What a [`gradcheck`] found wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum GradcheckError {
    /// A gradient that is not the slope.
    #[error(
        "gradcheck: input {input} (shape {shape}), element {element:?}: the backward says {backward:e}, the difference {difference:e}"
    )]
    Mismatch { input: usize, shape: Shape, element: Vec<usize>, backward: f64, difference: f64 },

    /// A gradient of another shape than its input.
    #[error("gradcheck: input {input} has shape {expected}, its gradient {found}")]
    Shape { input: usize, found: Box<Shape>, expected: Box<Shape> },

    /// Settings that no gradient can be held to.
    #[error(
        "gradcheck: expected a finite eps > 0 and tolerances >= 0, found eps {eps:e}, rtol {rtol:e} and atol {atol:e}"
    )]
    Settings { eps: f64, rtol: f64, atol: f64 },

    /// The function failed on its inputs, or its backward did.
    #[error("gradcheck: the function failed: {0}")]
    Function(Box<dyn StdError + Send + Sync>),
}

impl Gradcheck {
    /// [`gradcheck`] with these settings.
    ///
    /// # Errors
    /// Those of [`gradcheck`]; [`GradcheckError::Settings`] where the step is not a finite number
    /// above 0 or a tolerance is negative or NaN.
    pub fn check<F, E>(&self, function: F, inputs: &[Tensor<f64>]) -> Result<(), GradcheckError>
    where
        F: for<'t> Fn(&'t Tape<f64>, &[Var<'t, f64>]) -> Result<Var<'t, f64>, E>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.check_settings()?;
        let tape = Tape::new();
        let variables: Vec<_> = inputs.iter().map(|x| tape.variable(x.clone())).collect();
        let y = function(&tape, &variables).map_err(|e| GradcheckError::Function(e.into()))?;
        let failed = |e: crate::Error| GradcheckError::Function(e.into());
        let weights = weights(y.shape()).map_err(|e| GradcheckError::Function(e.into()))?;
        let gradients =
            if y.requires_grad() { Some(y.backward_with(weights.clone()).map_err(failed)?) } else { None };
        let value_at = |inputs: &[Tensor<f64>]| -> Result<f64, GradcheckError> {
            let tape = Tape::inference();
            let variables: Vec<_> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
            let y = function(&tape, &variables).map_err(|e| GradcheckError::Function(e.into()))?;
            Ok(y.value().iter().zip(weights.iter()).map(|(y, w)| y * w).sum())
        };
        for (input, x) in inputs.iter().enumerate() {
            let gradient = gradients.as_ref().and_then(|all| all.of(&variables[input]));
            self.compare(input, x, gradient, |moved| {
                let mut inputs = inputs.to_vec();
                inputs[input] = moved;
                value_at(&inputs)
            })?;
        }
        Ok(())
    }

    /// Holds the gradient of one input, zero where there is none, to the differences of
    /// `value_at`, which maps a changed input to the weighted result.
    ///
    /// # Errors
    /// [`GradcheckError::Mismatch`], [`GradcheckError::Shape`], [`GradcheckError::Settings`], and
    /// those of `value_at`.
    pub fn compare(
        &self,
        input: usize,
        x: &Tensor<f64>,
        gradient: Option<&Tensor<f64>>,
        mut value_at: impl FnMut(Tensor<f64>) -> Result<f64, GradcheckError>,
    ) -> Result<(), GradcheckError> {
        self.check_settings()?;
        if let Some(gradient) = gradient.filter(|gradient| gradient.shape() != x.shape()) {
            let (found, expected) = (*gradient.shape(), *x.shape());
            return Err(GradcheckError::Shape { input, found: found.into(), expected: expected.into() });
        }
        let gradient = gradient.map(Tensor::to_vec);
        for k in 0..x.numel() {
            let mut moved = |step: f64| {
                let mut x = x.clone();
                x.as_mut_slice()[k] += step;
                value_at(x)
            };
            let difference = (moved(self.eps)? - moved(-self.eps)?) / (2.0 * self.eps);
            let backward = gradient.as_ref().map_or(0.0, |g| g[k]);
            // Written so that a NaN fails.
            let passes = (backward - difference).abs() <= self.atol + self.rtol * difference.abs();
            if !passes {
                let (shape, element) = (*x.shape(), unravel(k, x.shape()));
                return Err(GradcheckError::Mismatch { input, shape, element, backward, difference });
            }
        }
        Ok(())
    }

    fn check_settings(&self) -> Result<(), GradcheckError> {
        let &Self { eps, rtol, atol } = self;
        let usable = eps.is_finite() && eps > 0.0 && rtol >= 0.0 && atol >= 0.0;
        if usable { Ok(()) } else { Err(GradcheckError::Settings { eps, rtol, atol }) }
    }
}

/// Fixed numbers in 0.5..1.5 without a pattern: the golden ratio's multiples, modulo 1.
fn weights(shape: &Shape) -> Result<Tensor<f64>, refrain_tensor::Error> {
    let count = Tensor::<f64>::arange(shape.numel())?;
    count.map(|k| 0.5 + (k * 0.618_033_988_749_895).fract()).reshape(shape)
}

fn unravel(mut k: usize, shape: &Shape) -> Vec<usize> {
    let mut index = vec![0; shape.rank()];
    for (i, &size) in index.iter_mut().zip(&shape[..]).rev() {
        *i = k % size;
        k /= size;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_backward_is_named_by_input_and_element() {
        let result = gradcheck(
            |tape, x| {
                let y = x[0].value().mul(x[1].value())?;
                let (a, b) = (x[0].value().clone(), x[1].value().clone());
                tape.record("wrong", [&x[0], &x[1]], y, move |g, _| {
                    let mut by_b = g.mul(&a)?;
                    by_b.as_mut_slice()[3] *= 1.001;
                    Ok([Some(g.mul(&b)?), Some(by_b)])
                })
            },
            &[Tensor::from([[1.0, 2.0], [3.0, 4.0]]), Tensor::from([[5.0, 6.0], [7.0, 8.0]])],
        );
        let message = result.unwrap_err().to_string();
        assert!(
            message.starts_with("gradcheck: input 1 (shape [2, 2]), element [1, 1]: the backward says"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_gradient_counts_as_zero() {
        let x = [Tensor::from([1.0])];
        gradcheck(|tape, _| Ok::<_, crate::Error>(tape.constant(Tensor::from([2.0]))), &x).unwrap();
        assert!(gradcheck(|_, x| Ok::<_, crate::Error>(x[0].detach().square()), &x).is_err());
    }

    #[test]
    fn a_gradient_of_another_shape_is_refused() {
        let (x, gradient) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0]));
        let error = Gradcheck::default().compare(3, &x, Some(&gradient), |_| Ok(0.0)).unwrap_err();
        assert_eq!(error.to_string(), "gradcheck: input 3 has shape [2], its gradient [1]");
    }

    #[test]
    fn settings_that_check_nothing_are_refused() {
        let usual = Gradcheck::default();
        let settings = [
            Gradcheck { eps: 0.0, ..usual },
            Gradcheck { eps: -1e-6, ..usual },
            Gradcheck { eps: f64::NAN, ..usual },
            Gradcheck { eps: f64::INFINITY, ..usual },
            Gradcheck { rtol: f64::NAN, ..usual },
            Gradcheck { atol: -1.0, ..usual },
        ];
        for settings in settings {
            let results = [
                settings.check(|_, x| Ok::<_, crate::Error>(x[0].square()), &[Tensor::from([1.0])]),
                settings.compare(0, &Tensor::from([1.0]), None, |_| Ok(0.0)),
            ];
            for result in results {
                assert!(matches!(result, Err(GradcheckError::Settings { .. })), "{settings:?}: {result:?}");
            }
        }
    }

    #[test]
    fn a_failing_function_is_reported() {
        let error = gradcheck(|_, x| x[0].sum(3), &[Tensor::from([1.0])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "gradcheck: the function failed: sum: axis 3 is out of range for shape [1] of rank 1"
        );
    }
}
