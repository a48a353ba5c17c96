//! The networks that are compared.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_examples::program::Fallible;
use refrain_nn::{GRU, LSTM, Module, RNN};
use refrain_tensor::Tensor;

use crate::{
    Arguments,
    experiment::{Outcome, experiment},
    task::LETTERS,
};

/// A network by the name that the table gives it.
pub(crate) type Named = (&'static str, fn(&Arguments, &dyn Fn()) -> Fallible<Outcome>);

pub(crate) const NETWORKS: [Named; 6] = [
    ("RNN, gain 0.5", |arguments, tick| experiment(rnn(0.5, arguments)?, arguments, tick)),
    ("RNN, gain 1", |arguments, tick| experiment(rnn(1.0, arguments)?, arguments, tick)),
    ("RNN, gain 2", |arguments, tick| experiment(rnn(2.0, arguments)?, arguments, tick)),
    ("GRU", |arguments, tick| {
        let gru = GRU::new(2 * LETTERS, usize::from(arguments.hidden), &mut rng(arguments))?;
        experiment(gru, arguments, tick)
    }),
    ("LSTM", |arguments, tick| {
        let lstm = LSTM::new(2 * LETTERS, usize::from(arguments.hidden), &mut rng(arguments))?;
        experiment(lstm, arguments, tick)
    }),
    ("LSTM, open gate", |arguments, tick| experiment(lstm_with_an_open_gate(arguments)?, arguments, tick)),
];

/// An RNN whose W_hh has entries of N(0, gain² / hidden), so that its largest eigenvalue is of about
/// the size of the gain.
fn rnn(gain: f64, arguments: &Arguments) -> Fallible<RNN<f64>> {
    let mut rng = rng(arguments);
    let hidden = usize::from(arguments.hidden);
    let mut rnn = RNN::new(2 * LETTERS, hidden, &mut rng)?;
    let weights = Tensor::normal([hidden, hidden], 0.0, gain / (hidden as f64).sqrt(), &mut rng)?;
    rnn.visit_mut(&mut |name, parameter| {
        if name.to_string() == "weight_hh_l0" {
            parameter.as_mut_slice().copy_from_slice(&weights.to_vec());
        }
    });
    Ok(rnn)
}

/// An LSTM whose forget gates start at about 1 − 1/steps, so that a cell keeps what it holds for about
/// as long as a sequence is (after Tallec and Ollivier 2018, arXiv 1804.11188).
fn lstm_with_an_open_gate(arguments: &Arguments) -> Fallible<LSTM<f64>> {
    let hidden = usize::from(arguments.hidden);
    let mut lstm = LSTM::new(2 * LETTERS, hidden, &mut rng(arguments))?;
    let bias = (f64::from(arguments.steps) - 1.0).ln();
    lstm.visit_mut(&mut |name, parameter| {
        if name.to_string() == "bias_ih_l0" {
            parameter.as_mut_slice()[hidden..2 * hidden].fill(bias); // the gates are i, f, g, o
        }
    });
    Ok(lstm)
}

fn rng(arguments: &Arguments) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(arguments.seed)
}
