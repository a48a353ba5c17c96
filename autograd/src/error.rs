//! What can go wrong on a tape.

use refrain_tensor::Shape;

/// The error of every fallible operation in this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// The operation itself cannot take its arguments.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// Two variables, or a variable and a set of gradients, come from different tapes.
    #[error("{op}: the variables come from different tapes; a tape knows only what was recorded on it")]
    OtherTape { op: &'static str },

    /// `backward` without a cotangent of something that is not one number.
    #[error(
        "backward: expected one element to start from, found shape {shape}; give a cotangent with backward_with, or reduce to a scalar"
    )]
    NotScalar { shape: Box<Shape> },

    /// A cotangent of another shape than the variable.
    #[error("backward: the cotangent has shape {found}, the variable {expected}")]
    Cotangent { found: Box<Shape>, expected: Box<Shape> },

    /// `backward` of something that depends on no parameter and no variable.
    #[error(
        "backward: nothing here needs a gradient: the variable depends on no parameter or variable, or its tape is an inference tape"
    )]
    NothingRecorded,

    /// `backward` through a node whose backward has run.
    #[error(
        "backward: the backward of `{op}` has run already and freed what it kept; record the computation again"
    )]
    Spent { op: &'static str },

    /// An operation's backward returned a gradient of a shape that its input does not broadcast to.
    #[error(
        "backward of {op}: the gradient of input {input} has shape {found}, which {expected} does not broadcast to"
    )]
    GradientShape { op: &'static str, input: usize, found: Box<Shape>, expected: Box<Shape> },

    /// An operation's backward returned another number of gradients than it has inputs.
    #[error("backward of {op}: expected a gradient or None for each of {expected} inputs, found {found}")]
    GradientCount { op: &'static str, found: usize, expected: usize },

    /// A part that reads outside its input, or whose shape depends on how the input is stored.
    #[error(
        "{op}: the layout of shape {part} is not a part of the input of shape {input}; derive it from the layout that is given"
    )]
    NotAPart { op: &'static str, part: Box<Shape>, input: Box<Shape> },

    /// An operation's backward failed.
    #[error("backward of {op}: {cause}")]
    Backward { op: &'static str, cause: refrain_tensor::Error },

    /// A value of another shape than the parameter that it is for.
    #[error("{op}: the parameter has shape {expected}, the value {found}")]
    ParameterShape { op: &'static str, found: Box<Shape>, expected: Box<Shape> },
}

/// The result of a fallible operation on a tape.
pub type Result<T> = std::result::Result<T, Error>;

/// The value, or a panic with the error's message at the line of the caller's caller.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    // A closure would not inherit `track_caller`, and the panic would name this file.
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
