//! [`Trace`]: the states of a recurrent layer at every step, and the gradients that reach them.

use refrain_autograd::{Gradients, Var};
use refrain_tensor::{
    Real, Tensor,
    kernels::recurrent::{Sizes, Steps},
};

use super::{
    CellParameters,
    node::Sequence,
    stack::{Stack, States},
};
use crate::Result;

/// The states of every layer and direction at every step of a sequence, kept on the tape so that the
/// gradients that back-propagation through time carries to them can be seen.
///
/// Made by `trace` of [`RNN`](crate::RNN), [`LSTM`](crate::LSTM) and [`GRU`](crate::GRU), which
/// computes what `forward` computes, one step after another. It is for looking, not for speed: each
/// step of each layer is a node on the tape.
///
/// The gradient ∂L/∂h_t is the whole one: what the output of step t gives, and what all later steps
/// send back. Where it shrinks with the distance from the loss, early inputs cannot be learned from
/// (the vanishing gradient of Hochreiter 1991 and of Bengio et al. 1994, IEEE Transactions on Neural
/// Networks 5); where it grows, a step of training goes astray (the exploding one).
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::{Module, Nonlinearity, RNN};
/// use refrain_tensor::Tensor;
/// // h_t = max(0, 1·x_t + ½·h_{t−1}): each step back halves the gradient.
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let mut rnn = RNN::<f32>::builder(1, 1).bias(false).nonlinearity(Nonlinearity::ReLU).build(&mut rng)?;
/// for (parameter, value) in rnn.parameters_mut().into_iter().zip([1.0, 0.5]) {
///     parameter.set(Tensor::from([[value]]))?;
/// }
/// let tape = Tape::new();
/// let (out, _last, trace) = rnn.trace(&tape.constant(Tensor::ones([4, 1, 1])?), None)?;
/// let states = trace.cell(0, false).expect("the first layer");
/// assert_eq!(states.h().values()?.to_vec(), [1.0, 1.5, 1.75, 1.875]); // [seq 4, batch 1, hidden 1]
///
/// let loss = out.select(0, 3)?.sum(..)?; // the last output alone
/// let gradients = loss.backward()?;
/// assert_eq!(states.gradient_norms(&gradients)?, [0.125, 0.25, 0.5, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trace<'t, T: Real> {
    /// In the order of the parameters: layer 0, layer 0 reverse, layer 1, …
    cells: Vec<TracedCell<'t, T>>,
    directions: usize,
}

/// The states of one layer in one direction.
#[derive(Clone, Debug)]
pub struct TracedCell<'t, T: Real> {
    h: TracedState<'t, T>,
    c: Option<TracedState<'t, T>>,
}

/// One state at every step, in the order of time also where the direction runs against it.
#[derive(Clone, Debug)]
pub struct TracedState<'t, T: Real> {
    steps: Vec<Probe<'t, T>>,
}

/// A state `[batch, size]`, to which a variable of zeros was added: the gradient of that variable is
/// the gradient of the state.
#[derive(Clone, Debug)]
struct Probe<'t, T: Real> {
    zeros: Var<'t, T>,
    state: Var<'t, T>,
}

impl<'t, T: Real> Trace<'t, T> {
    /// The states of one layer in one direction, or `None` where there is no such one.
    pub fn cell(&self, layer: usize, reverse: bool) -> Option<&TracedCell<'t, T>> {
        if reverse && self.directions == 1 {
            return None;
        }
        self.cells.get(layer * self.directions + usize::from(reverse))
    }
}

impl<'t, T: Real> TracedCell<'t, T> {
    /// The hidden state.
    pub fn h(&self) -> &TracedState<'t, T> {
        &self.h
    }

    /// The cell state of an LSTM; `None` for the others.
    pub fn c(&self) -> Option<&TracedState<'t, T>> {
        self.c.as_ref()
    }

    /// For each step the norm of the gradient of all that is carried on: √Σ (∂L/∂h_t)² over batch and
    /// units, and for an LSTM over (h_t, c_t).
    ///
    /// # Errors
    /// Those of [`TracedState::gradient`].
    pub fn gradient_norms(&self, gradients: &Gradients<T>) -> Result<Vec<f64>> {
        let of_h = self.h.gradient_norms(gradients)?;
        let Some(c) = &self.c else { return Ok(of_h) };
        Ok(of_h.into_iter().zip(c.gradient_norms(gradients)?).map(|(h, c)| h.hypot(c)).collect())
    }
}

