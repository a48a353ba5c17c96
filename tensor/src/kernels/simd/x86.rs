//! AVX-512, and AVX2 with FMA.
//!
//! Every method is one instruction or a few. They are inlined into functions that `vectorize`
//! compiles with the instruction set; a token proves that the processor has it.

use super::Simd;

pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") && has_avx2()
}

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// A method of intrinsics alone.
macro_rules! lanewise {
    ($($name:ident($($x:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($x: Self::V),*) -> Self::V {
            // SAFETY: the token proves that the processor has these instructions.
            unsafe { $body }
        }
    )*};
}

/// The parts that all four have in common.
macro_rules! vectors {
    (
        $t:ident, $v:ty, $lanes:literal, $sums:literal, $features:literal,
        $splat:ident, $load:ident, $store:ident,
        load_first($from:ident, $load_count:ident) = $load_first:expr,
        store_first($to:ident, $store_count:ident, $stored:ident) = $store_first:expr,
        interleave($a:ident, $b:ident) = $interleaved:expr,
        $($lanewise:tt)*
    ) => {
        #[allow(non_camel_case_types)] // named like what it holds
        #[derive(Clone, Copy)]
        pub(crate) struct $t(());

        impl $t {
            /// # Safety
            /// The processor has the instructions.
            #[inline(always)]
            pub(crate) unsafe fn new() -> Self {
                Self(())
            }
        }

        impl Simd for $t {
            type T = core::primitive::$t;
            type V = $v;
            const LANES: usize = $lanes;
            const SUMS: usize = $sums;

            #[inline(always)]
            fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
                #[target_feature(enable = $features)]
                fn inner<R>(f: impl FnOnce() -> R) -> R {
                    f()
                }
                // SAFETY: the token proves that the processor has these instructions.
                unsafe { inner(f) }
            }
            #[inline(always)]
            fn splat(self, x: Self::T) -> Self::V {
                // SAFETY: as above.
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
            unsafe fn load_first(self, $from: *const Self::T, $load_count: usize) -> Self::V {
                // SAFETY: as above, and the caller's: masked lanes are not read.
                unsafe { if $load_count >= $lanes { $load($from) } else { $load_first } }
            }
            #[inline(always)]
            unsafe fn store_first(self, $to: *mut Self::T, $store_count: usize, $stored: Self::V) {
                // SAFETY: as above, and the caller's: masked lanes are not written.
                unsafe { if $store_count >= $lanes { $store($to, $stored) } else { $store_first } }
            }
            #[inline(always)]
            fn prefetch_now(self, place: *const Self::T) {
                // SAFETY: a prefetch of an address that cannot be read does nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
            }
            #[inline(always)]
            fn prefetch_to_write(self, place: *const Self::T) {
                use std::arch::asm;
                // There is no intrinsic that becomes this instruction without a feature that is not stable.
                // SAFETY: as above; a processor without the instruction takes it for one that does nothing.
                unsafe {
                    asm!("prefetchw [{}]", in(reg) place.addr(), options(nomem, nostack, preserves_flags));
                }
            }
            #[inline(always)]
            fn prefetch(self, place: *const Self::T) {
                // SAFETY: a prefetch of an address that cannot be read does nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) };
            }
            #[inline(always)]
            fn interleave(self, $a: Self::V, $b: Self::V) -> [Self::V; 2] {
                // SAFETY: as above.
                unsafe { $interleaved }
            }
            lanewise! { $($lanewise)* }
        }
    };
}

pub(crate) mod avx512 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// The sign bit of `b` and the rest of `a`.
    const SIGN_OF_SECOND: i32 = 0b1101_1000;

    vectors! {
        f32, __m512, 16, 24, "avx512f,avx512dq,avx2,fma",
        _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        load_first(from, count) = _mm512_maskz_loadu_ps((1u16 << count) - 1, from),
        store_first(to, count, v) = _mm512_mask_storeu_ps(to, (1u16 << count) - 1, v),
        interleave(a, b) = {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            [_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b)]
        },
        add(a, b) = _mm512_add_ps(a, b);
        sub(a, b) = _mm512_sub_ps(a, b);
        mul(a, b) = _mm512_mul_ps(a, b);
        div(a, b) = _mm512_div_ps(a, b);
        mul_add(a, b, c) = _mm512_fmadd_ps(a, b, c);
        neg_mul_add(a, b, c) = _mm512_fnmadd_ps(a, b, c);
        min(a, b) = _mm512_min_ps(a, b);
        max(a, b) = _mm512_max_ps(a, b);
        round(a) = _mm512_roundscale_ps::<8>(a);
        zero_where_not_positive(a, y) =
            _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(a, _mm512_setzero_ps()), y);
        scale(a, n) = _mm512_scalef_ps(a, n);
        abs(a) = _mm512_abs_ps(a);
        copysign(a, b) = {
            let sign = _mm512_set1_epi32(i32::MIN);
            let (a, b) = (_mm512_castps_si512(a), _mm512_castps_si512(b));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<SIGN_OF_SECOND>(a, b, sign))
        };
    }

    vectors! {
        f64, __m512d, 8, 24, "avx512f,avx512dq,avx2,fma",
        _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd,
        load_first(from, count) = _mm512_maskz_loadu_pd((1u8 << count) - 1, from),
        store_first(to, count, v) = _mm512_mask_storeu_pd(to, (1u8 << count) - 1, v),
        interleave(a, b) = {
            let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
            [_mm512_permutex2var_pd(a, low, b), _mm512_permutex2var_pd(a, high, b)]
        },
        add(a, b) = _mm512_add_pd(a, b);
        sub(a, b) = _mm512_sub_pd(a, b);
        mul(a, b) = _mm512_mul_pd(a, b);
        div(a, b) = _mm512_div_pd(a, b);
        mul_add(a, b, c) = _mm512_fmadd_pd(a, b, c);
        neg_mul_add(a, b, c) = _mm512_fnmadd_pd(a, b, c);
        min(a, b) = _mm512_min_pd(a, b);
        max(a, b) = _mm512_max_pd(a, b);
        round(a) = _mm512_roundscale_pd::<8>(a);
        zero_where_not_positive(a, y) =
            _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NLE_UQ>(a, _mm512_setzero_pd()), y);
        scale(a, n) = _mm512_scalef_pd(a, n);
        abs(a) = _mm512_abs_pd(a);
        copysign(a, b) = {
            let sign = _mm512_set1_epi64(i64::MIN);
            let (a, b) = (_mm512_castpd_si512(a), _mm512_castpd_si512(b));
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<SIGN_OF_SECOND>(a, b, sign))
        };
    }
}

