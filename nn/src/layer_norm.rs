//! [`LayerNorm`]: features brought to mean 0 and variance 1.

use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Shape, Tensor, keepdim};

use crate::{Error, Result, module};

/// y = (x − mean) / √(variance + eps) · weight + bias, with mean and variance over the last axis
/// (Ba et al. 2016, arXiv 1607.06450). The variance is the mean square, as in PyTorch.
///
/// | | shape |
/// | --- | --- |
/// | input, output | `[.., features]` |
/// | `weight`, `bias` | `[features]`, starting at 1 and 0 |
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::LayerNorm;
/// use refrain_tensor::Tensor;
/// let norm = LayerNorm::<f64>::new(4)?;
/// let tape = Tape::inference();
/// let y = norm.forward(&tape.constant(Tensor::from([[1.0, 2.0, 3.0, 4.0]])))?;
/// assert!(y.value().mean(..)?.item()?.abs() < 1e-12);
/// assert!((y.value().var(.., 0)?.item()? - 1.0).abs() < 1e-4);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Real> {
    /// The factor of each feature: `[features]`.
    pub weight: Parameter<T>,
    /// The summand of each feature: `[features]`.
    pub bias: Option<Parameter<T>>,
    /// What is added to the variance. Default 1e-5.
    pub eps: f64,
}
module!(LayerNorm { weight, bias });

impl<T: Real> LayerNorm<T> {
    /// A layer for `features` features, with eps 1e-5.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] for 0 features; [`Error::Tensor`] where there is no memory.
    pub fn new(features: usize) -> Result<Self> {
        if features == 0 {
            return Err(Error::ZeroOption { op: "layer_norm", option: "features" });
        }
        let (weight, bias) = (Tensor::ones([features])?, Tensor::zeros([features])?);
        Ok(Self { weight: Parameter::new(weight), bias: Some(Parameter::new(bias)), eps: 1e-5 })
    }

    /// `[.., features]` → `[.., features]`.
    ///
    /// With x̂ = (x − mean) / σ and h = g · weight, the gradient is
    /// (h − mean(h) − x̂ · mean(h · x̂)) / σ.
    ///
    /// # Errors
    /// [`Error::Features`] where the last axis has another size, [`Error::Rank`] where there is
    /// none.
    pub fn forward<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        self.check(*input.shape())?;
        let (x, eps) = (input.value(), T::from_f64(self.eps));
        let centred = x.sub(&x.mean(keepdim(-1))?)?;
        let inverse = centred.square().mean(keepdim(-1))?.map(|variance| (variance + eps).sqrt().recip());
        let normal = centred.mul(&inverse)?;
        let tape = input.tape();
        let scale = tape.parameter(&self.weight);
        let value = normal.mul(scale.value())?;
        let (kept, factor) = (normal.clone(), scale.value().clone());
        let y = tape.record("layer_norm", [input, &scale], value, move |g, [to_input, to_scale]| {
            let by_scale = to_scale.then(|| g.mul(&kept)).transpose()?;
            if !to_input {
                return Ok([None, by_scale]);
            }
            let h = g.mul(&factor)?;
            let along = kept.mul(&h.mul(&kept)?.mean(keepdim(-1))?)?;
            let by_input = h.sub(&h.mean(keepdim(-1))?)?.sub(&along)?.mul(&inverse)?;
            Ok([Some(by_input), by_scale])
        })?;
        Ok(match &self.bias {
            Some(bias) => y.add(&tape.parameter(bias))?,
            None => y,
        })
    }

    /// Refuses an input of another shape.
    pub(crate) fn check(&self, shape: Shape) -> Result<()> {
        let (op, axes, expected) = ("layer_norm", "[.., features]", self.weight.value().numel());
        match shape.last() {
            None => Err(Error::Rank { op, shape: shape.into(), axes }),
            Some(&found) if found != expected => {
                Err(Error::Features { op, found, expected, shape: shape.into(), axes })
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Tape;

    /// torch.nn.functional.layer_norm of [1, 2, 4] with weight [1, 2, 0.5] and bias [0, 1, -1].
    #[test]
    fn values_of_pytorch() {
        let mut norm = LayerNorm::<f64>::new(3).unwrap();
        norm.weight.set(Tensor::from([1.0, 2.0, 0.5])).unwrap();
        norm.bias.as_mut().unwrap().set(Tensor::from([0.0, 1.0, -1.0])).unwrap();
        let tape = Tape::inference();
        let y = norm.forward(&tape.constant(Tensor::from([1.0, 2.0, 4.0]))).unwrap();
        let expected = [-1.0690415314502977, 0.46547923427485094, -0.3318490428435641];
        assert!(y.value().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{y}");
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let norm = LayerNorm::<f32>::new(3).unwrap();
        let tape = Tape::new();
        let fail = |x: Tensor<f32>| norm.forward(&tape.constant(x)).unwrap_err().to_string();
        assert_eq!(
            fail(Tensor::zeros([2, 4]).unwrap()),
            "layer_norm: input has 4 features, the layer was built for 3 (input shape [2, 4] = [.., features])"
        );
        assert!(fail(Tensor::from(1.0)).starts_with("layer_norm: input has shape []"));
        let message = LayerNorm::<f32>::new(0).unwrap_err().to_string();
        assert_eq!(message, "layer_norm: features is 0, expected at least 1");
    }
}
