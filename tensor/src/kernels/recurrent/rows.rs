//! Rows of numbers that a sweep keeps for itself.

#![allow(unsafe_code)] // memory is not set to 0 before it is written

use crate::{
    Real,
    kernels::buffer::{Buffer, LINE},
};

/// Rows this many bytes apart compete for the same few places of the first cache.
const SAME_PLACES: usize = 4096;

/// From one row of `numbers` numbers to the next. Rows that would want the same places of a cache get
/// a cache line more, so that a tile reads and writes many of them at once.
pub(super) fn row_step<T>(numbers: usize) -> usize {
    let apart = numbers > 0 && (numbers * size_of::<T>()).is_multiple_of(SAME_PLACES);
    if apart { numbers + LINE / size_of::<T>() } else { numbers }
}

/// Room for rows of `numbers` numbers, with what lies between them set to 0.
pub(super) fn rows_with_room<T: Real>(rows: usize, numbers: usize) -> Buffer<T> {
    let step = row_step::<T>(numbers);
    let mut buffer = Buffer::<T>::with_room(rows * step);
    if step > numbers {
        for row in 0..rows {
            for place in numbers..step {
                // SAFETY: a place of a row for which there is room.
                unsafe { buffer.start().add(row * step + place).write(T::ZERO) };
            }
        }
    }
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_whole_pages_are_moved_apart() {
        for (numbers, step) in [(0, 0), (1, 1), (1000, 1000), (1023, 1023), (1024, 1040), (4096, 4112)] {
            assert_eq!(row_step::<f32>(numbers), step, "{numbers} numbers of 4 bytes");
        }
        assert_eq!([511, 512].map(row_step::<f64>), [511, 520]);
    }

    #[test]
    fn what_lies_between_rows_is_written() {
        // Memory that has been used comes back from the pool.
        let mut used = Buffer::<f64>::with_room(9 * 520);
        // SAFETY: there is room for them.
        (0..9 * 520).for_each(|k| unsafe { used.start().add(k).write(f64::NAN) });
        drop(used);
        let mut buffer = rows_with_room::<f64>(9, 512);
        // SAFETY: the rows are written here, and the gaps were.
        unsafe {
            (0..9).for_each(|row| (0..512).for_each(|k| buffer.start().add(row * 520 + k).write(1.0)));
            buffer.set_len(9 * 520);
        }
        for row in buffer.chunks(520) {
            assert!(row[..512].iter().all(|&x| x == 1.0) && row[512..].iter().all(|&x| x == 0.0));
        }
    }
}
