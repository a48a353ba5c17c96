//! The simple cell (Elman 1990, Cognitive Science 14): h' = f(W_ih x + b_ih + W_hh h + b_hh), with
//! f = tanh or max(·, 0).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, GATES, load, of_tanh, store, store_h};
use crate::{
    Number,
    kernels::{
        functions::{all, tanh},
        simd::Simd,
    },
};

/// The arithmetic of a simple cell.
#[derive(Clone, Copy)]
pub(super) enum Simple {
    /// f = tanh.
    Tanh,
    /// f = max(·, 0).
    ReLU,
}

impl Arithmetic for Simple {
    const GATES: usize = 1;
    const GROUPS: usize = 2;
    const KEPT: usize = 0;
    const GRADIENTS: usize = 1;

    #[inline(always)]
    unsafe fn forward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        [sums, ..]: [[S::V; N]; GATES],
        units: &[ForwardUnits<S::T>; N],
    ) {
        let h = match self {
            Self::Tanh => tanh(s, sums),
            Self::ReLU => all!(k < N => s.max(s.splat(S::T::ZERO), sums[k])),
        };
        // SAFETY: the caller's.
        unsafe { store_h::<S, N, WHOLE>(s, h, units) };
    }

    #[inline(always)]
    unsafe fn backward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        dh: [S::V; N],
        units: &[BackwardUnits<S::T>; N],
    ) {
        // SAFETY: the caller's.
        let h = all!(k < N => unsafe { load::<S, WHOLE>(s, units[k].h, units[k].lanes) });
        let da = match self {
            Self::Tanh => all!(k < N => s.mul(dh[k], of_tanh(s, h[k]))),
            Self::ReLU => all!(k < N => s.zero_where_not_positive(h[k], dh[k])),
        };
        for (units, da) in units.iter().zip(da) {
            // SAFETY: the caller's.
            unsafe { store::<S, WHOLE>(s, units.gates, units.lanes, da) };
        }
    }
}
