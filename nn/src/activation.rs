//! [`Activation`]: the nonlinear functions, as values that a model can hold.

use refrain_autograd::Var;
use refrain_tensor::Real;

/// A nonlinear function between layers. Each is also a method of [`Var`]; this type is for models
/// that hold the choice.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::Activation;
/// use refrain_tensor::Tensor;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::from([-1.0, 2.0]));
/// assert_eq!(Activation::ReLU.forward(&x).value().to_vec(), [0.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// max(x, 0).
    ReLU,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x above 0, the given slope times x below; PyTorch's default slope is 0.01.
    LeakyReLU(f64),
    /// x above 0, alpha (eˣ − 1) below; PyTorch's default alpha is 1.
    ELU(f64),
    /// x Φ(x) with the normal distribution function Φ.
    GELU,
    /// x · sigmoid(x).
    SiLU,
    /// ln(1 + eˣ).
    Softplus,
}

impl Activation {
    /// The function of every element: any shape → the same shape.
    pub fn forward<'t, T: Real>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        match *self {
            Self::ReLU => x.relu(),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => x.sigmoid(),
            Self::LeakyReLU(slope) => x.leaky_relu(T::from_f64(slope)),
            Self::ELU(alpha) => x.elu(T::from_f64(alpha)),
            Self::GELU => x.gelu(),
            Self::SiLU => x.silu(),
            Self::Softplus => x.softplus(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Tape;
    use refrain_tensor::Tensor;

    #[test]
    fn each_is_its_function() {
        let tape = Tape::inference();
        let at =
            |activation: Activation| activation.forward(&tape.constant(Tensor::from([-0.5f64]))).value()[[0]];
        let sigmoid = 1.0 / (1.0 + 0.5f64.exp());
        let cases = [
            (Activation::ReLU, 0.0),
            (Activation::Tanh, (-0.5f64).tanh()),
            (Activation::Sigmoid, sigmoid),
            (Activation::LeakyReLU(0.1), -0.05),
            (Activation::ELU(2.0), 2.0 * (-0.5f64).exp_m1()),
            (Activation::GELU, -0.154_268_769_362_993_47),
            (Activation::SiLU, -0.5 * sigmoid),
            (Activation::Softplus, (-0.5f64).exp().ln_1p()),
        ];
        for (activation, expected) in cases {
            assert!(
                (at(activation) - expected).abs() < 1e-12,
                "{activation:?}: {} {expected}",
                at(activation)
            );
        }
    }
}
