//! One step of a recurrent layer: kinds rnn_cell, lstm_cell and gru_cell.

use refrain_autograd::Tape;
use refrain_nn::{GRUCell, LSTMCell, RNNCell};

use crate::{
    case_file::Case,
    compare::Results,
    error::Result,
    module_case::{Inputs, dice, load, results},
    options::Options,
    recurrent::{lstm_state, nonlinearity},
    tensors::Scalar,
};

/// The options that all three kinds have: input_size, hidden_size and bias.
fn shared(options: &mut Options) -> Result<(usize, usize, bool)> {
    Ok((options.size("input_size")?, options.size("hidden_size")?, options.flag_or("bias", true)?))
}

pub(crate) fn rnn_cell<T: Scalar>(case: &mut Case) -> Result<Results> {
    let (input_size, hidden_size, bias) = shared(&mut case.options)?;
    let nonlinearity = nonlinearity(&mut case.options)?;
    let mut cell = RNNCell::<T>::with_options(input_size, hidden_size, bias, nonlinearity, &mut dice())?;
    load(case, &mut cell)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, h_0) = (inputs.required(case, "x")?, inputs.optional(case, "h_0")?);
    let h_n = cell.forward(&x, h_0.as_ref())?;
    results(case, &cell, &inputs, &[("h_n", &h_n)])
}

pub(crate) fn lstm_cell<T: Scalar>(case: &mut Case) -> Result<Results> {
    let (input_size, hidden_size, bias) = shared(&mut case.options)?;
    let mut cell = LSTMCell::<T>::with_bias(input_size, hidden_size, bias, &mut dice())?;
    load(case, &mut cell)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, state) = (inputs.required(case, "x")?, lstm_state(case, &mut inputs)?);
    let last = cell.forward(&x, state.as_ref())?;
    results(case, &cell, &inputs, &[("h_n", &last.h), ("c_n", &last.c)])
}

pub(crate) fn gru_cell<T: Scalar>(case: &mut Case) -> Result<Results> {
    let (input_size, hidden_size, bias) = shared(&mut case.options)?;
    let mut cell = GRUCell::<T>::with_bias(input_size, hidden_size, bias, &mut dice())?;
    load(case, &mut cell)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, h_0) = (inputs.required(case, "x")?, inputs.optional(case, "h_0")?);
    let h_n = cell.forward(&x, h_0.as_ref())?;
    results(case, &cell, &inputs, &[("h_n", &h_n)])
}
