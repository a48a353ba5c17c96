//! [`Convolution`]: a convolution as a matrix product, and the products that lead back.

use std::sync::OnceLock;

use super::{columns::Columns, window::Window};
use crate::{
    Error, Real, Result, Shape, Tensor,
    create::filled,
    parallel::{fill_pieces, fill_rows},
};

/// The sizes of one convolution:
/// y\[n, o, p\] = bias\[o\] + Σ weight\[o, c, t\] · x\[n, c, element under tap t at place p\],
/// the sum over the channels c of o's group and the taps t.
///
/// | | shape |
/// | --- | --- |
/// | input | `[batch, groups · in_each, height, width]` |
/// | weight | `[groups · out_each, in_each, kernel height, kernel width]` |
/// | bias | `[groups · out_each]` |
/// | output | `[batch, groups · out_each, output height, output width]` |
///
/// ```
/// use refrain_tensor::{Tensor, convolution::{Convolution, Window}};
/// let window = Window::new(3, 2, 1, [0, 0], 1).expect("2 of 3 elements");
/// let differences = Convolution::new("differences", 1, 1, [1, 1], [Window::single(), window])?;
/// let x = Tensor::from([[[[1.0, 4.0, 9.0]]]]);
/// let y = differences.forward(&x, &Tensor::from([[[[-1.0, 1.0]]]]), None)?;
/// assert_eq!(y, Tensor::from([[[[3.0, 5.0]]]]));
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    pub(super) op: &'static str,
    batch: usize,
    pub(super) groups: usize,
    pub(super) in_each: usize,
    pub(super) out_each: usize,
    pub(super) columns: Columns,
}

impl Convolution {
    /// A convolution of `batch` samples in `groups` groups, each of `[in_each, out_each]`
    /// channels, with a window along the height and one along the width. Errors name `op`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where input, weight or output has a size that nothing in memory has.
    pub fn new(
        op: &'static str,
        batch: usize,
        groups: usize,
        [in_each, out_each]: [usize; 2],
        windows: [Window; 2],
    ) -> Result<Self> {
        let columns = Columns { channels: in_each, all_channels: groups.saturating_mul(in_each), windows };
        let sizes = Self { op, batch, groups, in_each, out_each, columns };
        for shape in [sizes.input_shape(), sizes.weight_shape(), sizes.output_shape()] {
            shape.check_addressable(op)?;
        }
        Ok(sizes)
    }

    /// `[batch, channels, height, width]` of the input.
    pub fn input_shape(&self) -> Shape {
        let [rows, across] = self.columns.windows.map(|window| window.input());
        Shape::from([self.batch, self.columns.all_channels, rows, across])
    }

    /// `[out channels, in channels of a group, height, width]` of the kernel.
    pub fn weight_shape(&self) -> Shape {
        let [rows, across] = self.columns.windows.map(|window| window.kernel());
        Shape::from([self.groups.saturating_mul(self.out_each), self.in_each, rows, across])
    }

    /// `[batch, channels, height, width]` of the output.
    pub fn output_shape(&self) -> Shape {
        let [rows, across] = self.columns.windows.map(|window| window.output());
        Shape::from([self.batch, self.groups.saturating_mul(self.out_each), rows, across])
    }

