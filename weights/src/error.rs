//! What can go wrong with a weights file.

use std::{io, path::Path};

/// The error of every operation in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// The file cannot be read or written.
    #[error("cannot {what} {path}: {cause}")]
    File { what: &'static str, path: String, cause: io::Error },

    /// The contents of a file are not what the model needs.
    #[error("{path}: {cause}")]
    Contents { path: String, cause: Box<Error> },

    /// The bytes are no safetensors file: cut off, or with a header that is not one.
    #[error("not a whole safetensors file: {0}")]
    Format(String),

    /// A checkpoint of a training, where the weights of a model are expected.
    #[error(
        "this is a checkpoint of a training, which holds more than the weights of a model; read it with Checkpoint::load of refrain-train"
    )]
    Checkpoint,

    /// A tensor of an element type that weights do not have.
    #[error("{name}: the element type is {found}, expected F16, BF16, F32 or F64")]
    ElementType { name: String, found: String },

    /// A tensor whose shape this library cannot hold.
    #[error("{name}: {cause}")]
    Shape { name: String, cause: refrain_tensor::Error },

    /// The values do not fit the model.
    #[error(transparent)]
    Model(#[from] refrain_nn::Error),
}

/// The result of an operation on a weights file.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn failed(what: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::File { what, path: path.display().to_string(), cause }
    }

    pub(crate) fn at(self, path: &Path) -> Self {
        Self::Contents { path: path.display().to_string(), cause: self.into() }
    }
}
