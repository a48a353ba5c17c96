//! What can go wrong in training.

use refrain_autograd::{Parameter, ParameterId};
use refrain_tensor::{Element, Shape};

/// The error of every fallible operation in this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A parameter that the loss did not depend on.
    #[error(
        "{op}: {} of shape {shape} has no gradient: the loss does not depend on it; freeze it or leave it out",
        the_parameter(*position, name.as_deref())
    )]
    NoGradient {
        op: &'static str,
        position: usize,
        id: ParameterId,
        /// Its name, after [`Error::with_names`].
        name: Option<Box<str>>,
        shape: Box<Shape>,
    },

    /// A gradient that was replaced by one of another shape.
    #[error("{op}: parameter {position} (counted from 0) has shape {expected}, its gradient {found}")]
    GradientShape { op: &'static str, position: usize, found: Box<Shape>, expected: Box<Shape> },

    /// There is no room for what the optimizer keeps for a parameter.
    #[error("{op}: out of memory for the state of parameter {position} (counted from 0) of shape {shape}")]
    OutOfMemory { op: &'static str, position: usize, shape: Box<Shape> },

    /// The state of another optimizer.
    #[error("load_state: the state is that of {found}, expected that of {expected}")]
    StateKind { found: String, expected: &'static str },

    /// Two parameters that have one name.
    #[error("state: two parameters are named {name}")]
    StateName { name: String },

    /// A state whose names are not those of the parameters and of what the optimizer keeps.
    #[error("load_state: {}", state_names(missing, unexpected))]
    StateNames { missing: Vec<String>, unexpected: Vec<String> },

    /// A state of another shape than its parameter.
    #[error("load_state: {name} has shape {found}, the parameter {expected}")]
    StateShape { name: String, found: Box<Shape>, expected: Box<Shape> },

    /// A state that cannot be made a tensor.
    #[error("state: {name}: {cause}")]
    StateTensor { name: String, cause: refrain_tensor::Error },

    /// An option outside its range.
    #[error("{op}: {option} is {value}, expected {expected}")]
    Option { op: &'static str, option: &'static str, value: f64, expected: &'static str },

    /// Nesterov momentum is defined for plain momentum alone.
    #[error(
        "sgd: nesterov needs a momentum above 0 and a dampening of 0, found momentum {momentum} and dampening {dampening}"
    )]
    Nesterov { momentum: f64, dampening: f64 },
}

impl Error {
    /// The same error with the parameter's name where it lacks one. An optimizer is given parameters
    /// without names, so it can say of a parameter only where it stood; the model knows more.
    ///
    /// ```
    /// use refrain_autograd::{Gradients, Parameter};
    /// use refrain_optim::{Optimizer, SGD};
    /// use refrain_tensor::Tensor;
    /// let mut bias = Parameter::new(Tensor::from([0.0, 0.0])); // of a model
    /// let error = SGD::new(0.1).step([&mut bias], &Gradients::default()).unwrap_err();
    /// let error = error.with_names([("head.bias", &bias)]); // model.named_parameters()
    /// assert_eq!(
    ///     error.to_string(),
    ///     "sgd: the parameter head.bias of shape [2] has no gradient: \
    ///      the loss does not depend on it; freeze it or leave it out"
    /// );
    /// ```
    pub fn with_names<'p, T: Element>(
        mut self,
        parameters: impl IntoIterator<Item = (impl AsRef<str>, &'p Parameter<T>)>,
    ) -> Self {
        if let Error::NoGradient { id, name: name @ None, .. } = &mut self {
            let mut named = parameters.into_iter();
            let found = named.find(|(_, parameter)| parameter.id() == *id);
            *name = found.map(|(found, _)| found.as_ref().into());
        }
        self
    }
}

fn the_parameter(position: usize, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("the parameter {name}"),
        None => format!("parameter {position} (counted from 0)"),
    }
}

fn state_names(missing: &[String], unexpected: &[String]) -> String {
    let parts = [
        (missing, "there is no state for ", ""),
        (unexpected, "there is state for ", ", which the optimizer does not keep"),
    ];
    let parts = parts.iter().filter(|(names, ..)| !names.is_empty());
    let parts: Vec<String> =
        parts.map(|(names, before, after)| format!("{before}{}{after}", names.join(", "))).collect();
    parts.join("; ")
}

/// The result of a fallible operation in this crate.
pub type Result<T> = std::result::Result<T, Error>;
