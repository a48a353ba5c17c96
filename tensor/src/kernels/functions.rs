//! eˣ, tanh and the logistic function on vectors.
//!
//! All three rest on eʳ − 1 for |r| ≤ ½ ln 2, by a short polynomial. With x = n ln 2 + r,
//! eˣ = 2ⁿ (1 + (eʳ − 1)), tanh x = (e²ˣ − 1) / (e²ˣ + 1), and σ(x) = 1 / (1 + e⁻ˣ). ln 2 is held in
//! two parts, the first short enough for n times it to be exact (Cody and Waite 1980, Software
//! Manual for the Elementary Functions). tanh of `f32` does with one: what that lacks is little where n is
//! small, and where n is large, tanh is flat.
//!
//! Each function takes N vectors and does every operation for all of them before the next one: a
//! chain of some twenty operations waits several cycles for each, and N of them fill the gaps.
//!
//! Bounds on the error, in units in the last place (ulp) of the result, which the tests hold over
//! the whole range of `f32` and over samples of `f64`: exp 1, tanh and sigmoid 2.5; results below the
//! smallest normal number are off by at most one subnormal step, and sigmoid is 0 where e⁻ˣ
//! overflows. tanh keeps the sign of zero; NaN gives NaN.

#![allow(unsafe_code)] // loads and stores of vectors

use super::simd::{Path, Simd, Work};
use crate::{Element, Real};

/// The values of an expression for all `k < N`. Unlike a closure, it is compiled with the instruction
/// set of the function that it stands in.
macro_rules! all {
    ($k:ident < $n:ident => $operation:expr) => {{
        let mut $k = 0;
        let mut all = [$operation; $n];
        while $k + 1 < $n {
            $k += 1;
            all[$k] = $operation;
        }
        all
    }};
}
pub(crate) use all;

/// The constants of an element type.
pub(crate) struct Constants {
    /// ln 2 in two parts.
    ln_2: [f64; 2],
    /// (eʳ − 1 − r) / r² as a polynomial, from the constant term on.
    series: &'static [f64],
    /// Where |x| is larger, eˣ is ∞ or 0.
    largest: f64,
    /// Where 2|x| is larger, tanh x is ±1.
    saturated: f64,
}

/// The polynomial is the one of its degree whose largest error, as a part of eʳ, is the smallest:
/// 3.1e-9, a twentieth of what rounding to `f32` costs.
const SINGLE: Constants = Constants {
    ln_2: [0.693_145_751_953_125, 1.428_606_765_330_187e-6],
    series: &[
        0.499_999_934_504_185_2,
        0.166_665_206_833_340_4,
        0.041_668_387_587_445_32,
        0.008_368_710_490_274_125,
        0.001_381_460_441_851_012,
    ],
    largest: 110.0,
    saturated: 20.0,
};

/// The series is Taylor's.
const DOUBLE: Constants = Constants {
    ln_2: [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10],
    series: INVERSE_FACTORIALS.split_at(2).1,
    largest: 760.0,
    saturated: 42.0,
};

/// 1 / k! for k = 0 … 14.
const INVERSE_FACTORIALS: &[f64] = &{
    let (mut all, mut k) = ([1.0; 15], 1);
    while k < 15 {
        all[k] = all[k - 1] / k as f64;
        k += 1;
    }
    all
};

#[inline(always)]
fn constants<S: Simd>() -> &'static Constants {
    if size_of::<S::T>() == 4 { &SINGLE } else { &DOUBLE }
}

/// A number in each lane.
#[inline(always)]
fn number<S: Simd>(s: S, x: f64) -> S::V {
    s.splat(S::T::from_f64(x))
}

/// The nearest n, where x = n ln 2 + r.
#[inline(always)]
fn exponent<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    all!(k < N => s.round(s.mul(x[k], number(s, std::f64::consts::LOG2_E))))
}

/// r, where x = n ln 2 + r.
#[inline(always)]
fn rest<S: Simd, const N: usize>(s: S, x: [S::V; N], n: [S::V; N]) -> [S::V; N] {
    let [high, low] = constants::<S>().ln_2;
    let r = all!(k < N => s.neg_mul_add(n[k], number(s, high), x[k]));
    all!(k < N => s.neg_mul_add(n[k], number(s, low), r[k]))
}

/// eʳ − 1.
#[inline(always)]
fn exp_less_one<S: Simd, const N: usize>(s: S, r: [S::V; N]) -> [S::V; N] {
    let series = constants::<S>().series;
    let mut sum = [number(s, series[series.len() - 1]); N];
    for &term in series[..series.len() - 1].iter().rev() {
        sum = all!(k < N => s.mul_add(sum[k], r[k], number(s, term)));
    }
    all!(k < N => s.mul_add(s.mul(r[k], r[k]), sum[k], r[k]))
}

