//! The sizes of a tensor's axes.

use std::{fmt, ops::Deref};

use crate::{Error, Result};

/// The most axes a tensor can have. A batch of images in groups has five; with six, a tensor is small
/// enough to be moved in a few instructions, which a model of few units feels.
pub const MAX_RANK: usize = 6;

/// The sizes of a tensor's axes, outermost first: `[seq, batch, features]`.
///
/// A shape is `Copy` and lives on the stack. Arrays of up to [`MAX_RANK`] sizes convert into it;
/// for sizes known only at run time there is [`Shape::new`].
///
/// ```
/// use refrain_tensor::Shape;
/// let shape = Shape::from([3, 2, 5]);
/// assert_eq!(shape.rank(), 3);
/// assert_eq!(shape.numel(), 30);
/// assert_eq!(shape[1], 2);
/// assert_eq!(shape.to_string(), "[3, 2, 5]");
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape from a slice of sizes.
    ///
    /// # Errors
    /// [`Error::RankTooHigh`] for more than [`MAX_RANK`] sizes.
    pub fn new(sizes: &[usize]) -> Result<Self> {
        if sizes.len() > MAX_RANK {
            return Err(Error::RankTooHigh { op: "shape", rank: sizes.len() });
        }
        Ok(Self::from_slice(sizes))
    }

    /// A shape from at most [`MAX_RANK`] sizes.
    pub(crate) fn from_slice(sizes: &[usize]) -> Self {
        let mut all = [1; MAX_RANK];
        all[..sizes.len()].copy_from_slice(sizes);
        Self { sizes: all, rank: sizes.len() as u8 }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The number of elements: the product of the sizes, 1 for rank 0. Saturates at `usize::MAX`;
    /// no tensor has such a shape, because making one checks [`Shape::checked_numel`].
    pub fn numel(&self) -> usize {
        self.checked_numel().unwrap_or(usize::MAX)
    }

    /// The number of elements, or `None` where it does not fit in an `isize`.
    pub fn checked_numel(&self) -> Option<usize> {
        match self.iter().try_fold(1usize, |n, &size| n.checked_mul(size)) {
            Some(n) if n <= isize::MAX as usize => Some(n),
            // A 0 may come after sizes whose product is too large.
            _ => self.contains(&0).then_some(0),
        }
    }

    /// The product of the sizes that are not 0, or an error of `op` where it does not fit in an
    /// `isize`: then some distance between elements would not either.
    pub(crate) fn check_addressable(&self, op: &'static str) -> Result<usize> {
        let product = self.iter().try_fold(1usize, |n, &size| n.checked_mul(size.max(1)));
        product
            .filter(|&n| n <= isize::MAX as usize)
            .ok_or_else(|| Error::TooLarge { op, shape: (*self).into() })
    }

    /// The index of `axis`, where negative numbers count from the end: -1 is the last axis.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], naming `op`.
    pub fn axis(&self, op: &'static str, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let index = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&index) {
            Ok(index as usize)
        } else {
            Err(Error::AxisOutOfRange { op, axis, shape: (*self).into() })
        }
    }

    /// This shape with the size of one axis replaced.
    ///
    /// # Panics
    /// Where there is no such axis.
    #[track_caller]
    pub fn with(mut self, axis: usize, size: usize) -> Self {
        assert!(axis < self.rank(), "with: axis {axis} is out of range for shape {self}");
        self[..][axis] = size;
        self
    }

    /// This shape without one axis.
    ///
    /// # Panics
    /// Where there is no such axis.
    #[track_caller]
    pub fn without(self, axis: usize) -> Self {
        assert!(axis < self.rank(), "without: axis {axis} is out of range for shape {self}");
        let mut result = self;
        result.sizes.copy_within(axis + 1.., axis);
        result.sizes[MAX_RANK - 1] = 1;
        result.rank -= 1;
        result
    }

    /// This shape with one more axis.
    ///
    /// # Errors
    /// [`Error::RankTooHigh`] where it already has [`MAX_RANK`].
    ///
    /// # Panics
    /// Where `axis` is above the rank.
    #[track_caller]
    pub fn inserted(self, op: &'static str, axis: usize, size: usize) -> Result<Self> {
        assert!(axis <= self.rank(), "{op}: no axis can be inserted at {axis} in shape {self}");
        if self.rank() == MAX_RANK {
            return Err(Error::RankTooHigh { op, rank: MAX_RANK + 1 });
        }
        let mut result = self;
        result.sizes.copy_within(axis..MAX_RANK - 1, axis + 1);
        result.sizes[axis] = size;
        result.rank += 1;
        Ok(result)
    }

    /// The shape that two shapes broadcast to: aligned at the right, sizes are equal or one is 1.
    ///
    /// # Errors
    /// [`Error::Broadcast`], naming `op`.
    ///
    /// ```
    /// use refrain_tensor::Shape;
    /// let shape = Shape::from([3, 1, 5]).broadcast("add", Shape::from([2, 1]))?;
    /// assert_eq!(shape, Shape::from([3, 2, 5]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn broadcast(self, op: &'static str, other: Self) -> Result<Self> {
        if self == other {
            return Ok(self);
        }
        let rank = self.rank().max(other.rank());
        let size_from_right = |s: &Self, k: usize| if k < s.rank() { s[s.rank() - 1 - k] } else { 1 };
        let mut result = Self::from_slice(&[1; MAX_RANK][..rank]);
        for k in 0..rank {
            result[..][rank - 1 - k] = match (size_from_right(&self, k), size_from_right(&other, k)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return Err(Error::Broadcast { op, left: self.into(), right: other.into() }),
            };
        }
        Ok(result)
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank()]
    }
}

