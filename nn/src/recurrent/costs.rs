//! The costs of recurrent layers and cells.

use refrain_tensor::{Real, Shape};

use super::{
    CellParameters, GRUCell, LSTMCell, LayerNormLSTMCell, RNNCell, packed::check_lengths,
    precision::computes_in_double, shape::Sequence, stack::Stack,
};
use crate::{
    Cost, Costs, Ledger, Module, Result, Signal,
    costs::{back_through, product, trains},
};

impl<T: Real> Stack<T> {
    /// The costs of a whole layer, of all its layers and directions.
    pub(crate) fn costs(&self, kind: &'static str, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let (op, o, shape) = (self.kind.op(), &self.options, input.shape());
        let sequence = Sequence::of(op, shape, o.input_size, o.batch_first)?;
        let rows = match input.lengths() {
            None => product(&[sequence.steps, sequence.batch]),
            Some(lengths) => {
                check_lengths(op, shape, lengths, o.batch_first)?;
                lengths.iter().fold(0u64, |sum, &length| sum.saturating_add(length as u64))
            }
        };
        let (state, directions) = (o.state_size(), o.directions());
        let output = shape.with(shape.rank() - 1, state.saturating_mul(directions));
        let recorded = input.needs_gradient() || trains(self);

        let mut cost = Cost::new(kind, output, self);
        for (k, cell) in self.cells().iter().enumerate() {
            let (forward, backward) = macs(cell, rows, k >= directions || input.needs_gradient());
            cost.macs_forward = cost.macs_forward.saturating_add(forward);
            cost.macs_backward = cost.macs_backward.saturating_add(if recorded { backward } else { 0 });
        }
        let of_states = |size: usize| product(&[self.states(), sequence.batch, size, size_of::<T>()]);
        cost.activation_bytes = cost.activation_bytes.saturating_add(of_states(state));
        if self.kind.cell().has_cell_state() {
            cost.activation_bytes = cost.activation_bytes.saturating_add(of_states(o.hidden_size));
        }
        if recorded {
            let reordered =
                input.lengths().is_some() || (o.batch_first && sequence.batch > 1 && sequence.steps > 1);
            cost.bptt_bytes = self.bptt_bytes(rows, reordered && sequence.batched);
        }
        ledger.enter(cost);
        Ok(input.through(output, trains(self)))
    }

    /// What a recorded pass over so many rows keeps: see [`Cost`]. Lists of rows and lengths, some
    /// bytes a step, are left out, and so is less than a cache line a layer before its states.
    fn bptt_bytes(&self, rows: u64, reordered: bool) -> u64 {
        let (o, cell) = (&self.options, self.kind.cell());
        let in_double = computes_in_double(o.input_size, o.hidden_size);
        let number = size_of::<T>() as u64;
        let computed_number = if in_double { size_of::<f64>() as u64 } else { number };

        let width = product(&[o.state_size(), o.directions()]);
        let kept = if in_double {
            cell.kept_a_row::<f64>(o.hidden_size)
        } else {
            cell.kept_a_row::<T>(o.hidden_size)
        };
        let unprojected = if o.proj_size > 0 { o.hidden_size } else { 0 };
        let of_gates = product(&[kept + unprojected, o.directions()]);
        let of_a_layer = rows.saturating_mul(width.saturating_add(of_gates));
        let mut computed = of_a_layer.saturating_mul(o.num_layers as u64);
        let mut given = 0u64;
        if reordered {
            given = given.saturating_add(rows.saturating_mul(o.input_size as u64));
        }
        if in_double {
            let operands = rows.saturating_mul(o.input_size as u64);
            computed = computed.saturating_add(operands).saturating_add(self.parameter_count() as u64);
        }
        if o.dropout > 0.0 {
            // Below each layer but the first: a mask, and its product with the states.
            let masked = rows.saturating_mul(width).saturating_mul(o.num_layers as u64 - 1);
            given = given.saturating_add(masked);
            let products = if in_double { masked.saturating_mul(2) } else { masked };
            computed = computed.saturating_add(products);
        }
        computed.saturating_mul(computed_number).saturating_add(given.saturating_mul(number))
    }
}

