//! Asking for memory while a product is computed.

#![allow(unsafe_code)] // a list that a tile walks through with a pointer

use super::simd::Simd;

/// What will be needed when the sums are there: cache lines, asked for some at a time while the sums are
/// computed. All at once would keep the product's own operands waiting.
///
/// The list of lines outlives the product that it is given to.
#[derive(Clone, Copy)]
pub(crate) struct Soon {
    lines: *const usize,
    count: usize,
    /// Bytes that are added to each address.
    offset: usize,
    at_once: usize,
}

/// How many places of the sums pass from some lines to the next.
const PASSING: usize = 64;

impl Soon {
    /// Nothing.
    #[inline(always)]
    pub(crate) fn nothing() -> Self {
        Self { lines: std::ptr::null(), count: 0, offset: 0, at_once: 0 }
    }

    /// The lines at these addresses, `offset` bytes further, in the course of a product so deep.
    #[inline(always)]
    pub(crate) fn lines(lines: &[usize], offset: usize, depth: usize) -> Self {
        let at_once = (lines.len() * PASSING).div_ceil(depth.max(1));
        Self { lines: lines.as_ptr(), count: lines.len(), offset, at_once }
    }

    /// Asks for some of what is left. Returns how many of `places` pass before the next time.
    ///
    /// # Safety
    /// The addresses are still there to be read.
    #[inline(always)]
    pub(crate) unsafe fn ask<S: Simd>(&mut self, s: S, places: usize) -> usize {
        if self.count == 0 {
            return places;
        }
        let now = self.at_once.min(self.count);
        for k in 0..now {
            // SAFETY: one of the addresses that are left, the caller's.
            let line = unsafe { *self.lines.add(k) } + self.offset;
            s.prefetch_now(std::ptr::without_provenance(line));
        }
        (self.lines, self.count) = (self.lines.wrapping_add(now), self.count - now);
        places.min(PASSING)
    }
}
