//! [`Frame`]: the sizes of an input of a convolution or a pooling.

use refrain_tensor::{Shape, convolution::Window};

use crate::{Error, Result};

/// What the axes of an input are, by the number of axes that a window slides along.
const BATCHED: [&str; 2] = ["[batch, channels, length]", "[batch, channels, height, width]"];
const UNBATCHED: [&str; 2] = ["[channels, length]", "[channels, height, width]"];
const EITHER: [&str; 2] = [
    "[batch, channels, length] or [channels, length]",
    "[batch, channels, height, width] or [channels, height, width]",
];
/// What a window slides along.
const SLIDES: [&[&str]; 2] = [&["length"], &["height", "width"]];

/// An input, with or without an axis of samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<const N: usize> {
    op: &'static str,
    shape: Shape,
    batched: bool,
}

impl<const N: usize> Frame<N> {
    /// The frame of an input that has elements in each sample.
    pub(super) fn new(op: &'static str, shape: Shape) -> Result<Self> {
        let batched = match shape.rank() {
            rank if rank == N + 2 => true,
            rank if rank == N + 1 => false,
            _ => return Err(Error::Rank { op, shape: shape.into(), axes: EITHER[N - 1] }),
        };
        let frame = Self { op, shape, batched };
        let sizes = [&["channels"], SLIDES[N - 1]].concat();
        for (what, size) in sizes.into_iter().zip([frame.channels()].into_iter().chain(frame.sizes())) {
            // A batch of no samples is one; a sample of no elements is none.
            if size == 0 {
                return Err(Error::Empty { op, what, shape: shape.into(), axes: frame.axes() });
            }
        }
        Ok(frame)
    }

    /// The names of the axes, as errors show them.
    pub(super) fn axes(&self) -> &'static str {
        if self.batched { BATCHED[N - 1] } else { UNBATCHED[N - 1] }
    }

    /// The number of samples: 1 where there is no axis of them.
    pub(super) fn batch(&self) -> usize {
        if self.batched { self.shape[0] } else { 1 }
    }

    pub(super) fn channels(&self) -> usize {
        self.shape[self.shape.rank() - N - 1]
    }

    fn sizes(&self) -> [usize; N] {
        std::array::from_fn(|axis| self.shape[self.shape.rank() - N + axis])
    }

    /// The shape of an output of this frame.
    pub(super) fn output(&self, channels: usize, windows: &[Window; 2]) -> Shape {
        let first = self.shape.rank() - N;
        let shape = self.shape.with(first - 1, channels);
        (0..N).fold(shape, |shape, axis| shape.with(first + axis, windows[2 - N + axis].output()))
    }

    /// A window along each axis, and along a height of 1 in front of a length.
    pub(super) fn windows(&self, kernel: &Kernel<'_, N>) -> Result<[Window; 2]> {
        let mut windows = [Window::single(); 2];
        for (axis, input) in self.sizes().into_iter().enumerate() {
            let (size, dilation) = (kernel.size[axis], kernel.dilation[axis]);
            let padding = (kernel.padding)(axis);
            let make = if kernel.ceil_mode { Window::rounded_up } else { Window::new };
            let window = make(input, size, kernel.stride[axis], padding, dilation);
            windows[2 - N + axis] = window.ok_or_else(|| Error::Window {
                op: self.op,
                span: size.saturating_sub(1).saturating_mul(dilation).saturating_add(1),
                padded: input.saturating_add(padding[0]).saturating_add(padding[1]),
                axis: SLIDES[N - 1][axis],
                shape: self.shape.into(),
                axes: self.axes(),
            })?;
        }
        Ok(windows)
    }
}

/// The options of a layer that say how its windows slide.
pub(super) struct Kernel<'a, const N: usize> {
    pub(super) size: [usize; N],
    pub(super) stride: [usize; N],
    pub(super) dilation: [usize; N],
    /// Whether the last window may hang over the end.
    pub(super) ceil_mode: bool,
    /// The padding before and after an axis.
    pub(super) padding: &'a dyn Fn(usize) -> [usize; 2],
}

/// # Errors
/// [`Error::ZeroOption`] for the first option with a 0.
pub(super) fn at_least_one(op: &'static str, options: &[(&'static str, &[usize])]) -> Result<()> {
    match options.iter().find(|(_, sizes)| sizes.contains(&0)) {
        Some(&(option, _)) => Err(Error::ZeroOption { op, option }),
        None => Ok(()),
    }
}
