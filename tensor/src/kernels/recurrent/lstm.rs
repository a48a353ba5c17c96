//! Long short-term memory (Hochreiter and Schmidhuber 1997, Neural Computation 9; with forget gates,
//! Gers et al. 2000, Neural Computation 12).
//!
//! With the gates i, f, o = σ(..) and g = tanh(..), in PyTorch's order i, f, g, o:
//! c' = f c + i g and h' = o tanh(c').

#![allow(unsafe_code)] // vectors read and write through pointers

use num_traits::Float;

use super::arithmetic::{
    Arithmetic, BackwardUnits, ForwardUnits, GATES, keep, kept, load, load_or_zero, of_sigmoid, of_tanh,
    store, store_h,
};
use crate::kernels::{
    functions::{all, sigmoid, tanh},
    simd::Simd,
};

/// The arithmetic of an LSTM.
#[derive(Clone, Copy)]
pub(super) struct LongShortTermMemory;

impl Arithmetic for LongShortTermMemory {
    const GATES: usize = 4;
    const GROUPS: usize = 1;
    const PANELS: usize = 2;
    const KEPT: usize = 4;
    const GRADIENTS: usize = 4;
    const CELL: bool = true;

    #[inline(always)]
    unsafe fn forward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        [i, f, g, o]: [[S::V; N]; GATES],
        units: &[ForwardUnits<S::T>; N],
    ) {
        let (i, f, g) = (sigmoid(s, i), sigmoid(s, f), tanh(s, g));
        // SAFETY: the caller's.
        let c = all!(k < N => unsafe { load_or_zero::<S, WHOLE>(s, units[k].c_before, units[k].lanes) });
        let c = all!(k < N => s.mul_add(f[k], c[k], s.mul(i[k], g[k])));
        let o = sigmoid(s, o);
        let of_c = tanh(s, c);
        let h = all!(k < N => s.mul(o[k], of_c[k]));
        // SAFETY: the caller's.
        unsafe {
            for (k, units) in units.iter().enumerate() {
                store::<S, WHOLE>(s, units.c, units.lanes, c[k]);
            }
            store_h::<S, N, WHOLE>(s, h, units);
            if units[0].keep {
                if units[0].own_ahead != 0 {
                    for (k, units) in units.iter().enumerate() {
                        store::<S, WHOLE>(s, units.c_before.cast_mut(), units.lanes, c[k]);
                    }
                }
                keep::<S, N, WHOLE>(s, [i, f, g, o], units);
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
        let [i, f, g, o] = unsafe { kept::<S, N, WHOLE>(s, units) };
        // SAFETY: the caller's.
        let h = all!(k < N => unsafe { load::<S, WHOLE>(s, units[k].h, units[k].lanes) });
        // tanh c' is h' / o. Where o is 0 or subnormal, so is h', and the quotient is coarse; but whatever
        // it is gets multiplied by o. The order matters to `max`: o may be NaN.
        let least = s.splat(Float::min_positive_value());
        let of_c = all!(k < N => s.div(h[k], s.max(least, o[k])));
        let c_before =
            // SAFETY: the caller's.
            all!(k < N => unsafe { load_or_zero::<S, WHOLE>(s, units[k].c_before, units[k].lanes) });
        // SAFETY: the caller's.
        let dc = all!(k < N => unsafe { load::<S, WHOLE>(s, units[k].dc, units[k].lanes) });
        let through_h = all!(k < N => s.mul(s.mul(dh[k], o[k]), of_tanh(s, of_c[k])));
        let dc = all!(k < N => s.add(dc[k], through_h[k]));
        let di = all!(k < N => s.mul(s.mul(dc[k], g[k]), of_sigmoid(s, i[k])));
        let df = all!(k < N => s.mul(s.mul(dc[k], c_before[k]), of_sigmoid(s, f[k])));
        let dg = all!(k < N => s.mul(s.mul(dc[k], i[k]), of_tanh(s, g[k])));
        let d_o = all!(k < N => s.mul(s.mul(dh[k], of_c[k]), of_sigmoid(s, o[k])));
        let dc_before = all!(k < N => s.mul(dc[k], f[k]));
        for (k, units) in units.iter().enumerate() {
            for (gate, da) in [di, df, dg, d_o].into_iter().enumerate() {
                // SAFETY: the caller's.
                unsafe { store::<S, WHOLE>(s, units.gate(gate), units.lanes, da[k]) };
            }
            // SAFETY: the caller's.
            unsafe { store::<S, WHOLE>(s, units.dc, units.lanes, dc_before[k]) };
        }
    }
}
