//! [`Padding`]: how many zeros a convolution sees around its input.

use std::fmt;

use super::PerAxis;

/// The zeros around each axis of the input of a convolution over `N` axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding<const N: usize> {
    /// So many on both sides of each axis.
    Sizes([usize; N]),
    /// As many as make the output as large as the input: dilation · (kernel − 1) for each axis,
    /// half of them before, the odd one after. For a stride of 1 alone.
    Same,
    /// None.
    Valid,
}

impl<const N: usize> Padding<N> {
    /// Zeros before and after one axis.
    pub(super) fn around(&self, axis: usize, kernel: usize, dilation: usize) -> [usize; 2] {
        match self {
            Self::Sizes(sizes) => [sizes[axis]; 2],
            Self::Same => {
                let total = dilation.saturating_mul(kernel.saturating_sub(1));
                [total / 2, total - total / 2]
            }
            Self::Valid => [0, 0],
        }
    }
}

impl<const N: usize, S: Into<PerAxis<N>>> From<S> for Padding<N> {
    fn from(sizes: S) -> Self {
        Self::Sizes(sizes.into().0)
    }
}

/// As PyTorch prints it: `(1, 1)`, `same`, `valid`.
impl<const N: usize> fmt::Display for Padding<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes(sizes) => PerAxis(*sizes).fmt(f),
            Self::Same => f.write_str("same"),
            Self::Valid => f.write_str("valid"),
        }
    }
}
