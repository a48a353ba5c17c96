//! The right operand of a product, packed: the columns in panels of a few vectors, each panel row
//! after row, so that the innermost loop reads memory from front to back.

#![allow(unsafe_code)] // memory is not set to 0 before it is written

use std::mem::MaybeUninit;

use super::{
    buffer::{Buffer, LINE},
    matrix::Matrix,
};
use crate::{Real, parallel};

/// A matrix of `depth` rows in panels of `width` columns, the last one filled up with zeros.
pub(crate) struct Panels<T: Real> {
    values: Buffer<T>,
    depth: usize,
    width: usize,
    count: usize,
}

impl<T: Real> Panels<T> {
    /// Packs the columns that `column(panel, place)` names for each place of a panel; `None` is a
    /// column of zeros.
    pub(crate) fn pack(
        b: Matrix<'_, T>,
        width: usize,
        count: usize,
        column: impl Fn(usize, usize) -> Option<usize> + Sync,
    ) -> Self {
        let depth = b.rows();
        let (length, all) = (depth * width, count * depth * width);
        let mut values = Buffer::<T>::with_room(all);
        let together = if all < WORTH { count } else { count.div_ceil(2 * parallel::threads()) };
        // SAFETY: there is room for all panels, and each is written by its piece.
        unsafe {
            let to = std::slice::from_raw_parts_mut(values.start().cast::<MaybeUninit<T>>(), all);
            parallel::fill_pieces(to, (together * length).max(1), |piece, to| {
                for (k, to) in to.chunks_exact_mut(length).enumerate() {
                    pack_panel(b, width, |place| column(piece * together + k, place), to);
                }
            });
            values.set_len(all);
        }
        Self { values, depth, width, count }
    }

    /// Packs all columns in their order.
    pub(crate) fn pack_columns(b: Matrix<'_, T>, width: usize) -> Self {
        let columns = b.columns();
        Self::pack(b, width, columns.div_ceil(width), |panel, place| {
            Some(panel * width + place).filter(|&column| column < columns)
        })
    }

    /// The number of panels.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The numbers in a panel, from one panel to the next.
    pub(crate) fn panel_step(&self) -> usize {
        self.depth * self.width
    }

    /// The number of rows.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The numbers in a panel's row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// How many of the first `columns` columns, packed in their order, these panels hold.
    pub(crate) fn columns_of(&self, panels: &std::ops::Range<usize>, columns: usize) -> usize {
        let below = |panel: usize| (panel * self.width).min(columns);
        below(panels.end) - below(panels.start)
    }

    /// Where to look ahead while the tile at `place` is computed, one of those that go through some
    /// panels one after another: each asks for a cache line a row, so that the first ones fetch as many
    /// panels from `next` on.
    pub(crate) fn ahead(&self, next: usize, place: usize, panels: usize) -> *const T {
        let lines_a_row = (panels * self.width * size_of::<T>()).div_ceil(LINE);
        let row = self.depth * LINE / size_of::<T>();
        let place = if place < lines_a_row { place } else { 0 };
        self.panel(0).wrapping_add(next * self.panel_step() + place * row)
    }

    /// Where a panel begins.
    pub(crate) fn panel(&self, panel: usize) -> *const T {
        debug_assert!(panel < self.count.max(1));
        // SAFETY: all panels lie in `values`.
        unsafe { self.values.as_ptr().add(panel * self.panel_step()) }
    }
}

/// Numbers that are worth a thread's packing.
const WORTH: usize = 1 << 14;

/// How many rows are packed at once: a column is read from front to back for some cache lines, and the
/// rows that are written fit the first cache.
const BLOCK: usize = 128;

/// Packs one panel, row after row.
fn pack_panel<T: Real>(
    b: Matrix<'_, T>,
    width: usize,
    column: impl Fn(usize) -> Option<usize>,
    to: &mut [MaybeUninit<T>],
) {
    let first = column(0).unwrap_or(0);
    let run = (0..width).take_while(|&place| column(place) == Some(first + place)).count();
    let rest_is_zero = (run..width).all(|place| column(place).is_none());
    if b.has_contiguous_rows() && rest_is_zero {
        for (k, to) in to.chunks_exact_mut(width).enumerate() {
            for (to, &x) in to.iter_mut().zip(b.row_part(k, first..first + run)) {
                to.write(x);
            }
            to[run..].fill(MaybeUninit::new(T::ZERO));
        }
        return;
    }
    let [row_stride, _] = b.strides();
    for (block, to) in to.chunks_mut(BLOCK * width).enumerate() {
        let rows = to.len() / width;
        let to = to.as_mut_ptr().cast::<T>();
        for place in 0..width {
            let from = column(place).map(|column| b.pointer(block * BLOCK, column));
            // SAFETY: the panel has a row for each row of `b`, and each row a number for each place.
            unsafe {
                let to = to.add(place);
                match from {
                    None => (0..rows).for_each(|k| to.add(k * width).write(T::ZERO)),
                    Some(from) if row_stride == 1 => {
                        (0..rows).for_each(|k| to.add(k * width).write(*from.add(k)));
                    }
                    Some(from) => {
                        let place = |k| from.offset(k as isize * row_stride);
                        (0..rows).for_each(|k| to.add(k * width).write(*place(k)));
                    }
                }
            }
        }
    }
}
