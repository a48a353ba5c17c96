//! The simple cell (Elman 1990, Cognitive Science 14): h' = f(W_ih x + b_ih + W_hh h + b_hh), with
//! f = tanh or max(·, 0).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, of_tanh};
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
        [sums, ..]: [[S::V; N]; 4],
        units: &[ForwardUnits<S::T>; N],
    ) {
        let h = match self {
            Self::Tanh => tanh(s, sums),
            Self::ReLU => all!(k < N => s.max(s.splat(S::T::ZERO), sums[k])),
        };
        for (units, h) in units.iter().zip(h) {
            // SAFETY: the caller's.
            unsafe { units.store::<S, WHOLE>(s, units.h, h) };
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(self, s: S, dh: S::V, units: &BackwardUnits<S::T>) {
        // SAFETY: the caller's.
        unsafe {
            let h = s.load_first(units.h, units.lanes);
            let da = match self {
                Self::Tanh => s.mul(dh, of_tanh(s, h)),
                Self::ReLU => s.zero_where_not_positive(h, dh),
            };
            s.store_first(units.gates, units.lanes, da);
        }
    }
}
