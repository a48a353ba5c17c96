//! [`AvgPool1d`] and [`AvgPool2d`]: the mean under each window.

use std::fmt;

use refrain_autograd::Var;
use refrain_tensor::Real;

use super::{
    PerAxis,
    per_axis::Shortened,
    pool_options::{PoolOptions, pool_setters},
};
#[cfg(doc)]
use crate::Error;
use crate::Result;

pub(super) const OPS: [&str; 2] = ["avg_pool1d", "avg_pool2d"];

/// A mean over windows of `N` axes: [`AvgPool1d`] and [`AvgPool2d`] are its two forms.
///
/// y\[place\] = 1/count · Σ x\[place · stride + tap − padding\], where x is 0 outside, in each
/// channel on its own. The count is that of the taps that lie in the input or its padding; with
/// `count_include_pad(false)`, in the input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AvgPool<const N: usize> {
    pub(super) options: PoolOptions<N>,
    count_include_pad: bool,
}

/// The mean over windows of a sequence, `torch.nn.AvgPool1d`.
///
/// `[batch, channels, length]` or `[channels, length]` → the same with
/// length_out = ⌊(length + 2 · padding − kernel_size) / stride⌋ + 1, or ⌈…⌉ with `ceil_mode`.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::AvgPool1d;
/// use refrain_tensor::Tensor;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::from([[2.0, 4.0, 6.0]]));
/// let padded = AvgPool1d::builder(2).stride(1).padding(1);
/// assert_eq!(padded.build()?.forward(&x)?.value(), &Tensor::from([[1.0, 3.0, 5.0, 3.0]]));
/// let inside = padded.count_include_pad(false).build()?;
/// assert_eq!(inside.forward(&x)?.value(), &Tensor::from([[2.0, 3.0, 5.0, 6.0]]));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type AvgPool1d = AvgPool<1>;

/// The mean over windows of an image, `torch.nn.AvgPool2d`.
///
/// `[batch, channels, height, width]` or `[channels, height, width]` → the same with
/// height_out = ⌊(height + 2 · padding − kernel) / stride⌋ + 1, or ⌈…⌉ with `ceil_mode`, and
/// width_out likewise.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::AvgPool2d;
/// use refrain_tensor::Tensor;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::from([[[1.0, 2.0], [3.0, 6.0]]]));
/// assert_eq!(AvgPool2d::new(2)?.forward(&x)?.value(), &Tensor::from([[[3.0]]]));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type AvgPool2d = AvgPool<2>;

/// The options of an [`AvgPool1d`] or an [`AvgPool2d`], made by their `builder`.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AvgPoolBuilder<const N: usize> {
    options: PoolOptions<N>,
    count_include_pad: bool,
}
pool_setters!(AvgPoolBuilder);

impl<const N: usize> AvgPoolBuilder<N> {
    /// Whether the zeros of the padding count. Default true.
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.count_include_pad = count_include_pad;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::PoolPadding`] where the padding is more than
    /// half of the kernel size.
    pub fn build(self) -> Result<AvgPool<N>> {
        self.options.check(OPS[N - 1])?;
        Ok(AvgPool { options: self.options, count_include_pad: self.count_include_pad })
    }
}

impl<const N: usize> AvgPool<N> {
    /// A layer whose windows lie side by side.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0.
    pub fn new(kernel_size: impl Into<PerAxis<N>>) -> Result<Self> {
        Self::builder(kernel_size).build()
    }

    /// A layer with options.
    pub fn builder(kernel_size: impl Into<PerAxis<N>>) -> AvgPoolBuilder<N> {
        AvgPoolBuilder { options: PoolOptions::new(kernel_size.into().0), count_include_pad: true }
    }

    /// A batch or a single sample, in the shapes of [`AvgPool1d`] and [`AvgPool2d`].
    ///
    /// # Errors
    /// [`Error::Rank`] for another number of axes; [`Error::Empty`] for samples without elements;
    /// [`Error::Window`] where the window does not fit the padded input; [`Error::Tensor`] where
    /// there is no memory.
    pub fn forward<'t, T: Real>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        let shape = *input.shape();
        let (loops, out_shape) = self.options.loops(OPS[N - 1], shape)?;
        let include_pad = self.count_include_pad;
        let y = loops.average(&input.value().reshape(loops.input_shape())?, include_pad)?;
        let y = y.reshape(out_shape)?;
        Ok(input.tape().record(OPS[N - 1], [input], y, move |g, _| {
            let g = g.reshape(loops.output_shape())?;
            Ok([Some(loops.average_gradient(&g, include_pad)?.reshape(shape)?)])
        })?)
    }
}

/// As PyTorch prints it, which shows neither `ceil_mode` nor `count_include_pad`.
impl<const N: usize> fmt::Debug for AvgPool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.options;
        let print = |sizes| if N == 1 { PerAxis(sizes).to_string() } else { Shortened(sizes).to_string() };
        let [kernel_size, stride, padding] = [o.kernel_size, o.stride(), o.padding].map(print);
        write!(f, "AvgPool{N}d(kernel_size={kernel_size}, stride={stride}, padding={padding})")
    }
}
