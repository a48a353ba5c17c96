#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod adagrad;
mod adam;
mod adamw;
mod clip;
mod elements;
mod error;
mod one_cycle;
mod optimizer;
mod options;
mod rmsprop;
mod schedule;
mod sgd;
mod state;
mod states;
mod terms;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use clip::{clip_grad_norm, clip_grad_value, grad_norm};
pub use error::{Error, Result};
pub use one_cycle::{Annealing, OneCycleLR};
pub use optimizer::Optimizer;
pub use rmsprop::RMSprop;
pub use schedule::{CosineAnnealingLR, ExponentialLR, LinearLR, Schedule, StepLR};
pub use sgd::SGD;
pub use state::{OptimizerState, ParameterState};

/// The crate of the parameters and gradients.
pub use refrain_autograd as autograd;
/// The crate of the tensors.
pub use refrain_tensor as tensor;
