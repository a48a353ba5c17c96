//! Each operation of each path held to the same operation on one number, lane by lane.

use super::{Path, Simd, Work};
use crate::Real;

/// The lanes of the widest vector there is.
const MOST: usize = 16;

/// What a lane can hold, as far as rounding, signs and comparisons go. The fractions are far from
/// the middle between two whole numbers and small, as `round` has them in the kernels.
const VALUES: [f64; 13] =
    [0.0, -0.0, 1.0, -1.0, 2.3, -2.7, 1e-3, -77.8, 1e-40, f64::INFINITY, -f64::INFINITY, f64::NAN, 1e30];

/// `MOST` of the values, from one of them on.
fn values_from<T: Real>(first: usize) -> [T; MOST] {
    std::array::from_fn(|k| T::from_f64(VALUES[(first + k) % VALUES.len()]))
}

type Named<R> = (&'static str, R);

/// Every operation on lanes but `scale`, on three vectors.
struct Every<T>([T; MOST], [T; MOST], [T; MOST]);

impl<T: Real> Work<T> for Every<T> {
    type Output = Vec<Named<Vec<T>>>;

    fn run<S: Simd<T = T>>(self, s: S) -> Self::Output {
        assert!(S::LANES <= MOST);
        let stored = |v: S::V| {
            let mut lanes = vec![T::ZERO; S::LANES];
            // SAFETY: all lanes have room.
            unsafe { s.store(lanes.as_mut_ptr(), v) };
            lanes
        };
        s.vectorize(|| {
            // SAFETY: the arrays hold the lanes of the widest vector.
            let [a, b, c] = [&self.0, &self.1, &self.2].map(|x| unsafe { s.load(x.as_ptr()) });
            let results = [
                ("load", a),
                ("splat of the first", s.splat(s.first(a))),
                ("add", s.add(a, b)),
                ("sub", s.sub(a, b)),
                ("mul", s.mul(a, b)),
                ("div", s.div(a, b)),
                ("mul_add", s.mul_add(a, b, c)),
                ("neg_mul_add", s.neg_mul_add(a, b, c)),
                ("min", s.min(a, b)),
                ("max", s.max(a, b)),
                ("round", s.round(a)),
                ("zero_where_not_positive", s.zero_where_not_positive(a, b)),
                ("abs", s.abs(a)),
                ("copysign", s.copysign(a, b)),
            ];
            results.map(|(name, v)| (name, stored(v))).into()
        })
    }
}

/// What the operations on lane k give, in the order of `Every`.
fn expected<T: Real>(every: &Every<T>, k: usize, fused: bool) -> Vec<T> {
    let (a, b, c) = (every.0[k], every.1[k], every.2[k]);
    let mul_add = |a: T, b: T, c: T| if fused { a.mul_add(b, c) } else { a * b + c };
    vec![
        a,
        every.0[0],
        a + b,
        a - b,
        a * b,
        a / b,
        mul_add(a, b, c),
        mul_add(-a, b, c),
        if a < b { a } else { b },
        if a > b { a } else { b },
        a.round(),
        if a <= T::ZERO { T::ZERO } else { b },
        a.abs(),
        a.copysign(b),
    ]
}

/// Equal as numbers. The sign of a zero counts where an operation is about signs.
fn same<T: Real>(name: &str, found: T, expected: T) -> bool {
    let signs = ["load", "abs", "copysign"].contains(&name);
    (found == expected || found.is_nan() && expected.is_nan())
        && (!signs || found.is_sign_negative() == expected.is_sign_negative())
}

fn paths() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| path.is_available())
}

