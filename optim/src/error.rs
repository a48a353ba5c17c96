//! What can go wrong in training.

use refrain_tensor::Shape;

/// The error of every fallible operation in this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A parameter that the loss did not depend on.
    #[error(
        "{op}: parameter {position} (counted from 0) of shape {shape} has no gradient: the loss does not depend on it; freeze it or leave it out"
    )]
    NoGradient { op: &'static str, position: usize, shape: Box<Shape> },

    /// A gradient that was replaced by one of another shape.
    #[error("{op}: parameter {position} (counted from 0) has shape {expected}, its gradient {found}")]
    GradientShape { op: &'static str, position: usize, found: Box<Shape>, expected: Box<Shape> },

    /// There is no room for what the optimizer keeps for a parameter.
    #[error("{op}: out of memory for the state of parameter {position} (counted from 0) of shape {shape}")]
    OutOfMemory { op: &'static str, position: usize, shape: Box<Shape> },

    /// An option outside its range.
    #[error("{op}: {option} is {value}, expected {expected}")]
    Option { op: &'static str, option: &'static str, value: f64, expected: &'static str },

    /// Nesterov momentum is defined for plain momentum alone.
    #[error(
        "sgd: nesterov needs a momentum above 0 and a dampening of 0, found momentum {momentum} and dampening {dampening}"
    )]
    Nesterov { momentum: f64, dampening: f64 },
}

/// The result of a fallible operation in this crate.
pub type Result<T> = std::result::Result<T, Error>;
