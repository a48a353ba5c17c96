//! Rows copied from many places into one block: those of packed sequences, of an embedding, and the
//! states before each step.

#![allow(unsafe_code)] // memory gets its length after it is written

use crate::parallel::{CHEAP, fill_rows};

/// What it costs to copy a number of a row that lies far from the row before, averaged over a row.
const FAR: usize = 4 * CHEAP;

/// Appends rows of `length` numbers to `out`, which has room for them. `row` gives the numbers from a row
/// on, as many as there are, so that rows that follow each other are copied together. Many are copied by
/// several threads.
///
/// # Panics
/// Where a row is shorter, or there is no room.
pub(crate) fn append_rows<'a, T: Copy + Send + Sync + 'a>(
    out: &mut Vec<T>,
    count: usize,
    length: usize,
    row: impl Fn(usize) -> &'a [T] + Sync,
) {
    let size = count * length;
    let room = &mut out.spare_capacity_mut()[..size];
    fill_rows(room, length, length * FAR, |first, mut to| {
        let mut k = first;
        while !to.is_empty() {
            let from = row(k);
            assert!(from.len() >= length, "the length of a row");
            let (mut copied, most) = (length, to.len().min(from.len()));
            k += 1;
            while copied + length <= most && std::ptr::eq(row(k).as_ptr(), &raw const from[copied]) {
                (copied, k) = (copied + length, k + 1);
            }
            let (now, later) = to.split_at_mut(copied);
            // SAFETY: both are as long, for `from` is sliced, and `now` is borrowed from `out` alone.
            unsafe { now.as_mut_ptr().cast::<T>().copy_from_nonoverlapping(from[..copied].as_ptr(), copied) };
            to = later;
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
        // Scattered ones, some that follow each other, and the last one again and again.
        let picks: [fn(usize) -> usize; 3] = [|k| k * 5 % 7, |k| k / 3 % 7, |k| (k % 9).min(6)];
        for (pick, (count, length)) in
            picks.iter().flat_map(|pick| [(0, 3), (3, 0), (5, 2), (3000, 70)].map(|size| (pick, size)))
        {
            let table: Vec<usize> = (0..7 * length).collect();
            let row = |k: usize| &table[pick(k) * length..];
            let mut out = Vec::with_capacity(1 + count * length);
            out.push(9);
            append_rows(&mut out, count, length, row);
            let expected: Vec<usize> =
                [9].into_iter().chain((0..count).flat_map(|k| &row(k)[..length]).copied()).collect();
            assert_eq!(out, expected, "{count} rows of {length}");
        }
    }
}
