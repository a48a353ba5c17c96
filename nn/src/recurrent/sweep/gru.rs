//! One row of a gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), as PyTorch and cuDNN
//! define it: the reset gate acts after the product with W_hh.
//!
//! With the gates r, z = σ(..), in PyTorch's order r, z, n:
//! n = tanh(W_in x + b_in + r (W_hn h + b_hn)) and h' = (1 − z) n + z h, computed as n + z (h − n).

use refrain_tensor::Real;

use super::{BackwardRow, ForwardRow, Step};

/// The arithmetic of a GRU.
#[derive(Clone, Copy)]
pub(crate) struct GatedUnit;

impl<T: Real> Step<T> for GatedUnit {
    const GATES: usize = 3;
    const APART: bool = true;

    fn forward(self, row: ForwardRow<'_, T>) {
        let n = row.h.len();
        let (r, rest) = row.gates.split_at_mut(n);
        let (z, new) = rest.split_at_mut(n);
        let part = |k: usize| &row.recurrent[k * n..(k + 1) * n];
        let (of_r, of_z, of_new) = (part(0), part(1), part(2));
        for k in 0..n {
            (r[k], z[k]) = ((r[k] + of_r[k]).sigmoid(), (z[k] + of_z[k]).sigmoid());
            row.extra[k] = of_new[k];
            new[k] = (new[k] + r[k] * of_new[k]).tanh();
            row.h[k] = new[k] + z[k] * (row.h_before[k] - new[k]);
        }
    }

    fn backward(self, row: BackwardRow<'_, T>) {
        let n = row.dh.len();
        let gate = |k: usize| &row.gates[k * n..(k + 1) * n];
        let (r, z, new) = (gate(0), gate(1), gate(2));
        let of_sigmoid = |y: T| y * (T::one() - y);
        for k in 0..n {
            let d_new = row.dh[k] * (T::one() - z[k]) * (T::one() - new[k] * new[k]);
            row.d_input[k] = d_new * row.extra[k] * of_sigmoid(r[k]);
            row.d_input[n + k] = row.dh[k] * (row.h_before[k] - new[k]) * of_sigmoid(z[k]);
            row.d_input[2 * n + k] = d_new;
            row.d_recurrent[2 * n + k] = d_new * r[k];
            row.dh_before[k] = row.dh[k] * z[k];
        }
        row.d_recurrent[..2 * n].copy_from_slice(&row.d_input[..2 * n]);
    }
}
