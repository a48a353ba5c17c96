//! "hello" → "ohlol": learn to answer each letter of a word with a letter of another.
//!
//! The smallest task that needs a memory: the first `l` of hello is to be answered by `l`, the
//! second by `o`, so the letter alone does not tell. The network is trained twice, once with a
//! cell that the loop below applies letter by letter, and once with a layer that takes the whole
//! word; both compute the same function.
//!
//! Run it with `cargo run --release --example hello`; with `-- --trace` it also shows what happens
//! inside, and with `-- --trace --out DIR` as pictures.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_data::{Vocabulary, one_hot};
use refrain_examples::{
    inside, plot,
    program::{self, Fallible, OutputFolder},
    screen,
};
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
    /// Show the state after each letter, the gradient that reaches it, and the tapes.
    #[arg(long)]
    trace: bool,
    /// A folder for what --trace shows as pictures: hello.svg, and the tapes for Graphviz, cell.dot
    /// and rnn.dot.
    #[arg(long, value_name = "DIR", requires = "trace")]
    out: Option<PathBuf>,
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
    program::end("hello", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let alphabet = Vocabulary::from_chars("ehlo")?;
    let letters = alphabet.encode("hello")?; // [5]
    let inputs = one_hot::<f32, _>(&letters, alphabet.len())?.unsqueeze(1)?;
    let task = Task { inputs, targets: alphabet.encode("ohlol")?, alphabet };

    let out = arguments.out.as_deref().map(OutputFolder::open).transpose()?;
    screen::line("RNNCell, one letter after another:")?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(arguments.seed);
    let mut cell = RNNCell::new(4, 4, &mut rng)?;
    train(&task, arguments.epochs, &mut cell, letter_by_letter)?;

    screen::line("\nRNN, the whole word at once:")?;
    let mut rnn = RNN::new(4, 4, &mut rng)?;
    let answer = train(&task, arguments.epochs, &mut rnn, whole_word)?;

    if arguments.trace {
        look_inside(&task, &cell, &rnn, out.as_ref())?;
    }
    screen::line(format_args!("\nhello -> {answer}"))?;
    Ok(())
}

/// `[seq, batch 1, features]` → `[seq, hidden]`.
fn letter_by_letter<'t>(cell: &RNNCell<f32>, inputs: &Var<'t, f32>) -> Fallible<Var<'t, f32>> {
    let mut hidden: Option<Var<'_, f32>> = None; // 0 before the first letter
    let mut answers = Vec::new();
    for t in 0..inputs.shape()[0] {
        let h = cell.forward(&inputs.select(0, t)?, hidden.as_ref())?; // [batch 1, hidden 4]
        answers.push(h.clone());
        hidden = Some(h);
    }
    Ok(Var::cat(&answers, 0)?) // [5, 4]
}

/// `[seq, batch 1, features]` → `[seq, hidden]`.
fn whole_word<'t>(rnn: &RNN<f32>, inputs: &Var<'t, f32>) -> Fallible<Var<'t, f32>> {
    let (out, _) = rnn.forward(inputs, None)?; // [seq 5, batch 1, hidden 4]
    Ok(out.flatten(0, 1)?) // [5, 4]
}

/// Trains a model whose hidden states are the logits of the letters, and returns its last answer.
fn train<M: Module<f32>>(
    task: &Task,
    epochs: u32,
    model: &mut M,
    forward: impl for<'t> Fn(&M, &Var<'t, f32>) -> Fallible<Var<'t, f32>>,
) -> Fallible<String> {
    let cross_entropy = CrossEntropyLoss::default();
    let mut adam = Adam::new(0.1);
    let mut answer = String::new();
    for epoch in 1..=epochs {
        let tape = Tape::new();
        let logits = forward(model, &tape.constant(task.inputs.clone()))?;
        answer = task.alphabet.decode(&logits.value().argmax(-1)?)?;
        let loss = cross_entropy.forward(&logits, &task.targets)?;
        if epoch == 1 || epoch % 10 == 0 || epoch == epochs {
            screen::line(format_args!("  epoch {epoch:>3}  loss {:.4}  {answer}", loss.value().item()?))?;
        }
        let gradients = loss.backward()?;
        adam.step(model.parameters_mut(), &gradients)?;
    }
    Ok(answer)
}

/// Shows the states of the trained layer, the gradients that reach them, and both tapes.
fn look_inside(task: &Task, cell: &RNNCell<f32>, rnn: &RNN<f32>, out: Option<&OutputFolder>) -> Fallible<()> {
    let letters: Vec<String> = "hello".chars().map(String::from).collect();
    let units: Vec<String> = task.alphabet.tokens().iter().map(char::to_string).collect();

    let tape = Tape::new();
    let (logits, _, trace) = rnn.trace(&tape.constant(task.inputs.clone()), None)?;
    let loss = CrossEntropyLoss::default().forward(&logits.flatten(0, 1)?, &task.targets)?;
    let gradients = loss.backward()?;
    let traced = trace.cell(0, false).ok_or("a layer has a first cell")?;
    let states = traced.h().values()?.squeeze(1)?; // [seq 5, hidden 4]
    let norms = traced.gradient_norms(&gradients)?; // one for each letter

    screen::line("\nThe RNN's state after each letter; its four units are the logits of the answer:")?;
    screen::line(inside::states(&letters, &units, &states)?)?;
    screen::line("\nThe gradient of the loss with respect to the state after each letter:")?;
    screen::line(inside::norms(&letters, &norms))?;

    // The same loss on two tapes: of elementary operations, and with the whole word as one node.
    let (of_cell, of_rnn) = (Tape::new(), Tape::new());
    let logits = [
        letter_by_letter(cell, &of_cell.constant(task.inputs.clone()))?,
        whole_word(rnn, &of_rnn.constant(task.inputs.clone()))?,
    ];
    for logits in &logits {
        CrossEntropyLoss::default().forward(logits, &task.targets)?;
    }
    screen::line(format_args!(
        "\nOn the tape: {} nodes for the cell, {} for the layer.",
        of_cell.len(),
        of_rnn.len()
    ))?;

    if let Some(folder) = out {
        let panels = [
            inside::states_panel("The state after each letter", &letters, &units, &states)?,
            inside::norms_panel("Its gradient", &letters, &[("∂ loss / ∂ state".to_owned(), norms)]),
        ];
        plot::write(&folder.file("hello.svg"), &plot::svg(&panels, (720, 300))?)?;
        let graphs = [
            ("cell.dot", of_cell.graph().with_names(cell.named_parameters())),
            ("rnn.dot", of_rnn.graph().with_names(rnn.named_parameters())),
        ];
        for (name, graph) in graphs {
            plot::write(&folder.file(name), &graph.to_string())?;
        }
        screen::line(format_args!(
            "Pictures: {}, with cell.dot and rnn.dot beside it",
            folder.file("hello.svg").display()
        ))?;
    }
    Ok(())
}
