//! One row of an Elman network: h' = f(W_ih x + b_ih + W_hh h + b_hh).

use refrain_tensor::Real;

use super::{BackwardRow, ForwardRow, Step};
use crate::Nonlinearity;

impl<T: Real> Step<T> for Nonlinearity {
    const GATES: usize = 1;

    fn forward(self, row: ForwardRow<'_, T>) {
        for (a, h) in row.gates.iter_mut().zip(row.h) {
            *a = self.of(*a);
            *h = *a;
        }
    }

    fn backward(self, row: BackwardRow<'_, T>) {
        for ((d, &h), &dh) in row.d_input.iter_mut().zip(row.gates).zip(row.dh) {
            *d = dh * self.slope(h);
        }
    }
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
