//! The options that pooling layers share.

use refrain_tensor::{Shape, convolution::Pooling};

use super::frame::{Frame, Kernel, at_least_one};
use crate::{Error, Result};

/// PyTorch's options with PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolOptions<const N: usize> {
    pub(super) kernel_size: [usize; N],
    /// The kernel size, unless it is set.
    stride: Option<[usize; N]>,
    pub(super) padding: [usize; N],
    pub(super) dilation: [usize; N],
    pub(super) ceil_mode: bool,
}

impl<const N: usize> PoolOptions<N> {
    pub(super) fn new(kernel_size: [usize; N]) -> Self {
        const { assert!(N == 1 || N == 2, "pooling has one or two axes") };
        Self { kernel_size, stride: None, padding: [0; N], dilation: [1; N], ceil_mode: false }
    }

    pub(super) fn stride(&self) -> [usize; N] {
        self.stride.unwrap_or(self.kernel_size)
    }

    pub(super) fn set_stride(&mut self, stride: [usize; N]) {
        self.stride = Some(stride);
    }

    /// The loops over an input of this shape, and the shape of the output.
    pub(super) fn loops(&self, op: &'static str, shape: Shape) -> Result<(Pooling, Shape)> {
        let frame = Frame::<N>::new(op, shape)?;
        let windows = frame.windows(&Kernel {
            size: self.kernel_size,
            stride: self.stride(),
            dilation: self.dilation,
            ceil_mode: self.ceil_mode,
            padding: &|axis| [self.padding[axis]; 2],
        })?;
        let loops = Pooling::new(op, frame.batch() * frame.channels(), windows)?;
        Ok((loops, frame.output(frame.channels(), &windows)))
    }

    /// # Errors
    /// [`Error::ZeroOption`], [`Error::PoolPadding`].
    pub(super) fn check(&self, op: &'static str) -> Result<()> {
        let stride = self.stride();
        at_least_one(
            op,
            &[("kernel_size", &self.kernel_size), ("stride", &stride), ("dilation", &self.dilation)],
        )?;
        for (&padding, kernel_size) in self.padding.iter().zip(self.kernel_size) {
            if padding > kernel_size / 2 {
                return Err(Error::PoolPadding { op, padding, kernel_size });
            }
        }
        Ok(())
    }
}

/// The setters of a builder that holds `options`.
macro_rules! pool_setters {
    ($builder:ident) => {
        impl<const N: usize> $builder<N> {
            /// The distance between windows. Default: the kernel size.
            pub fn stride(mut self, stride: impl Into<$crate::PerAxis<N>>) -> Self {
                self.options.set_stride(stride.into().0);
                self
            }

            /// How far windows may begin before the input and end after it, at most half of the
            /// kernel size. Default 0.
            pub fn padding(mut self, padding: impl Into<$crate::PerAxis<N>>) -> Self {
                self.options.padding = padding.into().0;
                self
            }

            /// Whether the number of windows is rounded up, so that the last one may hang over the
            /// end. It still begins inside the input or the padding before it. Default false.
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.options.ceil_mode = ceil_mode;
                self
            }
        }
    };
}
pub(super) use pool_setters;
