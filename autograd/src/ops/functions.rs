//! Functions of one number, element by element.

use refrain_tensor::{Real, Tensor};

use crate::Var;

/// Each function, and its derivative in the terms that are cheapest: the argument x, or the value
/// y where the derivative is a function of the value alone.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $kept:ident => $derivative:expr;)*) => {
        impl<T: Real> Var<'_, T> {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> Self {
                    let value = self.value().$name();
                    let kept = functions!(@keep $kept, self, value);
                    self.unary(stringify!($name), value, move |g| {
                        g.zip_map(stringify!($name), &kept, |g, $kept: T| g * $derivative)
                    })
                }
            )*
        }
    };
    (@keep x, $self:ident, $value:ident) => { $self.value().clone() };
    (@keep y, $self:ident, $value:ident) => { $value.clone() };
}

functions! {
    /// |x|; the derivative at 0 is 0.
    abs: x => if x == T::zero() { x } else { x.signum() };
    /// √x; dy/dx = 1 / 2y.
    sqrt: y => (y + y).recip();
    /// 1 / √x; dy/dx = −y³ / 2.
    rsqrt: y => -(y * y * y) / (T::one() + T::one());
    /// x²; dy/dx = 2x.
    square: x => (x + x);
    /// 1 / x; dy/dx = −y².
    recip: y => -(y * y);
    /// eˣ; dy/dx = y.
    exp: y => y;
    /// eˣ − 1; dy/dx = y + 1.
    expm1: y => (y + T::one());
    /// ln x; dy/dx = 1 / x.
    log: x => x.recip();
    /// ln(1 + x); dy/dx = 1 / (1 + x).
    log1p: x => (T::one() + x).recip();
    /// sin x; dy/dx = cos x.
    sin: x => x.cos();
    /// cos x; dy/dx = −sin x.
    cos: x => -x.sin();
    /// tanh x; dy/dx = 1 − y².
    tanh: y => (T::one() - y * y);
    /// 1 / (1 + e⁻ˣ); dy/dx = y (1 − y).
    sigmoid: y => (y * (T::one() - y));
    /// max(x, 0); dy/dx = 0 where x ≤ 0, else 1, also for NaN as in PyTorch.
    relu: y => if y <= T::zero() { T::zero() } else { T::one() };
    /// ln(1 + eˣ); dy/dx = sigmoid(x) = 1 − e⁻ʸ.
    softplus: y => -(-y).exp_m1();
}

impl<T: Real> Var<'_, T> {
    /// −x.
    pub fn neg(&self) -> Self {
        self.unary("neg", self.value().neg(), |g| Ok(g.neg()))
    }

    /// x + `value`.
    pub fn add_scalar(&self, value: T) -> Self {
        self.unary("add_scalar", self.value().add_scalar(value), |g| Ok(g.clone()))
    }

    /// x · `value`.
    pub fn mul_scalar(&self, value: T) -> Self {
        self.unary("mul_scalar", self.value().mul_scalar(value), move |g| Ok(g.mul_scalar(value)))
    }

    /// x / `value`, rounded once.
    pub fn div_scalar(&self, value: T) -> Self {
        self.unary("div_scalar", self.value().map(|x| x / value), move |g| Ok(g.map(|g| g / value)))
    }

    /// `value` / x, rounded once; dy/dx = −y / x. Written `value / &x`.
    pub(crate) fn scalar_div(&self, value: T) -> Self {
        let (x, y) = (self.value().clone(), self.value().map(|x| value / x));
        let kept = y.clone();
        self.unary("scalar_div", y, move |g| g.mul(&kept.zip_map("scalar_div", &x, |y, x| -y / x)?))
    }

    /// x to the power `exponent`; dy/dx = exponent · x^(exponent − 1), which is 0 everywhere for
    /// the exponent 0.
    pub fn powf(&self, exponent: T) -> Self {
        let x = self.value().clone();
        self.unary("powf", x.powf(exponent), move |g| {
            if exponent == T::zero() {
                return Tensor::zeros(x.shape());
            }
            g.zip_map("powf", &x, |g, x| g * exponent * x.powf(exponent - T::one()))
        })
    }

    /// x brought into `low..=high`. The gradient passes where low < x < high; at the bounds
    /// themselves, where the slope jumps, and for NaN it is 0, as in PyTorch 2.15 (earlier
    /// versions let it pass at the bounds).
    ///
    /// # Errors
    /// [`refrain_tensor::Error::Bounds`] where `low > high`.
    pub fn clamp(&self, low: T, high: T) -> crate::Result<Self> {
        let x = self.value().clone();
        Ok(self.unary("clamp", x.clamp(low, high)?, move |g| {
            g.zip_map("clamp", &x, |g, x| if low < x && x < high { g } else { T::zero() })
        }))
    }

    /// x above 0, `slope` · x below.
    pub fn leaky_relu(&self, slope: T) -> Self {
        let x = self.value().clone();
        self.unary("leaky_relu", x.leaky_relu(slope), move |g| {
            g.zip_map("leaky_relu", &x, |g, x| if x > T::zero() { g } else { g * slope })
        })
    }

    /// x above 0, `alpha` · (eˣ − 1) from there down, where dy/dx = y + alpha; at NaN it is 1, as
    /// in PyTorch.
    pub fn elu(&self, alpha: T) -> Self {
        let y = self.value().elu(alpha);
        let (x, kept) = (self.value().clone(), y.clone());
        self.unary("elu", y, move |g| {
            let slope = kept.zip_map("elu", &x, |y, x| if x <= T::zero() { y + alpha } else { T::one() })?;
            g.mul(&slope)
        })
    }

    /// x · sigmoid(x); dy/dx = s + y (1 − s) with s = sigmoid(x).
    pub fn silu(&self) -> Self {
        let x = self.value().clone();
        self.unary("silu", x.silu(), move |g| {
            let slope = x.sigmoid().zip_map("silu", &x, |s, x| s * (T::one() + x * (T::one() - s)))?;
            g.mul(&slope)
        })
    }

    /// x · Φ(x); dy/dx = Φ(x) + x φ(x) with the normal density φ(x) = e^(−x²/2) / √2π.
    pub fn gelu(&self) -> Self {
        let x = self.value().clone();
        self.unary("gelu", x.gelu(), move |g| {
            let density = |x: T| (x * x * T::from_f64(-0.5)).exp() * T::from_f64(0.398_942_280_401_432_7);
            let slope: Tensor<T> = x.normal_cdf().zip_map("gelu", &x, |cdf, x| cdf + x * density(x))?;
            g.mul(&slope)
        })
    }
}
