//! NEON, which every 64-bit ARM has.

use std::arch::aarch64::*;

use super::Simd;

/// A method of intrinsics alone.
macro_rules! lanewise {
    ($($name:ident($($x:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($x: Self::V),*) -> Self::V {
            // SAFETY: NEON is part of the architecture.
            unsafe { $body }
        }
    )*};
}

macro_rules! vectors {
    (
        $t:ident, $v:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $zip:expr,
        $($lanewise:tt)*
    ) => {
        #[allow(non_camel_case_types)] // named like what it holds
        #[derive(Clone, Copy)]
        pub(crate) struct $t;

        impl Simd for $t {
            type T = core::primitive::$t;
            type V = $v;
            const LANES: usize = $lanes;
            const SUMS: usize = 24;

            #[inline(always)]
            fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
                f()
            }
            #[inline(always)]
            fn splat(self, x: Self::T) -> Self::V {
                // SAFETY: NEON is part of the architecture.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const Self::T) -> Self::V {
                // SAFETY: as above, and the caller's.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut Self::T, v: Self::V) {
                // SAFETY: as above, and the caller's.
                unsafe { $store(to, v) }
            }
            #[inline(always)]
            unsafe fn load_first(self, from: *const Self::T, count: usize) -> Self::V {
                let mut lanes = [0.0; $lanes];
                // SAFETY: the caller's, for the lanes below `count`; the array holds all lanes.
                unsafe {
                    std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min($lanes));
                    $load(lanes.as_ptr())
                }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut Self::T, count: usize, v: Self::V) {
                let mut lanes = [0.0; $lanes];
                // SAFETY: the caller's, for the lanes below `count`; the array holds all lanes.
                unsafe {
                    $store(lanes.as_mut_ptr(), v);
                    std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count.min($lanes));
                }
            }
            #[inline(always)]
            fn interleave(self, a: Self::V, b: Self::V) -> [Self::V; 2] {
                // SAFETY: as above.
                unsafe { [$zip.0(a, b), $zip.1(a, b)] }
            }
            lanewise! { $($lanewise)* }
        }
    };
}

vectors! {
    f32, float32x4_t, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, (vzip1q_f32, vzip2q_f32),
    add(a, b) = vaddq_f32(a, b);
    sub(a, b) = vsubq_f32(a, b);
    mul(a, b) = vmulq_f32(a, b);
    div(a, b) = vdivq_f32(a, b);
    mul_add(a, b, c) = vfmaq_f32(c, a, b);
    neg_mul_add(a, b, c) = vfmsq_f32(c, a, b);
    min(a, b) = vbslq_f32(vcltq_f32(a, b), a, b);
    max(a, b) = vbslq_f32(vcgtq_f32(a, b), a, b);
    round(a) = vrndnq_f32(a);
    zero_where_not_positive(a, y) = vbslq_f32(vcleq_f32(a, vdupq_n_f32(0.0)), vdupq_n_f32(0.0), y);
    scale(a, n) = {
        let n = vcvtnq_s32_f32(n);
        let half = vshrq_n_s32::<1>(n);
        let power = |n| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))));
        vmulq_f32(vmulq_f32(a, power(half)), power(vsubq_s32(n, half)))
    };
    abs(a) = vabsq_f32(a);
    copysign(a, b) = vbslq_f32(vdupq_n_u32(1 << 31), b, a);
}

vectors! {
    f64, float64x2_t, 2, vdupq_n_f64, vld1q_f64, vst1q_f64, (vzip1q_f64, vzip2q_f64),
    add(a, b) = vaddq_f64(a, b);
    sub(a, b) = vsubq_f64(a, b);
    mul(a, b) = vmulq_f64(a, b);
    div(a, b) = vdivq_f64(a, b);
    mul_add(a, b, c) = vfmaq_f64(c, a, b);
    neg_mul_add(a, b, c) = vfmsq_f64(c, a, b);
    min(a, b) = vbslq_f64(vcltq_f64(a, b), a, b);
    max(a, b) = vbslq_f64(vcgtq_f64(a, b), a, b);
    round(a) = vrndnq_f64(a);
    zero_where_not_positive(a, y) = vbslq_f64(vcleq_f64(a, vdupq_n_f64(0.0)), vdupq_n_f64(0.0), y);
    scale(a, n) = {
        let n = vcvtnq_s64_f64(n);
        let half = vshrq_n_s64::<1>(n);
        let power = |n| vreinterpretq_f64_s64(vshlq_n_s64::<52>(vaddq_s64(n, vdupq_n_s64(1023))));
        vmulq_f64(vmulq_f64(a, power(half)), power(vsubq_s64(n, half)))
    };
    abs(a) = vabsq_f64(a);
    copysign(a, b) = vbslq_f64(vdupq_n_u64(1 << 63), b, a);
}
