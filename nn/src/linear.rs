//! [`Linear`]: the fully connected layer.

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{
    Real, Shape, Tensor,
    kernels::product::{Matrix, Product},
};

use crate::{Error, Result, init::uniform_by_fan, module};

/// y = x Wᵀ + b.
///
/// | | shape |
/// | --- | --- |
/// | input | `[.., in_features]` |
/// | output | `[.., out_features]` |
/// | `weight` | `[out_features, in_features]` |
/// | `bias` | `[out_features]` |
///
/// Both start uniformly in ±1/√in_features, as in PyTorch.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::Linear;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let mut layer = Linear::<f64>::new(2, 1, &mut rng)?;
/// layer.weight.set(Tensor::from([[3.0, -1.0]]))?;
/// layer.bias.as_mut().unwrap().set(Tensor::from([0.5]))?;
/// let tape = Tape::inference();
/// let y = layer.forward(&tape.constant(Tensor::from([[1.0, 2.0], [0.0, 4.0]])))?;
/// assert_eq!(y.value(), &Tensor::from([[1.5], [-3.5]]));
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linear<T: Real> {
    /// W: `[out_features, in_features]`.
    pub weight: Parameter<T>,
    /// b: `[out_features]`.
    pub bias: Option<Parameter<T>>,
}
module!(Linear { weight, bias });

impl<T: Real> Linear<T> {
    /// A layer with a bias.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Tensor`] where there is no memory.
    pub fn new(in_features: usize, out_features: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        let bias = Some(uniform_by_fan([out_features], in_features, rng)?);
        Ok(Self { bias, ..Self::without_bias(in_features, out_features, rng)? })
    }

    /// A layer that is the product alone.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Tensor`] where there is no memory.
    pub fn without_bias(
        in_features: usize,
        out_features: usize,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        for (option, size) in [("in_features", in_features), ("out_features", out_features)] {
            if size == 0 {
                return Err(Error::ZeroOption { op: "linear", option });
            }
        }
        Ok(Self { weight: uniform_by_fan([out_features, in_features], in_features, rng)?, bias: None })
    }

    /// The size of the input's last axis.
    pub fn in_features(&self) -> usize {
        self.weight.value().shape()[1]
    }

    /// The size of the output's last axis.
    pub fn out_features(&self) -> usize {
        self.weight.value().shape()[0]
    }

    /// `[.., in_features]` → `[.., out_features]`.
    ///
    /// # Errors
    /// [`Error::Features`] where the last axis has another size, [`Error::Rank`] where there is
    /// none.
    pub fn forward<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        let (tape, shape) = (input.tape(), *input.shape());
        let out_shape = self.output_shape(shape)?;
        let weight = tape.parameter(&self.weight);
        let bias = self.bias.as_ref().map(|bias| tape.parameter(bias));

        let x = as_rows(input.value(), self.in_features())?;
        let mut y = x.matmul(&weight.value().transpose(0, 1)?)?;
        if let Some(bias) = &bias {
            y.add_assign(bias.value())?;
        }
        let (w, y) = (weight.value().clone(), y.reshape(out_shape)?);
        let inputs: Vec<&Var<'t, T>> = [input, &weight].into_iter().chain(&bias).collect();
        Ok(tape.record_list("linear", &inputs, y, move |g, needs| {
            let g = as_rows(g, w.shape()[0])?;
            let by_input = needs[0].then(|| g.matmul(&w)?.reshape(shape)).transpose()?;
            let by_weight = needs[1].then(|| g.transpose(0, 1)?.matmul(&x)).transpose()?;
            let by_bias = needs.get(2).map(|_| g.sum(0)).transpose()?;
            Ok([by_input, by_weight].into_iter().chain(by_bias.map(Some)).collect())
        })?)
    }

    /// The layer without a tape, on slices: reads `input`, `[rows, in_features]`, and writes `output`,
    /// `[rows, out_features]`, both row-major. The numbers are those of [`Linear::forward`], bit for bit.
    /// With one row nothing is allocated, unless the weights were set to a view that does not lie in one
    /// piece. So a [`Stream`](crate::Stream) goes on to what a model has behind it.
    ///
    /// # Errors
    /// [`Error::Rows`] where a slice has another length; `output` is as it was.
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use refrain_nn::{GRU, Linear};
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    /// let (gru, head) = (GRU::<f32>::new(3, 8, &mut rng)?, Linear::new(8, 2, &mut rng)?);
    /// let mut stream = gru.stream(1)?;
    /// let (mut state, mut scores) = ([0.0; 8], [0.0; 2]);
    /// stream.step(&[0.1, 0.2, 0.3], &mut state)?;
    /// head.apply(&state, &mut scores)?;
    /// assert_ne!(scores, [0.0; 2]);
    /// let error = head.apply(&state[..5], &mut scores).unwrap_err();
    /// assert_eq!(error.to_string(), "linear: input holds 5 numbers, expected 8 = 1 row of 8");
    /// # Ok::<(), refrain_nn::Error>(())
    /// ```
    pub fn apply(&self, input: &[T], output: &mut [T]) -> Result<()> {
        let (op, inputs, outputs) = ("linear", self.in_features(), self.out_features());
        let rows = input.len().div_ceil(inputs);
        let lengths = [("input", input.len(), inputs), ("output", output.len(), outputs)];
        for (what, found, features) in lengths {
            if found != rows.saturating_mul(features) {
                return Err(Error::Rows { op, what, found, rows, features });
            }
        }
        let weight = self.weight.value().to_slice();
        let (x, w) = (Matrix::row_major(input, rows, inputs), Matrix::row_major(&weight, outputs, inputs));
        Product::new(x, w.transposed(), T::ZERO, output).run();
        if let Some(bias) = &self.bias {
            let bias = bias.value().to_slice();
            for row in output.chunks_exact_mut(outputs) {
                row.iter_mut().zip(bias.iter()).for_each(|(y, &b)| *y = *y + b);
            }
        }
        Ok(())
    }

    /// The shape of the output, for an input of this shape.
    pub(crate) fn output_shape(&self, shape: Shape) -> Result<Shape> {
        let (op, axes, expected) = ("linear", "[.., features]", self.in_features());
        let Some(&found) = shape.last() else { return Err(Error::Rank { op, shape: shape.into(), axes }) };
        if found != expected {
            return Err(Error::Features { op, found, expected, shape: shape.into(), axes });
        }
        Ok(shape.with(shape.rank() - 1, self.out_features()))
    }
}

