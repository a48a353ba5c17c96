//! [`MSELoss`].

use refrain_autograd::Var;
use refrain_tensor::{Real, Tensor};

use super::{Reduction, check_same_shape};
use crate::Result;

/// The squared error (x − y)², by default its mean.
///
/// Input and target have one shape, `[..]`; the loss is `[]`, or `[..]` without a reduction.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::MSELoss;
/// use refrain_tensor::Tensor;
/// let tape = Tape::new();
/// let x = tape.variable(Tensor::from([1.0, 5.0]));
/// let loss = MSELoss::default().forward(&x, &Tensor::from([2.0, 2.0]))?;
/// assert_eq!(loss.value().item()?, 5.0);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MSELoss {
    /// What becomes of the losses of all elements.
    pub reduction: Reduction,
}

impl MSELoss {
    /// The loss of an input against a target of its shape.
    ///
    /// # Errors
    /// [`Error::Target`](crate::Error::Target) for another shape, [`Error::Empty`](crate::Error::Empty).
    pub fn forward<'t, T: Real>(&self, input: &Var<'t, T>, target: &Tensor<T>) -> Result<Var<'t, T>> {
        check_same_shape("mse_loss", input, target)?;
        let reduction = self.reduction;
        let (distance, count) = (input.value().sub(target)?, T::from_usize(target.numel()));
        let loss = reduction.apply(distance.square(), count)?;
        Ok(input.tape().record("mse_loss", [input], loss, move |g, _| {
            Ok([Some(distance.zip_map("mse_loss", &reduction.share(g, count), |d, g| (d + d) * g)?)])
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::{Tape, gradcheck};

    #[test]
    fn reductions_and_gradients() {
        let (x, y) = (Tensor::from([[1.0, 5.0], [0.0, -1.0]]), Tensor::from([[2.0, 2.0], [0.0, 1.0]]));
        for (reduction, expected) in [
            (Reduction::Mean, vec![3.5]),
            (Reduction::Sum, vec![14.0]),
            (Reduction::None, vec![1.0, 9.0, 0.0, 4.0]),
        ] {
            let loss = MSELoss { reduction };
            let tape = Tape::new();
            assert_eq!(loss.forward(&tape.variable(x.clone()), &y).unwrap().value().to_vec(), expected);
            gradcheck(|_, inputs| loss.forward(&inputs[0], &y), std::slice::from_ref(&x)).unwrap();
        }
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let tape = Tape::<f64>::new();
        let fail = |x: Tensor<f64>, y: Tensor<f64>| {
            MSELoss::default().forward(&tape.variable(x), &y).unwrap_err().to_string()
        };
        assert_eq!(
            fail(Tensor::from([1.0, 2.0]), Tensor::from([[1.0, 2.0]])),
            "mse_loss: target has shape [1, 2], expected [2] for an input of shape [2]"
        );
        assert_eq!(
            fail(Tensor::zeros([0]).unwrap(), Tensor::zeros([0]).unwrap()),
            "mse_loss: the batch is empty (input shape [0] = [..])"
        );
    }
}
