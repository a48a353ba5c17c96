//! Long short-term memory (Hochreiter and Schmidhuber 1997, Neural Computation 9; with forget gates,
//! Gers et al. 2000, Neural Computation 12).
//!
//! With the gates i, f, o = σ(..) and g = tanh(..), in PyTorch's order i, f, g, o:
//! c' = f c + i g and h' = o tanh(c').

#![allow(unsafe_code)] // vectors read and write through pointers

use super::arithmetic::{Arithmetic, BackwardUnits, ForwardUnits, keep, load_or_zero, of_sigmoid, of_tanh};
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
        [i, f, g, o]: [[S::V; N]; 4],
        units: &[ForwardUnits<S::T>; N],
    ) {
        let (i, f, g) = (sigmoid(s, i), sigmoid(s, f), tanh(s, g));
        // SAFETY: the caller's.
        let c = all!(k < N => unsafe { units[k].load::<S, WHOLE>(s, units[k].c_before) });
        let c = all!(k < N => s.mul_add(f[k], c[k], s.mul(i[k], g[k])));
        let o = sigmoid(s, o);
        let of_c = tanh(s, c);
        let h = all!(k < N => s.mul(o[k], of_c[k]));
        // SAFETY: the caller's.
        unsafe {
            for (k, units) in units.iter().enumerate() {
                units.store::<S, WHOLE>(s, units.c, c[k]);
                units.store::<S, WHOLE>(s, units.h, h[k]);
            }
            if units[0].keep {
                keep::<S, N, WHOLE>(s, [i, f, g, o], units);
            }
        }
    }

    #[inline(always)]
    unsafe fn backward<S: Simd>(self, s: S, dh: S::V, units: &BackwardUnits<S::T>) {
        let lanes = units.lanes;
        // SAFETY: the caller's.
        unsafe {
            let gate = |k: usize| units.gates.add(k * units.gate_step);
            let [i, f, g, o] = [0, 1, 2, 3].map(|k| s.load_first(gate(k), lanes));
            let of_c = tanh(s, [s.load_first(units.c, lanes)])[0];
            let through_h = s.mul(s.mul(dh, o), of_tanh(s, of_c));
            let dc = s.add(s.load_first(units.dc, lanes), through_h);
            let c_before = load_or_zero(s, units.c_before, lanes);
            s.store_first(gate(0), lanes, s.mul(s.mul(dc, g), of_sigmoid(s, i)));
            s.store_first(gate(1), lanes, s.mul(s.mul(dc, c_before), of_sigmoid(s, f)));
            s.store_first(gate(2), lanes, s.mul(s.mul(dc, i), of_tanh(s, g)));
            s.store_first(gate(3), lanes, s.mul(s.mul(dh, of_c), of_sigmoid(s, o)));
            s.store_first(units.dc, lanes, s.mul(dc, f));
        }
    }
}