fn operations_are_those_of_numbers<T: Real>() {
    let mut wrong = Vec::new();
    for path in paths() {
        for (first, second) in (0..VALUES.len()).flat_map(|i| (0..VALUES.len()).map(move |j| (i, j))) {
            let every = || Every(values_from::<T>(first), values_from(second), values_from(first + 5));
            for (place, (name, lanes)) in T::dispatch(path, every()).into_iter().enumerate() {
                for (k, &found) in lanes.iter().enumerate() {
                    // Plain arrays round twice on processors without the instruction.
                    let may_round_twice = path == Path::Portable;
                    let right = same(name, found, expected(&every(), k, true)[place])
                        || may_round_twice && same(name, found, expected(&every(), k, false)[place]);
                    if !right {
                        let at = [every().0[k], every().1[k], every().2[k]];
                        wrong.push(format!("{path:?} {name}: {found:?} at {at:?}, lane {k}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, the first {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

#[test]
fn operations_are_those_of_single_precision() {
    operations_are_those_of_numbers::<f32>();
}

#[test]
fn operations_are_those_of_double_precision() {
    operations_are_those_of_numbers::<f64>();
}

/// a 2ⁿ on one vector.
struct Scale<T> {
    a: T,
    n: T,
}

impl<T: Real> Work<T> for Scale<T> {
    type Output = T;

    fn run<S: Simd<T = T>>(self, s: S) -> T {
        s.vectorize(|| s.first(s.scale(s.splat(self.a), s.splat(self.n))))
    }
}

/// Over the exponents that exp asks for, where the result is subnormal, 0 or ∞ too.
fn scaling_rounds_once<T: Real>(largest: i32) {
    for path in paths() {
        for n in -largest..=largest {
            for a in [1.0, 0.7, 1.4, -1.1, f64::INFINITY, f64::NAN] {
                let (a, two) = (T::from_f64(a), T::from_f64(2.0));
                // The first product is exact.
                let expected = a * two.powi(n / 2) * two.powi(n - n / 2);
                let found = T::dispatch(path, Scale { a, n: T::from_f64(f64::from(n)) });
                assert!(same("scale", found, expected), "{path:?} {a:?} 2^{n}: {found:?}, not {expected:?}");
            }
        }
    }
}

#[test]
fn scaling_rounds_once_in_single_precision() {
    scaling_rounds_once::<f32>(160);
}

#[test]
fn scaling_rounds_once_in_double_precision() {
    scaling_rounds_once::<f64>(1100);
}

/// Interleaves two vectors of rising numbers.
struct Interleaved;

impl<T: Real> Work<T> for Interleaved {
    type Output = (Vec<T>, usize);

    fn run<S: Simd<T = T>>(self, s: S) -> Self::Output {
        let numbers: Vec<T> = (0..2 * S::LANES).map(|k| T::from_f64(k as f64)).collect();
        let mut to = vec![T::ZERO; 2 * S::LANES];
        s.vectorize(|| {
            // SAFETY: both hold two vectors.
            unsafe {
                let (a, b) = (s.load(numbers.as_ptr()), s.load(numbers[S::LANES..].as_ptr()));
                let [low, high] = s.interleave(a, b);
                s.store(to.as_mut_ptr(), low);
                s.store(to[S::LANES..].as_mut_ptr(), high);
            }
        });
        (to, S::LANES)
    }
}

fn lanes_take_turns<T: Real>() {
    for path in paths() {
        let (found, lanes) = T::dispatch(path, Interleaved);
        let expected = |k: usize| T::from_f64((k / 2 + k % 2 * lanes) as f64);
        assert!((0..2 * lanes).all(|k| found[k] == expected(k)), "{path:?}: {found:?}");
    }
}

#[test]
fn interleaved_lanes_take_turns() {
    lanes_take_turns::<f32>();
    lanes_take_turns::<f64>();
}

/// Copies the first lanes of a vector, through memory that ends where they end.
struct First<T> {
    from: Vec<T>,
    to: Vec<T>,
}

impl<T: Real> Work<T> for First<T> {
    /// The lanes as they were loaded, the memory they were stored to, and how many lanes there are.
    type Output = (Vec<T>, Vec<T>, usize);

    fn run<S: Simd<T = T>>(mut self, s: S) -> Self::Output {
        let mut loaded = vec![T::ONE; S::LANES];
        s.vectorize(|| {
            // SAFETY: as many numbers as are asked for are there, to read and to write.
            unsafe {
                let v = s.load_first(self.from.as_ptr(), self.from.len());
                s.store(loaded.as_mut_ptr(), v);
                s.store_first(self.to.as_mut_ptr(), self.from.len(), v);
            }
        });
        (loaded, self.to, S::LANES)
    }
}

fn first_lanes_are_the_only_ones<T: Real>() {
    for path in paths() {
        for count in 0..=MOST + 3 {
            let from: Vec<T> = (0..count).map(|k| T::from_f64(k as f64 + 2.0)).collect();
            let there = |k: usize, lanes: usize| k < count.min(lanes);
            let untouched = T::from_f64(-1.0);
            let work = First { from: from.clone(), to: vec![untouched; MOST + 5] };
            let (loaded, to, lanes) = T::dispatch(path, work);
            for (k, &x) in loaded.iter().enumerate() {
                let expected = if there(k, lanes) { from[k] } else { T::ZERO };
                assert!(x == expected, "{path:?} loads {x:?} at {k} of {count}");
            }
            for (k, &x) in to.iter().enumerate() {
                let expected = if there(k, lanes) { from[k] } else { untouched };
                assert!(x == expected, "{path:?} stores {x:?} at {k} of {count}");
            }
        }
    }
}

#[test]
fn first_lanes_are_the_only_ones_in_single_precision() {
    first_lanes_are_the_only_ones::<f32>();
}

#[test]
fn first_lanes_are_the_only_ones_in_double_precision() {
    first_lanes_are_the_only_ones::<f64>();
}
