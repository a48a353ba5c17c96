//! The mean under each window, and its share for each element.

use super::{
    pooling::Pooling,
    strided::{zip_from, zip_into},
};
use crate::{Real, Result, Tensor, create::filled, parallel::fill_rows};

impl Pooling {
    /// The mean of the elements under each window. Zeros of the padding count as elements where
    /// `include_pad` says so; what hangs over the padded axis never does.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) for an input of another shape;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn average<T: Real>(&self, input: &Tensor<T>, include_pad: bool) -> Result<Tensor<T>> {
        let input = self.elements("the input", input, self.input_shape())?;
        let x = input.as_slice().unwrap_or_default();
        let (plane, from) = (self.output_plane(), self.input_plane());
        let (across, stride) = (self.windows[1].output(), self.windows[1].stride());
        let mut out = filled(self.op, self.output_shape(), T::ZERO)?;
        fill_rows(&mut out, plane, self.work(), |first, out| {
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let x = &x[(first + k) * from..(first + k + 1) * from];
                for (row, sums) in out.chunks_exact_mut(across).enumerate() {
                    self.for_each_tap(row, |first, end, element| {
                        zip_from(&mut sums[first..end], &x[element..], stride, |sum, x| *sum = *sum + x);
                    });
                    for (place, sum) in sums.iter_mut().enumerate() {
                        *sum = *sum / self.divisor(row, place, include_pad);
                    }
                }
            }
        });
        Ok(Tensor::computed(out, self.output_shape()))
    }

    /// The gradient of the input: that of each mean is shared among its elements.
    ///
    /// # Errors
    /// Those of [`Pooling::average`].
    pub fn average_gradient<T: Real>(&self, gradient: &Tensor<T>, include_pad: bool) -> Result<Tensor<T>> {
        let gradient = self.elements("the gradient", gradient, self.output_shape())?;
        let g = gradient.as_slice().unwrap_or_default();
        let (plane, from) = (self.input_plane(), self.output_plane());
        let (across, stride) = (self.windows[1].output(), self.windows[1].stride());
        let mut out = filled(self.op, self.input_shape(), T::ZERO)?;
        fill_rows(&mut out, plane, self.work(), |first, out| {
            let mut shares = vec![T::ZERO; across];
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let g = &g[(first + k) * from..(first + k + 1) * from];
                for (row, g) in g.chunks_exact(across).enumerate() {
                    for (place, (share, &g)) in shares.iter_mut().zip(g).enumerate() {
                        *share = g / self.divisor(row, place, include_pad);
                    }
                    self.for_each_tap(row, |first, end, element| {
                        zip_into(&mut out[element..], &shares[first..end], stride, |x, share| {
                            *x = *x + share
                        });
                    });
                }
            }
        });
        Ok(Tensor::computed(out, self.input_shape()))
    }

    /// What the sum at a place is divided by. Not 0: a window that touches the padding alone has
    /// the mean 0.
    fn divisor<T: Real>(&self, row: usize, place: usize, include_pad: bool) -> T {
        let [rows, across] = &self.windows;
        let count = if include_pad {
            rows.padded_taps(row) * across.padded_taps(place)
        } else {
            rows.taps(row).len() * across.taps(place).len()
        };
        T::from_usize(count.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::Window;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_definition_and_the_gradient_is_its_transpose(
            height in 1usize..8, width in 1usize..8, kernel in (1usize..4, 1usize..4),
            stride in (1usize..4, 1usize..4), padding in (0usize..2, 0usize..2),
            up: bool, include_pad: bool, planes in 1usize..4,
        ) {
            let make = if up { Window::rounded_up } else { Window::new };
            let rows = make(height, kernel.0, stride.0, [padding.0; 2], 1);
            let across = make(width, kernel.1, stride.1, [padding.1; 2], 1);
            let (Some(rows), Some(across)) = (rows, across) else { return Ok(()) };
            let windows = [rows, across];
            let pooling = Pooling::new("test", planes, windows).unwrap();
            let numbers = |shape: crate::Shape, seed: usize| {
                let number = |i: usize| ((i * 7919 + seed * 31) % 1013) as f64 / 500.0 - 1.0;
                Tensor::from_vec((0..shape.numel()).map(number).collect(), shape).unwrap()
            };
            let (x, g) = (numbers(pooling.input_shape(), 1), numbers(pooling.output_shape(), 2));
            let y = pooling.average(&x, include_pad).unwrap();
            for (k, &found) in y.as_slice().unwrap().iter().enumerate() {
                let (plane, row, place) = (k / pooling.output_plane(), k / windows[1].output() % windows[0].output(), k % windows[1].output());
                let (mut sum, mut count) = (0.0, 0);
                for (ky, kx) in (0..kernel.0).flat_map(|ky| (0..kernel.1).map(move |kx| (ky, kx))) {
                    let (at_row, at) = (row * stride.0 + ky, place * stride.1 + kx);
                    let element = || x.get(&[plane, at_row.checked_sub(padding.0)?, at.checked_sub(padding.1)?]);
                    let padded = at_row < height + 2 * padding.0 && at < width + 2 * padding.1;
                    let element = element();
                    sum += element.unwrap_or(0.0);
                    count += usize::from(element.is_some() || include_pad && padded);
                }
                prop_assert!((found - sum / (count.max(1)) as f64).abs() < 1e-12);
            }
            let by_x = pooling.average_gradient(&g, include_pad).unwrap();
            let dot = |a: &Tensor<f64>, b: &Tensor<f64>| a.mul(b).unwrap().sum(..).unwrap()[[]];
            prop_assert!((dot(&y, &g) - dot(&x, &by_x)).abs() < 1e-10);
        }
    }
}
