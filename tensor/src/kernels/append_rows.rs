//! Rows copied from many places into one block: those of packed sequences, of an embedding, and the
//! states before each step.

#![allow(unsafe_code)] // memory gets its length after it is written

use crate::parallel::{CHEAP, fill_rows};

/// What it costs to copy a number of a row that lies far from the row before, averaged over a row.
const FAR: usize = 4 * CHEAP;

/// Appends rows of `length` numbers to `out`, which has room for them. Many are copied by several
/// threads.
///
/// # Panics
/// Where a row has another length, or there is no room.
pub(crate) fn append_rows<'a, T: Copy + Send + Sync + 'a>(
    out: &mut Vec<T>,
    count: usize,
    length: usize,
    row: impl Fn(usize) -> &'a [T] + Sync,
) {
    let size = count * length;
    let room = &mut out.spare_capacity_mut()[..size];
    fill_rows(room, length, length * FAR, |first, to| {
        for (k, to) in to.chunks_exact_mut(length).enumerate() {
            let from = row(first + k);
            assert_eq!(from.len(), length, "the length of a row");
            // SAFETY: both are `length` numbers, and `to` is borrowed from `out` alone.
            unsafe { to.as_mut_ptr().cast::<T>().copy_from_nonoverlapping(from.as_ptr(), length) };
        }
    });
    // SAFETY: each of these numbers has been written: `fill_rows` covers them all.
    unsafe { out.set_len(out.len() + size) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_behind_what_was_there() {
        for (count, length) in [(0, 3), (3, 0), (5, 2), (3000, 70)] {
            let table: Vec<usize> = (0..7 * length).collect();
            let row = |k: usize| &table[k * 5 % 7 * length..][..length];
            let mut out = Vec::with_capacity(1 + count * length);
            out.push(9);
            append_rows(&mut out, count, length, row);
            let expected: Vec<usize> = [9].into_iter().chain((0..count).flat_map(row).copied()).collect();
            assert_eq!(out, expected, "{count} rows of {length}");
        }
    }
}
