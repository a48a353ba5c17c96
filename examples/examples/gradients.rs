//! Vanishing and exploding gradients, on a task that needs a long memory.
//!
//! The first letter of a sequence is to be named at its end, after letters that do not matter. What
//! the loss says at the end must reach the first step, or nothing can be learned from it: a step back
//! through a simple RNN multiplies the gradient by about W_hh, so a small W_hh makes it vanish and a
//! large one explode. An LSTM and a GRU multiply by their gates as well: gates that start half open
//! make it vanish too, and a forget gate that starts open does not.
//!
//! For each network the example looks at ∂L/∂(state) of every step, before a training and after it.
//!
//! ```text
//! cargo run --release --example gradients
//! cargo run --release --example gradients -- --steps 100 --updates 2000
//! cargo run --release --example gradients -- --json
//! ```

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, value_parser};
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_data::one_hot;
use refrain_examples::{
    inside, parallel, plot,
    program::{self, Fallible, OutputFolder},
    progress, screen,
    text_table::TextTable,
};
use refrain_nn::{CrossEntropyLoss, GRU, LSTM, Linear, Module, RNN, Trace};
use refrain_optim::{Adam, Optimizer, clip_grad_norm};
use refrain_tensor::Tensor;
use serde_json::{Value, json};

/// How many letters there are to remember.
const LETTERS: usize = 4;

/// Vanishing and exploding gradients: RNN, LSTM and GRU on a task that needs a long memory
#[derive(Parser)]
struct Arguments {
    /// The length of the sequences
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u16).range(2..=2000))]
    steps: u16,
    /// The size of each state
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=512))]
    hidden: u16,
    /// How many times the weights are changed
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = value_parser!(u16).range(1..))]
    updates: u16,
    /// How many sequences there are in a batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// The seed of weights and letters
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// The folder for the figure, gradients.svg
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON, and nothing else
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::end("gradients", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let out = OutputFolder::open(&arguments.out)?;
    let steps = usize::from(arguments.steps);
    let bar = progress::bar(NETWORKS.len() * usize::from(arguments.updates), "training");
    let outcomes = parallel::runs(NETWORKS.len(), |k| NETWORKS[k].1(arguments, &|| bar.inc(1)));
    bar.finish_and_clear();
    let outcomes = outcomes.into_iter().collect::<Fallible<Vec<Outcome>>>()?;

    let numbers: Vec<String> = (1..=steps).map(|step| step.to_string()).collect();
    let panel = |title: &str, norms: fn(&Outcome) -> &[f64]| {
        let lines: Vec<(String, Vec<f64>)> = NETWORKS
            .iter()
            .zip(&outcomes)
            .map(|((name, _), outcome)| ((*name).to_owned(), beside_the_last(norms(outcome))))
            .collect();
        inside::norms_panel(title, &numbers, &lines)
    };
    let panels = [
        panel("Norm of the gradient of each step's state, the last step's being 1: before training", |o| {
            &o.before
        }),
        panel("The same after training", |o| &o.after),
    ];
    let path = out.file("gradients.svg");
    plot::write(&path, &plot::svg(&panels, (1120, 420))?)?;

    let text = if arguments.json {
        format!("{:#}\n", json(&outcomes))
    } else {
        format!(
            "The first of {steps} letters is to be named at the end: {LETTERS} letters, so chance is {:.0} %.\n\
             Hidden size {}, {} updates, clipped to a norm of 1.\n\n{}\n\n\
             A step back: by what the gradient is multiplied, as the geometric mean over all steps; below 1\n\
             it vanishes, above 1 it explodes. To the start: the norm at the first step, that at the last\n\
             being 1.\n\nFigure: {}\n",
            100.0 / LETTERS as f64,
            arguments.hidden,
            arguments.updates,
            table(&outcomes),
            path.display(),
        )
    };
    Ok(screen::show(&text)?)
}

/// What came of one network.
struct Outcome {
    /// The norm of ∂L/∂(state) for each step.
    before: Vec<f64>,
    after: Vec<f64>,
    /// The share of right answers on sequences that it has not seen.
    accuracy: f64,
}

/// A network by the name that the table gives it.
type Named = (&'static str, fn(&Arguments, &dyn Fn()) -> Fallible<Outcome>);

const NETWORKS: [Named; 6] = [
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

/// What the experiment asks of a layer: the states of all steps, with and without a trace.
trait Recurrent: Module<f64> {
    fn states<'t>(&self, x: &Var<'t, f64>) -> Fallible<Var<'t, f64>>;
    fn traced<'t>(&self, x: &Var<'t, f64>) -> Fallible<(Var<'t, f64>, Trace<'t, f64>)>;
}

macro_rules! recurrent {
    ($($layer:ident),*) => {$(
        impl Recurrent for $layer<f64> {
            fn states<'t>(&self, x: &Var<'t, f64>) -> Fallible<Var<'t, f64>> {
                Ok(self.forward(x, None)?.0)
            }

            fn traced<'t>(&self, x: &Var<'t, f64>) -> Fallible<(Var<'t, f64>, Trace<'t, f64>)> {
                let (states, _, trace) = self.trace(x, None)?;
                Ok((states, trace))
            }
        }
    )*};
}
recurrent!(RNN, LSTM, GRU);

