//! Memory for the inside of kernels: numbers that are written before they are read, from a place that
//! is good for vectors and for the processor's tables of pages.
//!
//! A sweep goes through many megabytes in a few places of many rows at a time. With pages of 4 kB the
//! processor must look up most of them anew, which on a virtual machine costs several reads of memory
//! each. So a buffer that fills a huge page begins with one, and the operating system is asked for it.

#![allow(unsafe_code)] // buffers are not set to 0 before they are written

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

use super::{
    pool::{self, Memory},
    simd::Lanes,
};

/// The bytes of a cache line, and of the widest vector.
pub(crate) const LINE: usize = 64;
/// The bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Memory for some numbers, which begins with a cache line, or with a huge page if it fills one.
pub struct Block<T> {
    start: NonNull<T>,
    capacity: usize,
    /// What was allocated.
    memory: NonNull<u8>,
}

// SAFETY: a block owns its memory.
unsafe impl<T: Send> Send for Block<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Block<T> {}

impl<T> Block<T> {
    /// # Panics
    /// Where so many numbers exceed the address space.
    fn new(capacity: usize) -> Self {
        const { assert!(size_of::<T>() > 0 && LINE.is_multiple_of(size_of::<T>()), "numbers fill a line") };
        if capacity == 0 {
            return Self { start: NonNull::dangling(), capacity, memory: NonNull::dangling() };
        }
        let layout = Self::layout(capacity);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        if layout.align() == HUGE_PAGE {
            ask_for_huge_pages(memory, layout.size());
            return Self { start: memory.cast(), capacity, memory };
        }
        // SAFETY: the memory begins with a multiple of a number's alignment, so the next line begins at most
        // a line less that many bytes later, and so much more has been allocated than the numbers need.
        let start = unsafe { memory.add(memory.addr().get().wrapping_neg() % LINE) };
        Self { start: start.cast(), capacity, memory }
    }

    /// Where the numbers do not begin with a huge page, with room to begin with any line: an allocator gives
    /// memory of the alignment that it always has faster than of another one.
    fn layout(capacity: usize) -> Layout {
        let layout = Layout::array::<T>(capacity).ok().and_then(|numbers| {
            if numbers.size() >= HUGE_PAGE {
                return numbers.align_to(HUGE_PAGE).ok();
            }
            Layout::from_size_align(numbers.size() + LINE - numbers.align(), numbers.align()).ok()
        });
        layout.expect("a buffer within the address space")
    }
}

impl<T> Drop for Block<T> {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.memory.as_ptr(), Self::layout(self.capacity)) };
        }
    }
}

impl<T> Memory for Block<T> {
    const SIZE: usize = size_of::<T>();

    fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Tells the operating system that this memory, which begins with a huge page, is best made of such.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: advice about memory that is owned here; it changes nothing that can be seen, and may fail
    // where there are no such pages.
    unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<u8>, _: usize) {}

/// Numbers in a block from the pool, to which it goes back.
pub(crate) struct Buffer<T: Lanes> {
    block: Block<T>,
    length: usize,
}

impl<T: Lanes> Buffer<T> {
    /// An empty one with room for `count` numbers.
    pub(crate) fn with_room(count: usize) -> Self {
        let used = if count < pool::SMALLEST { None } else { T::blocks().take(count) };
        Self { block: used.unwrap_or_else(|| Block::new(count)), length: 0 }
    }

    /// Where the numbers are, or will be.
    pub(crate) fn start(&mut self) -> *mut T {
        self.block.start.as_ptr()
    }

    /// # Safety
    /// The first `count` numbers have been written, and there was room for them.
    pub(crate) unsafe fn set_len(&mut self, count: usize) {
        debug_assert!(count <= self.block.capacity);
        self.length = count;
    }
}

impl<T: Lanes> Drop for Buffer<T> {
    fn drop(&mut self) {
        let block = std::mem::replace(&mut self.block, Block::new(0));
        if block.capacity >= pool::SMALLEST {
            T::blocks().give(block);
        }
    }
}

impl<T: Lanes> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many have been written.
        unsafe { slice::from_raw_parts(self.block.start.as_ptr(), self.length) }
    }
}

impl<T: Lanes> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many have been written.
        unsafe { slice::from_raw_parts_mut(self.block.start.as_ptr(), self.length) }
    }
}

impl<T: Lanes> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} numbers)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_with_a_cache_line_or_a_huge_page() {
        for (count, align) in [(1, LINE), (1000, LINE), (HUGE_PAGE / 8, HUGE_PAGE), (HUGE_PAGE, HUGE_PAGE)] {
            let mut buffer = Buffer::<f64>::with_room(count);
            assert!(buffer.start().addr().is_multiple_of(align), "{count} numbers");
            // SAFETY: there is room for them.
            unsafe {
                (0..count).for_each(|k| buffer.start().add(k).write(k as f64));
                buffer.set_len(count);
            }
            assert!(buffer.iter().enumerate().all(|(k, &x)| x == k as f64), "{count} numbers");
        }
        assert_eq!(Buffer::<f32>::with_room(0).len(), 0);
    }

    #[test]
    #[should_panic(expected = "a buffer within the address space")]
    fn too_many_numbers_are_refused() {
        Block::<f64>::new(usize::MAX / 4);
    }
}
