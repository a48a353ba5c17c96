//! Noise for recurrent networks that leaves the memory intact: [`VariationalDropout`] and
//! [`Zoneout`].

use rand::Rng;
use refrain_autograd::{Tape, Var};
use refrain_tensor::{Real, Shape, Tensor};

use crate::{Error, Result};

/// Dropout with the same mask at every step of a sequence (Gal and Ghahramani 2016, arXiv
/// 1512.05287), also called locked or variational recurrent dropout.
///
/// Ordinary dropout draws anew at every step, which wears down a state that is carried through many.
/// Here one mask is drawn for a sequence and used at all its steps, on the inputs
/// ([`forward`](Self::forward)) or on the state between the steps of a cell ([`mask`](Self::mask)).
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::{GRUCell, VariationalDropout};
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let (cell, dropout) = (GRUCell::<f32>::new(4, 8, &mut rng)?, VariationalDropout::new(0.3)?);
/// let tape = Tape::new();
/// let sequence = tape.constant(Tensor::ones([5, 3, 4])?); // [seq, batch, features]
/// let inputs = dropout.forward(&sequence, &mut rng)?; // one mask for all five steps
/// let mask = dropout.mask(&tape, [3, 8], &mut rng)?; // one mask for the state
/// let mut hidden = tape.constant(Tensor::zeros([3, 8])?);
/// for t in 0..5 {
///     hidden = cell.forward(&inputs.select(0, t)?, Some(&hidden.mul(&mask)?))?;
/// }
/// assert_eq!(inputs.value().select(0, 0)?, inputs.value().select(0, 4)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VariationalDropout {
    p: f64,
}

impl VariationalDropout {
    /// Drops with probability `p`.
    ///
    /// # Errors
    /// [`Error::Probability`] where `p` is not a number from 0 to 1.
    pub fn new(p: f64) -> Result<Self> {
        Ok(Self { p: probability("variational_dropout", p)? })
    }

    /// `[seq, ..]` → `[seq, ..]` with one mask for all steps; unchanged on an inference tape.
    ///
    /// # Errors
    /// [`Error::Rank`] for an input without an axis of time.
    pub fn forward<'t, T: Real>(
        &self,
        input: &Var<'t, T>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Var<'t, T>> {
        let mask = self.mask(input.tape(), self.mask_shape(*input.shape())?, rng)?;
        Ok(input.mul(&mask)?)
    }

    /// The shape of the mask of a sequence.
    pub(crate) fn mask_shape(&self, sequence: Shape) -> Result<Shape> {
        if sequence.rank() == 0 {
            let shape = sequence.into();
            return Err(Error::Rank { op: "variational_dropout", shape, axes: "[seq, ..]" });
        }
        Ok(sequence.with(0, 1))
    }

    /// A mask to multiply by: 0 with probability p, else 1 / (1 − p); all 1 on an inference tape.
    ///
    /// # Errors
    /// [`Error::Tensor`] where there is no memory.
    pub fn mask<'t, T: Real>(
        &self,
        tape: &'t Tape<T>,
        shape: impl Into<Shape>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Var<'t, T>> {
        let shape = shape.into();
        if !tape.records() || self.p == 0.0 {
            return Ok(tape.constant(Tensor::ones(shape)?));
        }
        let (p, scale) = (T::from_f64(self.p), T::from_f64((1.0 - self.p).recip()));
        let draws = Tensor::uniform(shape, T::zero(), T::one(), rng)?;
        Ok(tape.constant(draws.map(|x| if x < p { T::zero() } else { scale })))
    }
}

