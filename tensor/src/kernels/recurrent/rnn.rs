//! The simple cell (Elman 1990, Cognitive Science 14): h' = f(W_ih x + b_ih + W_hh h + b_hh), with
//! f = tanh or max(·, 0).

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, of_tanh};
use crate::{
    Number,
    kernels::{functions::tanh, simd::Simd},
};

/// f = tanh.
#[derive(Clone, Copy)]
pub(super) struct Tanh;

/// f = max(·, 0).
#[derive(Clone, Copy)]
pub(super) struct ReLU;

macro_rules! simple {
    ($cell:ident, forward($s:ident, $sum:ident) = $forward:expr, backward($t:ident, $h:ident, $dh:ident) = $backward:expr) => {
        impl Arithmetic for $cell {
            const GATES: usize = 1;
            const GROUPS: usize = 2;
            const KEPT: usize = 0;
            const GRADIENTS: usize = 1;

            #[inline(always)]
            unsafe fn forward<S: Simd>(self, $s: S, sums: &[S::V; 4], units: &ForwardUnits<S::T>) {
                let $sum = sums[0];
                // SAFETY: the caller's.
                unsafe { $s.store_first(units.h, units.lanes, $forward) };
            }

            #[inline(always)]
            unsafe fn backward<S: Simd>(self, $t: S, $dh: S::V, units: &BackwardUnits<S::T>) {
                // SAFETY: the caller's.
                unsafe {
                    let $h = $t.load_first(units.h, units.lanes);
                    $t.store_first(units.gates, units.lanes, $backward);
                }
            }
        }
    };
}
simple!(Tanh, forward(s, sum) = tanh(s, sum), backward(s, h, dh) = s.mul(dh, of_tanh(s, h)));
simple!(
    ReLU,
    forward(s, sum) = s.max(s.splat(S::T::ZERO), sum),
    backward(s, h, dh) = s.zero_where_not_positive(h, dh)
);
