//! The recurrent layers: cells that a learner can read, and fused layers that are one node on the
//! tape for a whole sequence.
//!
//! Sequences are `[seq, batch, features]`. [`sweep`] holds the arithmetic over plain slices,
//! [`shape`] the checks that all layers share.

mod cell;
mod rnn;
mod shape;
mod sweep;

pub use cell::RNNCell;
pub use rnn::{RNN, RNNBuilder};

use refrain_tensor::Real;

/// The function that an RNN applies to its new state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0).
    ReLU,
}

impl Nonlinearity {
    fn of<T: Real>(self, x: T) -> T {
        match self {
            Self::Tanh => x.tanh(),
            Self::ReLU => {
                if x < T::zero() {
                    T::zero()
                } else {
                    x
                }
            }
        }
    }

    /// The derivative, as a function of the value y.
    fn slope<T: Real>(self, y: T) -> T {
        match self {
            Self::Tanh => T::one() - y * y,
            Self::ReLU => {
                if y > T::zero() {
                    T::one()
                } else {
                    T::zero()
                }
            }
        }
    }
}