/// The multiply-accumulates of a cell for so many rows, forward and backward. Its states have a
/// gradient, whether or not its input has.
fn macs<T: Real>(cell: &CellParameters<T>, rows: u64, input_needs_gradient: bool) -> (u64, u64) {
    let of = |weight: &Shape| rows.saturating_mul(product(weight));
    let (mut forward, mut backward) = (0u64, 0u64);
    for (weight, back) in [
        (Some(&cell.weight_ih), input_needs_gradient),
        (Some(&cell.weight_hh), true),
        (cell.weight_hr.as_ref(), true),
    ] {
        let Some(weight) = weight else { continue };
        let macs = of(weight.value().shape());
        forward = forward.saturating_add(macs);
        backward = backward.saturating_add(back_through(macs, weight, back));
    }
    (forward, backward)
}

/// The costs of one step of a cell, in the middle of a sequence: its state has a gradient, unless
/// neither the input nor the cell has one. `kept` is how many numbers a row its operations leave on
/// the tape.
fn step<T: Real>(
    (kind, cell): (&'static str, &dyn Module<T>),
    parameters: &CellParameters<T>,
    (input, state): (&Signal, Shape),
    (states, kept): (usize, usize),
    ledger: &mut Ledger,
) -> Signal {
    let rows = product(&state[..state.rank() - 1]);
    let recorded = input.needs_gradient() || trains(cell);
    let mut cost = Cost::new(kind, state, cell);
    let (forward, backward) = macs(parameters, rows, input.needs_gradient());
    let bytes = |numbers: usize| rows.saturating_mul(product(&[numbers, size_of::<T>()]));
    cost.macs_forward = forward;
    cost.activation_bytes = bytes(states);
    if recorded {
        cost.macs_backward = backward;
        cost.bptt_bytes = bytes(kept);
    }
    ledger.enter(cost);
    input.through(state, trains(cell))
}

/// One step.
impl<T: Real> Costs<T> for RNNCell<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let state = self.parameters.check_input("rnn_cell", input.shape())?.state;
        let hidden = self.hidden_size();
        Ok(step(("RNNCell", self), &self.parameters, (input, state), (hidden, hidden), ledger))
    }
}

/// One step. It keeps r, z, n, h − n and h', and the sums of W_hh h for all gates.
impl<T: Real> Costs<T> for GRUCell<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let state = self.parameters.check_input("gru_cell", input.shape())?.state;
        let hidden = self.hidden_size();
        Ok(step(("GRUCell", self), &self.parameters, (input, state), (hidden, (5 + 3) * hidden), ledger))
    }
}

/// One step. It keeps i, f, g, o, c', tanh c' and h', and with a projection the state before it.
impl<T: Real> Costs<T> for LSTMCell<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let shape = self.parameters.check_input("lstm_cell", input.shape())?.state;
        let (state, hidden) = (self.hidden_size(), self.parameters.weight_ih.value().shape()[0] / 4);
        let unprojected = if self.parameters.weight_hr.is_some() { hidden } else { 0 };
        let numbers = (state + hidden, 6 * hidden + unprojected + state);
        Ok(step(("LSTMCell", self), &self.parameters, (input, shape), numbers, ledger))
    }
}

/// One step. Beside what an [`LSTMCell`] keeps there are the normalised sums and c', and for each of
/// them one number a row.
impl<T: Real> Costs<T> for LayerNormLSTMCell<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let state = self.state_shape(input.shape())?;
        let rows = product(&state[..state.rank() - 1]);
        let hidden = self.weight_hh.value().shape()[1];
        let of = |weight: &Shape| rows.saturating_mul(product(weight));
        let (of_input, of_state) = (of(self.weight_ih.value().shape()), of(self.weight_hh.value().shape()));
        let mut cost = Cost::new("LayerNormLSTMCell", state, self);
        cost.macs_forward = of_input.saturating_add(of_state);
        let bytes = |numbers: usize| rows.saturating_mul(product(&[numbers, size_of::<T>()]));
        cost.activation_bytes = bytes(2 * hidden);
        if input.needs_gradient() || trains(self) {
            cost.macs_backward = back_through(of_input, &self.weight_ih, input.needs_gradient())
                .saturating_add(back_through(of_state, &self.weight_hh, true));
            cost.bptt_bytes = bytes(7 * hidden + (4 + 4 + 1) * hidden + 3);
        }
        ledger.enter(cost);
        Ok(input.through(state, trains(self)))
    }
}
