//! The terms that several update rules are made of, on one element. Each is rounded as PyTorch
//! rounds it: constants are computed in `f64` and converted once, the rest happens in `T`.

use refrain_tensor::Real;

/// `(gradient, value) ↦ gradient + weight_decay · value`: the gradient of the loss with an L2
/// penalty. Without weight decay it is the gradient, even where the value is infinite.
pub(crate) fn penalized<T: Real>(weight_decay: f64) -> impl Fn(T, T) -> T + Copy + Sync {
    let (decays, weight_decay) = (weight_decay != 0.0, T::from_f64(weight_decay));
    move |gradient, value| if decays { gradient + weight_decay * value } else { gradient }
}

/// `(mean, x) ↦ mean + weight · (x - mean)`: a running mean. A large weight starts from `x`
/// instead, which is the closer end.
pub(crate) fn running_mean<T: Real>(weight: f64) -> impl Fn(T, T) -> T + Copy + Sync {
    let weight = T::from_f64(weight);
    let rest = T::ONE - weight;
    let near_mean = weight < T::from_f64(0.5);
    move |mean, x| if near_mean { mean + weight * (x - mean) } else { x - (x - mean) * rest }
}

/// `(mean, x) ↦ keep · mean + (1 - keep) · x²`: a running mean of squares.
pub(crate) fn running_square<T: Real>(keep: f64) -> impl Fn(T, T) -> T + Copy + Sync {
    let (keep, weight) = (T::from_f64(keep), T::from_f64(1.0 - keep));
    move |mean, x| mean * keep + weight * x * x
}

/// The larger one, and NaN where either is.
pub(crate) fn maximum<T: Real>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_decay_an_infinite_value_does_not_reach_the_gradient() {
        assert_eq!(penalized(0.0)(2.0, f64::INFINITY), 2.0);
        assert_eq!(penalized(0.5)(2.0, 4.0), 4.0);
    }

    #[test]
    fn the_ends_of_a_running_mean_are_exact() {
        for (weight, expected) in [(0.0, 0.1f32), (1.0, 0.7), (0.25, 0.25), (0.75, 0.55)] {
            let found = running_mean(weight)(0.1f32, 0.7);
            assert!((found - expected).abs() < 1e-7, "{weight}: {found}");
        }
        assert_eq!(running_mean(1.0)(1e30f32, 0.7), 0.7);
        assert_eq!(running_mean(0.0)(0.1f32, 1e30), 0.1);
    }

    #[test]
    fn the_maximum_keeps_nan() {
        assert!(maximum(f64::NAN, 1.0).is_nan() && maximum(1.0, f64::NAN).is_nan());
        assert_eq!((maximum(1.0, 2.0), maximum(2.0, 1.0)), (2.0, 2.0));
    }
}
