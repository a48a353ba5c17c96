//! Functions of one real number, element by element.

use crate::{
    Real, Result, Tensor,
    create::filled,
    error::or_panic,
    kernels::functions::{Function, apply},
    parallel::{CHEAP, COSTLY, fill_rows},
};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($x:ident) $cost:ident = $body:expr;)*) => {
        impl<T: Real> Tensor<T> {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> Self {
                    self.map_at_cost($cost, |$x| $body)
                }
            )*
        }
    };
}

functions! {
    /// |x|.
    abs(x) CHEAP = x.abs();
    /// The sign: -1, 0 or 1; 0 and NaN stay as they are.
    sign(x) CHEAP = if x == T::ZERO || x.is_nan() { x } else { x.signum() };
    /// √x; NaN below 0.
    sqrt(x) CHEAP = x.sqrt();
    /// 1 / √x.
    rsqrt(x) CHEAP = x.sqrt().recip();
    /// x².
    square(x) CHEAP = x * x;
    /// 1 / x.
    recip(x) CHEAP = x.recip();
    /// eˣ − 1, exact near 0.
    expm1(x) COSTLY = x.exp_m1();
    /// The natural logarithm; −∞ at 0, NaN below.
    log(x) COSTLY = x.ln();
    /// ln(1 + x), exact near 0.
    log1p(x) COSTLY = x.ln_1p();
    /// The sine of x in radians.
    sin(x) COSTLY = x.sin();
    /// The cosine of x in radians.
    cos(x) COSTLY = x.cos();
    /// max(x, 0); NaN stays NaN.
    relu(x) CHEAP = if x < T::ZERO { T::ZERO } else { x };
    /// The largest integer not above x.
    floor(x) CHEAP = x.floor();
    /// The smallest integer not below x.
    ceil(x) CHEAP = x.ceil();
    /// ln(1 + eˣ), which stays finite for large x.
    softplus(x) COSTLY = softplus(x);
    /// x · sigmoid(x), also called swish (Elfwing et al. 2017, arXiv 1702.03118).
    silu(x) COSTLY = x * x.sigmoid();
    /// x · Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016, arXiv
    /// 1606.08415); PyTorch's `gelu` with `approximate="none"`.
    gelu(x) COSTLY = x * normal_cdf(x);
}

/// Functions that have a kernel, with the accuracy that [`crate::kernels::functions`] states.
impl<T: Real> Tensor<T> {
    /// eˣ.
    #[track_caller]
    pub fn exp(&self) -> Self {
        self.vectorized("exp", Function::Exp)
    }

    /// The hyperbolic tangent.
    #[track_caller]
    pub fn tanh(&self) -> Self {
        self.vectorized("tanh", Function::Tanh)
    }

    /// The logistic function 1 / (1 + e⁻ˣ).
    #[track_caller]
    pub fn sigmoid(&self) -> Self {
        self.vectorized("sigmoid", Function::Sigmoid)
    }

    #[track_caller]
    fn vectorized(&self, op: &'static str, function: Function) -> Self {
        let x = self.contiguous();
        let values = x.as_slice().unwrap_or_default();
        let mut out = or_panic(filled(op, *self.shape(), T::ZERO));
        fill_rows(&mut out, 1, 2 * CHEAP, |first, chunk| {
            apply(function, &values[first..first + chunk.len()], chunk);
        });
        Tensor::computed(out, *self.shape())
    }
}

impl<T: Real> Tensor<T> {
    /// Each element to the power `exponent`.
    pub fn powf(&self, exponent: T) -> Self {
        self.map_at_cost(COSTLY, |x| x.powf(exponent))
    }

    /// Each element to the power of its counterpart, broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`](crate::Error::Broadcast).
    pub fn pow(&self, exponent: &Self) -> Result<Self> {
        self.zip_map_at_cost(COSTLY, "pow", exponent, num_traits::Float::powf)
    }

