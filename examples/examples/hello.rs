//! "hello" → "ohlol": learn to answer each letter of a word with a letter of another.
//!
//! The smallest task that needs a memory: the first `l` of hello is to be answered by `l`, the
//! second by `o`, so the letter alone does not tell. The network is trained twice, once with a
//! cell that the loop below applies letter by letter, and once with a layer that takes the whole
//! word; both compute the same function.
//!
//! Run it with `cargo run --release --example hello`.

use std::{error::Error, process::ExitCode};

use clap::Parser;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_data::{Vocabulary, one_hot};
use refrain_nn::{CrossEntropyLoss, Module, RNN, RNNCell};
use refrain_optim::{Adam, Optimizer};
use refrain_tensor::Tensor;

/// Learn "hello" -> "ohlol", letter by letter.
#[derive(Parser)]
struct Arguments {
    /// Training steps of each network.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// The seed of the initial weights.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// The word to read and the word to answer, as numbers.
struct Task {
    alphabet: Vocabulary,
    /// One-hot letters: `[seq 5, batch 1, features 4]`.
    inputs: Tensor<f32>,
    /// The letter to answer at each step: `[5]`.
    targets: Tensor<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let alphabet = Vocabulary::from_chars("ehlo")?;
    let letters = alphabet.encode("hello")?; // [5]
    let inputs = one_hot::<f32, _>(&letters, alphabet.len())?.unsqueeze(1)?;
    let task = Task { inputs, targets: alphabet.encode("ohlol")?, alphabet };

    println!("RNNCell, one letter after another:");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(arguments.seed);
    let cell = RNNCell::new(4, 4, &mut rng)?;
    train(&task, arguments.epochs, cell, |cell, inputs| {
        let mut hidden: Option<Var<'_, f32>> = None; // 0 before the first letter
        let mut answers = Vec::new();
        for t in 0..inputs.shape()[0] {
            let h = cell.forward(&inputs.select(0, t)?, hidden.as_ref())?; // [batch 1, hidden 4]
            answers.push(h.clone());
            hidden = Some(h);
        }
        Ok(Var::cat(&answers, 0)?) // [5, 4]
    })?;

    println!("\nRNN, the whole word at once:");
    let rnn = RNN::new(4, 4, &mut rng)?;
    let answer = train(&task, arguments.epochs, rnn, |rnn, inputs| {
        let (out, _) = rnn.forward(inputs, None)?; // [seq 5, batch 1, hidden 4]
        Ok(out.flatten(0, 1)?) // [5, 4]
    })?;

    println!("\nhello -> {answer}");
    Ok(())
}

/// Trains a model whose hidden states are the logits of the letters, and returns its last answer.
fn train<M: Module<f32>>(
    task: &Task,
    epochs: u32,
    mut model: M,
    forward: impl for<'t> Fn(&M, &Var<'t, f32>) -> Result<Var<'t, f32>, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    let cross_entropy = CrossEntropyLoss::default();
    let mut adam = Adam::new(0.1);
    let mut answer = String::new();
    for epoch in 1..=epochs {
        let tape = Tape::new();
        let logits = forward(&model, &tape.constant(task.inputs.clone()))?;
        answer = task.alphabet.decode(&logits.value().argmax(-1)?)?;
        let loss = cross_entropy.forward(&logits, &task.targets)?;
        if epoch == 1 || epoch % 10 == 0 || epoch == epochs {
            println!("  epoch {epoch:>3}  loss {:.4}  {answer}", loss.value().item()?);
        }
        let gradients = loss.backward()?;
        adam.step(model.parameters_mut(), &gradients)?;
    }
    Ok(answer)
}
