#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod activation;
mod convolution;
mod costs;
mod dropout;
mod embedding;
mod error;
mod gradcheck;
mod init;
mod layer_norm;
mod linear;
mod loss;
mod module;
mod recurrent;
mod sequential;
mod state_dict;

pub use activation::Activation;
pub use convolution::{
    AvgPool, AvgPool1d, AvgPool2d, AvgPoolBuilder, Conv, Conv1d, Conv2d, ConvBuilder, Flatten, MaxPool,
    MaxPool1d, MaxPool2d, MaxPoolBuilder, Padding, PerAxis,
};
pub use costs::{Cost, Costs, Ledger, Signal, Summary, summary};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use error::{Error, Result};
pub use gradcheck::gradcheck_module;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use loss::{BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, Reduction};
pub use module::Module;
#[doc(hidden)]
pub use module::Path;
pub use recurrent::{
    CellParameters, GRU, GRUBuilder, GRUCell, LSTM, LSTMBuilder, LSTMCell, LSTMState, LayerNormLSTMCell,
    Nonlinearity, PackedSequence, RNN, RNNBuilder, RNNCell, Stream, Trace, TracedCell, TracedState, Training,
    VariationalDropout, Zoneout, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence,
    recompute,
};
pub use refrain_autograd::Parameter;
pub use refrain_tensor::Real;
pub use sequential::{Layer, Sequential};
pub use state_dict::StateDict;

/// The crate of the generators that layers are initialised from.
pub use rand;
/// The crate of the tape that layers record on.
pub use refrain_autograd as autograd;
/// The crate of the tensors.
pub use refrain_tensor as tensor;
