//! The states that sweeps write.

#![allow(unsafe_code)] // states get their length when a sweep has written them

use std::{fmt, ops::Deref};

use super::Columns;
use crate::{
    Error, Layout, Real, Result, Shape, Tensor,
    kernels::{buffer::LINE, pool},
};

/// The states of all rows, a matrix of which each direction writes some columns; empty at first.
///
/// Where there are many of them, in rows longer than a cache line, the first one begins with a line: then
/// vectors of rows of whole lines do not lie in two, and rows of two threads do not meet in one.
pub struct StateRows<T: Real> {
    /// What is left out before the first row, and the rows.
    values: Vec<T>,
    start: usize,
}

impl<T: Real> StateRows<T> {
    /// No rows yet.
    pub const fn new() -> Self {
        Self { values: Vec::new(), start: 0 }
    }

    /// Where a direction writes `state` numbers of each of `rows` rows. Other columns are 0 if no direction
    /// has written them.
    ///
    /// # Panics
    /// Where there are rows of another size, or these exceed the address space.
    pub(super) fn room(&mut self, rows: usize, columns: Columns, state: usize) -> *mut T {
        let size = rows.checked_mul(columns.width).expect("an output within the address space");
        if self.values.is_empty() {
            let long = columns.width > LINE / size_of::<T>() && size >= pool::SMALLEST;
            let count = size + if long { LINE / size_of::<T>() - 1 } else { 0 };
            self.values = T::room(count).unwrap_or_else(|_| Vec::with_capacity(count));
            self.start = self.values.as_ptr().align_offset(LINE).min(count - size);
            // Where there are no other columns, every number is written by the sweep.
            let written = if columns.width == state { 0 } else { size };
            self.values.resize(self.start + written, T::ZERO);
        } else {
            assert_eq!(self.len(), size, "the size of the output");
        }
        self.values.as_mut_ptr().wrapping_add(self.start + columns.first)
    }

    /// # Safety
    /// There was [`room`](Self::room) for so many rows, and all their numbers have been written.
    pub(super) unsafe fn are_written(&mut self, rows: usize, columns: Columns) {
        // SAFETY: the caller's.
        unsafe { self.values.set_len(self.start + rows * columns.width) };
    }

    /// The rows as a tensor, without a copy.
    ///
    /// # Errors
    /// [`Error::ValueCount`] where a tensor of this shape has not as many numbers;
    /// [`Error::TooLarge`].
    pub fn into_tensor(mut self, shape: impl Into<Shape>) -> Result<Tensor<T>> {
        let (shape, count, start) = (shape.into(), self.len(), self.start);
        let expected = Layout::contiguous("into_tensor", shape)?.numel();
        if count != expected {
            return Err(Error::ValueCount { op: "into_tensor", count, expected, shape: shape.into() });
        }
        let values = std::mem::take(&mut self.values);
        if start == 0 {
            return Tensor::from_vec(values, shape);
        }
        Tensor::from_vec(values, [start + count])?.narrow(0, start, count)?.reshape(shape)
    }

    /// The rows as a vector.
    pub fn into_vec(mut self) -> Vec<T> {
        let mut values = std::mem::take(&mut self.values);
        values.drain(..self.start);
        values
    }
}

impl<T: Real> Default for StateRows<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Drop for StateRows<T> {
    fn drop(&mut self) {
        T::recycle(std::mem::take(&mut self.values));
    }
}

impl<T: Real> Deref for StateRows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // None are left where they have been taken out.
        self.values.get(self.start..).unwrap_or_default()
    }
}

impl<T: Real> fmt::Debug for StateRows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateRows({} numbers)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of<T: Real>(rows: usize, columns: Columns, state: usize) -> StateRows<T> {
        let mut all = StateRows::new();
        write(&mut all, rows, columns, state);
        all
    }

    fn write<T: Real>(all: &mut StateRows<T>, rows: usize, columns: Columns, state: usize) {
        let room = all.room(rows, columns, state);
        // SAFETY: as `room` says; all numbers of these columns, or of all, are written.
        unsafe {
            for (row, column) in (0..rows).flat_map(|row| (0..state).map(move |column| (row, column))) {
                room.add(row * columns.width + column).write(T::from_f64((row * state + column) as f64));
            }
            all.are_written(rows, columns);
        }
    }

    fn many_long_rows<T: Real>() {
        // Memory from the pool is not of one kind, so some are tried.
        for rows in [40, 41, 50, 100, 1000, 70_000] {
            let columns = Columns { width: 128, first: 0 };
            let mut all = rows_of::<T>(rows, columns, 128);
            assert!(all.as_ptr().addr().is_multiple_of(LINE), "{rows} rows");
            let place = all.as_ptr();
            write(&mut all, rows, columns, 128);
            assert_eq!((all.as_ptr(), all.len()), (place, rows * 128), "the same memory again");
            let tensor = all.into_tensor([rows, 128]).unwrap();
            assert!(tensor.is_contiguous());
            let slice = tensor.as_slice().unwrap();
            assert_eq!(slice.as_ptr(), place, "without a copy");
            assert!(slice.iter().enumerate().all(|(k, &x)| x == T::from_f64(k as f64)));
        }
    }

    #[test]
    fn many_long_rows_begin_with_a_cache_line() {
        many_long_rows::<f32>();
        many_long_rows::<f64>();
    }

    #[test]
    fn few_or_short_rows_leave_nothing_out() {
        for (rows, width) in [(0, 128), (3, 128), (20_000, 16), (10_000, 3)] {
            let all = rows_of::<f32>(rows, Columns { width, first: 0 }, width);
            assert_eq!((all.start, all.len()), (0, rows * width));
        }
    }

    #[test]
    fn directions_share_the_rows() {
        let columns = |first| Columns { width: 80, first };
        let mut all = rows_of::<f32>(60, columns(0), 40);
        assert!(all[40..80].iter().all(|&x| x == 0.0), "nobody wrote there");
        let second = all.room(60, columns(40), 40);
        assert_eq!(second.cast_const(), all[40..].as_ptr());
        let copy = all.to_vec();
        assert_eq!(all.into_vec(), copy);
        assert_eq!((copy[39], copy[80], copy[59 * 80]), (39.0, 40.0, 59.0 * 40.0));
    }

    #[test]
    #[should_panic(expected = "the size of the output")]
    fn rows_of_another_size_are_refused() {
        let columns = Columns { width: 20, first: 0 };
        rows_of::<f32>(3, columns, 20).room(4, columns, 20);
    }

    #[test]
    #[should_panic(expected = "an output within the address space")]
    fn a_size_that_wraps_is_refused() {
        StateRows::<f32>::new().room(2, Columns { width: usize::MAX / 2 + 33, first: 0 }, 32);
    }

    #[test]
    fn a_wrong_shape_is_an_error() {
        for rows in [3, 500] {
            let all = rows_of::<f32>(rows, Columns { width: 20, first: 0 }, 20);
            assert!(matches!(all.into_tensor([rows, 21]), Err(Error::ValueCount { .. })));
        }
    }
}
