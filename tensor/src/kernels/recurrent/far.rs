//! What a step needs from far away.

use crate::kernels::{simd::Simd, soon::Soon};

/// Numbers of a sweep below which a core's own caches hold them.
const NEAR: usize = 1 << 16;

/// Where the numbers of a step's rows lie that were written long ago, or that are written for others
/// long after: cache lines of the first units, row after row. A tile asks for its part of them while
/// its sums are computed.
pub(super) struct Far {
    /// Their addresses: nobody reads or writes through them.
    lines: Vec<usize>,
    /// Of the step.
    first_row: usize,
    rows: usize,
    /// Whether it is worth the trouble.
    wanted: bool,
}

impl Far {
    /// For a sweep that reads or writes so many numbers.
    pub(super) fn of_sweep(numbers: usize) -> Self {
        Self { lines: Vec::new(), first_row: 0, rows: 0, wanted: numbers >= NEAR }
    }

    /// Finds the lines of a step: `vectors` vectors from each of the places of its rows, row after row,
    /// of which all rows have as many.
    pub(super) fn find<S: Simd>(
        &mut self,
        (first_row, rows): (usize, usize),
        vectors: usize,
        places: impl Iterator<Item = *const S::T>,
    ) {
        if self.wanted {
            self.lines.clear();
            (self.first_row, self.rows) = (first_row, rows);
            for place in places {
                self.lines.extend((0..vectors).map(|vector| place.addr() + vector * size_of::<S::V>()));
            }
        }
    }

    /// What a tile needs of `rows` rows from `row` on and the units from `unit` on, when its sums of
    /// products so deep are there.
    #[inline(always)]
    pub(super) fn soon<T>(&self, (row, rows): (usize, usize), unit: usize, depth: usize) -> Soon {
        let a_row = self.lines.len() / self.rows.max(1);
        let first = (row - self.first_row) * a_row;
        Soon::lines(self.lines.get(first..first + rows * a_row).unwrap_or(&[]), unit * size_of::<T>(), depth)
    }
}
