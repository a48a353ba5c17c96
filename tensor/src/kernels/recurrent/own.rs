//! The states of a thread's sequences, in rows of its own.
//!
//! The rows of a step lie one after another, those of all sequences. Where threads share the batch, the
//! last row of one and the first row of another may meet in a cache line, and a processor that reads rows one
//! after another fetches lines of the next ones, too. A thread that read the states before from there
//! would wait for the other core at each step, and the longer, the farther apart the two are. So it writes
//! the new states twice, and reads them here.

#![allow(unsafe_code)] // memory is not set to 0 before it is written

use crate::{Real, kernels::buffer::Buffer};

/// Bytes before and behind the rows, which nobody uses: what a processor fetches beyond an end is not
/// another thread's.
const GAP: usize = 4096;

/// The states of two steps, [B, S] each, and the cell state, [B, H].
pub(super) struct Own<T: Real> {
    states: Buffer<T>,
    /// The numbers of the states of a step.
    size: usize,
    odd: bool,
}

/// Where a step finds its states.
#[derive(Clone, Copy)]
pub(super) struct OwnRows<T> {
    /// Those before: where a sequence begins, the initial ones.
    pub(super) h_before: *mut T,
    /// How much further the new ones go, in wrapping arithmetic; never 0.
    pub(super) ahead: usize,
    /// The cell states, in place.
    pub(super) c: *mut T,
}

impl<T: Real> Own<T> {
    /// For so many sequences, with their initial states, or 0 where there are none.
    pub(super) fn new(
        sequences: usize,
        state: usize,
        h_0: &[T],
        c_0: impl ExactSizeIterator<Item = T>,
    ) -> Self {
        let size = sequences * state;
        let gap = GAP / size_of::<T>();
        let mut states = Buffer::<T>::with_room(gap + 2 * size + c_0.len() + gap);
        let start = states.start().wrapping_add(gap);
        // SAFETY: there is room for all of them.
        unsafe {
            for k in 0..size {
                // A sequence may begin at any step.
                let h_0 = h_0.get(k).copied().unwrap_or(T::ZERO);
                start.add(k).write(h_0);
                start.add(size + k).write(h_0);
            }
            c_0.enumerate().for_each(|(k, c_0)| start.add(2 * size + k).write(c_0));
        }
        Self { states, size, odd: false }
    }

    /// For the next step.
    pub(super) fn next(&mut self) -> OwnRows<T> {
        let size = self.size;
        let (before, ahead) = if self.odd { (size, size.wrapping_neg()) } else { (0, size) };
        self.odd = !self.odd;
        OwnRows { h_before: self.start().wrapping_add(before), ahead, c: self.c() }
    }

    /// The cell states.
    pub(super) fn c(&mut self) -> *mut T {
        self.start().wrapping_add(2 * self.size)
    }

    fn start(&mut self) -> *mut T {
        self.states.start().wrapping_add(GAP / size_of::<T>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_writes_the_next_one_reads() {
        let mut own = Own::<f32>::new(3, 5, &[4.0; 15], [1.0, 2.0, 3.0].into_iter());
        let (first, second, third) = (own.next(), own.next(), own.next());
        let new = |rows: OwnRows<f32>| rows.h_before.wrapping_add(rows.ahead);
        assert_eq!((new(first), new(second)), (second.h_before, third.h_before));
        assert!(first.h_before != second.h_before && first.h_before == third.h_before);
        // SAFETY: the initial states have been written.
        unsafe {
            assert_eq!((first.h_before.read(), second.h_before.add(14).read()), (4.0, 4.0));
            assert_eq!((0..3).map(|k| first.c.add(k).read()).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        }
    }

    #[test]
    fn without_initial_states_they_are_0() {
        let mut own = Own::<f64>::new(2, 3, &[], std::iter::empty());
        let rows = own.next();
        // SAFETY: as above.
        unsafe { assert!((0..6).all(|k| rows.h_before.add(k).read() == 0.0)) };
    }
}