/// Looks at the gradients of a new network, trains it, and looks again, at the same sequences.
fn experiment<R: Recurrent>(mut layer: R, arguments: &Arguments, tick: &dyn Fn()) -> Fallible<Outcome> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(arguments.seed.wrapping_add(1));
    let (steps, batch) = (usize::from(arguments.steps), usize::from(arguments.batch));
    let mut head = Linear::new(usize::from(arguments.hidden), LETTERS, &mut rng)?;
    let shown = Task::random(steps, batch, &mut rng)?;

    let before = gradient_norms(&layer, &head, &shown)?;
    let mut adam = Adam::new(0.003);
    for _ in 0..arguments.updates {
        let task = Task::random(steps, batch, &mut rng)?;
        let tape = Tape::new();
        let loss = task.loss(&head, &layer.states(&tape.constant(task.inputs.clone()))?)?;
        let mut gradients = loss.backward()?;
        clip_grad_norm(&mut gradients, 1.0, 2.0)?;
        adam.step(layer.parameters_mut().into_iter().chain(head.parameters_mut()), &gradients)?;
        tick();
    }
    let after = gradient_norms(&layer, &head, &shown)?;

    let fresh = Task::random(steps, 500, &mut rng)?;
    let tape = Tape::inference();
    let states = layer.states(&tape.constant(fresh.inputs.clone()))?;
    let answers = head.forward(&states.select(0, steps - 1)?)?.value().argmax(-1)?;
    let right = answers.iter().zip(fresh.first.iter()).filter(|(a, b)| a == b).count();
    Ok(Outcome { before, after, accuracy: right as f64 / 500.0 })
}

fn gradient_norms(layer: &impl Recurrent, head: &Linear<f64>, task: &Task) -> Fallible<Vec<f64>> {
    let tape = Tape::new();
    let (states, trace) = layer.traced(&tape.constant(task.inputs.clone()))?;
    let gradients = task.loss(head, &states)?.backward()?;
    let states = trace.cell(0, false).ok_or("a layer has a first cell")?;
    Ok(states.gradient_norms(&gradients)?)
}

/// A batch of sequences, each of one letter to remember and others that do not matter.
struct Task {
    /// One-hot: the first letter in the first four features, the others in the last four;
    /// `[seq, batch, features 8]`.
    inputs: Tensor<f64>,
    /// `[batch]`.
    first: Tensor<usize>,
}

impl Task {
    fn random(steps: usize, batch: usize, rng: &mut impl Rng) -> Fallible<Self> {
        let letters: Vec<usize> = (0..steps * batch)
            .map(|place| rng.random_range(0..LETTERS) + if place < batch { 0 } else { LETTERS })
            .collect();
        let first = Tensor::from_vec(letters[..batch].to_vec(), [batch])?;
        let letters = Tensor::from_vec(letters, [steps, batch])?;
        Ok(Self { inputs: one_hot(&letters, 2 * LETTERS)?, first })
    }

    /// The cross entropy of the answer that the last state gives.
    fn loss<'t>(&self, head: &Linear<f64>, states: &Var<'t, f64>) -> Fallible<Var<'t, f64>> {
        let logits = head.forward(&states.select(0, states.shape()[0] - 1)?)?; // [batch, letters]
        Ok(CrossEntropyLoss::default().forward(&logits, &self.first)?)
    }
}

/// The norms in units of the last.
fn beside_the_last(norms: &[f64]) -> Vec<f64> {
    let last = norms[norms.len() - 1];
    norms.iter().map(|norm| norm / last).collect()
}

/// What the gradient is multiplied by on its way to the first step, and the mean factor of a step.
fn to_the_start(norms: &[f64]) -> (f64, f64) {
    let whole = beside_the_last(norms)[0];
    (whole, whole.powf(1.0 / (norms.len() - 1) as f64))
}

fn table(outcomes: &[Outcome]) -> TextTable {
    let headings = ["", "a step back", "to the start", "after training", "to the start", "accuracy"];
    let mut table = TextTable::new(headings);
    for ((name, _), outcome) in NETWORKS.iter().zip(outcomes) {
        let [(whole, each), (whole_after, each_after)] =
            [&outcome.before, &outcome.after].map(|norms| to_the_start(norms));
        table.row([
            (*name).to_owned(),
            format!("{each:.3}"),
            format!("{whole:.1e}"),
            format!("{each_after:.3}"),
            format!("{whole_after:.1e}"),
            format!("{:.1} %", 100.0 * outcome.accuracy),
        ]);
    }
    table
}

/// `{"network": {"before": [norm of each step], "after": […], "accuracy": …}, …}`.
fn json(outcomes: &[Outcome]) -> Value {
    let of = |((name, _), outcome): (&Named, &Outcome)| {
        let Outcome { before, after, accuracy } = outcome;
        ((*name).to_owned(), json!({ "before": before, "after": after, "accuracy": accuracy }))
    };
    Value::Object(NETWORKS.iter().zip(outcomes).map(of).collect())
}
