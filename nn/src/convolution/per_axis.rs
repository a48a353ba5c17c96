//! [`PerAxis`]: an option with a value for each axis.

use std::fmt;

/// A size for each of `N` axes: `[height, width]` of an image, `[length]` of a sequence. One number
/// stands for all axes, as in PyTorch.
///
/// ```
/// use refrain_nn::PerAxis;
/// assert_eq!(PerAxis::<2>::from(3), PerAxis::from([3, 3]));
/// assert_eq!(PerAxis::from((5, 1)), PerAxis::from([5, 1]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerAxis<const N: usize>(pub [usize; N]);

impl<const N: usize> From<usize> for PerAxis<N> {
    fn from(size: usize) -> Self {
        Self([size; N])
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis<N> {
    fn from(sizes: [usize; N]) -> Self {
        Self(sizes)
    }
}

impl From<(usize, usize)> for PerAxis<2> {
    fn from((height, width): (usize, usize)) -> Self {
        Self([height, width])
    }
}

/// As a Python tuple: `(3, 3)`, `(3,)`.
impl<const N: usize> fmt::Display for PerAxis<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [one] => write!(f, "({one},)"),
            all => {
                let sizes: Vec<String> = all.iter().map(usize::to_string).collect();
                write!(f, "({})", sizes.join(", "))
            }
        }
    }
}

/// As [`PerAxis`] prints, but one number where all axes have the same: how PyTorch prints pooling
/// layers.
pub(super) struct Shortened<const N: usize>(pub(super) [usize; N]);

impl<const N: usize> fmt::Display for Shortened<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [first, others @ ..] if others.iter().all(|size| size == first) => write!(f, "{first}"),
            _ => PerAxis(self.0).fmt(f),
        }
    }
}
