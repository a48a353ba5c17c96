//! Memory for tensors and for the inside of kernels, used again and again.
//!
//! A training step needs the same large buffers as the step before. To hand them back to the
//! operating system and take them anew costs a page fault for every four kilobytes. So some buffers are kept when they are given up, and the next kernel that
//! needs about as much gets them back.

#![allow(unsafe_code)] // buffers are not set to 0 before they are written

use std::{
    collections::TryReserveError,
    fmt,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use super::simd::Lanes;

/// Numbers below which the allocator is as fast.
const SMALLEST: usize = 1 << 12;
/// Buffers that are kept at most, for each element type.
const MOST_BUFFERS: usize = 64;
/// Bytes that are kept at most, for each element type.
const MOST_BYTES: usize = 256 << 20;

/// The buffers of one element type that nobody uses, the one given up last at the end.
pub(crate) struct Pool<T>(Mutex<Vec<Vec<T>>>);

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// A buffer with room for `count` numbers, the smallest that is not much too large. Where there
    /// is none, one that is not much too small is given up, the one kept longest: it was of use to a
    /// computation that has grown. Without that, one that grows step by step would leave a buffer
    /// of each size behind.
    fn take(&self, count: usize) -> Option<Vec<T>> {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Vec<T>| (count..=2 * count).contains(&buffer.capacity());
        let fitting = buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(k, _)| k);
        if smallest.is_none() {
            let near = |buffer: &Vec<T>| (count.div_ceil(2)..count).contains(&buffer.capacity());
            if let Some(k) = buffers.iter().position(near) {
                buffers.remove(k);
            }
        }
        smallest.map(|k| buffers.remove(k))
    }

    fn give(&self, mut buffer: Vec<T>) {
        buffer.clear();
        let bytes = |buffer: &Vec<T>| buffer.capacity() * size_of::<T>();
        if bytes(&buffer) > MOST_BYTES {
            return;
        }
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.push(buffer);
        while buffers.len() > MOST_BUFFERS || buffers.iter().map(bytes).sum::<usize>() > MOST_BYTES {
            buffers.remove(0);
        }
    }
}

/// An empty vector with room for `count` numbers.
pub(crate) fn room<T: Lanes>(count: usize) -> Result<Vec<T>, TryReserveError> {
    if count >= SMALLEST
        && let Some(buffer) = T::pool().take(count)
    {
        return Ok(buffer);
    }
    let mut values = Vec::new();
    if count > 0 {
        values.try_reserve_exact(count)?;
    }
    Ok(values)
}

/// Keeps the memory of numbers that nobody needs any more, as far as there is room in the pool.
pub(crate) fn recycle<T: Lanes>(values: Vec<T>) {
    if values.capacity() >= SMALLEST {
        T::pool().give(values);
    }
}

/// A vector from the pool, to which its memory goes back.
pub(crate) struct Buffer<T: Lanes>(Vec<T>);

impl<T: Lanes> Buffer<T> {
    /// An empty one with room for `count` numbers.
    pub(crate) fn with_room(count: usize) -> Self {
        Self(room(count).unwrap_or_else(|_| Vec::with_capacity(count)))
    }

    /// Where the numbers are, or will be.
    pub(crate) fn start(&mut self) -> *mut T {
        self.0.as_mut_ptr()
    }

    /// # Safety
    /// The first `count` numbers have been written, and there was room for them.
    pub(crate) unsafe fn set_len(&mut self, count: usize) {
        debug_assert!(count <= self.0.capacity());
        // SAFETY: the caller's.
        unsafe { self.0.set_len(count) };
    }
}

impl<T: Lanes> Drop for Buffer<T> {
    fn drop(&mut self) {
        recycle(std::mem::take(&mut self.0));
    }
}

impl<T: Lanes> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Lanes> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Lanes> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} numbers)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back() {
        let pool = Pool::<f64>::new();
        let buffer = Vec::with_capacity(10_000);
        let place = buffer.as_ptr();
        pool.give(buffer);
        assert!(pool.take(100_000).is_none() && pool.take(100).is_none());
        let fitting = pool.take(9_000).unwrap();
        assert_eq!(fitting.as_ptr(), place);
        assert!(pool.take(9_000).is_none());
    }

    #[test]
    fn what_grows_leaves_no_smaller_buffers_behind() {
        let pool = Pool::<f64>::new();
        for count in (10_000..11_000).step_by(100) {
            assert!(pool.take(count).is_none());
            pool.give(Vec::with_capacity(count));
        }
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_pool_does_not_grow_without_bound() {
        let pool = Pool::<f32>::new();
        for _ in 0..100 {
            pool.give(Vec::with_capacity(8 << 20));
        }
        let kept = pool.0.lock().unwrap();
        assert_eq!(kept.len(), MOST_BYTES / (32 << 20));
    }
}