impl<T: Real> TracedState<'_, T> {
    /// The state after each step: `[seq, batch, size]`, with a batch of 1 for an input without one.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where there is no memory.
    pub fn values(&self) -> Result<Tensor<T>> {
        let states: Vec<Tensor<T>> = self.steps.iter().map(|step| step.state.value().clone()).collect();
        Ok(Tensor::stack(&states, 0)?)
    }

    /// The gradient of the result with respect to the state after each step, `[seq, batch, size]`; 0
    /// where the result does not depend on it.
    ///
    /// h_t and c_t of an LSTM stand side by side, as an initial state does: ∂L/∂c_t is what reaches c_t
    /// from the steps after t, and does not count that h_t was computed from c_t.
    ///
    /// # Errors
    /// [`OtherTape`](refrain_autograd::Error::OtherTape) where the gradients come from another tape;
    /// [`Error::Tensor`](crate::Error::Tensor) where there is no memory.
    pub fn gradient(&self, gradients: &Gradients<T>) -> Result<Tensor<T>> {
        let of_step = |step: &Probe<'_, T>| {
            if !gradients.are_of(step.zeros.tape()) {
                return Err(refrain_autograd::Error::OtherTape { op: "gradient of a state" }.into());
            }
            Ok(gradients.of(&step.zeros).unwrap_or(step.zeros.value()).clone())
        };
        let of_steps = self.steps.iter().map(of_step).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::stack(&of_steps, 0)?)
    }

    /// For each step the norm of [`gradient`](Self::gradient) over batch and units. It is computed in
    /// f64 and scaled, so that a gradient whose square is too small for a number still has one.
    ///
    /// # Errors
    /// Those of [`gradient`](Self::gradient).
    pub fn gradient_norms(&self, gradients: &Gradients<T>) -> Result<Vec<f64>> {
        let gradient = self.gradient(gradients)?;
        (0..self.steps.len()).map(|t| Ok(norm(&gradient.select(0, t)?.map(|x| Real::to_f64(x))))).collect()
    }
}

/// The Euclidean norm of all elements.
fn norm(x: &Tensor<f64>) -> f64 {
    if x.iter().any(f64::is_nan) {
        return f64::NAN;
    }
    let largest = x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    largest * x.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt()
}