/// eˣ, for x [`within`] what matters.
#[inline(always)]
fn exp_within<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    let n = exponent(s, x);
    let p = exp_less_one(s, rest(s, x, n));
    all!(k < N => s.scale(s.add(p[k], number(s, 1.0)), n[k]))
}

/// x, or the largest number of its sign that matters.
#[inline(always)]
fn within<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    let largest = constants::<S>().largest;
    all!(k < N => s.max(number(s, -largest), s.min(number(s, largest), x[k])))
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    exp_within(s, within(s, x))
}

/// tanh x = (e²ˣ − 1) / (e²ˣ + 1), computed for |x|.
#[inline(always)]
pub(crate) fn tanh<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    let (one, two) = (number(s, 1.0), number(s, 2.0));
    let twice = all!(k < N => s.add(s.abs(x[k]), s.abs(x[k])));
    let twice = all!(k < N => s.min(number(s, constants::<S>().saturated), twice[k]));
    let n = exponent(s, twice);
    let r = if size_of::<S::T>() == 4 {
        all!(k < N => s.neg_mul_add(n[k], number(s, std::f64::consts::LN_2), twice[k]))
    } else {
        rest(s, twice, n)
    };
    let p = exp_less_one(s, r);
    let power = all!(k < N => s.scale(one, n[k]));
    let less_one = all!(k < N => s.mul_add(power[k], p[k], s.sub(power[k], one)));
    all!(k < N => s.copysign(s.div(less_one[k], s.add(less_one[k], two)), x[k]))
}

/// σ(x) = 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd, const N: usize>(s: S, x: [S::V; N]) -> [S::V; N] {
    let (x, one) = (within(s, x), number(s, 1.0));
    // A compiler makes the sign part of the next operations.
    let e = exp_within(s, all!(k < N => s.sub(number(s, -0.0), x[k])));
    all!(k < N => s.div(one, s.add(one, e[k])))
}

/// A function that [`apply`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// eˣ.
    Exp,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
}

/// `to[k] = function(from[k])`.
///
/// # Panics
/// Where the lengths differ.
pub fn apply<T: Real>(function: Function, from: &[T], to: &mut [T]) {
    apply_on(Path::of_this_machine(), function, from, to);
}

/// [`apply`] on a path of choice.
pub(crate) fn apply_on<T: Real>(path: Path, function: Function, from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "the lengths of a function's argument and result");
    T::apply(path, function, from, to);
}

pub(crate) fn run<T: Real>(path: Path, function: Function, from: &[T], to: &mut [T]) {
    T::dispatch(path, Apply { function, from, to });
}

struct Apply<'a, T> {
    function: Function,
    from: &'a [T],
    to: &'a mut [T],
}

/// How many vectors a function takes at once: enough to fill the gaps, few enough for the registers.
const TOGETHER: usize = 4;

impl<T: Element> Work<T> for Apply<'_, T> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        let Self { function, from, to } = self;
        let several = TOGETHER * S::LANES;
        s.vectorize(
            #[inline(always)]
            || {
                for (from, to) in from.chunks(several).zip(to.chunks_mut(several)) {
                    if from.len() == several {
                        vectors::<S, TOGETHER>(s, function, from, to);
                        continue;
                    }
                    for (from, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
                        vectors::<S, 1>(s, function, from, to);
                    }
                }
            },
        );
    }
}

