//! [`ConvBuilder`]: the options of a convolution.

use std::marker::PhantomData;

use rand::Rng;
use refrain_autograd::Parameter;
use refrain_tensor::{Real, Shape};

use super::{Conv, Padding, PerAxis, conv::OPS, frame::at_least_one};
use crate::{Error, Result, init::uniform_by_fan};

/// PyTorch's options with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvOptions<const N: usize> {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) kernel_size: [usize; N],
    pub(super) stride: [usize; N],
    pub(super) padding: Padding<N>,
    pub(super) dilation: [usize; N],
    pub(super) groups: usize,
    pub(super) bias: bool,
}

/// The options of a [`Conv1d`](crate::Conv1d) or a [`Conv2d`](crate::Conv2d), made by their
/// `builder`.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ConvBuilder<T, const N: usize> {
    options: ConvOptions<N>,
    element: PhantomData<T>,
}

impl<T: Real, const N: usize> ConvBuilder<T, N> {
    pub(super) fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; N]) -> Self {
        const { assert!(N == 1 || N == 2, "convolutions have one or two axes") };
        let options = ConvOptions {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1; N],
            padding: Padding::Sizes([0; N]),
            dilation: [1; N],
            groups: 1,
            bias: true,
        };
        Self { options, element: PhantomData }
    }

    /// The distance between the places of the kernel. Default 1.
    pub fn stride(mut self, stride: impl Into<PerAxis<N>>) -> Self {
        self.options.stride = stride.into().0;
        self
    }

    /// The zeros around the input: sizes, [`Padding::Same`] or [`Padding::Valid`]. Default 0.
    pub fn padding(mut self, padding: impl Into<Padding<N>>) -> Self {
        self.options.padding = padding.into();
        self
    }

    /// The distance between the taps of the kernel. Default 1.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<N>>) -> Self {
        self.options.dilation = dilation.into().0;
        self
    }

    /// The number of groups that the channels are divided into; the channels of an output see
    /// those inputs alone that are of their group. Default 1.
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        self
    }

    /// Whether there is a bias. Default true.
    pub fn bias(mut self, bias: bool) -> Self {
        self.options.bias = bias;
        self
    }

    /// The layer, with weights drawn from ±1/√fan, where fan is the number of inputs that an output
    /// is computed from.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Groups`] where the groups do not divide the
    /// channels; [`Error::SamePadding`] for that padding with a stride; [`Error::Tensor`] where there
    /// is no memory.
    pub fn build(self, rng: &mut (impl Rng + ?Sized)) -> Result<Conv<T, N>> {
        let (op, o) = (OPS[N - 1], self.options);
        at_least_one(
            op,
            &[
                ("in_channels", &[o.in_channels]),
                ("out_channels", &[o.out_channels]),
                ("kernel_size", &o.kernel_size),
                ("stride", &o.stride),
                ("dilation", &o.dilation),
                ("groups", &[o.groups]),
            ],
        )?;
        for (option, channels) in [("in_channels", o.in_channels), ("out_channels", o.out_channels)] {
            if channels % o.groups != 0 {
                return Err(Error::Groups { op, groups: o.groups, option, channels });
            }
        }
        if o.padding == Padding::Same && o.stride != [1; N] {
            return Err(Error::SamePadding { op, stride: PerAxis(o.stride).to_string() });
        }
        let in_each = o.in_channels / o.groups;
        let shape = Shape::new(&[&[o.out_channels, in_each], &o.kernel_size[..]].concat())?;
        let fan = o.kernel_size.iter().fold(in_each, |fan, &size| fan.saturating_mul(size));
        let weight = uniform_by_fan(shape, fan, rng)?;
        let bias = o.bias.then(|| uniform_by_fan([o.out_channels], fan, rng)).transpose()?;
        Ok(Conv::from_parts(weight, bias, o))
    }
}

impl<T: Real, const N: usize> Conv<T, N> {
    fn from_parts(weight: Parameter<T>, bias: Option<Parameter<T>>, options: ConvOptions<N>) -> Self {
        Self { weight, bias, options }
    }
}

/// As PyTorch prints them, where they differ from the defaults; yes and no are Rust's `true` and
/// `false`.
impl<const N: usize> std::fmt::Display for ConvOptions<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, kernel_size={}, stride={}",
            self.in_channels,
            self.out_channels,
            PerAxis(self.kernel_size),
            PerAxis(self.stride)
        )?;
        if self.padding != Padding::Sizes([0; N]) {
            write!(f, ", padding={}", self.padding)?;
        }
        if self.dilation != [1; N] {
            write!(f, ", dilation={}", PerAxis(self.dilation))?;
        }
        if self.groups != 1 {
            write!(f, ", groups={}", self.groups)?;
        }
        if !self.bias {
            write!(f, ", bias={}", self.bias)?;
        }
        Ok(())
    }
}
