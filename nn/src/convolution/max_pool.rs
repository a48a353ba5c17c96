//! [`MaxPool1d`] and [`MaxPool2d`]: the largest element under each window.

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

pub(super) const OPS: [&str; 2] = ["max_pool1d", "max_pool2d"];

/// A maximum over windows of `N` axes: [`MaxPool1d`] and [`MaxPool2d`] are its two forms.
///
/// y\[place\] = max over the taps of x\[place · stride + tap · dilation − padding\], where x is −∞
/// outside, in each channel on its own. NaN wins. The gradient goes to the maximum, the first of
/// several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaxPool<const N: usize> {
    pub(super) options: PoolOptions<N>,
}

/// The maximum over windows of a sequence, `torch.nn.MaxPool1d`.
///
/// `[batch, channels, length]` or `[channels, length]` → the same with
/// length_out = ⌊(length + 2 · padding − dilation · (kernel_size − 1) − 1) / stride⌋ + 1, or ⌈…⌉
/// with `ceil_mode`.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::MaxPool1d;
/// use refrain_tensor::Tensor;
/// let tape = Tape::inference();
/// let x = tape.constant(Tensor::from([[3.0, 1.0, 4.0, 1.0, 5.0]]));
/// assert_eq!(MaxPool1d::new(2)?.forward(&x)?.value(), &Tensor::from([[3.0, 4.0]]));
/// let with_the_rest = MaxPool1d::builder(2).ceil_mode(true).build()?;
/// assert_eq!(with_the_rest.forward(&x)?.value(), &Tensor::from([[3.0, 4.0, 5.0]]));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type MaxPool1d = MaxPool<1>;

/// The maximum over windows of an image, `torch.nn.MaxPool2d`.
///
/// `[batch, channels, height, width]` or `[channels, height, width]` → the same with
/// height_out = ⌊(height + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1, or ⌈…⌉ with
/// `ceil_mode`, and width_out likewise.
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::MaxPool2d;
/// use refrain_tensor::Tensor;
/// let pool = MaxPool2d::builder(3).stride(2).padding(1).build()?;
/// let tape = Tape::inference();
/// let y = pool.forward(&tape.constant(Tensor::<f32>::ones([4, 3, 28, 30])?))?;
/// assert_eq!(*y.shape(), [4, 3, 14, 15]);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type MaxPool2d = MaxPool<2>;

/// The options of a [`MaxPool1d`] or a [`MaxPool2d`], made by their `builder`.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct MaxPoolBuilder<const N: usize> {
    options: PoolOptions<N>,
}
pool_setters!(MaxPoolBuilder);

impl<const N: usize> MaxPoolBuilder<N> {
    /// The distance between the elements of a window. Default 1.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<N>>) -> Self {
        self.options.dilation = dilation.into().0;
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::PoolPadding`] where the padding is more than
    /// half of the kernel size.
    pub fn build(self) -> Result<MaxPool<N>> {
        self.options.check(OPS[N - 1])?;
        Ok(MaxPool { options: self.options })
    }
}

impl<const N: usize> MaxPool<N> {
    /// A layer whose windows lie side by side.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0.
    pub fn new(kernel_size: impl Into<PerAxis<N>>) -> Result<Self> {
        Self::builder(kernel_size).build()
    }

    /// A layer with options.
    pub fn builder(kernel_size: impl Into<PerAxis<N>>) -> MaxPoolBuilder<N> {
        MaxPoolBuilder { options: PoolOptions::new(kernel_size.into().0) }
    }

    /// A batch or a single sample, in the shapes of [`MaxPool1d`] and [`MaxPool2d`].
    ///
    /// # Errors
    /// [`Error::Rank`] for another number of axes; [`Error::Empty`] for samples without elements;
    /// [`Error::Window`] where the window does not fit the padded input; [`Error::Tensor`] where
    /// there is no memory.
    pub fn forward<'t, T: Real>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        let (tape, shape) = (input.tape(), *input.shape());
        let (loops, out_shape) = self.options.loops(OPS[N - 1], shape)?;
        let x = input.value().reshape(loops.input_shape())?;
        if !input.requires_grad() {
            return Ok(tape.constant(loops.max(&x)?.reshape(out_shape)?));
        }
        let (y, positions) = loops.max_with_positions(&x)?;
        Ok(tape.record(OPS[N - 1], [input], y.reshape(out_shape)?, move |g, _| {
            let g = g.reshape(loops.output_shape())?;
            Ok([Some(loops.max_gradient(&g, &positions)?.reshape(shape)?)])
        })?)
    }
}

/// As PyTorch prints it, with Rust's `true` and `false`.
impl<const N: usize> fmt::Debug for MaxPool<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.options;
        write!(
            f,
            "MaxPool{N}d(kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={})",
            Shortened(o.kernel_size),
            Shortened(o.stride()),
            Shortened(o.padding),
            Shortened(o.dilation),
            o.ceil_mode
        )
    }
}