/// All leading axes made one: `[.., n]` → `[rows, n]`.
fn as_rows<T: Real>(t: &Tensor<T>, n: usize) -> std::result::Result<Tensor<T>, refrain_tensor::Error> {
    t.reshape(Shape::from([t.numel() / n, n]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(3)
    }

    #[test]
    fn any_leading_axes() {
        let layer = Linear::<f32>::new(3, 2, &mut rng()).unwrap();
        let tape = Tape::new();
        for (input, output) in
            [(vec![3], vec![2]), (vec![0, 3], vec![0, 2]), (vec![4, 1, 5, 3], vec![4, 1, 5, 2])]
        {
            let x = Tensor::ones(Shape::new(&input).unwrap()).unwrap();
            assert_eq!(&layer.forward(&tape.constant(x)).unwrap().shape()[..], output);
        }
    }

    #[test]
    fn without_a_tape_the_bits_are_the_same() {
        for (inputs, outputs) in [(1, 1), (3, 2), (40, 7), (128, 100), (700, 600)] {
            for rows in [0, 1, 2, 9] {
                let mut layer = Linear::<f32>::new(inputs, outputs, &mut rng()).unwrap();
                let x = Tensor::normal([rows, inputs], 0.0, 1.0, &mut rng()).unwrap();
                for bias in [true, false] {
                    layer.bias = layer.bias.take().filter(|_| bias);
                    let mut output = vec![f32::NAN; rows * outputs];
                    layer.apply(&x.to_slice(), &mut output).unwrap();
                    let tape = Tape::inference();
                    let expected = layer.forward(&tape.constant(x.clone())).unwrap().value().to_vec();
                    assert_eq!(output, expected, "{rows} rows, {inputs} to {outputs}");
                }
            }
        }
        let mut layer = Linear::<f32>::without_bias(3, 2, &mut rng()).unwrap();
        layer
            .weight
            .set(Tensor::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).transpose(0, 1).unwrap())
            .unwrap();
        let mut output = [0.0; 2];
        layer.apply(&[1.0, 10.0, 100.0], &mut output).unwrap();
        assert_eq!(output, [531.0, 642.0]);
    }

    #[test]
    fn slices_that_hold_no_rows_are_refused() {
        let layer = Linear::<f32>::new(4, 2, &mut rng()).unwrap();
        let fail = |inputs: usize, outputs: usize| {
            layer.apply(&vec![0.0; inputs], &mut vec![0.0; outputs]).unwrap_err().to_string()
        };
        assert_eq!(fail(5, 2), "linear: input holds 5 numbers, expected 8 = 2 rows of 4");
        assert_eq!(fail(4, 4), "linear: output holds 4 numbers, expected 2 = 1 row of 2");
        assert_eq!(fail(0, 2), "linear: output holds 2 numbers, expected 0 = 0 rows of 2");
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let layer = Linear::<f32>::new(4, 2, &mut rng()).unwrap();
        let tape = Tape::new();
        let fail = |x: Tensor<f32>| layer.forward(&tape.constant(x)).unwrap_err().to_string();
        assert_eq!(
            fail(Tensor::zeros([9, 5]).unwrap()),
            "linear: input has 5 features, the layer was built for 4 (input shape [9, 5] = [.., features])"
        );
        assert_eq!(fail(Tensor::from(1.0)), "linear: input has shape [], expected [.., features]");
        let message = Linear::<f32>::new(0, 2, &mut rng()).unwrap_err().to_string();
        assert_eq!(message, "linear: in_features is 0, expected at least 1");
        let message = Linear::<f32>::new(usize::MAX, 2, &mut rng()).unwrap_err().to_string();
        assert!(message.contains("too large to address"), "{message}");
    }
}
