//! What a cell computes for some vectors of its units, forward and backward.

#![allow(unsafe_code)] // vectors read and write through pointers

use crate::kernels::{functions::all, simd::Simd};

/// The most gates of a cell.
pub(super) const GATES: usize = 4;

/// The arithmetic of a cell.
pub(super) trait Arithmetic: Copy + Send + Sync {
    /// The number of gates, G: the sums that a unit needs.
    const GATES: usize;
    /// Vectors of units whose gates are computed in one tile: a block.
    const GROUPS: usize;
    /// Panels that hold the gates of a block. Half as many vectors in a panel's row leave room for
    /// twice as many rows in a tile, so that the panel is read half as often.
    const PANELS: usize = 1;
    /// Vectors of gates in a block.
    const WIDTH: usize = Self::GATES * Self::GROUPS;
    /// Vectors in a panel's row.
    const C: usize = Self::WIDTH / Self::PANELS;
    /// Numbers a unit that backward needs beside h and c: they lie H apart.
    const KEPT: usize;
    /// Numbers a unit that backward leaves in place of those: the gradients of the gates'
    /// arguments.
    const GRADIENTS: usize;
    /// Whether there is a cell state.
    const CELL: bool = false;
    /// Whether the last gate's W_hh h + b_hh is needed apart from its W_ih x + b_ih.
    const APART: bool = false;
    /// Whether part of the gradient of h goes past W_hh to the step before.
    const CARRIES: bool = false;
    /// Whether four vectors of units go through `forward` together, and not two: more fill the gaps
    /// between operations that wait for each other, until the registers are full.
    const FOUR_TOGETHER: bool = false;

    /// Turns the sums of N vectors of units, by gate, into the new states. The N go through every
    /// operation together; see [`functions`](crate::kernels::functions).
    ///
    /// # Safety
    /// The places are those of `lanes` units each, or of whole vectors if `WHOLE`, and those that
    /// `own_ahead` speaks of can be written. Two of them are the same only where the sums are. All keep, or
    /// none, and all have the same `own_ahead`.
    unsafe fn forward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        sums: [[S::V; N]; GATES],
        units: &[ForwardUnits<S::T>; N],
    );

    /// Turns the gradients of the new states of N vectors of units into those of the gates' arguments
    /// and of the states before. As in `forward`, the N go through every operation together.
    ///
    /// # Safety
    /// As in `forward`.
    unsafe fn backward<S: Simd, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        dh: [S::V; N],
        units: &[BackwardUnits<S::T>; N],
    );
}

/// Where the numbers of one vector of units lie on the way forward.
#[derive(Clone, Copy)]
pub(super) struct ForwardUnits<T> {
    /// How many units the vector has.
    pub(super) lanes: usize,
    /// H: from one number of a unit that is kept to the next.
    pub(super) gate_step: usize,
    /// W_ih x + b of the last gate, where that is apart.
    pub(super) of_x: *const T,
    /// The place of what backward needs, if that is kept.
    pub(super) kept: *mut T,
    pub(super) keep: bool,
    /// The states before, or null for 0.
    pub(super) h_before: *const T,
    pub(super) c_before: *const T,
    /// Where the new states go.
    pub(super) h: *mut T,
    pub(super) c: *mut T,
    /// If not 0: the new h goes as well so far beyond `h_before`, and where all is kept, the new c in place of
    /// `c_before`.
    pub(super) own_ahead: usize,
}

impl<T: crate::Real> ForwardUnits<T> {
    /// Where the k-th number of what is kept goes.
    #[inline(always)]
    pub(super) fn kept(&self, k: usize) -> *mut T {
        self.kept.wrapping_add(k * self.gate_step)
    }
}

/// Leaves for backward what it needs: of each of N vectors of units, four numbers a unit.
///
/// # Safety
/// These are places of the units.
#[inline(always)]
pub(super) unsafe fn keep<S: Simd, const N: usize, const WHOLE: bool>(
    s: S,
    kept: [[S::V; N]; GATES],
    units: &[ForwardUnits<S::T>; N],
) {
    for (gate, kept) in kept.into_iter().enumerate() {
        for (units, kept) in units.iter().zip(kept) {
            // SAFETY: the caller's.
            unsafe { store::<S, WHOLE>(s, units.kept(gate), units.lanes, kept) };
        }
    }
}

