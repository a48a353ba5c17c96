//! [`BCEWithLogitsLoss`].

use refrain_autograd::Var;
use refrain_tensor::{Real, Tensor};

use super::{Reduction, check_same_shape};
use crate::{Error, Result};

/// The cross entropy of a yes-or-no answer, given as a logit x, against a target y from 0 to 1:
///
/// l = w ((1 − y) x + (1 + (p − 1) y) ln(1 + e⁻ˣ))
///
/// with an optional weight w for each element and an optional weight p of the positive answers.
/// It is the logarithm of a sigmoid, computed so that no large logit overflows.
///
/// Input and target have one shape, `[..]`, to which the weights broadcast; the loss is `[]`, or
/// `[..]` without a reduction. The mean divides by the number of elements, not by the weights.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::BCEWithLogitsLoss;
/// use refrain_tensor::Tensor;
/// let tape = Tape::new();
/// let logits = tape.variable(Tensor::from([0.0, 1000.0]));
/// let loss = BCEWithLogitsLoss::default().forward(&logits, &Tensor::from([1.0, 1.0]))?;
/// assert!((loss.value().item()? - 2f64.ln() / 2.0).abs() < 1e-12);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BCEWithLogitsLoss<T: Real> {
    /// What becomes of the losses of all elements.
    pub reduction: Reduction,
    /// A weight for each element; broadcasts to the input.
    pub weight: Option<Tensor<T>>,
    /// A weight of the positive answers; broadcasts to the input.
    pub pos_weight: Option<Tensor<T>>,
}

impl<T: Real> Default for BCEWithLogitsLoss<T> {
    fn default() -> Self {
        Self { reduction: Reduction::Mean, weight: None, pos_weight: None }
    }
}

impl<T: Real> BCEWithLogitsLoss<T> {
    /// The loss of logits against targets of their shape.
    ///
    /// # Errors
    /// [`Error::Target`] for a target or a weight of a shape that does not fit,
    /// [`Error::Empty`].
    pub fn forward<'t>(&self, input: &Var<'t, T>, target: &Tensor<T>) -> Result<Var<'t, T>> {
        let op = "bce_with_logits_loss";
        check_same_shape(op, input, target)?;
        let shape = *input.shape();
        let broadcast = |what, weight: &Option<Tensor<T>>| -> Result<Tensor<T>> {
            let weight = weight.clone().unwrap_or_else(|| Tensor::scalar(T::one()));
            let odd = |_| Error::Target {
                op,
                what,
                found: (*weight.shape()).into(),
                expected: shape.into(),
                input: shape.into(),
            };
            weight.broadcast_to(shape).map_err(odd)
        };
        let (weight, positive) =
            (broadcast("weight", &self.weight)?, broadcast("pos_weight", &self.pos_weight)?);
        // l = w (u x + v softplus(−x)) with u = 1 − y and v = 1 + (p − 1) y.
        let unlikely = target.map(|y| T::one() - y);
        let factor = positive.zip_map(op, target, |p, y| T::one() + (p - T::one()) * y)?;
        let x = input.value().clone();
        let losses = unlikely.mul(&x)?.add(&factor.mul(&x.neg().softplus())?)?.mul(&weight)?;
        let (reduction, count) = (self.reduction, T::from_usize(shape.numel()));
        let loss = reduction.apply(losses, count)?;
        Ok(input.tape().record(op, [input], loss, move |g, _| {
            let slope = unlikely.sub(&factor.mul(&x.neg().sigmoid())?)?;
            Ok([Some(slope.mul(&weight)?.mul(&reduction.share(g, count))?)])
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::{Tape, gradcheck};

    #[test]
    fn the_formula_and_its_gradient() {
        let (x, y) = (Tensor::from([[0.3, -2.0], [40.0, -50.0]]), Tensor::from([[1.0, 0.25], [0.0, 0.5]]));
        let (w, p) = (Tensor::from([[2.0], [0.5]]), Tensor::from([3.0, 0.7]));
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            let loss = BCEWithLogitsLoss { reduction, weight: Some(w.clone()), pos_weight: Some(p.clone()) };
            gradcheck(|_, inputs| loss.forward(&inputs[0], &y), std::slice::from_ref(&x)).unwrap();
        }
        let loss = BCEWithLogitsLoss { reduction: Reduction::None, weight: Some(w), pos_weight: Some(p) };
        let tape = Tape::new();
        let losses = loss.forward(&tape.constant(x), &y).unwrap();
        let by_hand = |x: f64, y: f64, w: f64, p: f64| {
            let s = 1.0 / (1.0 + (-x).exp());
            -w * (p * y * s.ln() + (1.0 - y) * (1.0 - s).ln())
        };
        let expected = by_hand(0.3, 1.0, 2.0, 3.0);
        assert!((losses.value()[[0, 0]] - expected).abs() < 1e-12);
        assert!((losses.value()[[0, 1]] - by_hand(-2.0, 0.25, 2.0, 0.7)).abs() < 1e-12);
        assert!((losses.value()[[1, 0]] - 20.0).abs() < 1e-12);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let tape = Tape::new();
        let x = tape.variable(Tensor::from([1.0, 2.0]));
        let loss = BCEWithLogitsLoss { weight: Some(Tensor::from([1.0; 3])), ..Default::default() };
        assert_eq!(
            loss.forward(&x, &Tensor::from([1.0, 0.0])).unwrap_err().to_string(),
            "bce_with_logits_loss: weight has shape [3], expected [2] for an input of shape [2]"
        );
        let message = BCEWithLogitsLoss::default().forward(&x, &Tensor::from([1.0])).unwrap_err().to_string();
        assert_eq!(
            message,
            "bce_with_logits_loss: target has shape [1], expected [2] for an input of shape [2]"
        );
    }
}
