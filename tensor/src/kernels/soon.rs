//! Asking for memory while a product is computed.

use super::{buffer::LINE, simd::Simd};

/// Cache lines that a tile will need in each of its rows.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    /// Where the first row has them, from one row to the next, and how much of a row, in bytes.
    start: usize,
    step: usize,
    length: usize,
}

impl Lines {
    /// Those of `numbers` numbers from `start` on, in rows `step` numbers apart. Any address will do.
    #[inline(always)]
    pub(crate) fn of<T>(start: *const T, step: usize, numbers: usize) -> Self {
        let bytes = |numbers: usize| numbers * size_of::<T>();
        Self { start: start.addr(), step: bytes(step), length: bytes(numbers) }
    }
}

/// What will be needed when the sums are there: cache lines, asked for some rows at a time while the sums
/// are computed, in the order of [`inward`]. All at once would keep the product's own operands waiting.
/// They are asked for as lines to be written: another core may have read a line meanwhile, or its
/// neighbours only, and then it has to give it up first, which takes long where the cores sit far apart.
/// Lines that are only read are asked for in the same way, for they are of the thread's own rows, and a
/// test of each would cost more.
#[derive(Clone, Copy)]
pub(crate) struct Soon<'a> {
    lines: &'a [Lines],
    /// The next row, and where they end.
    row: usize,
    rows: usize,
    /// How many rows are asked for at once.
    at_once: usize,
}

/// How many places of the sums pass from some rows to the next.
const PASSING: usize = 64;

/// The `k`-th of some rows: the first half in their order, the others from the last one back. A processor
/// that sees rows read or written one after another fetches those that would come next. Towards the middle
/// these are rows of the same thread; beyond an end they may be another's, which then has to wait for them.
#[inline(always)]
pub(crate) fn inward(k: usize, rows: usize) -> usize {
    let first = rows.div_ceil(2);
    if k < first { k } else { rows - 1 - (k - first) }
}

impl<'a> Soon<'a> {
    /// Nothing.
    #[inline(always)]
    pub(crate) fn nothing() -> Self {
        Self { lines: &[], row: 0, rows: 0, at_once: 0 }
    }

    /// These lines of `rows` rows, in the course of a product so deep.
    #[inline(always)]
    pub(crate) fn lines(lines: &'a [Lines], rows: usize, depth: usize) -> Self {
        let rows = if lines.is_empty() { 0 } else { rows };
        Self { lines, row: 0, rows, at_once: (rows * PASSING).div_ceil(depth.max(1)) }
    }

    /// Asks for some of what is left. Returns how many of `places` pass before the next time.
    #[inline(always)]
    pub(crate) fn ask<S: Simd>(&mut self, s: S, places: usize) -> usize {
        if self.row == self.rows {
            return places;
        }
        let end = self.rows.min(self.row + self.at_once);
        for row in self.row..end {
            for &Lines { start, step, length } in self.lines {
                let start = start.wrapping_add(inward(row, self.rows) * step);
                let (mut line, end) = (start & !(LINE - 1), start.wrapping_add(length));
                while line < end {
                    s.prefetch_to_write(std::ptr::without_provenance(line));
                    line += LINE;
                }
            }
        }
        self.row = end;
        places.min(PASSING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_gone_through_from_both_ends() {
        for (rows, expected) in [(0, vec![]), (1, vec![0]), (2, vec![0, 1]), (5, vec![0, 1, 2, 4, 3])] {
            assert_eq!((0..rows).map(|k| inward(k, rows)).collect::<Vec<_>>(), expected);
        }
    }
}
