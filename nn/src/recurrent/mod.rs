//! The recurrent layers: cells that a learner can read, and fused layers that take a whole
//! sequence.
//!
//! Sequences are `[seq, batch, features]`. [`stack`] holds the layers and directions that RNN, LSTM
//! and GRU share, [`node`] their way onto the tape, [`shape`] the checks. The arithmetic over plain
//! slices is in the kernels of the tensor crate.

mod cell_parameters;
mod costs;
mod gru;
mod gru_cell;
mod layer_norm_lstm_cell;
mod lstm;
mod lstm_cell;
mod node;
mod options;
mod packed;
mod packed_weights;
mod precision;
pub mod recompute;
mod regularise;
mod rnn;
mod rnn_cell;
mod sequences;
mod shape;
mod stack;
mod stream;
mod trace;
mod within;

pub use cell_parameters::CellParameters;
pub use gru::{GRU, GRUBuilder};
pub use gru_cell::GRUCell;
pub use layer_norm_lstm_cell::LayerNormLSTMCell;
pub use lstm::{LSTM, LSTMBuilder, LSTMState};
pub use lstm_cell::LSTMCell;
pub use packed::{PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence};
pub use regularise::{VariationalDropout, Zoneout};
pub use rnn::{RNN, RNNBuilder};
pub use rnn_cell::RNNCell;
pub use sequences::Training;
pub use stream::Stream;
pub use trace::{Trace, TracedCell, TracedState};

/// The function that an RNN applies to its new state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0).
    ReLU,
}
