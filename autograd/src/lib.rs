#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod backward;
mod by_parameter;
mod error;
mod gradcheck;
mod gradients;
mod graph;
mod list;
mod ops;
mod parameter;
mod reach;
mod tape;
mod var;

pub use error::{Error, Result};
pub use gradcheck::{Gradcheck, GradcheckError, gradcheck};
pub use gradients::Gradients;
pub use graph::{Graph, GraphNode};
pub use parameter::{Parameter, ParameterId};
pub use tape::Tape;
pub use var::Var;

/// The crate of the tensors that variables hold.
pub use refrain_tensor as tensor;
