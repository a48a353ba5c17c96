//! The largest element under each window, and the way back to it.

use super::{pooling::Pooling, strided::zip_from};
use crate::{Error, Real, Result, Tensor, create::filled, parallel::fill_rows};

/// Stands for the position of a maximum where a window touches the padding alone.
const NOWHERE: u32 = u32::MAX;

impl Pooling {
    /// The largest element under each window; NaN where there is one. Padding is −∞.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for an input of another shape; [`Error::OutOfMemory`].
    pub fn max<T: Real>(&self, input: &Tensor<T>) -> Result<Tensor<T>> {
        let input = self.elements("the input", input, self.input_shape())?;
        let x = input.as_slice().unwrap_or_default();
        let (plane, across, stride) =
            (self.output_plane(), self.windows[1].output(), self.windows[1].stride());
        let mut out = filled(self.op, self.output_shape(), T::neg_infinity())?;
        fill_rows(&mut out, plane, self.work(), |first, out| {
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let x = self.plane_of(x, first + k);
                for (row, best) in out.chunks_exact_mut(across).enumerate() {
                    self.for_each_tap(row, |first, end, element| {
                        zip_from(&mut best[first..end], &x[element..], stride, |best, x| {
                            *best = if (x > *best) | x.is_nan() { x } else { *best };
                        });
                    });
                }
            }
        });
        Ok(Tensor::computed(out, self.output_shape()))
    }

    /// [`Pooling::max`] with the position of each maximum in its plane, for
    /// [`Pooling::max_gradient`]. Of equal elements the first counts, of several NaN the last, as in
    /// PyTorch.
    ///
    /// # Errors
    /// Those of [`Pooling::max`]; [`Error::TooLarge`] where a plane has 2³² elements or more.
    pub fn max_with_positions<T: Real>(&self, input: &Tensor<T>) -> Result<(Tensor<T>, Tensor<u32>)> {
        if u32::try_from(self.input_plane()).is_err() {
            return Err(Error::TooLarge { op: self.op, shape: self.input_shape().into() });
        }
        let input = self.elements("the input", input, self.input_shape())?;
        let x = input.as_slice().unwrap_or_default();
        let (plane, across) = (self.output_plane(), self.windows[1].output());
        let mut positions = filled(self.op, self.output_shape(), NOWHERE)?;
        fill_rows(&mut positions, plane, self.work(), |first, positions| {
            let mut best = vec![T::neg_infinity(); across];
            for (k, positions) in positions.chunks_exact_mut(plane).enumerate() {
                for (row, positions) in positions.chunks_exact_mut(across).enumerate() {
                    best.fill(T::neg_infinity());
                    self.row_positions(self.plane_of(x, first + k), row, &mut best, positions);
                }
            }
        });
        let mut out = filled(self.op, self.output_shape(), T::neg_infinity())?;
        fill_rows(&mut out, plane, plane, |first, out| {
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let (x, at) = (self.plane_of(x, first + k), &positions[(first + k) * plane..]);
                for (out, &at) in out.iter_mut().zip(at) {
                    *out = x.get(at as usize).copied().unwrap_or(T::neg_infinity());
                }
            }
        });
        let shape = self.output_shape();
        Ok((Tensor::computed(out, shape), Tensor::computed(positions, shape)))
    }

    /// The gradient of the input: that of each maximum goes to its position.
    ///
    /// # Errors
    /// Those of [`Pooling::max`].
    pub fn max_gradient<T: Real>(&self, gradient: &Tensor<T>, positions: &Tensor<u32>) -> Result<Tensor<T>> {
        let gradient = self.elements("the gradient", gradient, self.output_shape())?;
        let positions = self.elements("the positions", positions, self.output_shape())?;
        let g = gradient.as_slice().unwrap_or_default();
        let at = positions.as_slice().unwrap_or_default();
        let (plane, from) = (self.input_plane(), self.output_plane());
        let mut out = filled(self.op, self.input_shape(), T::ZERO)?;
        fill_rows(&mut out, plane, plane + from, |first, out| {
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let outputs = (first + k) * from..(first + k + 1) * from;
                for (&g, &at) in g[outputs.clone()].iter().zip(&at[outputs]) {
                    if let Some(x) = out.get_mut(at as usize) {
                        *x = *x + g;
                    }
                }
            }
        });
        Ok(Tensor::computed(out, self.input_shape()))
    }

    /// The positions of the maxima of one row of windows. `best` starts at −∞ and `positions`
    /// [`NOWHERE`].
    fn row_positions<T: Real>(&self, x: &[T], row: usize, best: &mut [T], positions: &mut [u32]) {
        let stride = self.windows[1].stride();
        self.for_each_tap(row, |first, end, element| {
            let (best, positions) = (&mut best[first..end], &mut positions[first..end]);
            // Where a window has no position yet, −∞ is a maximum too.
            match stride {
                1 => advance::<T, 1>(best, positions, &x[element..], element),
                2 => advance::<T, 2>(best, positions, &x[element..], element),
                _ => {
                    for (k, (best, position)) in best.iter_mut().zip(positions).enumerate() {
                        let at = element + k * stride;
                        choose(best, position, x[at], at);
                    }
                }
            }
        });
    }

    fn plane_of<'a, T>(&self, x: &'a [T], plane: usize) -> &'a [T] {
        &x[plane * self.input_plane()..(plane + 1) * self.input_plane()]
    }
}

