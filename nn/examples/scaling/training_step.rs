//! [`Network`]: one training step of an RNN, an LSTM or a GRU, and how long it takes.

use std::time::Instant;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{GRU, LSTM, RNN, pack_padded_sequence};
use refrain_tensor::Tensor;

use crate::Result;

/// The kinds, as they are called in the tables.
pub(crate) const KINDS: [&str; 3] = ["rnn", "lstm", "gru"];

/// A layer of one of the kinds.
enum Layer {
    RNN(RNN<f32>),
    LSTM(LSTM<f32>),
    GRU(GRU<f32>),
}

/// The sizes of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) input: usize,
    pub(crate) hidden: usize,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
}

/// A layer, and a batch to train it on.
pub(crate) struct Network {
    layer: Layer,
    x: Tensor<f32>,
    sizes: Sizes,
}

impl Network {
    pub(crate) fn new(kind: &str, sizes: Sizes) -> Result<Self> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let Sizes { input, hidden, steps, batch } = sizes;
        let layer = match kind {
            "rnn" => Layer::RNN(RNN::new(input, hidden, &mut rng)?),
            "lstm" => Layer::LSTM(LSTM::new(input, hidden, &mut rng)?),
            "gru" => Layer::GRU(GRU::new(input, hidden, &mut rng)?),
            _ => return Err(format!("expected one of {}, found `{kind}`", KINDS.join(", ")).into()),
        };
        Ok(Self { layer, x: Tensor::normal([steps, batch, input], 0.0, 1.0, &mut rng)?, sizes })
    }

    /// Multiply-adds count as two. The way back takes twice as many as the way forward.
    pub(crate) fn flops(&self) -> f64 {
        let Sizes { input, hidden, steps, batch } = self.sizes;
        let gates = match self.layer {
            Layer::RNN(_) => 1,
            Layer::LSTM(_) => 4,
            Layer::GRU(_) => 3,
        };
        3.0 * 2.0 * (steps * batch * gates * hidden * (input + hidden)) as f64
    }

    /// One training step over whole sequences.
    pub(crate) fn step(&self) -> Result<()> {
        let tape = Tape::new();
        let x = tape.constant(self.x.clone());
        let out = match &self.layer {
            Layer::RNN(rnn) => rnn.forward(&x, None)?.0,
            Layer::LSTM(lstm) => lstm.forward(&x, None)?.0,
            Layer::GRU(gru) => gru.forward(&x, None)?.0,
        };
        let cotangent = Tensor::ones(out.shape())?;
        out.backward_with(cotangent)?;
        Ok(())
    }

    /// One training step over sequences of these lengths, packed.
    pub(crate) fn packed_step(&self, lengths: &[usize]) -> Result<()> {
        let tape = Tape::new();
        let x = pack_padded_sequence(&tape.constant(self.x.clone()), lengths, false)?;
        let out = match &self.layer {
            Layer::RNN(rnn) => rnn.forward_packed(&x, None)?.0,
            Layer::LSTM(lstm) => lstm.forward_packed(&x, None)?.0,
            Layer::GRU(gru) => gru.forward_packed(&x, None)?.0,
        };
        let cotangent = Tensor::ones(out.data().shape())?;
        out.data().backward_with(cotangent)?;
        Ok(())
    }
}

/// The medians of the seconds that some things take, done in turn, so that a machine whose speed
/// drifts drifts for all of them. Before each is timed, it is done once, as in training: what the
/// others left in the caches is none of its own.
pub(crate) fn medians<const N: usize>(
    rounds: usize,
    things: [&dyn Fn() -> Result<()>; N],
) -> Result<[f64; N]> {
    let mut seconds = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (thing, seconds) in things.iter().zip(&mut seconds) {
            thing()?;
            let start = Instant::now();
            thing()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(seconds.map(median))
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
