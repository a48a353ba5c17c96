//! [`check_finite`]: a training that diverges is stopped before the weights are touched.

use refrain_autograd::{Gradients, Parameter};
use refrain_tensor::Real;

/// A loss or a gradient that is NaN or infinite: at which step, where, and what.
///
/// No weight has been changed yet, so the caller may skip the step, stop, or go back to a checkpoint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("step {step}: {place} is {found}; the weights are as they were before the step")]
pub struct Divergence {
    /// The step, as the caller counts.
    pub step: u64,
    /// What is not finite.
    pub place: Place,
    /// The number found: NaN, inf or -inf.
    pub found: f64,
}

/// What is not finite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Place {
    /// The loss.
    #[error("the loss")]
    Loss,
    /// The gradient of a parameter.
    #[error("the gradient of {parameter}")]
    Gradient {
        /// The name of the first parameter with such a gradient.
        parameter: String,
    },
}

/// Looks for a number that is not finite in the loss and in the gradients of named parameters. To be
/// called between `backward` and the optimizer's `step`, and before clipping, which would spread one
/// NaN over all gradients.
///
/// # Errors
/// [`Divergence`], for the first such number in the order of the parameters.
///
/// ```
/// use refrain_autograd::{Gradients, Parameter};
/// use refrain_tensor::Tensor;
/// use refrain_train::check_finite;
/// let (w, b) = (Parameter::new(Tensor::from([1.0, 2.0])), Parameter::new(Tensor::from(0.0)));
/// let mut gradients = Gradients::default();
/// gradients.insert(&w, Tensor::from([0.5, 0.5]))?;
/// gradients.insert(&b, Tensor::from(f64::NAN))?;
/// let error = check_finite(812, 0.7, [("w", &w), ("b", &b)], &gradients).unwrap_err();
/// let expected = "step 812: the gradient of b is NaN; the weights are as they were before the step";
/// assert_eq!(error.to_string(), expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_finite<'p, T: Real>(
    step: u64,
    loss: T,
    parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    gradients: &Gradients<T>,
) -> std::result::Result<(), Divergence> {
    if !loss.is_finite() {
        return Err(Divergence { step, place: Place::Loss, found: Real::to_f64(loss) });
    }
    for (name, parameter) in parameters {
        let Some(gradient) = gradients.get(parameter) else { continue };
        // An element times 0 is 0, or NaN for those that are looked for: a loop without branches.
        let zero = gradient.to_slice().iter().fold(T::ZERO, |sum, &g| sum + g * T::ZERO);
        if zero == T::ZERO {
            continue;
        }
        if let Some(found) = gradient.iter().find(|g| !g.is_finite()) {
            let place = Place::Gradient { parameter: name.as_ref().to_owned() };
            return Err(Divergence { step, place, found: Real::to_f64(found) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_tensor::Tensor;

    #[test]
    fn the_first_number_that_is_not_finite_is_named() {
        let (a, b) = (Parameter::new(Tensor::from([0.0; 40])), Parameter::new(Tensor::from([[0.0; 3]; 2])));
        let named = || [("a", &a), ("b", &b)];
        let good = || {
            let mut gradients = Gradients::default();
            gradients.insert(&a, Tensor::from([f64::MAX; 40])).unwrap();
            gradients.insert(&b, Tensor::from([[-1e-310; 3]; 2])).unwrap();
            gradients
        };
        assert_eq!(check_finite(1, 0.5, named(), &good()), Ok(()));
        assert_eq!(check_finite(1, 0.5, named(), &Gradients::default()), Ok(()));
        for found in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let divergence = check_finite(3, found, named(), &good()).unwrap_err();
            assert_eq!((divergence.step, divergence.place), (3, Place::Loss));
            for (parameter, name, place) in [(&a, "a", 37), (&b, "b", 4)] {
                let mut gradients = good();
                let mut values = parameter.value().to_vec();
                values[place] = found;
                let gradient = Tensor::from_vec(values, *parameter.value().shape()).unwrap();
                gradients.insert(parameter, gradient).unwrap();
                let divergence = check_finite(3, 0.5, named(), &gradients).unwrap_err();
                assert_eq!(divergence.place, Place::Gradient { parameter: name.to_owned() });
                assert_eq!(divergence.found.to_bits(), found.to_bits());
            }
        }
    }

    #[test]
    fn the_message_says_infinity_too() {
        let loss = check_finite::<f32>(
            7,
            f32::INFINITY,
            [("", &Parameter::new(Tensor::from(0.0)))],
            &Gradients::default(),
        );
        let expected = "step 7: the loss is inf; the weights are as they were before the step";
        assert_eq!(loss.unwrap_err().to_string(), expected);
    }
}
