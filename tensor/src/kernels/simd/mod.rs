//! Vectors of the machine: one trait, an implementation for each instruction set, and the choice
//! among them at run time.
//!
//! A kernel is written once, generic over `Simd`. Which implementation runs is decided by
//! [`Path::of_this_machine`], once a process: the widest vectors that the processor has. Setting
//! the environment variable `REFRAIN_SIMD` to the name of another path takes that one instead, as
//! long as the machine has it, so that a test or a comparison can force each.

#![allow(unsafe_code)] // vector instructions exist only where the processor has been asked

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use super::{buffer::Block, pool::Pool};
use crate::Real;

/// A set of vector instructions, as a value: who holds one may use them.
///
/// Lane k of a result depends on lane k of the operands alone, but for `interleave`. `mul_add` rounds once, on every path
/// but the portable one of processors without the instruction.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// The numbers in a lane.
    type T: Real;
    /// A vector.
    type V: Copy;
    /// The lanes of a vector.
    const LANES: usize;
    /// The registers that hold the sums of a tile: what is left of all but those of its operands.
    const SUMS: usize;

    /// Calls `f` compiled with these instructions.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    fn splat(self, x: Self::T) -> Self::V;
    /// The number in the first lane.
    #[inline(always)]
    fn first(self, v: Self::V) -> Self::T {
        let mut first = crate::Number::ZERO;
        // SAFETY: there is room for one number.
        unsafe { self.store_first(&raw mut first, 1, v) };
        first
    }
    /// # Safety
    /// `LANES` values can be read at `from`.
    unsafe fn load(self, from: *const Self::T) -> Self::V;
    /// # Safety
    /// `LANES` values can be written at `to`.
    unsafe fn store(self, to: *mut Self::T, v: Self::V);
    /// The first `count` lanes from memory, at most all; the others 0.
    ///
    /// # Safety
    /// `count` values can be read at `from`.
    unsafe fn load_first(self, from: *const Self::T, count: usize) -> Self::V;
    /// The first `count` lanes to memory, at most all.
    ///
    /// # Safety
    /// `count` values can be written at `to`.
    unsafe fn store_first(self, to: *mut Self::T, count: usize, v: Self::V);

    /// Asks for a cache line that will be needed at once. Any address will do.
    #[inline(always)]
    fn prefetch_now(self, place: *const Self::T) {
        let _ = place;
    }

    /// Asks for a cache line that will be needed at once, to be written as well: no other core has it
    /// then. Any address will do.
    #[inline(always)]
    fn prefetch_to_write(self, place: *const Self::T) {
        let _ = place;
    }

    /// Asks for a cache line that will be needed soon. Any address will do.
    #[inline(always)]
    fn prefetch(self, place: *const Self::T) {
        let _ = place;
    }

    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c − a b.
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller one; NaN where b is.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger one; NaN where b is.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The nearest whole number.
    fn round(self, a: Self::V) -> Self::V;
    /// y, and 0 in the lanes where a is 0 or below.
    fn zero_where_not_positive(self, a: Self::V, y: Self::V) -> Self::V;
    /// a 2ⁿ, for whole n, with one rounding where the result is subnormal.
    fn scale(self, a: Self::V, n: Self::V) -> Self::V;
    /// a₀ b₀ a₁ b₁ …, in two vectors.
    fn interleave(self, a: Self::V, b: Self::V) -> [Self::V; 2];
    /// |a|.
    fn abs(self, a: Self::V) -> Self::V;
    /// |a| with the sign of b.
    fn copysign(self, a: Self::V, b: Self::V) -> Self::V;
}

/// The instruction sets that have an implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// 512-bit vectors of x86-64.
    Avx512,
    /// 256-bit vectors of x86-64 with fused multiply-add.
    Avx2,
    /// 128-bit vectors of ARM.
    Neon,
    /// Whatever the compiler makes of plain loops.
    Portable,
}

impl Path {
    /// Every path, widest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// What `REFRAIN_SIMD` calls it: `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// Whether this machine has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::has_avx512(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::has_avx2(),
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Portable => true,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
        }
    }

    /// The path that the kernels take: the widest one, or the one that `REFRAIN_SIMD` names. A name
    /// that is unknown, or of a path that this machine has not, is ignored.
    pub fn of_this_machine() -> Self {
        static PATH: OnceLock<Path> = OnceLock::new();
        *PATH.get_or_init(|| {
            let wanted = std::env::var("REFRAIN_SIMD").ok();
            let available = || Self::ALL.into_iter().filter(|path| path.is_available());
            let named = available().find(|path| Some(path.name()) == wanted.as_deref());
            named.or_else(|| available().next()).unwrap_or(Self::Portable)
        })
    }
}

/// Something to do with whichever vectors there are.
pub(crate) trait Work<T> {
    type Output;

    fn run<S: Simd<T = T>>(self, simd: S) -> Self::Output;
}

/// An element type that vectors hold: `f32` or `f64`.
#[expect(private_interfaces, private_bounds, reason = "the trait seals Real and is no one else's")]
pub trait Lanes: Sized + 'static {
    #[doc(hidden)]
    fn pool() -> &'static Pool<Vec<Self>>;
    #[doc(hidden)]
    fn blocks() -> &'static Pool<Block<Self>>;
    #[doc(hidden)]
    fn dispatch<W: Work<Self>>(path: Path, work: W) -> W::Output;
}

macro_rules! dispatch {
    ($t:ident) => {
        #[expect(private_interfaces, private_bounds, reason = "the trait seals Real and is no one else's")]
        impl Lanes for $t {
            fn pool() -> &'static Pool<Vec<Self>> {
                static POOL: Pool<Vec<core::primitive::$t>> = Pool::new();
                &POOL
            }

            fn blocks() -> &'static Pool<Block<Self>> {
                static BLOCKS: Pool<Block<core::primitive::$t>> = Pool::new();
                &BLOCKS
            }

            #[inline]
            fn dispatch<W: Work<Self>>(path: Path, work: W) -> W::Output {
                match path {
                    // SAFETY: the token is made only where the processor has the instructions.
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx512 if x86::has_avx512() => work.run(unsafe { x86::avx512::$t::new() }),
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx2 if x86::has_avx2() => work.run(unsafe { x86::avx2::$t::new() }),
                    #[cfg(target_arch = "aarch64")]
                    Path::Neon => work.run(neon::$t),
                    _ => work.run(portable::$t),
                }
            }
        }
    };
}
dispatch!(f32);
dispatch!(f64);
