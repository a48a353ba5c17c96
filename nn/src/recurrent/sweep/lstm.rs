//! One row of a long short-term memory (Hochreiter and Schmidhuber 1997, Neural Computation 9;
//! with forget gates, Gers et al. 2000, Neural Computation 12).
//!
//! With the gates i, f, o = σ(..) and g = tanh(..), in PyTorch's order i, f, g, o:
//! c' = f c + i g and h' = o tanh(c').

use refrain_tensor::Real;

use super::{BackwardRow, ForwardRow, Step};

/// The arithmetic of an LSTM.
#[derive(Clone, Copy)]
pub(crate) struct LongShortTermMemory;

impl<T: Real> Step<T> for LongShortTermMemory {
    const GATES: usize = 4;
    const CELL: bool = true;

    fn forward(self, row: ForwardRow<'_, T>) {
        let n = row.h.len();
        let (i, rest) = row.gates.split_at_mut(n);
        let (f, rest) = rest.split_at_mut(n);
        let (g, o) = rest.split_at_mut(n);
        for k in 0..n {
            (i[k], f[k], o[k]) = (i[k].sigmoid(), f[k].sigmoid(), o[k].sigmoid());
            g[k] = g[k].tanh();
            row.c[k] = f[k] * row.c_before[k] + i[k] * g[k];
            row.h[k] = o[k] * row.c[k].tanh();
        }
    }

    fn backward(self, row: BackwardRow<'_, T>) {
        let n = row.dh.len();
        let gate = |k: usize| &row.gates[k * n..(k + 1) * n];
        let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
        let (di, rest) = row.d_input.split_at_mut(n);
        let (df, rest) = rest.split_at_mut(n);
        let (dg, d_o) = rest.split_at_mut(n);
        let of_sigmoid = |y: T| y * (T::one() - y);
        for k in 0..n {
            let tanh_c = row.c[k].tanh();
            let dc = row.dc[k] + row.dh[k] * o[k] * (T::one() - tanh_c * tanh_c);
            di[k] = dc * g[k] * of_sigmoid(i[k]);
            df[k] = dc * row.c_before[k] * of_sigmoid(f[k]);
            dg[k] = dc * i[k] * (T::one() - g[k] * g[k]);
            d_o[k] = row.dh[k] * tanh_c * of_sigmoid(o[k]);
            row.dc[k] = dc * f[k];
        }
    }
}