/// Sees every `S`-th element of `x`, the first of which is at `start`.
fn advance<T: Real, const S: usize>(best: &mut [T], positions: &mut [u32], x: &[T], start: usize) {
    let (chunks, rest) = x.as_chunks::<S>();
    for (k, ((best, position), x)) in best.iter_mut().zip(&mut *positions).zip(chunks).enumerate() {
        choose(best, position, x[0], start + k * S);
    }
    let last = chunks.len();
    if let (Some(best), Some(&x)) = (best.get_mut(last), rest.first()) {
        choose(best, &mut positions[last], x, start + last * S);
    }
}

fn choose<T: Real>(best: &mut T, position: &mut u32, x: T, at: usize) {
    // Without branches: which element is largest is not to be foretold.
    let larger = (x > *best) | x.is_nan() | (*position == NOWHERE);
    *best = if larger { x } else { *best };
    *position = if larger { at as u32 } else { *position };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, convolution::Window};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_definition(
            height in 1usize..8, width in 1usize..8, kernel in (1usize..4, 1usize..4),
            stride in (1usize..4, 1usize..4), padding in (0usize..2, 0usize..2), dilation in (1usize..3, 1usize..3),
            up: bool, planes in 0usize..4, seed in 0usize..100,
        ) {
            let make = if up { Window::rounded_up } else { Window::new };
            let rows = make(height, kernel.0, stride.0, [padding.0; 2], dilation.0);
            let across = make(width, kernel.1, stride.1, [padding.1; 2], dilation.1);
            let (Some(rows), Some(across)) = (rows, across) else { return Ok(()) };
            let windows = [rows, across];
            let pooling = Pooling::new("test", planes, windows).unwrap();
            // Few different numbers, so that there are ties.
            let number = |i: usize| ((i * 7919 + seed * 31) % 5) as f64;
            let x = (0..planes * height * width).map(number).collect();
            let x = Tensor::from_vec(x, [planes, height, width]).unwrap();
            let (y, positions) = pooling.max_with_positions(&x).unwrap();
            prop_assert_eq!(&y, &pooling.max(&x).unwrap());
            let shape = pooling.output_shape();
            let mut by_x = vec![0.0; x.numel()];
            let g = Tensor::from_vec((0..shape.numel()).map(|i| i as f64 + 1.0).collect(), shape).unwrap();
            for (plane, row, place) in indices(shape) {
                let (mut best, mut position) = (f64::NEG_INFINITY, None);
                for ky in 0..kernel.0 {
                    for kx in 0..kernel.1 {
                        let at_row = (row * stride.0 + ky * dilation.0).checked_sub(padding.0);
                        let at = (place * stride.1 + kx * dilation.1).checked_sub(padding.1);
                        let (Some(at_row), Some(at)) = (at_row, at) else { continue };
                        if let Some(found) = x.get(&[plane, at_row, at]) && found > best {
                            (best, position) = (found, Some((plane * height + at_row) * width + at));
                        }
                    }
                }
                prop_assert_eq!(y[[plane, row, place]], best);
                if let Some(position) = position {
                    by_x[position] += g[[plane, row, place]];
                }
            }
            prop_assert_eq!(pooling.max_gradient(&g, &positions).unwrap().to_vec(), by_x);
        }
    }

    fn indices(shape: Shape) -> impl Iterator<Item = (usize, usize, usize)> {
        let [planes, rows, places] = [shape[0], shape[1], shape[2]];
        (0..planes).flat_map(move |p| (0..rows).flat_map(move |r| (0..places).map(move |x| (p, r, x))))
    }

    /// What torch.nn.functional.max_pool1d does with a window of four.
    #[test]
    fn ties_infinities_and_nan_follow_pytorch() {
        let window = Window::new(4, 4, 4, [0, 0], 1).unwrap();
        let pooling = Pooling::new("test", 1, [Window::single(), window]).unwrap();
        let (nan, low) = (f64::NAN, f64::NEG_INFINITY);
        let cases = [
            ([5.0, 5.0, 5.0, 5.0], 5.0, 0),
            ([1.0, nan, 3.0, nan], nan, 3),
            ([nan, 1.0, 2.0, 3.0], nan, 0),
            ([low, low, low, low], low, 0),
        ];
        for (x, largest, at) in cases {
            let x = Tensor::from([[x]]);
            let (y, positions) = pooling.max_with_positions(&x).unwrap();
            assert_eq!((y[[0, 0, 0]].to_bits(), positions[[0, 0, 0]]), (largest.to_bits(), at), "{x}");
            assert_eq!(pooling.max(&x).unwrap()[[0, 0, 0]].to_bits(), largest.to_bits());
        }
    }

    #[test]
    fn a_window_over_padding_alone_has_no_maximum_and_no_gradient() {
        let window = Window::new(1, 2, 1, [1, 1], 2).unwrap();
        let pooling = Pooling::new("test", 1, [Window::single(), window]).unwrap();
        let (y, positions) = pooling.max_with_positions(&Tensor::from([[[3.0]]])).unwrap();
        assert_eq!(y.to_vec(), [f64::NEG_INFINITY]);
        assert_eq!(pooling.max_gradient(&y, &positions).unwrap().to_vec(), [0.0]);
    }
}
