//! The Rust half of `nn/benches/hello_torch.py`: prints the time of one training step of "hello" →
//! "ohlol" in microseconds, the median of some rounds.
//!
//! `cargo run --release -p refrain-nn --example hello_step`

use std::time::Instant;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{CrossEntropyLoss, Module, RNN};
use refrain_optim::{Adam, Optimizer};
use refrain_tensor::{Tensor, one_hot};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let inputs = one_hot::<f32, _>(&Tensor::from([1usize, 0, 2, 2, 3]), 4)?.unsqueeze(1)?; // [5, 1, 4]
    let targets = Tensor::from([3usize, 1, 2, 3, 2]);
    let loss = CrossEntropyLoss::default();
    let mut rnn = RNN::<f32>::new(4, 4, &mut Xoshiro256PlusPlus::seed_from_u64(7))?;
    let mut adam = Adam::new(0.001);
    let mut rounds = Vec::new();
    for _ in 0..11 {
        let steps = 2000;
        let start = Instant::now();
        for _ in 0..steps {
            let tape = Tape::new();
            let (out, _) = rnn.forward(&tape.constant(inputs.clone()), None)?;
            let gradients = loss.forward(&out.flatten(0, 1)?, &targets)?.backward()?;
            adam.step(rnn.parameters_mut(), &gradients)?;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(steps));
    }
    rounds.sort_by(f64::total_cmp);
    println!("{:.3}", rounds[rounds.len() / 2]);
    Ok(())
}
