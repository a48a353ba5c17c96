//! Vectors as arrays of four numbers, for machines without an implementation of their own.

use super::Simd;

/// One rounding where the processor does it in an instruction, two where it would be a call.
macro_rules! fused {
    ($a:expr, $b:expr, $c:expr) => {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            $a.mul_add($b, $c)
        } else {
            $a * $b + $c
        }
    };
}

macro_rules! portable {
    ($t:ident $bits:ident $mantissa:literal $bias:literal) => {
        #[allow(non_camel_case_types)] // named like what it holds
        #[derive(Clone, Copy)]
        pub(crate) struct $t;

        impl Simd for $t {
            type T = core::primitive::$t;
            type V = [core::primitive::$t; 4];
            const LANES: usize = 4;
            const SUMS: usize = 9;

            #[inline(always)]
            fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
                f()
            }
            #[inline(always)]
            fn splat(self, x: Self::T) -> Self::V {
                [x; 4]
            }
            #[inline(always)]
            unsafe fn load(self, from: *const Self::T) -> Self::V {
                // SAFETY: the caller's.
                unsafe { from.cast::<Self::V>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut Self::T, v: Self::V) {
                // SAFETY: the caller's.
                unsafe { to.cast::<Self::V>().write_unaligned(v) }
            }
            #[inline(always)]
            unsafe fn load_first(self, from: *const Self::T, count: usize) -> Self::V {
                // SAFETY: the caller's, for the lanes below `count`.
                std::array::from_fn(|k| if k < count { unsafe { *from.add(k) } } else { 0.0 })
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut Self::T, count: usize, v: Self::V) {
                for (k, &x) in v.iter().take(count).enumerate() {
                    // SAFETY: the caller's, for the lanes below `count`.
                    unsafe { *to.add(k) = x };
                }
            }
            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k] + b[k])
            }
            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k] - b[k])
            }
            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k] * b[k])
            }
            #[inline(always)]
            fn div(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k] / b[k])
            }
            #[inline(always)]
            fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(|k| fused!(a[k], b[k], c[k]))
            }
            #[inline(always)]
            fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(|k| fused!((-a[k]), b[k], c[k]))
            }
            #[inline(always)]
            fn min(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| if a[k] < b[k] { a[k] } else { b[k] })
            }
            #[inline(always)]
            fn max(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| if a[k] > b[k] { a[k] } else { b[k] })
            }
            #[inline(always)]
            fn round(self, a: Self::V) -> Self::V {
                // Adding and taking away 1.5 · 2^(mantissa bits) leaves no room for a fraction.
                let big = 1.5 * (1u64 << $mantissa) as Self::T;
                std::array::from_fn(|k| (a[k] + big) - big)
            }
            #[inline(always)]
            fn zero_where_not_positive(self, a: Self::V, y: Self::V) -> Self::V {
                std::array::from_fn(|k| if a[k] <= 0.0 { 0.0 } else { y[k] })
            }
            #[inline(always)]
            fn scale(self, a: Self::V, n: Self::V) -> Self::V {
                std::array::from_fn(|k| {
                    let n = n[k] as i32;
                    let half = n / 2;
                    let power = |n: i32| Self::T::from_bits(((n + $bias) as $bits) << $mantissa);
                    a[k] * power(half) * power(n - half)
                })
            }
            #[inline(always)]
            fn interleave(self, a: Self::V, b: Self::V) -> [Self::V; 2] {
                [[a[0], b[0], a[1], b[1]], [a[2], b[2], a[3], b[3]]]
            }
            #[inline(always)]
            fn abs(self, a: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k].abs())
            }
            #[inline(always)]
            fn copysign(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|k| a[k].copysign(b[k]))
            }
        }
    };
}
portable!(f32 u32 23 127);
portable!(f64 u64 52 1023);
