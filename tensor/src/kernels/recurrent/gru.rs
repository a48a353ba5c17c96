//! The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), as PyTorch and cuDNN define it: the
//! reset gate acts after the product with W_hh.
//!
//! With r, z = σ(..), in PyTorch's order r, z, n, and q = W_hn h + b_hn:
//! n = tanh(W_in x + b_in + r q) and h' = (1 − z) n + z h, computed as n + z (h − n).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, keep, load_or_zero, of_sigmoid, of_tanh};
use crate::{
    Number,
    kernels::{
        functions::{all, sigmoid, tanh},
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
    unsafe fn forward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        [r, z, q, _]: [[S::V; N]; 4],
        units: &[ForwardUnits<S::T>; N],
    ) {
        // SAFETY: the caller's.
        let of_x = all!(k < N => unsafe { units[k].load::<S, WHOLE>(s, units[k].gate(2)) });
        // SAFETY: the caller's.
        let h = all!(k < N => unsafe { units[k].load::<S, WHOLE>(s, units[k].h_before) });
        let r = sigmoid(s, r);
        let z = sigmoid(s, z);
        let n = tanh(s, all!(k < N => s.mul_add(r[k], q[k], of_x[k])));
        let h = all!(k < N => s.mul_add(z[k], s.sub(h[k], n[k]), n[k]));
        // SAFETY: the caller's.
        unsafe {
            for (units, h) in units.iter().zip(h) {
                units.store::<S, WHOLE>(s, units.h, h);
            }
            if units[0].keep {
                keep::<S, N, WHOLE>(s, [r, z, n, q], units);
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
