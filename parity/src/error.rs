//! Why a case cannot be run or compared.

use refrain_tensor::Shape;

/// What a line that says `FAIL` gives as its reason, where that is not a number out of bounds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(#[from] std::io::Error),

    /// The file is no safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),

    /// The metadata says nothing of a case.
    #[error("the file's metadata has no key `case`")]
    NoCase,

    /// The description of the case is not JSON.
    #[error("the case is not JSON: {0}")]
    Json(#[from] serde_json::Error),

    /// A part of the description is missing or of the wrong type.
    #[error("the case has no `{field}` that is {expected}")]
    Field { field: &'static str, expected: &'static str },

    /// A tensor of an element type that no case uses.
    #[error("{tensor} holds {found}; a case holds F32, F64 and I64")]
    Element { tensor: String, found: String },

    /// A tensor that is not in the element type that the case computes in.
    #[error("{tensor} holds {found}, expected {expected}")]
    ElementOfUse { tensor: String, found: &'static str, expected: &'static str },

    /// A tensor whose shape is not that of what it is for.
    #[error("{tensor} has shape {found}, expected {expected}")]
    TensorShape { tensor: String, found: Box<Shape>, expected: Box<Shape> },

    /// A kind that there is no code for.
    #[error("unknown kind `{0}`")]
    UnknownKind(String),

    /// An option that its kind always has is not there.
    #[error("option `{0}` is missing")]
    MissingOption(&'static str),

    /// An option that the kind does not have, or that is not handled.
    #[error("unknown option `{0}`")]
    UnknownOption(String),

    /// An option with a value that it cannot have.
    #[error("option `{option}` is {found}, expected {expected}")]
    OptionValue { option: &'static str, found: String, expected: &'static str },

    /// A sequence of a negative length.
    #[error("input.lengths holds {0}")]
    Length(i64),

    /// A tensor that the kind needs is not there.
    #[error("the tensor {0} is missing")]
    MissingTensor(String),

    /// A tensor that the kind has no use for.
    #[error("unexpected tensor {0}")]
    UnexpectedTensor(String),

    /// An expected value that the computation did not give.
    #[error("{0} was not computed")]
    NotComputed(String),

    /// There is nothing to compare with.
    #[error("the case expects nothing")]
    NothingExpected,

    /// The libraries panicked.
    #[error("panicked: {0}")]
    Panicked(String),

    /// The array library refused.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// The tape refused.
    #[error(transparent)]
    Autograd(#[from] refrain_autograd::Error),

    /// A layer or a loss refused.
    #[error(transparent)]
    Layer(#[from] refrain_nn::Error),

    /// An optimizer or a schedule refused.
    #[error(transparent)]
    Optim(#[from] refrain_optim::Error),
}

/// The result of anything that can make a case fail.
pub(crate) type Result<T> = std::result::Result<T, Error>;