    /// x above 0, `slope` · x below.
    pub fn leaky_relu(&self, slope: T) -> Self {
        self.map(|x| if x > T::ZERO { x } else { slope * x })
    }

    /// x above 0, `alpha` · (eˣ − 1) below (Clevert et al. 2015, arXiv 1511.07289).
    pub fn elu(&self, alpha: T) -> Self {
        self.map_at_cost(COSTLY, |x| if x > T::ZERO { x } else { alpha * x.exp_m1() })
    }

    /// The normal distribution function Φ(x): the probability that a standard normal variable is
    /// below x. Computed in f64.
    pub fn normal_cdf(&self) -> Self {
        self.map_at_cost(COSTLY, normal_cdf)
    }
}

fn softplus<T: Real>(x: T) -> T {
    x.max(T::ZERO) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { T::ZERO }
}

fn normal_cdf<T: Real>(x: T) -> T {
    T::from_f64(0.5 * libm::erfc(-x.to_f64() / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_formulas_and_extremes_stay_finite() {
        let x = Tensor::from([-1000.0, -2.0, -0.0, 0.0, 0.5, 3.0, 1000.0f64]);
        let check = |name: &str, result: Tensor<f64>, expected: [f64; 7]| {
            for (got, want) in result.iter().zip(expected) {
                assert!((got - want).abs() <= 1e-12 * (1.0 + want.abs()), "{name}: {got} {want}");
            }
        };
        let s = |x: f64| 1.0 / (1.0 + (-x).exp());
        check("sigmoid", x.sigmoid(), [0.0, s(-2.0), 0.5, 0.5, s(0.5), s(3.0), 1.0]);
        check("relu", x.relu(), [0.0, 0.0, 0.0, 0.0, 0.5, 3.0, 1000.0]);
        let p = |x: f64| x.exp().ln_1p();
        check("softplus", x.softplus(), [0.0, p(-2.0), p(0.0), p(0.0), p(0.5), p(3.0), 1000.0]);
        check("silu", x.silu(), [0.0, -2.0 * s(-2.0), 0.0, 0.0, 0.5 * s(0.5), 3.0 * s(3.0), 1000.0]);
        // Φ(2) and its kin from a table of the normal distribution.
        let (phi2, phi05, phi3) = (0.977_249_868_051_820_8, 0.691_462_461_274_013_1, 0.998_650_101_968_369_9);
        check("gelu", x.gelu(), [0.0, -2.0 * (1.0 - phi2), 0.0, 0.0, 0.5 * phi05, 3.0 * phi3, 1000.0]);
        check("elu", x.elu(2.0), [-2.0, 2.0 * (-2f64).exp_m1(), 0.0, 0.0, 0.5, 3.0, 1000.0]);
        check("leaky_relu", x.leaky_relu(0.1), [-100.0, -0.2, 0.0, 0.0, 0.5, 3.0, 1000.0]);
        check("sign", x.sign(), [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        check("square", x.square(), [1e6, 4.0, 0.0, 0.0, 0.25, 9.0, 1e6]);
    }

    #[test]
    fn nan_stays_nan() {
        let nan = Tensor::from([f32::NAN]);
        for (name, result) in [
            ("relu", nan.relu()),
            ("leaky_relu", nan.leaky_relu(0.1)),
            ("sigmoid", nan.sigmoid()),
            ("softplus", nan.softplus()),
            ("sign", nan.sign()),
            ("gelu", nan.gelu()),
            ("elu", nan.elu(1.0)),
        ] {
            assert!(result[[0]].is_nan(), "{name}");
        }
    }

    #[test]
    fn pow_broadcasts() {
        let result = Tensor::from([2.0, 3.0]).pow(&Tensor::from([[2.0], [0.0]])).unwrap();
        assert_eq!(result, Tensor::from([[4.0, 9.0], [1.0, 1.0]]));
        assert_eq!(Tensor::from([4.0]).powf(0.5).to_vec(), [2.0]);
    }
}
