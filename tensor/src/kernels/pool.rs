//! Memory for tensors and for the inside of kernels, used again and again.
//!
//! A training step needs the same large buffers as the step before. To hand them back to the
//! operating system and take them anew costs a page fault for every four kilobytes. So some buffers
//! are kept when they are given up, and the next kernel that needs about as much gets them back.

use std::{
    collections::TryReserveError,
    sync::{Mutex, PoisonError},
};

use super::simd::Lanes;

/// Numbers below which the allocator is as fast.
pub(super) const SMALLEST: usize = 1 << 12;
/// Buffers that a pool keeps at most.
const MOST_BUFFERS: usize = 64;
/// Bytes that a pool keeps at most.
const MOST_BYTES: usize = 256 << 20;

/// Memory for some numbers of one type.
pub(crate) trait Memory {
    /// The bytes of a number.
    const SIZE: usize;

    /// For how many numbers there is room.
    fn capacity(&self) -> usize;
}

impl<T> Memory for Vec<T> {
    const SIZE: usize = size_of::<T>();

    fn capacity(&self) -> usize {
        self.capacity()
    }
}

/// Buffers of one element type that nobody uses, the one given up last at the end.
pub(crate) struct Pool<M>(Mutex<Vec<M>>);

impl<M: Memory> Pool<M> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// A buffer with room for `count` numbers, the smallest that is not much too large. Where there
    /// is none, one that is not much too small is given up, the one kept longest: it was of use to a
    /// computation that has grown. Without that, one that grows step by step would leave a buffer
    /// of each size behind.
    pub(super) fn take(&self, count: usize) -> Option<M> {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &M| (count..=2 * count).contains(&buffer.capacity());
        let fitting = buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(k, _)| k);
        if smallest.is_none() {
            let near = |buffer: &M| (count.div_ceil(2)..count).contains(&buffer.capacity());
            if let Some(k) = buffers.iter().position(near) {
                buffers.remove(k);
            }
        }
        smallest.map(|k| buffers.remove(k))
    }

    pub(super) fn give(&self, buffer: M) {
        let bytes = |buffer: &M| buffer.capacity() * M::SIZE;
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
pub(crate) fn recycle<T: Lanes>(mut values: Vec<T>) {
    if values.capacity() >= SMALLEST {
        values.clear();
        T::pool().give(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back() {
        let pool = Pool::<Vec<f64>>::new();
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
        let pool = Pool::<Vec<f64>>::new();
        for count in (10_000..11_000).step_by(100) {
            assert!(pool.take(count).is_none());
            pool.give(Vec::with_capacity(count));
        }
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_pool_does_not_grow_without_bound() {
        let pool = Pool::<Vec<f32>>::new();
        for _ in 0..100 {
            pool.give(Vec::with_capacity(8 << 20));
        }
        let kept = pool.0.lock().unwrap();
        assert_eq!(kept.len(), MOST_BYTES / (32 << 20));
    }
}
