//! [`Pooling`]: one number for each window of an image.

use super::window::Window;
use crate::{Element, Error, Result, Shape, Tensor};

/// The sizes of one pooling: `[planes, height, width]` → `[planes, output height, output width]`,
/// each plane on its own.
///
/// ```
/// use refrain_tensor::{Tensor, convolution::{Pooling, Window}};
/// let window = Window::new(4, 2, 2, [0, 0], 1).expect("2 of 4 elements");
/// let pairs = Pooling::new("pairs", 1, [Window::single(), window])?;
/// let x = Tensor::from([[[3.0, 1.0, 4.0, 5.0]]]);
/// assert_eq!(pairs.max(&x)?, Tensor::from([[[3.0, 5.0]]]));
/// assert_eq!(pairs.average(&x, true)?, Tensor::from([[[2.0, 4.5]]]));
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pooling {
    pub(super) op: &'static str,
    planes: usize,
    pub(super) windows: [Window; 2],
}

impl Pooling {
    /// A pooling of `planes` planes with a window along the height and one along the width. Errors
    /// name `op`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where input or output has a size that nothing in memory has.
    pub fn new(op: &'static str, planes: usize, windows: [Window; 2]) -> Result<Self> {
        let sizes = Self { op, planes, windows };
        for shape in [sizes.input_shape(), sizes.output_shape()] {
            shape.check_addressable(op)?;
        }
        Ok(sizes)
    }

    /// `[planes, height, width]` of the input.
    pub fn input_shape(&self) -> Shape {
        let [rows, across] = self.windows.map(|window| window.input());
        Shape::from([self.planes, rows, across])
    }

    /// `[planes, height, width]` of the output.
    pub fn output_shape(&self) -> Shape {
        let [rows, across] = self.windows.map(|window| window.output());
        Shape::from([self.planes, rows, across])
    }

    /// The elements of a plane of the input.
    pub(super) fn input_plane(&self) -> usize {
        self.windows[0].input() * self.windows[1].input()
    }

    /// The elements of a plane of the output.
    pub(super) fn output_plane(&self) -> usize {
        self.windows[0].output() * self.windows[1].output()
    }

    /// Elements looked at for one plane.
    pub(super) fn work(&self) -> usize {
        let taps = self.windows[0].kernel().saturating_mul(self.windows[1].kernel());
        self.output_plane().saturating_mul(taps)
    }

    /// The tensor in row-major order, where it has this shape.
    pub(super) fn elements<T: Element>(
        &self,
        what: &'static str,
        tensor: &Tensor<T>,
        expected: Shape,
    ) -> Result<Tensor<T>> {
        if *tensor.shape() != expected {
            let (found, expected) = ((*tensor.shape()).into(), expected.into());
            return Err(Error::ShapeMismatch { op: self.op, what, found, expected });
        }
        tensor.try_contiguous(self.op)
    }

    /// Calls `run(first place, places, first element)` for every tap that touches the input at
    /// places of one row of the output, in the order of the taps.
    pub(super) fn for_each_tap(&self, row: usize, mut run: impl FnMut(usize, usize, usize)) {
        let [rows, across] = &self.windows;
        for row_tap in rows.taps(row) {
            let start = rows.element(row, row_tap) * across.input();
            for tap in 0..across.kernel() {
                let places = across.places(tap);
                if !places.is_empty() {
                    run(places.start, places.end, start + across.element(places.start, tap));
                }
            }
        }
    }
}
