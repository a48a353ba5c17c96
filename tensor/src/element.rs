//! What a tensor can hold: [`Element`], [`Number`], [`Real`], [`Index`].

use std::{collections::TryReserveError, fmt::Debug};

use num_traits::Float;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use crate::kernels::{
    functions::{self, Function},
    pool,
    product::{self, Product},
    recurrent::Sweeps,
    simd::{Lanes, Path},
};

/// A value that a tensor can hold.
///
/// Implemented for `f32`, `f64`, the integers from `u8` to `i64` and `usize`, and `bool`.
pub trait Element: Copy + Default + PartialEq + Debug + Send + Sync + 'static {
    /// The name that errors and printed tensors use.
    const DTYPE: &'static str;

    /// An empty vector with room for `count` elements; floats look for one in the pool first.
    #[doc(hidden)]
    fn room(count: usize) -> std::result::Result<Vec<Self>, TryReserveError> {
        let mut values = Vec::new();
        values.try_reserve_exact(count)?;
        Ok(values)
    }

    /// Takes the memory of elements that nobody needs any more; floats keep some of it.
    #[doc(hidden)]
    fn recycle(values: Vec<Self>) {
        drop(values);
    }
}

/// An element with arithmetic. Integers wrap around on overflow, as PyTorch's do.
pub trait Number: Element + PartialOrd {
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;
    /// Whether a division by zero has a value (∞ or NaN).
    const IS_FLOAT: bool;

    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    fn minus(self, other: Self) -> Self;
    /// `self * other`.
    fn times(self, other: Self) -> Self;
    /// `self / other`; integers round toward zero. An integer divisor must not be zero.
    fn over(self, other: Self) -> Self;
    /// `-self`.
    fn negative(self) -> Self;
    /// `n` in this type: floats round to the nearest value; integers wrap around where
    /// [`Number::holds`] is false.
    fn from_usize(n: usize) -> Self;
    /// Whether `n` lies in the range of this type.
    fn holds(n: usize) -> bool {
        let _ = n;
        true
    }

    /// One matrix product `c = a b + beta c`. Floats run a blocked kernel, integers a plain loop.
    #[doc(hidden)]
    fn matrix_product(product: Product<'_, Self>) {
        product::plain(product);
    }
}

/// A floating-point element: `f32` or `f64`.
pub trait Real: Number + Float + Lanes + Sweeps {
    /// `to[k] = function(from[k])`, on vectors.
    #[doc(hidden)]
    fn apply(path: Path, function: Function, from: &[Self], to: &mut [Self]);
    /// The nearest value to `x`.
    fn from_f64(x: f64) -> Self;
    /// This value as an `f64`, exactly.
    fn to_f64(self) -> f64;
    /// A sample of the uniform distribution on [0, 1).
    fn sample_uniform<R: Rng + ?Sized>(rng: &mut R) -> Self;
    /// A sample of the normal distribution with mean 0 and variance 1.
    fn sample_normal<R: Rng + ?Sized>(rng: &mut R) -> Self;

    /// The logistic function 1 / (1 + e⁻ˣ), without overflow.
    fn sigmoid(self) -> Self {
        // Each branch raises e to a negative power only.
        if self < Self::ZERO {
            let e = self.exp();
            e / (Self::ONE + e)
        } else {
            Self::ONE / (Self::ONE + (-self).exp())
        }
    }
}

/// An integer that can stand for a position along an axis, or for a class.
pub trait Index: Element {
    /// The number, saturating at the bounds of `i64`.
    fn to_i64(self) -> i64;

    /// The position, or `None` where it is negative or not below `size`.
    fn position(self, size: usize) -> Option<usize> {
        usize::try_from(self.to_i64()).ok().filter(|&p| p < size)
    }
}

impl Element for bool {
    const DTYPE: &'static str = "bool";
}

macro_rules! integer {
    ($($t:ident)*) => {$(
        impl Element for $t {
            const DTYPE: &'static str = stringify!($t);
        }
        impl Number for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const IS_FLOAT: bool = false;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn over(self, other: Self) -> Self {
                self.wrapping_div(other)
            }
            fn negative(self) -> Self {
                self.wrapping_neg()
            }
            fn from_usize(n: usize) -> Self {
                n as $t
            }
            fn holds(n: usize) -> bool {
                <$t>::try_from(n).is_ok()
            }
        }
        impl Index for $t {
            fn to_i64(self) -> i64 {
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
integer!(u8 i8 u16 i16 u32 i32 i64 usize);

macro_rules! float {
    ($t:ident) => {
        impl Element for $t {
            const DTYPE: &'static str = stringify!($t);
            fn room(count: usize) -> std::result::Result<Vec<Self>, TryReserveError> {
                pool::room(count)
            }
            fn recycle(values: Vec<Self>) {
                pool::recycle(values);
            }
        }
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const IS_FLOAT: bool = true;
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn minus(self, other: Self) -> Self {
                self - other
            }
            fn times(self, other: Self) -> Self {
                self * other
            }
            fn over(self, other: Self) -> Self {
                self / other
            }
            fn negative(self) -> Self {
                -self
            }
            fn from_usize(n: usize) -> Self {
                n as $t
            }
            fn matrix_product(product: Product<'_, Self>) {
                product::of_floats(product);
            }
        }
        impl Real for $t {
            fn apply(path: Path, function: Function, from: &[Self], to: &mut [Self]) {
                functions::run(path, function, from, to);
            }
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn sample_uniform<R: Rng + ?Sized>(rng: &mut R) -> Self {
                StandardUniform.sample(rng)
            }
            fn sample_normal<R: Rng + ?Sized>(rng: &mut R) -> Self {
                StandardNormal.sample(rng)
            }
        }
    };
}
float!(f32);
float!(f64);

/// A conversion between elements, as Rust's `as` does it; to `bool`, whatever is not 0 is true.
pub trait Cast<U>: Element {
    /// The converted value.
    fn cast(self) -> U;
}

macro_rules! cast {
    ($($from:ident)*) => {$(
        cast!(@ $from: f32 f64 u8 i8 u16 i16 u32 i32 i64 usize);
        impl Cast<bool> for $from {
            fn cast(self) -> bool {
                self != $from::ZERO
            }
        }
        impl Cast<$from> for bool {
            fn cast(self) -> $from {
                if self { $from::ONE } else { $from::ZERO }
            }
        }
    )*};
    (@ $from:ident: $($to:ident)*) => {$(
        impl Cast<$to> for $from {
            fn cast(self) -> $to {
                self as $to
            }
        }
    )*};
}
cast!(f32 f64 u8 i8 u16 i16 u32 i32 i64 usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap() {
        assert_eq!(Number::plus(250u8, 10), 4);
        assert_eq!(Number::over(i64::MIN, -1), i64::MIN);
        assert_eq!(Number::negative(3usize), usize::MAX - 2);
    }

    #[test]
    fn a_position_lies_inside_its_axis() {
        let cases = [(-1, 5, None), (0, 5, Some(0)), (4, 5, Some(4)), (5, 5, None), (i64::MAX, 5, None)];
        for (index, size, expected) in cases {
            assert_eq!(index.position(size), expected, "{index} in {size}");
        }
        assert_eq!(200u8.position(200), None);
    }

    #[test]
    fn casts_follow_as() {
        assert_eq!(Cast::<u8>::cast(300.7f32), 255);
        assert_eq!(Cast::<i64>::cast(-1.9f64), -1);
        assert!(!Cast::<bool>::cast(-0.0f32));
        assert!(Cast::<bool>::cast(f64::NAN));
        assert_eq!(Cast::<f32>::cast(true), 1.0);
    }
}
