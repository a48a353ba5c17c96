//! [`Dropout`]: some numbers left out at random while training.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::{Real, Shape, Tensor};

use crate::{Error, Result};

/// While training, sets each element to 0 with probability p and multiplies the others by
/// 1 / (1 − p), so that the expectation stays (Srivastava et al. 2014, JMLR 15).
///
/// Whether a pass trains is the tape's to say, not the layer's: on an
/// [inference tape](refrain_autograd::Tape::inference) nothing is dropped.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::Dropout;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let dropout = Dropout::new(0.5)?;
/// let tape = Tape::new();
/// let y = dropout.forward(&tape.constant(Tensor::<f32>::ones([100])?), &mut rng)?;
/// assert!(y.value().iter().all(|x| x == 0.0 || x == 2.0));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// A layer that drops with probability `p`.
    ///
    /// # Errors
    /// [`Error::Probability`] where `p` is not a number from 0 to 1.
    pub fn new(p: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&p) {
            Ok(Self { p })
        } else {
            Err(Error::Probability { op: "dropout", option: "p", value: p })
        }
    }

    /// Drops elements on a recording tape; returns the input on an inference tape.
    ///
    /// # Errors
    /// [`Error::Tensor`] where there is no memory.
    pub fn forward<'t, T: Real>(
        &self,
        input: &Var<'t, T>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Var<'t, T>> {
        if !input.tape().records() || self.p == 0.0 {
            return Ok(input.clone());
        }
        let mask = self.mask(*input.shape(), rng)?;
        Ok(input.mul(&input.tape().constant(mask))?)
    }

    /// What a recording tape multiplies its input by: 0, or 1 / (1 − p).
    pub(crate) fn mask<T: Real>(&self, shape: Shape, rng: &mut (impl Rng + ?Sized)) -> Result<Tensor<T>> {
        let (p, scale) = (T::from_f64(self.p), T::from_f64((1.0 - self.p).recip()));
        let draws = Tensor::uniform(shape, T::zero(), T::one(), rng)?;
        Ok(draws.map(|x| if x < p { T::zero() } else { scale }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;

    #[test]
    fn the_share_and_the_expectation_are_right_and_the_gradient_follows_the_mask() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let tape = Tape::new();
        let x = tape.variable(Tensor::<f64>::ones([10_000]).unwrap());
        let y = Dropout::new(0.25).unwrap().forward(&x, &mut rng).unwrap();
        let dropped = y.value().iter().filter(|&y| y == 0.0).count();
        assert!((2300..2700).contains(&dropped), "{dropped}");
        assert!((y.value().mean(..).unwrap()[[]] - 1.0).abs() < 0.02);
        let gradients = y.sum(..).unwrap().backward().unwrap();
        assert_eq!(gradients.of(&x), Some(y.value()));
    }

    #[test]
    fn nothing_is_dropped_where_nothing_is_recorded_and_all_at_one() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let (all, x) = (Dropout::new(1.0).unwrap(), Tensor::from([1.0f32, 2.0]));
        let inference = Tape::inference();
        assert_eq!(all.forward(&inference.constant(x.clone()), &mut rng).unwrap().value(), &x);
        let tape = Tape::new();
        assert_eq!(all.forward(&tape.constant(x), &mut rng).unwrap().value().to_vec(), [0.0, 0.0]);
    }

    #[test]
    fn a_probability_is_from_0_to_1() {
        for p in [-0.1, 1.5, f64::NAN] {
            let message = Dropout::new(p).unwrap_err().to_string();
            assert_eq!(message, format!("dropout: p is {p}, expected a number from 0 to 1"));
        }
    }
}
