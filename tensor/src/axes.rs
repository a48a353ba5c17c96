//! Which axes a reduction runs over.

use std::ops::RangeFull;

use crate::{Error, MAX_RANK, Result, Shape};

/// The axes that a reduction runs over: one (`-1`), several (`[0, 2]`), or all (`..`).
///
/// Negative axes count from the end. A reduced axis disappears, unless [`keepdim`] keeps it with
/// size 1.
///
/// ```
/// use refrain_tensor::{Tensor, keepdim};
/// let t = Tensor::from([[1.0, 2.0], [3.0, 5.0]]);
/// assert_eq!(t.sum(0)?.to_vec(), [4.0, 7.0]);
/// assert_eq!(t.sum(..)?.item()?, 11.0);
/// assert_eq!(*t.sum(keepdim(-1))?.shape(), [2, 1]);
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    named: [isize; MAX_RANK],
    /// How many are named, or `None` for all.
    count: Option<usize>,
    keep: bool,
}

/// The same axes, kept with size 1 in the result, so that it broadcasts against the argument.
pub fn keepdim(axes: impl Into<Axes>) -> Axes {
    Axes { keep: true, ..axes.into() }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Self::from([axis])
    }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Self {
        Self { named: [0; MAX_RANK], count: None, keep: false }
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        const { assert!(N <= MAX_RANK, "a tensor has at most MAX_RANK axes") };
        let mut named = [0; MAX_RANK];
        named[..N].copy_from_slice(&axes);
        Self { named, count: Some(N), keep: false }
    }
}

impl Axes {
    /// The axes of a list that is known only at run time; an empty one reduces nothing.
    ///
    /// # Errors
    /// [`Error::RankTooHigh`] for more than [`MAX_RANK`] axes.
    ///
    /// ```
    /// use refrain_tensor::{Axes, Tensor};
    /// let t = Tensor::from([[1, 2], [3, 4]]);
    /// let axes: Vec<isize> = (0..2).collect();
    /// assert_eq!(t.sum(Axes::new(&axes)?)?.item()?, 10);
    /// assert!(Axes::new(&[0; 9]).is_err());
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn new(axes: &[isize]) -> Result<Self> {
        if axes.len() > MAX_RANK {
            return Err(Error::RankTooHigh { op: "axes", rank: axes.len() });
        }
        let mut named = [0; MAX_RANK];
        named[..axes.len()].copy_from_slice(axes);
        Ok(Self { named, count: Some(axes.len()), keep: false })
    }

    /// The axes of `shape` at `true` places of `mask`, kept or not.
    pub(crate) fn from_mask(mask: [bool; MAX_RANK], rank: usize, keep: bool) -> Self {
        let mut axes = Self { named: [0; MAX_RANK], count: Some(0), keep };
        for axis in (0..rank).filter(|&axis| mask[axis]) {
            let count = axes.count.unwrap_or(0);
            axes.named[count] = axis as isize;
            axes.count = Some(count + 1);
        }
        axes
    }

    /// Whether the reduced axes stay with size 1.
    pub fn keeps(&self) -> bool {
        self.keep
    }

    /// For each axis of `shape`, whether it is reduced.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn mask(&self, op: &'static str, shape: &Shape) -> Result<[bool; MAX_RANK]> {
        let Some(count) = self.count else {
            return Ok([true; MAX_RANK]);
        };
        let mut mask = [false; MAX_RANK];
        for &axis in &self.named[..count] {
            let axis = shape.axis(op, axis)?;
            if std::mem::replace(&mut mask[axis], true) {
                return Err(Error::DuplicateAxis { op, axis, shape: (*shape).into() });
            }
        }
        Ok(mask)
    }

    /// `shape` with every reduced axis at size 1.
    ///
    /// # Errors
    /// Those of [`Axes::mask`].
    pub fn kept_shape(&self, op: &'static str, shape: &Shape) -> Result<Shape> {
        let mask = self.mask(op, shape)?;
        Ok((0..shape.rank()).fold(*shape, |kept, axis| if mask[axis] { kept.with(axis, 1) } else { kept }))
    }

    /// The shape of a reduction's result.
    ///
    /// # Errors
    /// Those of [`Axes::mask`].
    pub fn reduced_shape(&self, op: &'static str, shape: &Shape) -> Result<Shape> {
        let mask = self.mask(op, shape)?;
        if self.keep {
            return self.kept_shape(op, shape);
        }
        Ok((0..shape.rank())
            .rev()
            .fold(*shape, |left, axis| if mask[axis] { left.without(axis) } else { left }))
    }
}