impl<'t, T: Real> Stack<T> {
    /// A batch of sequences of one length, or one sequence without a batch axis, with a probe at
    /// every state.
    pub(crate) fn traced(
        &self,
        input: &Var<'t, T>,
        initial: Option<States<'t, T>>,
    ) -> Result<(Var<'t, T>, States<'t, T>, Trace<'t, T>)> {
        let sequence = self.check(input, initial.as_ref())?;
        let (batched, time_first) = (sequence.batched, !(sequence.batched && self.options.batch_first));
        let x = match (batched, time_first) {
            (false, _) => input.unsqueeze(1)?,
            (true, true) => input.clone(),
            (true, false) => input.transpose(0, 1)?,
        };
        let initial = match initial {
            Some(states) if !batched => Some(states.map(|state| Ok(state.unsqueeze(1)?))?),
            other => other,
        };

        let mut rows = (0..sequence.steps).map(|t| Ok(x.select(0, t)?)).collect::<Result<Vec<_>>>()?;
        let directions = self.options.directions();
        let (mut cells, mut last) = (Vec::new(), Vec::new());
        for layer in 0..self.options.num_layers {
            for reverse in [false, true].into_iter().take(directions) {
                let Some(parameters) = self.cell(layer, reverse) else { continue };
                let place = cells.len();
                let start = initial.clone().map(|all| all.map(|state| Ok(state.narrow(0, place, 1)?)));
                let (cell, end) = self.traced_cell(parameters, &rows, reverse, start.transpose()?)?;
                cells.push(cell);
                last.push(end);
            }
            let of_layer = &cells[layer * directions..];
            rows = (0..rows.len())
                .map(|t| {
                    let states: Vec<_> = of_layer.iter().map(|cell| cell.h.steps[t].state.clone()).collect();
                    Ok(Var::cat(&states, 1)?)
                })
                .collect::<Result<_>>()?;
        }

        let output = Var::stack(&rows, 0)?; // [seq, batch, directions · size]
        let output = match (batched, time_first) {
            (false, _) => output.squeeze(1)?,
            (true, true) => output,
            (true, false) => output.transpose(0, 1)?,
        };
        let joined = States::joined(&last)?;
        let last = if batched { joined } else { joined.map(|state| Ok(state.squeeze(1)?))? };
        Ok((output, last, Trace { cells, directions }))
    }

    /// One layer in one direction: a node for each step, from states `[1, batch, size]`, and the
    /// states that it ends in.
    fn traced_cell(
        &self,
        parameters: &CellParameters<T>,
        rows: &[Var<'t, T>],
        reverse: bool,
        start: Option<States<'t, T>>,
    ) -> Result<(TracedCell<'t, T>, States<'t, T>)> {
        let (tape, batch) = (rows[0].tape(), rows[0].shape()[0]);
        let probed = |state: Var<'t, T>| -> Result<Probe<'t, T>> {
            let zeros = tape.variable(Tensor::zeros(state.shape())?);
            Ok(Probe { state: state.add(&zeros)?, zeros })
        };
        let (mut of_h, mut of_c) = (Vec::new(), Vec::new());
        let mut carried = start;
        for k in 0..rows.len() {
            let x = &rows[if reverse { rows.len() - 1 - k } else { k }];
            let States { h, c } = self.one_step(parameters, x, batch, carried.as_ref())?;
            let h = probed(h.select(0, 0)?)?;
            let c = c.map(|c| probed(c.select(0, 0)?)).transpose()?;
            let on = |probe: &Probe<'t, T>| -> Result<Var<'t, T>> { Ok(probe.state.unsqueeze(0)?) };
            carried = Some(States { h: on(&h)?, c: c.as_ref().map(on).transpose()? });
            of_h.push(h);
            of_c.extend(c);
        }
        if reverse {
            of_h.reverse();
            of_c.reverse();
        }
        let Some(end) = carried else { unreachable!("a sequence has a step") };
        let c = (!of_c.is_empty()).then_some(TracedState { steps: of_c });
        Ok((TracedCell { h: TracedState { steps: of_h }, c }, end))
    }

    /// One step of one cell, as a sequence of its own: the states after it, `[1, batch, size]`.
    fn one_step(
        &self,
        parameters: &CellParameters<T>,
        x: &Var<'t, T>,
        batch: usize,
        start: Option<&States<'t, T>>,
    ) -> Result<States<'t, T>> {
        let mut inputs = vec![x.clone()];
        crate::Module::visit(parameters, &mut |_, parameter| inputs.push(x.tape().parameter(parameter)));
        if let Some(States { h, c }) = start {
            inputs.push(h.clone());
            inputs.extend(c.clone());
        }
        let (hidden, state) = (self.options.hidden_size, self.options.state_size());
        let step = Sequence {
            kind: self.kind,
            sizes: Sizes { input: parameters.input_size(), hidden, state },
            layers: 1,
            directions: 1,
            bias: self.options.bias,
            projects: self.options.proj_size > 0,
            steps: Steps::equal(1, batch),
            starts: start.is_some(),
            masks: Vec::new(),
        };
        let mut values = step.onto_tape(&inputs, None)?.into_iter().skip(1);
        let Some(h) = values.next() else { unreachable!("a sequence has a last state") };
        Ok(States { h, c: values.next() })
    }
}

impl<'t, T: Real> States<'t, T> {
    /// The states of several cells, `[1, batch, size]` each, as one.
    fn joined(cells: &[Self]) -> Result<Self> {
        let h: Vec<Var<'t, T>> = cells.iter().map(|states| states.h.clone()).collect();
        let c: Vec<Var<'t, T>> = cells.iter().filter_map(|states| states.c.clone()).collect();
        let c = if c.is_empty() { None } else { Some(Var::cat(&c, 0)?) };
        Ok(Self { h: Var::cat(&h, 0)?, c })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_of_numbers_whose_squares_are_no_numbers() {
        let cases: [(&[f64], f64); 7] = [
            (&[3.0, -4.0], 5.0),
            (&[3e-200, 4e-200], 5e-200),
            (&[3e200, 4e200], 5e200),
            (&[0.0, -0.0], 0.0),
            (&[], 0.0),
            (&[1.0, f64::NEG_INFINITY], f64::INFINITY),
            (&[f64::NAN, 1.0, f64::INFINITY], f64::NAN),
        ];
        for (values, expected) in cases {
            let found = norm(&Tensor::from_vec(values.to_vec(), [values.len()]).unwrap());
            let same = found == expected || (found.is_nan() && expected.is_nan());
            assert!(same || ((found - expected) / expected).abs() < 1e-15, "{values:?}: {found}");
        }
    }
}