/// N vectors, of which the last may have fewer lanes.
#[inline(always)]
fn vectors<S: Simd, const N: usize>(s: S, function: Function, from: &[S::T], to: &mut [S::T]) {
    let count = from.len().min(to.len());
    let lanes = |k: usize| count.saturating_sub(k * S::LANES).min(S::LANES);
    // SAFETY: so many lanes are there from the k-th vector's place on, in both.
    let x = all!(k < N => unsafe { s.load_first(from.as_ptr().wrapping_add(k * S::LANES), lanes(k)) });
    let y = match function {
        Function::Exp => exp(s, x),
        Function::Tanh => tanh(s, x),
        Function::Sigmoid => sigmoid(s, x),
    };
    for (k, y) in y.into_iter().enumerate() {
        // SAFETY: as above.
        unsafe { s.store_first(to.as_mut_ptr().wrapping_add(k * S::LANES), lanes(k), y) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many units in the last place of `expected`, as a number of the type, `found` is off.
    fn ulps_32(found: f32, expected: f64) -> f64 {
        let near = expected as f32;
        if found == near || (found.is_nan() && near.is_nan()) {
            return 0.0;
        }
        let size = near.abs().max(f32::MIN_POSITIVE);
        let ulp = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
        (f64::from(found) - expected).abs() / ulp
    }

    fn exact(function: Function, x: f64) -> f64 {
        match function {
            Function::Exp => x.exp(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => x.sigmoid(),
        }
    }

    const BOUNDS: [(Function, f64); 3] =
        [(Function::Exp, 1.0), (Function::Tanh, 2.5), (Function::Sigmoid, 2.5)];

    fn paths() -> impl Iterator<Item = Path> {
        Path::ALL.into_iter().filter(|path| path.is_available())
    }

    /// Every 509th number of the range, about eight million of them, and all that are special.
    #[test]
    fn single_precision_is_within_the_bounds_everywhere() {
        let special = [0.0, -0.0, f32::INFINITY, -f32::INFINITY, f32::NAN, 1e-45, -1e-45, f32::MAX, f32::MIN];
        let special = special.map(f32::to_bits).into_iter();
        let bits: Vec<u32> = (0..=u32::MAX).step_by(509).chain(special).collect();
        for path in paths() {
            for (function, bound) in BOUNDS {
                let mut worst = (0.0, 0.0);
                for bits in bits.chunks(1 << 12) {
                    let from: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
                    let mut to = vec![0.0; from.len()];
                    apply_on(path, function, &from, &mut to);
                    for (&x, &y) in from.iter().zip(&to) {
                        // σ is 0 where e⁻ˣ overflows.
                        let flushed = function == Function::Sigmoid && x < -88.7 && y == 0.0;
                        let error = if flushed { 0.0 } else { ulps_32(y, exact(function, f64::from(x))) };
                        if error.is_nan() || error > worst.0 {
                            worst = (error, x);
                        }
                    }
                }
                assert!(worst.0 <= bound, "{path:?} {function:?}: {} ulp at {:e}", worst.0, worst.1);
            }
        }
    }

    #[test]
    fn zeros_keep_their_sign_and_infinities_their_limits() {
        for path in paths() {
            let from = [0.0f32, -0.0, f32::INFINITY, -f32::INFINITY];
            let mut to = [9.0; 4];
            apply_on(path, Function::Tanh, &from, &mut to);
            assert_eq!(to.map(f32::to_bits), [0.0f32, -0.0, 1.0, -1.0].map(f32::to_bits), "{path:?}");
            apply_on(path, Function::Sigmoid, &from, &mut to);
            assert_eq!(to, [0.5, 0.5, 1.0, 0.0], "{path:?}");
            apply_on(path, Function::Exp, &from, &mut to);
            assert_eq!(to, [1.0, 1.0, f32::INFINITY, 0.0], "{path:?}");
        }
    }

    /// What the comment of [`SINGLE`] says of its polynomial, over |r| ≤ ½ ln 2.
    #[test]
    fn the_short_polynomial_is_as_near_as_it_says() {
        let error = |k: i32| {
            let r = f64::from(k) / 1e4 * std::f64::consts::LN_2 / 2.0;
            let series = SINGLE.series.iter().rev().fold(0.0, |sum, term| sum * r + term);
            ((1.0 + r + r * r * series) / r.exp() - 1.0).abs()
        };
        let worst = (-10_000..=10_000).map(error).fold(0.0, f64::max);
        assert!((3.0e-9..3.1e-9).contains(&worst), "{worst:e}");
    }

    fn several_vectors_are_as_each_alone<T: Real>(bits: fn(T) -> u64) {
        let from: Vec<T> = (0..150).map(|k| T::from_f64(f64::from(k * 37 % 301) / 10.0 - 15.0)).collect();
        for path in paths() {
            for (function, _) in BOUNDS {
                let mut to = vec![T::ZERO; from.len()];
                apply_on(path, function, &from, &mut to);
                for (&x, &y) in from.iter().zip(&to) {
                    let mut alone = [T::ZERO];
                    apply_on(path, function, &[x], &mut alone);
                    assert_eq!(bits(y), bits(alone[0]), "{path:?} {function:?}");
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_how_many_go_together() {
        several_vectors_are_as_each_alone::<f32>(|x| x.to_bits().into());
        several_vectors_are_as_each_alone::<f64>(f64::to_bits);
    }

    proptest! {
        #[test]
        fn double_precision_is_close(x in prop_oneof![-800.0..800.0f64, -1.0..1.0f64, -1e-6..1e-6f64]) {
            for path in paths() {
                for (function, bound) in BOUNDS {
                    let mut y = [0.0];
                    apply_on(path, function, &[x], &mut y);
                    let expected = exact(function, x);
                    let error = (y[0] - expected).abs() / (f64::EPSILON * expected.abs().max(f64::MIN_POSITIVE));
                    let flushed = function == Function::Sigmoid && x < -709.0;
                    // The reference is rounded as well: half a unit more, twice where ulps are small.
                    prop_assert!(y[0] == expected || flushed || error <= bound + 1.0, "{path:?} {function:?} {x}: {error}");
                }
            }
        }
    }
}
