//! What can go wrong around a step of training.

use std::io;

use crate::{Divergence, budget::ChunkError};

/// The error of every fallible operation in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A checkpoint that cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read { path: String, cause: io::Error },

    /// The contents of a file are not what is needed.
    #[error("{path}: {cause}")]
    Contents { path: String, cause: Box<Error> },

    /// A safetensors file that is something else.
    #[error(
        "this is no checkpoint of a training, but another safetensors file; weights alone are read by refrain_weights::load"
    )]
    NotACheckpoint,

    /// The checksum is not that of the contents.
    #[error(
        "the checkpoint is damaged (its checksum is {found:?}, that of its contents {expected:?}); use another copy of it"
    )]
    Checksum { found: String, expected: String },

    /// A checkpoint that another version of this crate has written.
    #[error(
        "the checkpoint has format version {found}, this program reads version {expected}; resume with the program that wrote it"
    )]
    Version { found: String, expected: u32 },

    /// A checkpoint of another model than the one to be resumed.
    #[error("the checkpoint is of another model: {found}; expected {expected}")]
    OtherModel { found: String, expected: String },

    /// A checkpoint with numbers of another type.
    #[error("the checkpoint holds numbers of type {found}, expected {expected}")]
    Element { found: String, expected: &'static str },

    /// A name that a group of tensors cannot have.
    #[error(
        "set_tensors: {name:?} cannot name a group of tensors, expected a name that is not empty, has no '/', and is neither \"model\" nor \"optimizer\""
    )]
    GroupName { name: String },

    /// Something that the checkpoint should hold and does not.
    #[error("the checkpoint has no {what} {name:?}")]
    Missing { what: &'static str, name: String },

    /// An entry that does not say what it should.
    #[error("the checkpoint's {what} {name:?} is {text:?}, expected {expected}")]
    Entry { what: &'static str, name: String, text: String, expected: &'static str },

    /// A random generator whose state is no text.
    #[error("the state of the random generator {name:?} cannot be written: {cause}")]
    Generator { name: String, cause: serde_json::Error },

    /// A loss or a gradient that is not finite.
    #[error(transparent)]
    Diverged(#[from] Divergence),

    /// A chunk of [`budget::BPTT`](crate::budget::BPTT) does not fit the stream.
    #[error(transparent)]
    Chunk(#[from] ChunkError),

    /// A file of tensors is not one, or cannot be written.
    #[error(transparent)]
    Weights(#[from] refrain_weights::Error),

    /// The values do not fit the model.
    #[error(transparent)]
    Model(#[from] refrain_nn::Error),

    /// The state does not fit the optimizer, or a step of it fails.
    #[error(transparent)]
    Optimizer(#[from] refrain_optim::Error),

    /// The way back fails.
    #[error(transparent)]
    Autograd(#[from] refrain_autograd::Error),

    /// The data cannot be cut as asked.
    #[error(transparent)]
    Data(#[from] refrain_data::Error),

    /// An operation on tensors fails.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),
}

/// The result of a fallible operation in this crate.
pub type Result<T> = std::result::Result<T, Error>;
