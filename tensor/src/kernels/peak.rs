//! What the machine can do: fused multiply-adds that wait for nothing.

use super::simd::{Path, Simd, Work};
use crate::Real;

/// Runs `rounds` rounds of fused multiply-adds on the calling thread, on the widest vectors and
/// without loads, and returns the number of floating-point operations done: two for each lane of
/// each. The time that this takes is the least that so many operations can take.
///
/// ```
/// let flops = refrain_tensor::kernels::peak::multiply_add_flops::<f32>(10);
/// assert!(flops >= 10 * 2 * 4 * 12);
/// ```
pub fn multiply_add_flops<T: Real>(rounds: usize) -> u64 {
    T::dispatch(Path::of_this_machine(), Rounds(rounds))
}

struct Rounds(usize);

impl<T: Real> Work<T> for Rounds {
    type Output = u64;

    fn run<S: Simd<T = T>>(self, s: S) -> u64 {
        // As many chains as hide an instruction's latency and still fit the registers.
        const CHAINS: usize = 12;
        let factor = std::hint::black_box(T::from_f64(0.999));
        let mut sums = [T::ONE; CHAINS];
        s.vectorize(
            #[inline(always)]
            || {
                let factor = s.splat(factor);
                let mut chains = sums.map(|sum| s.splat(sum));
                for _ in 0..self.0 {
                    for chain in &mut chains {
                        *chain = s.mul_add(*chain, factor, factor);
                    }
                }
                sums = chains.map(|chain| s.first(chain));
            },
        );
        std::hint::black_box(sums);
        (self.0 * CHAINS * S::LANES * 2) as u64
    }
}
