//! The two networks.

use rand::Rng;
use refrain_autograd::Var;
use refrain_nn::{Linear, Module, RNN, Result, module};

/// A network that reads some days, `[window, batch, features]`, and answers with the logit of rain
/// on the next one, `[batch, 1]`.
pub(crate) trait Forecaster: Module<f32> + Clone + Sync {
    /// The logits of a batch.
    fn logits<'t>(&self, days: &Var<'t, f32>) -> Result<Var<'t, f32>>;
}

/// All days of the window at once, through one hidden layer.
#[derive(Clone)]
pub(crate) struct Dense {
    hidden: Linear<f32>,
    head: Linear<f32>,
}
module!(Dense: f32 { hidden, head });

impl Dense {
    /// A network for windows of `window` days of `features` numbers, with `hidden` units.
    pub(crate) fn new(window: usize, features: usize, hidden: usize, rng: &mut impl Rng) -> Result<Self> {
        let inputs = window * features;
        Ok(Self { hidden: Linear::new(inputs, hidden, rng)?, head: Linear::new(hidden, 1, rng)? })
    }

    /// The number of units that brings the number of parameters closest to `parameters`, at least 1.
    pub(crate) fn units_for(parameters: usize, window: usize, features: usize) -> usize {
        // Each unit has a weight for each input, a bias, and a weight in the head; the head has a bias.
        let of_a_unit = window * features + 2;
        ((parameters.saturating_sub(1) + of_a_unit / 2) / of_a_unit).max(1)
    }
}

impl Forecaster for Dense {
    fn logits<'t>(&self, days: &Var<'t, f32>) -> Result<Var<'t, f32>> {
        let side_by_side = days.transpose(0, 1)?.flatten(1, 2)?; // [batch, window * features]
        self.head.forward(&self.hidden.forward(&side_by_side)?.relu())
    }
}

/// One day after the other; the state after the last one tells what comes.
#[derive(Clone)]
pub(crate) struct Recurrent {
    rnn: RNN<f32>,
    head: Linear<f32>,
}
module!(Recurrent: f32 { rnn, head });

impl Recurrent {
    /// A network for days of `features` numbers, with a state of `hidden` numbers. It takes windows
    /// of any length.
    pub(crate) fn new(features: usize, hidden: usize, rng: &mut impl Rng) -> Result<Self> {
        Ok(Self { rnn: RNN::new(features, hidden, rng)?, head: Linear::new(hidden, 1, rng)? })
    }
}

impl Forecaster for Recurrent {
    fn logits<'t>(&self, days: &Var<'t, f32>) -> Result<Var<'t, f32>> {
        let (_, last) = self.rnn.forward(days, None)?; // [1, batch, hidden]
        self.head.forward(&last.squeeze(0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;
    use refrain_tensor::Tensor;

    #[test]
    fn both_answer_with_a_logit_for_each_window() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let tape = Tape::inference();
        let days = tape.constant(Tensor::ones([3, 5, 7]).unwrap());
        let dense = Dense::new(3, 7, 4, &mut rng).unwrap();
        let recurrent = Recurrent::new(7, 4, &mut rng).unwrap();
        assert_eq!(*dense.logits(&days).unwrap().shape(), [5, 1]);
        assert_eq!(*recurrent.logits(&days).unwrap().shape(), [5, 1]);
    }

    #[test]
    fn the_dense_network_gets_as_many_parameters_as_can_be() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for (window, target) in [(3, 417), (1, 417), (30, 417), (3, 2000)] {
            let count = |units| Dense::new(window, 7, units, &mut rng).unwrap().parameter_count();
            let units = Dense::units_for(target, window, 7);
            let distances: Vec<usize> =
                [units, units + 1, (units - 1).max(1)].map(count).map(|n| n.abs_diff(target)).into();
            assert!(
                distances[1..].iter().all(|&other| distances[0] <= other),
                "{window} {target} {distances:?}"
            );
        }
    }
}