pub(crate) mod avx2 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// The first lanes on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask_32(count: usize) -> __m256i {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask_64(count: usize) -> __m256i {
        _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3))
    }

    /// 2ⁿ for whole −126 ≤ n ≤ 127.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn power_32(n: __m256i) -> __m256 {
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127))))
    }

    /// 2ⁿ for whole −1022 ≤ n ≤ 1023.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn power_64(n: __m128i) -> __m256d {
        let n = _mm256_cvtepi32_epi64(_mm_add_epi32(n, _mm_set1_epi32(1023)));
        _mm256_castsi256_pd(_mm256_slli_epi64::<52>(n))
    }

    vectors! {
        f32, __m256, 8, 12, "avx2,fma",
        _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
        load_first(from, count) = _mm256_maskload_ps(from, mask_32(count)),
        store_first(to, count, v) = _mm256_maskstore_ps(to, mask_32(count), v),
        interleave(a, b) = {
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
        },
        add(a, b) = _mm256_add_ps(a, b);
        sub(a, b) = _mm256_sub_ps(a, b);
        mul(a, b) = _mm256_mul_ps(a, b);
        div(a, b) = _mm256_div_ps(a, b);
        mul_add(a, b, c) = _mm256_fmadd_ps(a, b, c);
        neg_mul_add(a, b, c) = _mm256_fnmadd_ps(a, b, c);
        min(a, b) = _mm256_min_ps(a, b);
        max(a, b) = _mm256_max_ps(a, b);
        round(a) = _mm256_round_ps::<8>(a);
        zero_where_not_positive(a, y) =
            _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(a, _mm256_setzero_ps()), y);
        scale(a, n) = {
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let rest = _mm256_sub_epi32(n, half);
            _mm256_mul_ps(_mm256_mul_ps(a, power_32(half)), power_32(rest))
        };
        abs(a) = _mm256_andnot_ps(_mm256_set1_ps(-0.0), a);
        copysign(a, b) = {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b))
        };
    }

    vectors! {
        f64, __m256d, 4, 12, "avx2,fma",
        _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd,
        load_first(from, count) = _mm256_maskload_pd(from, mask_64(count)),
        store_first(to, count, v) = _mm256_maskstore_pd(to, mask_64(count), v),
        interleave(a, b) = {
            let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
            [_mm256_permute2f128_pd::<0x20>(low, high), _mm256_permute2f128_pd::<0x31>(low, high)]
        },
        add(a, b) = _mm256_add_pd(a, b);
        sub(a, b) = _mm256_sub_pd(a, b);
        mul(a, b) = _mm256_mul_pd(a, b);
        div(a, b) = _mm256_div_pd(a, b);
        mul_add(a, b, c) = _mm256_fmadd_pd(a, b, c);
        neg_mul_add(a, b, c) = _mm256_fnmadd_pd(a, b, c);
        min(a, b) = _mm256_min_pd(a, b);
        max(a, b) = _mm256_max_pd(a, b);
        round(a) = _mm256_round_pd::<8>(a);
        zero_where_not_positive(a, y) =
            _mm256_and_pd(_mm256_cmp_pd::<_CMP_NLE_UQ>(a, _mm256_setzero_pd()), y);
        scale(a, n) = {
            let n = _mm256_cvtpd_epi32(n);
            let half = _mm_srai_epi32::<1>(n);
            let rest = _mm_sub_epi32(n, half);
            _mm256_mul_pd(_mm256_mul_pd(a, power_64(half)), power_64(rest))
        };
        abs(a) = _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
        copysign(a, b) = {
            let sign = _mm256_set1_pd(-0.0);
            _mm256_or_pd(_mm256_andnot_pd(sign, a), _mm256_and_pd(sign, b))
        };
    }
}