/// What [`keep`] left.
///
/// # Safety
/// These are places of the units.
#[inline(always)]
pub(super) unsafe fn kept<S: Simd, const N: usize, const WHOLE: bool>(
    s: S,
    units: &[BackwardUnits<S::T>; N],
) -> [[S::V; N]; GATES] {
    // SAFETY: the caller's.
    all!(gate < GATES => all!(k < N => unsafe { load::<S, WHOLE>(s, units[k].gate(gate), units[k].lanes) }))
}

/// Where the numbers of one vector of units lie on the way back.
#[derive(Clone, Copy)]
pub(super) struct BackwardUnits<T> {
    pub(super) lanes: usize,
    pub(super) gate_step: usize,
    /// What forward kept before, the gradients of the gates' arguments after.
    pub(super) gates: *mut T,
    pub(super) h: *const T,
    /// The states before, or null for 0.
    pub(super) h_before: *const T,
    pub(super) c_before: *const T,
    /// The gradient of c before, of `c_before` after.
    pub(super) dc: *mut T,
    /// What goes past W_hh to `h_before`, after.
    pub(super) carry: *mut T,
}

impl<T: crate::Real> BackwardUnits<T> {
    /// Where a gate is.
    #[inline(always)]
    pub(super) fn gate(&self, k: usize) -> *mut T {
        self.gates.wrapping_add(k * self.gate_step)
    }
}

/// The numbers of `lanes` units, or of a whole vector of them.
///
/// # Safety
/// `lanes` numbers can be read at `from`, or a vector if `WHOLE`.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const WHOLE: bool>(s: S, from: *const S::T, lanes: usize) -> S::V {
    // SAFETY: the caller's.
    unsafe { if WHOLE { s.load(from) } else { s.load_first(from, lanes) } }
}

/// The same at a place that may be null, for 0.
///
/// # Safety
/// As [`load`], unless `from` is null.
#[inline(always)]
pub(super) unsafe fn load_or_zero<S: Simd, const WHOLE: bool>(s: S, from: *const S::T, lanes: usize) -> S::V {
    // SAFETY: the caller's.
    if from.is_null() { s.splat(crate::Number::ZERO) } else { unsafe { load::<S, WHOLE>(s, from, lanes) } }
}

/// Writes the numbers of `lanes` units, or of a whole vector of them.
///
/// # Safety
/// `lanes` numbers can be written at `to`, or a vector if `WHOLE`.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const WHOLE: bool>(s: S, to: *mut S::T, lanes: usize, v: S::V) {
    // SAFETY: the caller's.
    unsafe { if WHOLE { s.store(to, v) } else { s.store_first(to, lanes, v) } }
}

/// Writes new states where they go, for N vectors of units.
///
/// # Safety
/// As [`store`], for all places.
#[inline(always)]
pub(super) unsafe fn store_h<S: Simd, const N: usize, const WHOLE: bool>(
    s: S,
    h: [S::V; N],
    units: &[ForwardUnits<S::T>; N],
) {
    for (units, h) in units.iter().zip(h) {
        // SAFETY: the caller's.
        unsafe { store::<S, WHOLE>(s, units.h, units.lanes, h) };
    }
    if units[0].own_ahead != 0 {
        for (units, h) in units.iter().zip(h) {
            let own = units.h_before.cast_mut().wrapping_add(units.own_ahead);
            // SAFETY: the caller's.
            unsafe { store::<S, WHOLE>(s, own, units.lanes, h) };
        }
    }
}

/// y (1 − y): the derivative of σ, of its value.
#[inline(always)]
pub(super) fn of_sigmoid<S: Simd>(s: S, y: S::V) -> S::V {
    s.neg_mul_add(y, y, y)
}

/// 1 − y²: the derivative of tanh, of its value.
#[inline(always)]
pub(super) fn of_tanh<S: Simd>(s: S, y: S::V) -> S::V {
    s.neg_mul_add(y, y, s.splat(crate::Number::ONE))
}
