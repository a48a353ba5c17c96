//! The states that sweeps write.

#![allow(unsafe_code)] // states get their length when a sweep has written them

use std::ops::Deref;

use super::Columns;
use crate::{
    Real, Result, Shape, Tensor,
    kernels::{buffer::LINE, pool},
};

/// The states of all rows, a matrix of which each direction writes some columns; empty at first.
///
/// Where rows are longer than a cache line, the first one begins with one. A vector that lies in two lines
/// takes twice as long to read and to write, and a line with numbers of two threads goes back and forth
/// between their cores.
#[derive(Debug)]
pub struct States<T> {
    /// What is left out before the first row, and the rows.
    values: Vec<T>,
    start: usize,
}

impl<T: Real> States<T> {
    /// None.
    pub const fn new() -> Self {
        Self { values: Vec::new(), start: 0 }
    }

    /// Where a direction writes `state` numbers of each of `rows` rows. Other columns are 0 if no direction
    /// has written them.
    ///
    /// # Panics
    /// Where there are states of another size.
    pub(super) fn room(&mut self, rows: usize, columns: Columns, state: usize) -> *mut T {
        let size = rows * columns.width;
        if self.values.is_empty() {
            let long = columns.width * size_of::<T>() > LINE && size >= pool::SMALLEST;
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

    /// The states as a tensor, without a copy.
    ///
    /// # Errors
    /// [`Error::ValueCount`](crate::Error::ValueCount) and others where they do not have this shape.
    pub fn into_tensor(self, shape: impl Into<Shape>) -> Result<Tensor<T>> {
        let (start, all) = (self.start, self.values.len());
        if start == 0 {
            return Tensor::from_vec(self.values, shape);
        }
        Tensor::from_vec(self.values, [all])?.narrow(0, start, all - start)?.reshape(shape)
    }

    /// The states as a vector.
    pub fn into_vec(mut self) -> Vec<T> {
        self.values.drain(..self.start);
        self.values
    }
}

impl<T: Real> Default for States<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for States<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(rows: usize, columns: Columns, state: usize) -> States<f32> {
        let mut states = States::<f32>::new();
        let room = states.room(rows, columns, state);
        // SAFETY: as `room` says; all numbers of these columns, or of all, are written.
        unsafe {
            for (row, column) in (0..rows).flat_map(|row| (0..state).map(move |column| (row, column))) {
                room.add(row * columns.width + column).write((row * state + column) as f32);
            }
            states.are_written(rows, columns);
        }
        states
    }

    #[test]
    fn long_rows_begin_with_a_cache_line() {
        // Memory from the pool is not of one kind, so some are tried.
        for rows in [40, 41, 50, 100, 1000, 70_000] {
            let states = states(rows, Columns { width: 128, first: 0 }, 128);
            assert!(states.as_ptr().addr().is_multiple_of(LINE), "{rows} rows");
            assert_eq!(states.len(), rows * 128);
            let tensor = states.into_tensor([rows, 128]).unwrap();
            assert!(tensor.is_contiguous());
            let slice = tensor.as_slice().unwrap();
            assert!(slice.as_ptr().addr().is_multiple_of(LINE));
            assert!(slice.iter().enumerate().all(|(k, &x)| x == k as f32));
        }
    }

    #[test]
    fn directions_share_the_rows() {
        let columns = |first| Columns { width: 80, first };
        let mut states = states(60, columns(0), 40);
        assert!(states[40..80].iter().all(|&x| x == 0.0), "nobody wrote there");
        let second = states.room(60, columns(40), 40);
        assert_eq!(second.cast_const(), states[40..].as_ptr());
        let all = states.to_vec();
        assert_eq!(states.into_vec(), all);
        assert_eq!((all[39], all[80], all[59 * 80]), (39.0, 40.0, 59.0 * 40.0));
    }

    #[test]
    #[should_panic(expected = "the size of the output")]
    fn states_of_another_size_are_refused() {
        let columns = Columns { width: 20, first: 0 };
        states(3, columns, 20).room(4, columns, 20);
    }

    #[test]
    fn a_wrong_shape_is_an_error() {
        for rows in [3, 500] {
            assert!(states(rows, Columns { width: 20, first: 0 }, 20).into_tensor([rows, 21]).is_err());
        }
    }
}
