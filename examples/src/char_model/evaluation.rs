//! How many bits a model needs for each character of a text.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_data::Streams;
use refrain_metrics::bits_per_character;
use refrain_nn::CrossEntropyLoss;
use refrain_tensor::Tensor;

use super::CharModel;
use crate::program::Fallible;

/// What a measurement found.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// The mean of −log₂ of the probability that the model gives to each next character.
    pub bits: f64,
    /// How many characters were foretold.
    pub count: usize,
}

/// Measures over the first `most` characters of a text, in parallel streams with the state carried, as
/// long as `go_on` says so.
///
/// # Errors
/// Where the text has no next character to foretell.
pub fn evaluate(
    model: &CharModel,
    text: &Tensor<u16>,
    (streams, chunk): (usize, usize),
    most: usize,
    go_on: impl Fn() -> bool,
) -> Fallible<Evaluation> {
    let length = text.numel().min(most.saturating_add(1));
    if length < 2 {
        return Err(format!(
            "a text of {length} characters has no next character to foretell; use a longer one"
        )
        .into());
    }
    // Each stream begins without a state, so a short text is not cut into many.
    let streams = streams.min((length - 1) / chunk).max(1);
    let streams = Streams::new(&text.narrow(0, 0, length)?, streams, chunk)?;
    let mut unused = Xoshiro256PlusPlus::seed_from_u64(0); // nothing is dropped on an inference tape
    let (mut carried, mut sum, mut count) = (Vec::new(), 0.0, 0);
    for pair in streams.chunks() {
        let (inputs, targets) = pair?;
        let tape = Tape::inference();
        let (logits, last) = model.forward(&tape, &inputs, &carried, &mut unused)?;
        let loss = CrossEntropyLoss::default().forward(&logits, &targets.flatten(0, 1)?)?;
        sum += f64::from(loss.value().item()?) * targets.numel() as f64;
        count += targets.numel();
        carried = last;
        if !go_on() {
            break;
        }
    }
    Ok(Evaluation { bits: bits_per_character(sum, count as u64), count })
}
