//! Initial distributions, as PyTorch has them.

use rand::Rng;
use refrain_autograd::Parameter;
use refrain_tensor::{Real, Shape, Tensor};

use crate::Result;

/// A parameter drawn uniformly from ±1/√`fan`.
///
/// Linear layers use the number of inputs as fan, which is what PyTorch's Kaiming initialisation
/// with a = √5 comes to (He et al. 2015, arXiv 1502.01852); recurrent layers use the hidden size.
pub(crate) fn uniform_by_fan<T: Real>(
    shape: impl Into<Shape>,
    fan: usize,
    rng: &mut (impl Rng + ?Sized),
) -> Result<Parameter<T>> {
    let bound = if fan == 0 { T::zero() } else { T::from_f64(1.0 / (fan as f64).sqrt()) };
    Ok(Parameter::new(Tensor::uniform(shape, -bound, bound, rng)?))
}

/// A parameter drawn from the normal distribution with mean 0 and variance 1.
pub(crate) fn standard_normal<T: Real>(
    shape: impl Into<Shape>,
    rng: &mut (impl Rng + ?Sized),
) -> Result<Parameter<T>> {
    Ok(Parameter::new(Tensor::normal(shape, T::zero(), T::one(), rng)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn the_bounds_follow_the_fan() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let weights = uniform_by_fan::<f64>([100, 100], 16, &mut rng).unwrap();
        let (low, high) = (weights.value().min(..).unwrap(), weights.value().max(..).unwrap());
        assert!(low[[]] >= -0.25 && low[[]] < -0.249 && high[[]] < 0.25 && high[[]] > 0.249);
    }
}
