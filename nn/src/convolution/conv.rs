//! [`Conv1d`] and [`Conv2d`]: the same small linear map at every place.

use std::fmt;

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Shape, convolution::Convolution};

use super::{
    ConvBuilder, PerAxis,
    conv_options::ConvOptions,
    frame::{Frame, Kernel},
};
use crate::{Error, Module, Path, Result};

pub(super) const OPS: [&str; 2] = ["conv1d", "conv2d"];

/// A convolution over `N` axes: [`Conv1d`] and [`Conv2d`] are its two forms.
///
/// y\[o, place\] = bias\[o\] + Σ weight\[o, c, tap\] · x\[c, place · stride + tap · dilation − padding\],
/// where the sum goes over the taps of the kernel and the channels c of o's group, and x is 0
/// outside (LeCun et al. 1989, Neural Computation 1). Weight and bias start uniformly in ±1/√fan,
/// fan = in_channels / groups · taps, as in PyTorch.
///
/// Patches of the input become columns of a matrix, a few hundred at a time, and the sum is a matrix
/// product. The columns are not kept: going back makes them again.
#[derive(Clone)]
pub struct Conv<T: Real, const N: usize> {
    /// The kernel: `[out_channels, in_channels / groups, kernel_size ..]`.
    pub weight: Parameter<T>,
    /// The summand of each channel: `[out_channels]`.
    pub bias: Option<Parameter<T>>,
    pub(super) options: ConvOptions<N>,
}

/// A convolution of sequences, `torch.nn.Conv1d`; see [`Conv`] for the formula.
///
/// | | shape |
/// | --- | --- |
/// | input | `[batch, in_channels, length]` or `[in_channels, length]` |
/// | output | `[batch, out_channels, length_out]` or `[out_channels, length_out]` |
/// | `weight` | `[out_channels, in_channels / groups, kernel_size]` |
/// | `bias` | `[out_channels]` |
///
/// length_out = ⌊(length + 2 · padding − dilation · (kernel_size − 1) − 1) / stride⌋ + 1.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::Conv1d;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let mut slope = Conv1d::<f64>::builder(1, 1, 2).bias(false).build(&mut rng)?;
/// slope.weight.set(Tensor::from([[[-1.0, 1.0]]]))?;
/// let tape = Tape::inference();
/// let y = slope.forward(&tape.constant(Tensor::from([[1.0, 4.0, 9.0]])))?;
/// assert_eq!(y.value(), &Tensor::from([[3.0, 5.0]]));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type Conv1d<T> = Conv<T, 1>;

/// A convolution of images, `torch.nn.Conv2d`; see [`Conv`] for the formula.
///
/// | | shape |
/// | --- | --- |
/// | input | `[batch, in_channels, height, width]` or `[in_channels, height, width]` |
/// | output | `[batch, out_channels, height_out, width_out]` or `[out_channels, height_out, width_out]` |
/// | `weight` | `[out_channels, in_channels / groups, kernel height, kernel width]` |
/// | `bias` | `[out_channels]` |
///
/// height_out = ⌊(height + 2 · padding − dilation · (kernel − 1) − 1) / stride⌋ + 1, and width_out
/// likewise.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::Conv2d;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let layer = Conv2d::<f32>::builder(3, 8, 5).stride(2).padding([2, 1]).build(&mut rng)?;
/// let tape = Tape::inference();
/// let y = layer.forward(&tape.constant(Tensor::ones([4, 3, 28, 30])?))?;
/// assert_eq!(*y.shape(), [4, 8, 14, 14]);
/// assert_eq!(format!("{layer:?}"), "Conv2d(3, 8, kernel_size=(5, 5), stride=(2, 2), padding=(2, 1))");
/// # Ok::<(), refrain_nn::Error>(())
/// ```
pub type Conv2d<T> = Conv<T, 2>;

