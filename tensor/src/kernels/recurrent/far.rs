//! What a tile needs from far away.

use crate::kernels::soon::{Lines, Soon};

/// Numbers of a sweep below which a core's own caches hold them.
const NEAR: usize = 1 << 16;

/// The most places of a row: four gates, the states and their gradient.
const MOST: usize = 7;

/// Whether a sweep over so many numbers finds them far away: it reads what was written long before, and
/// writes what is read long after.
pub(super) fn is_far(numbers: usize) -> bool {
    numbers >= NEAR
}

/// Places in each row of a tile, of which it asks for the cache lines while its sums are computed.
pub(super) struct Far {
    lines: [Lines; MOST],
    count: usize,
}

impl Far {
    /// Nothing.
    #[inline(always)]
    pub(super) fn nothing() -> Self {
        Self { lines: [Lines::of::<u8>(std::ptr::null(), 0, 0); MOST], count: 0 }
    }

    /// These as well.
    #[inline(always)]
    pub(super) fn and(mut self, lines: Lines) -> Self {
        self.lines[self.count] = lines;
        self.count += 1;
        self
    }

    /// For so many rows, and sums of products so deep.
    #[inline(always)]
    pub(super) fn soon(&self, rows: usize, depth: usize) -> Soon<'_> {
        Soon::lines(&self.lines[..self.count], rows, depth)
    }
}
