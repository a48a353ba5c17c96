//! The gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), as PyTorch and cuDNN define it: the
//! reset gate acts after the product with W_hh.
//!
//! With r, z = σ(..), in PyTorch's order r, z, n, and q = W_hn h + b_hn:
//! n = tanh(W_in x + b_in + r q) and h' = (1 − z) n + z h, computed as n + z (h − n).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{
    Arithmetic, BackwardUnits, ForwardUnits, GATES, keep, kept, load, load_or_zero, of_sigmoid, of_tanh,
    store, store_h,
};
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
    const FOUR_TOGETHER: bool = true;

    #[inline(always)]
    unsafe fn forward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        [r, z, q, _]: [[S::V; N]; GATES],
        units: &[ForwardUnits<S::T>; N],
    ) {
        // SAFETY: the caller's.
        let of_x = all!(k < N => unsafe { load::<S, WHOLE>(s, units[k].of_x, units[k].lanes) });
        // SAFETY: the caller's.
        let h = all!(k < N => unsafe { load_or_zero::<S, WHOLE>(s, units[k].h_before, units[k].lanes) });
        let r = sigmoid(s, r);
        let z = sigmoid(s, z);
        let n = tanh(s, all!(k < N => s.mul_add(r[k], q[k], of_x[k])));
        let h = all!(k < N => s.mul_add(z[k], s.sub(h[k], n[k]), n[k]));
        // SAFETY: the caller's.
        unsafe {
            store_h::<S, N, WHOLE>(s, h, units);
            if units[0].keep {
                keep::<S, N, WHOLE>(s, [r, z, n, q], units);
            }
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        dh: [S::V; N],
        units: &[BackwardUnits<S::T>; N],
    ) {
        // SAFETY: the caller's.
        let [r, z, n, q] = unsafe { kept::<S, N, WHOLE>(s, units) };
        let h_before =
            // SAFETY: the caller's.
            all!(k < N => unsafe { load_or_zero::<S, WHOLE>(s, units[k].h_before, units[k].lanes) });
        let one = s.splat(S::T::ONE);
        let dn = all!(k < N => s.mul(s.mul(dh[k], s.sub(one, z[k])), of_tanh(s, n[k])));
        let dr = all!(k < N => s.mul(s.mul(dn[k], q[k]), of_sigmoid(s, r[k])));
        let dz = all!(k < N => s.mul(s.mul(dh[k], s.sub(h_before[k], n[k])), of_sigmoid(s, z[k])));
        let dq = all!(k < N => s.mul(dn[k], r[k]));
        let through_z = all!(k < N => s.mul(dh[k], z[k]));
        for (k, units) in units.iter().enumerate() {
            for (gate, da) in [dr, dz, dq, dn].into_iter().enumerate() {
                // SAFETY: the caller's.
                unsafe { store::<S, WHOLE>(s, units.gate(gate), units.lanes, da[k]) };
            }
            // SAFETY: the caller's.
            unsafe { store::<S, WHOLE>(s, units.carry, units.lanes, through_z[k]) };
        }
    }
}
