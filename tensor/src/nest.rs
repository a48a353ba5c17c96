//! The loop nest that walks several operands of one shape in logical order.

use std::ops::Range;

use crate::{Layout, MAX_RANK};

/// A loop nest over `K` operands of equal shape.
///
/// Axes of size 1 are dropped, and neighbouring axes are merged where every operand steps evenly
/// over both. What remains is an inner loop (a row) and the outer loops around it, so that a
/// kernel runs over long rows whatever the rank was.
#[derive(Clone, Copy)]
pub(crate) struct Nest<const K: usize> {
    /// Sizes of the loops, outermost first; the last is the row.
    sizes: [usize; MAX_RANK],
    strides: [[isize; K]; MAX_RANK],
    loops: usize,
    start: [isize; K],
}

impl<const K: usize> Nest<K> {
    pub(crate) fn new(operands: [&Layout; K]) -> Self {
        let shape = operands[0].shape();
        let mut nest = Self {
            sizes: [1; MAX_RANK],
            strides: [[0; K]; MAX_RANK],
            loops: 0,
            start: operands.map(|layout| layout.offset() as isize),
        };
        for axis in 0..shape.rank() {
            let size = shape[axis];
            if size == 1 {
                continue;
            }
            let strides = operands.map(|layout| layout.strides()[axis]);
            let merges = nest.loops > 0 && {
                let outer = nest.strides[nest.loops - 1];
                (0..K).all(|k| outer[k] == strides[k].wrapping_mul(size as isize))
            };
            if !merges {
                nest.loops += 1;
            }
            let last = nest.loops - 1;
            nest.sizes[last] = if merges { nest.sizes[last] * size } else { size };
            nest.strides[last] = strides;
        }
        nest.loops = nest.loops.max(1);
        nest
    }

    /// The number of elements in a row.
    pub(crate) fn row_length(&self) -> usize {
        self.sizes[self.loops - 1]
    }

    /// How far each operand moves from one element of a row to the next.
    pub(crate) fn row_strides(&self) -> [isize; K] {
        self.strides[self.loops - 1]
    }

    /// Where the two inner loops copy a transposed matrix: the number of its rows and the stride
    /// from one to the next.
    pub(crate) fn transposed_matrix(&self) -> Option<(usize, isize)> {
        let outer = self.loops.checked_sub(2)?;
        let steps = [self.strides[outer], self.strides[outer + 1]].map(|strides| strides.map(isize::abs));
        let transposed = (0..K).all(|k| steps[0][k] == 1 && steps[1][k] > 1);
        transposed.then(|| (self.sizes[outer], self.strides[outer][0]))
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.sizes[..self.loops - 1].iter().product()
    }

    /// Where the first operand's elements lie, in logical order.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> + use<K> {
        let (length, stride) = (self.row_length() as isize, self.row_strides()[0]);
        self.row_starts(0..self.rows())
            .flat_map(move |starts| (0..length).map(move |i| (starts[0] as isize + i * stride) as usize))
    }

    /// Where each operand starts in the rows of `range`, in logical order.
    pub(crate) fn row_starts(&self, range: Range<usize>) -> RowStarts<K> {
        let mut index = [0; MAX_RANK];
        let mut position = self.start;
        let mut rest = range.start;
        for k in (0..self.loops - 1).rev() {
            index[k] = rest % self.sizes[k].max(1);
            rest /= self.sizes[k].max(1);
            for (p, stride) in position.iter_mut().zip(self.strides[k]) {
                *p += index[k] as isize * stride;
            }
        }
        RowStarts { nest: *self, index, position, left: range.len() }
    }
}

/// The iterator of [`Nest::row_starts`].
#[derive(Clone)]
pub(crate) struct RowStarts<const K: usize> {
    nest: Nest<K>,
    index: [usize; MAX_RANK],
    position: [isize; K],
    left: usize,
}

impl<const K: usize> Iterator for RowStarts<K> {
    type Item = [usize; K];

    fn next(&mut self) -> Option<[usize; K]> {
        self.left = self.left.checked_sub(1)?;
        let current = self.position.map(|p| p as usize);
        // Like an odometer: advance the innermost outer loop, carry where it is full.
        for k in (0..self.nest.loops - 1).rev() {
            self.index[k] += 1;
            let full = self.index[k] == self.nest.sizes[k];
            let steps = if full { 1 - self.nest.sizes[k] as isize } else { 1 };
            for (p, stride) in self.position.iter_mut().zip(self.nest.strides[k]) {
                *p += steps * stride;
            }
            if !full {
                break;
            }
            self.index[k] = 0;
        }
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn contiguous_operands_become_one_row() {
        let layout = Layout::row_major(Shape::from([2, 1, 3, 4]));
        let nest = Nest::new([&layout, &layout]);
        assert_eq!((nest.rows(), nest.row_length(), nest.row_strides()), (1, 24, [1, 1]));
    }

    #[test]
    fn only_axes_that_every_operand_merges_are_merged() {
        let dense = Layout::row_major(Shape::from([2, 3, 4]));
        let repeated = Layout::row_major(Shape::from([1, 4])).broadcast_to(Shape::from([2, 3, 4])).unwrap();
        let nest = Nest::new([&dense, &repeated]);
        assert_eq!((nest.rows(), nest.row_length(), nest.row_strides()), (6, 4, [1, 1]));
        let starts: Vec<_> = nest.row_starts(2..5).collect();
        assert_eq!(starts, [[8, 0], [12, 0], [16, 0]]);
    }

    #[test]
    fn a_scalar_is_one_row_of_one() {
        let layout = Layout::row_major(Shape::from([]));
        let nest = Nest::new([&layout]);
        assert_eq!((nest.rows(), nest.row_length()), (1, 1));
    }
}
