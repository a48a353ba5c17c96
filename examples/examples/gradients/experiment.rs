//! One network: its gradients before a training and after it.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_examples::program::Fallible;
use refrain_nn::{GRU, LSTM, Linear, Module, RNN, Trace};
use refrain_optim::{Adam, Optimizer, clip_grad_norm};

use crate::{
    Arguments,
    task::{LETTERS, Task},
};

/// What came of one network.
pub(crate) struct Outcome {
    /// The norm of ∂L/∂(state) for each step.
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
    /// The share of right answers on sequences that it has not seen.
    pub(crate) accuracy: f64,
}

/// What the experiment asks of a layer: the states of all steps, with and without a trace.
pub(crate) trait Recurrent: Module<f64> {
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
pub(crate) fn experiment<R: Recurrent>(
    mut layer: R,
    arguments: &Arguments,
    tick: &dyn Fn(),
) -> Fallible<Outcome> {
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
