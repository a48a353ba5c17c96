//! What a model costs: [`summary`], and [`Costs`], which tells it.

mod cost;
mod layers;
mod ledger;
mod signal;
mod summary;

pub use cost::Cost;
pub(crate) use cost::product;
pub(crate) use layers::{back_through, trains};
pub use ledger::Ledger;
pub use signal::Signal;
pub use summary::Summary;

use refrain_tensor::Real;

use crate::Result;

/// Something whose costs follow from the shape of its input: every layer of this crate, and a model
/// of such layers.
///
/// Nothing is computed. A shape that `forward` would refuse is refused here with the same message.
/// A model tells the way of its input in a few lines:
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{Costs, Ledger, Linear, RNN, Real, Result, Signal, summary};
///
/// struct Forecaster<T: Real> {
///     rnn: RNN<T>,
///     head: Linear<T>,
/// }
///
/// impl<T: Real> Costs<T> for Forecaster<T> {
///     fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
///         let states = ledger.part("rnn", &self.rnn, input)?; // [seq, batch, hidden_size]
///         let last = states.reshaped(states.shape().without(0)); // of the last step
///         ledger.part("head", &self.head, &last)
///     }
/// }
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let model = Forecaster { rnn: RNN::<f32>::new(6, 8, &mut rng)?, head: Linear::new(8, 1, &mut rng)? };
/// let costs = summary(&model, [3, 32, 6])?; // [seq, batch, features]
/// assert_eq!(costs.parts[0].macs_forward, 3 * 32 * 8 * (6 + 8));
/// assert_eq!(costs.parts[1].name, "head");
/// assert_eq!(costs.total.parameters, (6 * 8 + 8 * 8 + 8 + 8) + (8 + 1));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub trait Costs<T: Real> {
    /// Enters what it costs to run this on `input` into the ledger, and returns the output.
    ///
    /// # Errors
    /// Those of `forward` that the shape alone brings about.
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal>;
}

/// What it costs to run a model on an input of this shape, and to train it: see [`Cost`] for what is
/// counted, and how. Printed, it is a table with the totals in its last row.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::{Activation, Linear, Sequential, summary};
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let dense = Sequential::<f32>::new()
///     .push(Linear::new(784, 100, &mut rng)?)
///     .push(Activation::ReLU)
///     .push(Linear::new(100, 10, &mut rng)?);
/// let table = summary(&dense, [32, 784])?.to_string();
/// let expected = "
/// input [32, 784]
/// layer  kind    output     parameters  MACs forward  MACs backward   weights  activations  BPTT keeps
/// ----------------------------------------------------------------------------------------------------
/// 0      Linear  [32, 100]      78,500     2,508,800      2,508,800  314.0 kB      12.8 kB           -
/// 1      ReLU    [32, 100]           -             -              -         -      12.8 kB           -
/// 2      Linear  [32, 10]        1,010        32,000         64,000    4.0 kB       1.3 kB           -
/// ----------------------------------------------------------------------------------------------------
/// total          [32, 10]       79,510     2,540,800      2,572,800  318.0 kB      26.9 kB           -";
/// assert_eq!(table, expected.trim_start());
/// # Ok::<(), refrain_nn::Error>(())
/// ```
///
/// # Errors
/// Those of the layers for such a shape; [`Error::Tensor`](crate::Error::Tensor) for a shape that no
/// tensor can have.
pub fn summary<T: Real, M: Costs<T> + ?Sized>(model: &M, input: impl Into<Signal>) -> Result<Summary> {
    let (input, mut ledger) = (input.into(), Ledger::default());
    input.check()?;
    let output = model.costs(&input, &mut ledger)?;
    Ok(Summary::new(input, ledger.into_costs(), output.shape()))
}