impl std::ops::DerefMut for Shape {
    fn deref_mut(&mut self) -> &mut [usize] {
        let rank = self.rank();
        &mut self.sizes[..rank]
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Shape {}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self[..] == other[..]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        const { assert!(N <= MAX_RANK, "a tensor has at most MAX_RANK axes") };
        Self::from_slice(&sizes)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        *shape
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self[..], f)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numel_counts_or_says_that_it_cannot() {
        assert_eq!(Shape::from([]).numel(), 1);
        assert_eq!(Shape::from([3, 0, usize::MAX]).checked_numel(), Some(0));
        assert_eq!(Shape::from([usize::MAX, 2]).checked_numel(), None);
        assert_eq!(Shape::from([1 << 40, 1 << 40]).checked_numel(), None);
    }

    #[test]
    fn axes_are_inserted_and_removed_at_every_place() {
        let shape = Shape::from([2, 3, 4]);
        for axis in 0..=3 {
            let longer = shape.inserted("test", axis, 9).unwrap();
            assert_eq!(longer[axis], 9);
            assert_eq!(longer.without(axis), shape);
        }
        let full = Shape::from([1; MAX_RANK]);
        assert_eq!(full.without(MAX_RANK - 1), Shape::from([1; MAX_RANK - 1]));
        let message = full.inserted("unsqueeze", 0, 1).unwrap_err().to_string();
        assert_eq!(message, "unsqueeze: 7 axes, but a tensor has at most 6");
    }

    #[test]
    fn axes_that_are_not_there_panic() {
        let shape = Shape::from([2, 3]);
        for broken in [
            std::panic::catch_unwind(|| shape.with(2, 1)),
            std::panic::catch_unwind(|| shape.without(2)),
            std::panic::catch_unwind(|| shape.inserted("t", 3, 1).unwrap()),
        ] {
            let message = *broken.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains("in shape [2, 3]") || message.contains("for shape [2, 3]"), "{message}");
        }
    }

    #[test]
    fn broadcasting_follows_the_table() {
        let ok: [(&[usize], &[usize], &[usize]); 6] = [
            (&[], &[], &[]),
            (&[], &[2, 3], &[2, 3]),
            (&[3], &[2, 3], &[2, 3]),
            (&[2, 1], &[1, 3], &[2, 3]),
            (&[0], &[1], &[0]),
            (&[4, 1, 5], &[3, 1], &[4, 3, 5]),
        ];
        for (a, b, expected) in ok {
            let (a, b) = (Shape::new(a).unwrap(), Shape::new(b).unwrap());
            assert_eq!(&a.broadcast("t", b).unwrap()[..], expected);
            assert_eq!(&b.broadcast("t", a).unwrap()[..], expected);
        }
        let message = Shape::from([2, 3]).broadcast("add", Shape::from([2])).unwrap_err().to_string();
        assert!(message.starts_with("add: shapes [2, 3] and [2] do not broadcast"), "{message}");
    }

    #[test]
    fn axes_count_from_either_end() {
        let shape = Shape::from([5, 6]);
        assert_eq!(shape.axis("t", -1).unwrap(), 1);
        assert_eq!(shape.axis("t", 0).unwrap(), 0);
        for bad in [2, -3] {
            let message = shape.axis("sum", bad).unwrap_err().to_string();
            assert_eq!(message, format!("sum: axis {bad} is out of range for shape [5, 6] of rank 2"));
        }
    }
}