    /// The output.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] where a tensor has another shape than the sizes say;
    /// [`Error::TooLarge`] or [`Error::OutOfMemory`].
    pub fn forward<T: Real>(
        &self,
        input: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> Result<Tensor<T>> {
        let input = self.elements("the input", input, self.input_shape())?;
        let weight = self.elements("the weight", weight, self.weight_shape())?;
        let channels = Shape::from([self.groups * self.out_each]);
        let bias = bias.map(|bias| self.elements("the bias", bias, channels)).transpose()?;
        let (x, w, bias) = (slice(&input), slice(&weight), bias.as_ref().map(slice));
        let mut out = filled(self.op, self.output_shape(), T::ZERO)?;
        if let Some(way) = self.depthwise() {
            self.forward_depthwise(&way, (x, w, bias), &mut out)?;
            return Ok(Tensor::computed(out, self.output_shape()));
        }
        let in_place = self.in_place();
        self.by_samples(&mut out, self.output_sample(), |samples, first, out| {
            let x = self.samples_of(x, self.input_sample(), first, samples);
            match &in_place {
                Some(way) => self.forward_in_place(way, (x, w, bias), out),
                None => self.forward_samples(x, w, bias, out),
            }
        })?;
        Ok(Tensor::computed(out, self.output_shape()))
    }

    /// The gradient of the input, from that of the output.
    ///
    /// # Errors
    /// Those of [`Convolution::forward`].
    pub fn input_gradient<T: Real>(&self, gradient: &Tensor<T>, weight: &Tensor<T>) -> Result<Tensor<T>> {
        let gradient = self.elements("the gradient", gradient, self.output_shape())?;
        let weight = self.elements("the weight", weight, self.weight_shape())?;
        let (g, w) = (slice(&gradient), slice(&weight));
        let mut out = filled(self.op, self.input_shape(), T::ZERO)?;
        if let Some(way) = self.depthwise() {
            self.input_gradient_depthwise(&way, (g, w), &mut out)?;
            return Ok(Tensor::computed(out, self.input_shape()));
        }
        self.by_samples(&mut out, self.input_sample(), |samples, first, out| {
            self.input_gradient_of(self.samples_of(g, self.output_sample(), first, samples), w, out)
        })?;
        Ok(Tensor::computed(out, self.input_shape()))
    }

    /// The gradient of the weight, from that of the output. The columns are made once more, which
    /// costs less than to keep them.
    ///
    /// # Errors
    /// Those of [`Convolution::forward`].
    pub fn weight_gradient<T: Real>(&self, gradient: &Tensor<T>, input: &Tensor<T>) -> Result<Tensor<T>> {
        let gradient = self.elements("the gradient", gradient, self.output_shape())?;
        let input = self.elements("the input", input, self.input_shape())?;
        let (g, x) = (slice(&gradient), slice(&input));
        if let Some(way) = self.depthwise() {
            let mut sums = filled(self.op, self.weight_shape(), T::ZERO)?;
            self.weight_gradient_depthwise(&way, (g, x), &mut sums)?;
            return Ok(Tensor::computed(sums, self.weight_shape()));
        }
        let (weights, samples_each) = (self.weight_shape().numel(), self.samples_of_a_sum());
        // Each piece of the batch has a sum of its own, and these are added in order.
        let pieces = self.batch.div_ceil(samples_each).max(1);
        let mut sums = filled(self.op, Shape::from([pieces, weights]), T::ZERO)?;
        let failure = OnceLock::new();
        let add = |piece: usize, sum: &mut [T]| {
            let first = piece * samples_each;
            let samples = samples_each.min(self.batch - first);
            let g = self.samples_of(g, self.output_sample(), first, samples);
            let x = self.samples_of(x, self.input_sample(), first, samples);
            note(&failure, self.weight_gradient_of(g, x, sum));
        };
        if pieces == 1 {
            add(0, &mut sums);
        } else {
            fill_pieces(&mut sums, weights.max(1), add);
        }
        noted(failure)?;
        let (sum, others) = sums.split_at_mut(weights);
        for other in others.chunks_exact(weights.max(1)) {
            sum.iter_mut().zip(other).for_each(|(x, &y)| *x = *x + y);
        }
        sums.truncate(weights);
        let (rows, shape) = (self.columns.rows(), self.weight_shape());
        if !self.sums_patches_first() {
            return Ok(Tensor::computed(sums, shape));
        }
        let sum = Tensor::computed(sums, Shape::from([self.groups, rows, self.out_each]));
        sum.transpose(1, 2)?.try_contiguous(self.op)?.reshape(shape)
    }

    /// The number of samples.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The elements of a sample of the input.
    pub(super) fn input_sample(&self) -> usize {
        self.input_shape()[1..].iter().product()
    }

    /// The elements of a sample of the output.
    pub(super) fn output_sample(&self) -> usize {
        self.output_shape()[1..].iter().product()
    }

    fn samples_of<'a, T>(&self, values: &'a [T], length: usize, first: usize, samples: usize) -> &'a [T] {
        &values[first * length..(first + samples) * length]
    }

    /// Work for one sample, in additions over a slice: the product, and the columns before it.
    pub(super) fn work(&self) -> usize {
        let products = self.output_sample().saturating_mul(self.columns.rows());
        let columns = self.columns.rows().saturating_mul(self.columns.positions() * self.groups);
        (products / PRODUCTS_A_STEP).saturating_add(columns.saturating_mul(STEPS_A_COPY))
    }

    /// Calls `fill(samples, first sample, values)` for parts of `out`, samples of `length` values.
    fn by_samples<T: Real>(
        &self,
        out: &mut [T],
        length: usize,
        fill: impl Fn(usize, usize, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        self.by_planes(out, length, self.work(), |first, out| fill(out.len() / length, first, out))
    }

    /// Calls `fill(first plane, values)` for parts of `out`, planes of `length` values and so much work.
    pub(super) fn by_planes<T: Real>(
        &self,
        out: &mut [T],
        length: usize,
        work: usize,
        fill: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        let failure = OnceLock::new();
        fill_rows(out, length, work, |first, out| note(&failure, fill(first, out)));
        noted(failure)
    }

    /// How many samples add to one sum of a weight's gradient: enough to be worth a thread, and so
    /// many that the sums do not take much memory.
    fn samples_of_a_sum(&self) -> usize {
        let weights = self.weight_shape().numel().max(1);
        let sums = (SUM_ELEMENTS / weights).clamp(1, MOST_SUMS);
        let worthwhile = WORTH_A_SUM.div_ceil(self.work().max(1));
        self.batch.div_ceil(sums).max(worthwhile).max(1)
    }

    /// The tensor in row-major order, where it has this shape.
    fn elements<T: Real>(
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
}

/// Multiply-accumulates of a product that take as long as one addition over a slice.
const PRODUCTS_A_STEP: usize = 8;
/// Additions over a slice that take as long as making one element of a column.
const STEPS_A_COPY: usize = 2;
/// The most sums that a weight's gradient is split into.
const MOST_SUMS: usize = 16;
/// The most elements that all these sums have together, unless one alone has more.
const SUM_ELEMENTS: usize = 1 << 22;
/// Work that is worth a sum of its own.
const WORTH_A_SUM: usize = 1 << 18;

fn slice<T: Real>(tensor: &Tensor<T>) -> &[T] {
    tensor.as_slice().unwrap_or_default()
}

/// Keeps the first error of several threads.
fn note(failure: &OnceLock<Error>, result: Result<()>) {
    if let Err(error) = result {
        // Where another thread was first, its error tells as much.
        let _ = failure.set(error);
    }
}

fn noted(failure: OnceLock<Error>) -> Result<()> {
    failure.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::window::windows;
    use proptest::prelude::*;

    /// The definition in plain loops: calls `f(output, weight, input)` for the positions of each
    /// term in their row-major tensors.
    fn for_each_term(sizes: &Convolution, mut f: impl FnMut(usize, usize, usize)) {
        let ([n, c, h, w], [o, each, kh, kw]) = (four(sizes.input_shape()), four(sizes.weight_shape()));
        let [_, _, oh, ow] = four(sizes.output_shape());
        let [rows, across] = sizes.columns.windows;
        for (n, o) in (0..n).flat_map(|n| (0..o).map(move |o| (n, o))) {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for (i, ky, kx) in
                    (0..each).flat_map(|i| (0..kh).flat_map(move |y| (0..kw).map(move |x| (i, y, x))))
                {
                    if rows.places(ky).contains(&y) && across.places(kx).contains(&x) {
                        let channel = o / sizes.out_each * each + i;
                        let (row, column) = (rows.element(y, ky), across.element(x, kx));
                        f(
                            ((n * sizes.weight_shape()[0] + o) * oh + y) * ow + x,
                            ((o * each + i) * kh + ky) * kw + kx,
                            ((n * c + channel) * h + row) * w + column,
                        );
                    }
                }
            }
        }
    }

    fn four(shape: Shape) -> [usize; 4] {
        [shape[0], shape[1], shape[2], shape[3]]
    }

    fn numbers(shape: Shape, seed: usize) -> Tensor<f64> {
        let number = |i: usize| ((i * 7919 + seed * 104_729) % 1013) as f64 / 500.0 - 1.0;
        Tensor::from_vec((0..shape.numel()).map(number).collect(), shape).unwrap()
    }

    fn near(found: &Tensor<f64>, expected: &[f64]) -> bool {
        found.numel() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    fn check(sizes: &Convolution) {
        let (x, w) = (numbers(sizes.input_shape(), 1), numbers(sizes.weight_shape(), 2));
        let bias = numbers(Shape::from([sizes.weight_shape()[0]]), 3);
        let g = numbers(sizes.output_shape(), 4);
        let plane: usize = sizes.output_shape()[2..].iter().product();
        let mut y: Vec<f64> =
            (0..g.numel()).map(|i| bias.as_slice().unwrap()[i / plane % bias.numel()]).collect();
        let (mut by_x, mut by_w) = (vec![0.0; x.numel()], vec![0.0; w.numel()]);
        let [x_values, w_values, g_values] = [&x, &w, &g].map(|t| t.as_slice().unwrap());
        for_each_term(sizes, |at, weight, input| {
            y[at] += w_values[weight] * x_values[input];
            by_x[input] += w_values[weight] * g_values[at];
            by_w[weight] += x_values[input] * g_values[at];
        });
        assert!(near(&sizes.forward(&x, &w, Some(&bias)).unwrap(), &y), "output of {sizes:?}");
        assert!(near(&sizes.input_gradient(&g, &w).unwrap(), &by_x), "input gradient of {sizes:?}");
        assert!(near(&sizes.weight_gradient(&g, &x).unwrap(), &by_w), "weight gradient of {sizes:?}");
        for (i, y) in y.iter_mut().enumerate() {
            *y -= bias.as_slice().unwrap()[i / plane % bias.numel()];
        }
        assert!(near(&sizes.forward(&x, &w, None).unwrap(), &y), "output without bias of {sizes:?}");
    }

    fn window() -> impl Strategy<Value = Option<Window>> {
        windows([1..9, 1..4, 1..4, 0..3, 1..3])
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            rows in window(), across in window(), batch in 0usize..6, groups in 1usize..4,
            in_each in 1usize..4, out_each in 1usize..4,
        ) {
            let (Some(rows), Some(across)) = (rows, across) else { return Ok(()) };
            check(&Convolution::new("test", batch, groups, [in_each, out_each], [rows, across]).unwrap());
        }
    }

    #[test]
    fn equals_the_definition_where_there_are_several_tiles_and_threads() {
        let window =
            |input, kernel, stride, padding| Window::new(input, kernel, stride, [padding; 2], 1).unwrap();
        let cases = [
            // Parts of a sample, whole samples alone and together, and columns that are the image.
            (2, 1, [24, 3], [window(17, 3, 1, 1), window(41, 3, 1, 1)]),
            (9, 1, [16, 8], [window(16, 3, 1, 1), window(18, 3, 1, 1)]),
            (40, 2, [8, 8], [window(9, 3, 2, 1), window(9, 3, 1, 0)]),
            (3, 1, [1, 2], [Window::single(), window(20_000, 5, 1, 2)]),
            (20, 1, [64, 48], [window(9, 1, 1, 0), window(10, 1, 1, 0)]),
            (70, 2, [64, 48], [window(2, 1, 1, 0), window(3, 1, 1, 0)]),
        ];
        for (batch, groups, channels, windows) in cases {
            check(&Convolution::new("test", batch, groups, channels, windows).unwrap());
        }
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_number_of_threads_does_not_change_the_bits() {
        let window = Window::new(20, 3, 1, [1, 1], 1).unwrap();
        let sizes = Convolution::new("test", 19, 1, [16, 24], [window; 2]).unwrap();
        let (x, w) = (numbers(sizes.input_shape(), 1), numbers(sizes.weight_shape(), 2));
        let g = numbers(sizes.output_shape(), 3);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (x, w, g) = [&x, &w, &g].map(|t| t.map(|x| x as f32)).into();
                let all = [
                    sizes.forward(&x, &w, None).unwrap(),
                    sizes.input_gradient(&g, &w).unwrap(),
                    sizes.weight_gradient(&g, &x).unwrap(),
                ];
                all.map(|t| t.iter().map(f32::to_bits).collect::<Vec<_>>())
            })
        };
        let one = run(1);
        for threads in [2, 3, 7] {
            assert!(run(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let window = Window::new(5, 3, 1, [0, 0], 1).unwrap();
        let sizes = Convolution::new("test", 2, 1, [1, 1], [Window::single(), window]).unwrap();
        let x = Tensor::<f32>::zeros([2, 1, 1, 5]).unwrap();
        let message = sizes.forward(&x, &x, None).unwrap_err().to_string();
        assert_eq!(message, "test: the weight has shape [2, 1, 1, 5], expected [1, 1, 1, 3]");
        let far = Window::new(1, 1, 1, [1 << 40, 1 << 40], 1).unwrap();
        let message = Convolution::new("test", 2, 1, [1, 1], [far; 2]).unwrap_err().to_string();
        assert!(message.starts_with("test: a tensor of shape [2, 1, 2199023255553"), "{message}");
        let wide = Window::new(1, 1, 1, [1 << 45, 0], 1).unwrap();
        let sizes = Convolution::new("test", 1, 1, [1, 1], [Window::single(), wide]).unwrap();
        let one = Tensor::<f32>::ones([1, 1, 1, 1]).unwrap();
        let message = sizes.forward(&one, &one, None).unwrap_err().to_string();
        assert!(message.contains("out of memory for shape [1, 1, 1, 35184372088833]"), "{message}");
    }
}
