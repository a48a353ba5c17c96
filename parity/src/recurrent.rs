//! Recurrent layers over whole sequences: kinds rnn, lstm and gru.

use refrain_autograd::{Tape, Var};
use refrain_nn::{GRU, LSTM, LSTMState, Nonlinearity, RNN};

use crate::{
    case_file::Case,
    compare::Results,
    error::{Error, Result},
    module_case::{Inputs, dice, load, results},
    options::Options,
    tensors::Scalar,
};

/// Takes the options that all three kinds have into a builder.
macro_rules! builder {
    ($layer:ident, $options:expr) => {{
        let options: &mut Options = $options;
        $layer::<T>::builder(options.size("input_size")?, options.size("hidden_size")?)
            .num_layers(options.size_or("num_layers", 1)?)
            .bias(options.flag_or("bias", true)?)
            .batch_first(options.flag_or("batch_first", false)?)
            .bidirectional(options.flag_or("bidirectional", false)?)
    }};
}

pub(crate) fn rnn<T: Scalar>(case: &mut Case) -> Result<Results> {
    let builder = builder!(RNN, &mut case.options).nonlinearity(nonlinearity(&mut case.options)?);
    let mut rnn = builder.build(&mut dice())?;
    load(case, &mut rnn)?;
    let lengths = lengths(case)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, h_0) = (inputs.required(case, "x")?, inputs.optional(case, "h_0")?);
    let (y, h_n) = match lengths {
        None => rnn.forward(&x, h_0.as_ref())?,
        Some(lengths) => rnn.forward_padded(&x, &lengths, h_0.as_ref())?,
    };
    results(case, &rnn, &inputs, &[("y", &y), ("h_n", &h_n)])
}

pub(crate) fn lstm<T: Scalar>(case: &mut Case) -> Result<Results> {
    let builder = builder!(LSTM, &mut case.options).proj_size(case.options.size_or("proj_size", 0)?);
    let mut lstm = builder.build(&mut dice())?;
    load(case, &mut lstm)?;
    let lengths = lengths(case)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, state) = (inputs.required(case, "x")?, lstm_state(case, &mut inputs)?);
    let (y, last) = match lengths {
        None => lstm.forward(&x, state.as_ref())?,
        Some(lengths) => lstm.forward_padded(&x, &lengths, state.as_ref())?,
    };
    results(case, &lstm, &inputs, &[("y", &y), ("h_n", &last.h), ("c_n", &last.c)])
}

pub(crate) fn gru<T: Scalar>(case: &mut Case) -> Result<Results> {
    let mut gru = builder!(GRU, &mut case.options).build(&mut dice())?;
    load(case, &mut gru)?;
    let lengths = lengths(case)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let (x, h_0) = (inputs.required(case, "x")?, inputs.optional(case, "h_0")?);
    let (y, h_n) = match lengths {
        None => gru.forward(&x, h_0.as_ref())?,
        Some(lengths) => gru.forward_padded(&x, &lengths, h_0.as_ref())?,
    };
    results(case, &gru, &inputs, &[("y", &y), ("h_n", &h_n)])
}

/// The lengths of the sequences of a padded batch, where the option `form` says that they count.
/// Whether there is a batch axis shows in the shape of x.
fn lengths(case: &mut Case) -> Result<Option<Vec<usize>>> {
    let forms = [("batched", false), ("unbatched", false), ("packed", true)];
    if !case.options.word("form", "batched, unbatched or packed", &forms)? {
        return Ok(None);
    }
    let lengths = case.given.required::<i64>("input.lengths")?;
    let length = |length| usize::try_from(length).map_err(|_| Error::Length(length));
    Ok(Some(lengths.iter().map(length).collect::<Result<_>>()?))
}

/// The initial state of an LSTM or its cell: both halves or none.
pub(crate) fn lstm_state<'t, T: Scalar>(
    case: &mut Case,
    inputs: &mut Inputs<'t, T>,
) -> Result<Option<LSTMState<'t, T>>> {
    let h: Option<Var<'t, T>> = inputs.optional(case, "h_0")?;
    let state = |h| Ok(LSTMState { h, c: inputs.required(case, "c_0")? });
    h.map(state).transpose()
}

/// The option `nonlinearity` of an RNN and of its cell.
pub(crate) fn nonlinearity(options: &mut Options) -> Result<Nonlinearity> {
    let words = [("tanh", Nonlinearity::Tanh), ("relu", Nonlinearity::ReLU)];
    options.word("nonlinearity", "tanh or relu", &words)
}