/// At each step, each unit keeps its old value with probability p instead of taking the new one
/// (Krueger et al. 2016, arXiv 1606.01305). Where nothing is recorded, each takes the expectation,
/// p · old + (1 − p) · new.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::{RNNCell, Zoneout};
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let (cell, zoneout) = (RNNCell::<f32>::new(4, 8, &mut rng)?, Zoneout::new(0.1)?);
/// let tape = Tape::new();
/// let sequence = tape.constant(Tensor::ones([5, 3, 4])?);
/// let mut hidden = tape.constant(Tensor::zeros([3, 8])?);
/// for t in 0..5 {
///     let new = cell.forward(&sequence.select(0, t)?, Some(&hidden))?;
///     hidden = zoneout.forward(&hidden, &new, &mut rng)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Zoneout {
    p: f64,
}

impl Zoneout {
    /// Keeps old values with probability `p`.
    ///
    /// # Errors
    /// [`Error::Probability`] where `p` is not a number from 0 to 1.
    pub fn new(p: f64) -> Result<Self> {
        Ok(Self { p: probability("zoneout", p)? })
    }

    /// Old and new states of one shape → the state to go on with.
    ///
    /// # Errors
    /// [`Error::State`] where the shapes differ.
    pub fn forward<'t, T: Real>(
        &self,
        old: &Var<'t, T>,
        new: &Var<'t, T>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Var<'t, T>> {
        super::shape::check_state("zoneout", "the new state", new.shape(), *old.shape(), "the old state")?;
        let p = T::from_f64(self.p);
        if !new.tape().records() {
            return Ok(old.mul_scalar(p).add(&new.mul_scalar(T::one() - p))?);
        }
        let keeps = Tensor::uniform(new.shape(), T::zero(), T::one(), rng)?.map(|x| x < p);
        Ok(Var::select_where(&keeps, old, new)?)
    }
}

fn probability(op: &'static str, p: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&p) { Ok(p) } else { Err(Error::Probability { op, option: "p", value: p }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(6)
    }

    #[test]
    fn every_step_has_the_same_mask_and_the_expectation_stays() {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Tensor::ones([3, 2000, 2]).unwrap());
        let y = VariationalDropout::new(0.25).unwrap().forward(&x, &mut rng()).unwrap();
        let steps: Vec<_> = (0..3).map(|t| y.value().select(0, t).unwrap()).collect();
        assert!(steps[0] == steps[1] && steps[1] == steps[2]);
        assert!(steps[0].iter().all(|y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-12));
        assert!((y.value().mean(..).unwrap()[[]] - 1.0).abs() < 0.05);
        let gradients = y.sum(..).unwrap().backward().unwrap();
        assert_eq!(gradients.of(&x), Some(y.value()));
    }

    #[test]
    fn zoneout_chooses_while_training_and_averages_after() {
        let (old, new) = (Tensor::<f64>::zeros([10_000]).unwrap(), Tensor::<f64>::ones([10_000]).unwrap());
        let zoneout = Zoneout::new(0.3).unwrap();
        let run = |tape: &Tape<f64>| {
            let (old, new) = (tape.variable(old.clone()), tape.variable(new.clone()));
            zoneout.forward(&old, &new, &mut rng()).unwrap().into_value()
        };
        let chosen = run(&Tape::new());
        assert!(chosen.iter().all(|h| h == 0.0 || h == 1.0));
        assert!((chosen.mean(..).unwrap()[[]] - 0.7).abs() < 0.02);
        assert!(run(&Tape::inference()).iter().all(|h| (h - 0.7).abs() < 1e-12));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let message = Zoneout::new(1.5).unwrap_err().to_string();
        assert_eq!(message, "zoneout: p is 1.5, expected a number from 0 to 1");
        let message = VariationalDropout::new(-1.0).unwrap_err().to_string();
        assert_eq!(message, "variational_dropout: p is -1, expected a number from 0 to 1");
        let tape = Tape::<f32>::new();
        let (a, b) = (tape.constant(Tensor::from([1.0])), tape.constant(Tensor::from([1.0, 2.0])));
        let message = Zoneout::new(0.5).unwrap().forward(&a, &b, &mut rng()).unwrap_err().to_string();
        assert_eq!(message, "zoneout: the new state has shape [2], expected [1] = the old state");
    }
}