impl<T: Real, const N: usize> Conv<T, N> {
    /// A layer with a bias, stride 1 and no padding.
    ///
    /// # Errors
    /// Those of [`ConvBuilder::build`].
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<PerAxis<N>>,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        Self::builder(in_channels, out_channels, kernel_size).build(rng)
    }

    /// A layer with options.
    pub fn builder(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<PerAxis<N>>,
    ) -> ConvBuilder<T, N> {
        ConvBuilder::new(in_channels, out_channels, kernel_size.into().0)
    }

    /// The number of channels of the input.
    pub fn in_channels(&self) -> usize {
        self.options.in_channels
    }

    /// The number of channels of the output.
    pub fn out_channels(&self) -> usize {
        self.options.out_channels
    }

    /// A batch or a single sample, in the shapes of [`Conv1d`] and [`Conv2d`].
    ///
    /// # Errors
    /// [`Error::Rank`] for another number of axes; [`Error::Channels`] for another number of
    /// channels; [`Error::Empty`] for samples without elements; [`Error::Window`] where the kernel
    /// does not fit the padded input; [`Error::Tensor`] where there is no memory.
    pub fn forward<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        let (tape, shape) = (input.tape(), *input.shape());
        let (loops, out_shape) = self.loops(shape)?;
        let weight = tape.parameter(&self.weight);
        let bias = self.bias.as_ref().map(|bias| tape.parameter(bias));
        let weight_shape = *weight.shape();
        let x = input.value().reshape(loops.input_shape())?;
        let w = weight.value().reshape(loops.weight_shape())?;
        let y = loops.forward(&x, &w, bias.as_ref().map(Var::value))?;
        let y = y.reshape(out_shape)?;
        let inputs: Vec<&Var<'t, T>> = [input, &weight].into_iter().chain(&bias).collect();
        Ok(tape.record_list(OPS[N - 1], &inputs, y, move |g, needs| {
            let g = g.reshape(loops.output_shape())?;
            let by_input = needs[0].then(|| loops.input_gradient(&g, &w)?.reshape(shape)).transpose()?;
            let by_weight =
                needs[1].then(|| loops.weight_gradient(&g, &x)?.reshape(weight_shape)).transpose()?;
            let by_bias = needs.get(2).map(|_| g.sum([0, 2, 3])).transpose()?;
            Ok([by_input, by_weight].into_iter().chain(by_bias.map(Some)).collect())
        })?)
    }

    /// The loops over an input of this shape, and the shape of the output.
    pub(super) fn loops(&self, shape: Shape) -> Result<(Convolution, Shape)> {
        let (op, o) = (OPS[N - 1], &self.options);
        let frame = Frame::<N>::new(op, shape)?;
        if frame.channels() != o.in_channels {
            let (found, expected) = (frame.channels(), o.in_channels);
            return Err(Error::Channels { op, found, expected, shape: shape.into(), axes: frame.axes() });
        }
        let windows = frame.windows(&Kernel {
            size: o.kernel_size,
            stride: o.stride,
            dilation: o.dilation,
            ceil_mode: false,
            padding: &|axis| o.padding.around(axis, o.kernel_size[axis], o.dilation[axis]),
        })?;
        let channels = [o.in_channels / o.groups, o.out_channels / o.groups];
        let loops = Convolution::new(op, frame.batch(), o.groups, channels, windows)?;
        Ok((loops, frame.output(o.out_channels, &windows)))
    }
}

impl<T: Real, const N: usize> Module<T> for Conv<T, N> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        self.weight.visit(&mut |name, parameter| {
            visitor(format_args!("{}", Path(&"weight", name)), parameter);
        });
        self.bias.visit(&mut |name, parameter| {
            visitor(format_args!("{}", Path(&"bias", name)), parameter);
        });
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        self.weight.visit_mut(&mut |name, parameter| {
            visitor(format_args!("{}", Path(&"weight", name)), parameter);
        });
        self.bias.visit_mut(&mut |name, parameter| {
            visitor(format_args!("{}", Path(&"bias", name)), parameter);
        });
    }
}

/// As PyTorch prints it.
impl<T: Real, const N: usize> fmt::Debug for Conv<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conv{N}d({})", self.options)
    }
}
