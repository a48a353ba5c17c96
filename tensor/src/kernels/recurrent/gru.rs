//! The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), as PyTorch and cuDNN define it: the
//! reset gate acts after the product with W_hh.
//!
//! With r, z = σ(..), in PyTorch's order r, z, n, and q = W_hn h + b_hn:
//! n = tanh(W_in x + b_in + r q) and h' = (1 − z) n + z h, computed as n + z (h − n).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, load_or_zero, of_sigmoid, of_tanh};
use crate::{
    Number,
    kernels::{
        functions::{sigmoid, tanh},
        simd::Simd,
    },
};

/// The arithmetic of a GRU. Kept are r, z, n and q; their gradients are those of the arguments of
/// r and z, of q, and of n.
#[derive(Clone, Copy)]
pub(super) struct GatedUnit;

impl Arithmetic for GatedUnit {
    const GATES: usize = 3;
    const GROUPS: usize = 1;
    const KEPT: usize = 4;
    const GRADIENTS: usize = 4;
    const APART: bool = true;
    const CARRIES: bool = true;

    #[inline(always)]
    fn activate<S: Simd>(self, s: S, gate: usize, sum: S::V) -> S::V {
        if gate < 2 { sigmoid(s, sum) } else { sum }
    }

    #[inline(always)]
    unsafe fn forward<S: Simd>(self, s: S, &[r, z, q, _]: &[S::V; 4], units: &ForwardUnits<S::T>) {
        let lanes = units.lanes;
        // SAFETY: the caller's.
        unsafe {
            let of_x = s.load_first(units.gates.add(2 * units.gate_step), lanes);
            let n = tanh(s, s.mul_add(r, q, of_x));
            let h_before = load_or_zero(s, units.h_before, lanes);
            s.store_first(units.h, lanes, s.mul_add(z, s.sub(h_before, n), n));
            if units.keep {
                for (k, kept) in [r, z, n, q].into_iter().enumerate() {
                    s.store_first(units.gates.add(k * units.gate_step), lanes, kept);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(self, s: S, dh: S::V, units: &BackwardUnits<S::T>) {
        let lanes = units.lanes;
        // SAFETY: the caller's.
        unsafe {
            let place = |k: usize| units.gates.add(k * units.gate_step);
            let [r, z, n, q] = [0, 1, 2, 3].map(|k| s.load_first(place(k), lanes));
            let h_before = load_or_zero(s, units.h_before, lanes);
            let through_z = s.mul(dh, z);
            let dn = s.mul(s.mul(dh, s.sub(s.splat(S::T::ONE), z)), of_tanh(s, n));
            s.store_first(place(0), lanes, s.mul(s.mul(dn, q), of_sigmoid(s, r)));
            s.store_first(place(1), lanes, s.mul(s.mul(dh, s.sub(h_before, n)), of_sigmoid(s, z)));
            s.store_first(place(2), lanes, s.mul(dn, r));
            s.store_first(place(3), lanes, dn);
            s.store_first(units.carry, lanes, through_z);
        }
    }
}
