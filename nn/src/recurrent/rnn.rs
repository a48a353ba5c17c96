//! [`RNN`]: layers of Elman cells over whole sequences.

use std::fmt;

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Shape, Tensor};

use super::{
    Nonlinearity, RNNCell,
    shape::{Sequence, check_state},
    sweep::{self, Needs, Sizes, Weights},
};
use crate::{Error, Module, Result};

/// An Elman network (Elman 1990, Cognitive Science 14) of one or more layers:
///
/// h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)
///
/// where the x_t of a layer above the first is the h_t of the one below. It computes what
/// `torch.nn.RNN` computes.
///
/// | | shape |
/// | --- | --- |
/// | input | `[seq, batch, input_size]`; `[batch, seq, input_size]` with `batch_first`; `[seq, input_size]` |
/// | h_0, h_n | `[num_layers, batch, hidden_size]`; `[num_layers, hidden_size]` for an input without a batch |
/// | output | as the input, with `hidden_size` features: the states of the top layer |
///
/// Parameters of layer k: `weight_ih_l{k}` `[hidden_size, input_size]` (`[hidden_size,
/// hidden_size]` above the first), `weight_hh_l{k}` `[hidden_size, hidden_size]`, `bias_ih_l{k}`
/// and `bias_hh_l{k}` `[hidden_size]`. All start uniformly in ±1/√hidden_size.
///
/// Each layer is one node on the tape, whatever the length of the sequence. [`RNNCell`] is the
/// same step by step.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::RNN;
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let rnn = RNN::<f32>::builder(4, 8).num_layers(2).build(&mut rng)?;
/// let tape = Tape::new();
/// let inputs = tape.constant(Tensor::ones([5, 3, 4])?); // [seq, batch, input_size]
/// let (out, hidden) = rnn.forward(&inputs, None)?;
/// assert_eq!(*out.shape(), [5, 3, 8]); // [seq, batch, hidden_size]
/// assert_eq!(*hidden.shape(), [2, 3, 8]); // [num_layers, batch, hidden_size]
/// assert_eq!(out.value().select(0, 4)?, hidden.value().select(0, 1)?);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RNN<T: Real> {
    layers: Vec<RNNCell<T>>,
    batch_first: bool,
}

/// The options of an [`RNN`], with PyTorch's names and defaults.
#[derive(Clone, Debug)]
#[must_use = "a builder makes no layer until build is called"]
pub struct RNNBuilder<T> {
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    nonlinearity: Nonlinearity,
    bias: bool,
    batch_first: bool,
    element: std::marker::PhantomData<T>,
}

impl<T: Real> RNNBuilder<T> {
    /// The number of layers, each fed by the one below. Default 1.
    pub fn num_layers(self, num_layers: usize) -> Self {
        Self { num_layers, ..self }
    }

    /// The function of the new state. Default tanh.
    pub fn nonlinearity(self, nonlinearity: Nonlinearity) -> Self {
        Self { nonlinearity, ..self }
    }

    /// Whether there are biases. Default true.
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Whether inputs and outputs are `[batch, seq, features]`. Default false. States are not
    /// affected.
    pub fn batch_first(self, batch_first: bool) -> Self {
        Self { batch_first, ..self }
    }

    /// The layer, with random parameters.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size or the number of layers is 0; [`Error::Tensor`] where
    /// there is no memory.
    pub fn build(self, rng: &mut (impl Rng + ?Sized)) -> Result<RNN<T>> {
        let sizes = [
            ("input_size", self.input_size),
            ("hidden_size", self.hidden_size),
            ("num_layers", self.num_layers),
        ];
        if let Some((option, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(Error::ZeroOption { op: "rnn", option });
        }
        let input_sizes = std::iter::once(self.input_size).chain(std::iter::repeat(self.hidden_size));
        let layers = input_sizes
            .take(self.num_layers)
            .map(|input| RNNCell::with_options(input, self.hidden_size, self.nonlinearity, self.bias, rng))
            .collect::<Result<_>>()?;
        Ok(RNN { layers, batch_first: self.batch_first })
    }
}

impl<T: Real> RNN<T> {
    /// One layer with tanh and biases.
    ///
    /// # Errors
    /// [`Error::ZeroOption`] where a size is 0; [`Error::Tensor`] where there is no memory.
    pub fn new(input_size: usize, hidden_size: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        Self::builder(input_size, hidden_size).build(rng)
    }

    /// The options, from PyTorch's defaults.
    pub fn builder(input_size: usize, hidden_size: usize) -> RNNBuilder<T> {
        RNNBuilder {
            input_size,
            hidden_size,
            num_layers: 1,
            nonlinearity: Nonlinearity::Tanh,
            bias: true,
            batch_first: false,
            element: std::marker::PhantomData,
        }
    }

    /// The cells of the layers, from the bottom up: the same parameters, for going step by step.
    pub fn cells(&self) -> &[RNNCell<T>] {
        &self.layers
    }

    /// The number of features of the input.
    pub fn input_size(&self) -> usize {
        self.layers[0].input_size()
    }

    /// The number of features of the output, and the size of each layer's state.
    pub fn hidden_size(&self) -> usize {
        self.layers[0].hidden_size()
    }

    /// The number of layers.
    pub fn num_layers(&self) -> usize {
        self.layers.len()
    }

    /// Runs the sequence from `h_0`, or from 0 where it is not given, and returns the states of
    /// the top layer at every step and those of every layer after the last one: `(output, h_n)`.
    ///
    /// # Errors
    /// [`Error::Rank`], [`Error::Features`], [`Error::Empty`] for the input, [`Error::State`] for
    /// `h_0`.
    pub fn forward<'t>(
        &self,
        input: &Var<'t, T>,
        h_0: Option<&Var<'t, T>>,
    ) -> Result<(Var<'t, T>, Var<'t, T>)> {
        let sequence = Sequence::of("rnn", *input.shape(), self.input_size(), self.batch_first)?;
        if let Some(h_0) = h_0 {
            let expected = sequence.state_shape(self.num_layers(), self.hidden_size());
            check_state("rnn", "h_0", h_0.shape(), expected, sequence.state_axes())?;
        }
        let mut x = match (sequence.batched, self.batch_first) {
            (false, _) => input.unsqueeze(1)?,
            (true, true) => input.transpose(0, 1)?,
            (true, false) => input.clone(),
        };
        let mut last = Vec::with_capacity(self.num_layers());
        for (k, cell) in self.layers.iter().enumerate() {
            let state = h_0.map(|h_0| h_0.select(0, k)).transpose()?;
            x = sweep_layer(cell, &x, state.as_ref(), sequence)?;
            last.push(x.narrow(0, sequence.steps - 1, 1)?);
        }
        let h_n = if let [only] = &last[..] { only.clone() } else { Var::cat(&last, 0)? };
        Ok(match (sequence.batched, self.batch_first) {
            (false, _) => (x.squeeze(1)?, h_n.squeeze(1)?),
            (true, true) => (x.transpose(0, 1)?, h_n),
            (true, false) => (x, h_n),
        })
    }
}

/// One layer over a sequence, as one node: `[T, B, I]` and a state `[B, H]` (or `[H]`) →
/// `[T, B, H]`.
fn sweep_layer<'t, T: Real>(
    cell: &RNNCell<T>,
    x: &Var<'t, T>,
    h_0: Option<&Var<'t, T>>,
    sequence: Sequence,
) -> Result<Var<'t, T>> {
    let Sequence { steps, batch, .. } = sequence;
    let sizes = Sizes { steps, batch, input: cell.input_size(), hidden: cell.hidden_size() };
    let tape = x.tape();
    let mut inputs = vec![x.clone(), tape.parameter(&cell.weight_ih), tape.parameter(&cell.weight_hh)];
    inputs.extend(cell.bias_ih.iter().chain(&cell.bias_hh).map(|bias| tape.parameter(bias)));
    let with_bias = cell.bias_ih.is_some();
    inputs.extend(h_0.cloned());

    let kept = Kept {
        values: inputs.iter().map(|input| input.value().contiguous()).collect(),
        with_bias,
        with_state: h_0.is_some(),
    };
    let nonlinearity = cell.nonlinearity;
    let states = sweep::forward(sizes, kept.weights(), nonlinearity, kept.slice(0), kept.h_0());
    let states = Tensor::from_vec(states, [steps, batch, sizes.hidden])?;
    let value = states.clone();
    let inputs: Vec<&Var<'t, T>> = inputs.iter().collect();
    Ok(tape.record_list("rnn", &inputs, value, move |g, needs| {
        let bias = if with_bias { 3..5 } else { 3..3 };
        let state = bias.end;
        let needs = Needs {
            x: needs[0],
            ih: needs[1],
            hh: needs[2],
            bias: needs[bias.clone()].iter().any(|&need| need),
            h_0: needs.get(state).is_some_and(|&need| need),
        };
        let data = (kept.slice(0), kept.h_0(), &*states.to_slice());
        let back = sweep::backward(sizes, kept.weights(), nonlinearity, data, &g.to_slice(), needs);
        let shaped = |gradient: Option<Vec<T>>, k: usize| {
            gradient.map(|values| Tensor::from_vec(values, kept.values[k].shape())).transpose()
        };
        let mut gradients = vec![shaped(back.x, 0)?, shaped(back.ih, 1)?, shaped(back.hh, 2)?];
        let by_bias =
            back.bias.map(|values| Tensor::from_vec(values, Shape::from([sizes.hidden]))).transpose()?;
        gradients.extend(bias.map(|_| by_bias.clone()));
        if kept.with_state {
            gradients.push(shaped(back.h_0, state)?);
        }
        Ok(gradients)
    })?)
}

/// The values of a node's inputs, contiguous, in the order x, W_ih, W_hh, biases, h_0.
struct Kept<T> {
    values: Vec<Tensor<T>>,
    with_bias: bool,
    with_state: bool,
}

impl<T: Real> Kept<T> {
    fn slice(&self, k: usize) -> &[T] {
        self.values[k].as_slice().unwrap_or(&[])
    }

    fn weights(&self) -> Weights<'_, T> {
        let bias = |k| if self.with_bias { self.slice(k) } else { &[] };
        Weights { ih: self.slice(1), hh: self.slice(2), bias_ih: bias(3), bias_hh: bias(4) }
    }

    fn h_0(&self) -> &[T] {
        if self.with_state { self.slice(self.values.len() - 1) } else { &[] }
    }
}

impl<T: Real> Module<T> for RNN<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        for (k, cell) in self.layers.iter().enumerate() {
            cell.visit(&mut |name, parameter| visitor(format_args!("{name}_l{k}"), parameter));
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        for (k, cell) in self.layers.iter_mut().enumerate() {
            cell.visit_mut(&mut |name, parameter| visitor(format_args!("{name}_l{k}"), parameter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(2)
    }

    #[test]
    fn parameters_have_pytorchs_names_order_and_shapes() {
        let rnn = RNN::<f32>::builder(4, 3).num_layers(2).build(&mut rng()).unwrap();
        let list: Vec<String> =
            rnn.named_parameters().iter().map(|(name, p)| format!("{name} {}", p.value().shape())).collect();
        let expected = [
            "weight_ih_l0 [3, 4]",
            "weight_hh_l0 [3, 3]",
            "bias_ih_l0 [3]",
            "bias_hh_l0 [3]",
            "weight_ih_l1 [3, 3]",
            "weight_hh_l1 [3, 3]",
            "bias_ih_l1 [3]",
            "bias_hh_l1 [3]",
        ];
        assert_eq!(list, expected);
        assert_eq!(RNN::<f32>::builder(4, 3).bias(false).build(&mut rng()).unwrap().parameters().len(), 2);
    }

    #[test]
    fn one_node_whatever_the_length() {
        let rnn = RNN::<f32>::new(4, 3, &mut rng()).unwrap();
        let nodes = |steps| {
            let tape = Tape::new();
            rnn.forward(&tape.constant(Tensor::ones([steps, 2, 4]).unwrap()), None).unwrap();
            tape.ops().iter().filter(|&&op| op == "rnn").count()
        };
        assert_eq!((nodes(1), nodes(100)), (1, 1));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let rnn = RNN::<f32>::builder(4, 3).num_layers(2).build(&mut rng()).unwrap();
        let first = RNN::<f32>::builder(4, 3).batch_first(true).build(&mut rng()).unwrap();
        let tape = Tape::new();
        let zeros = |sizes: &[usize]| tape.constant(Tensor::zeros(Shape::new(sizes).unwrap()).unwrap());
        let fail = |rnn: &RNN<f32>, x: &[usize], h: Option<&[usize]>| {
            rnn.forward(&zeros(x), h.map(zeros).as_ref()).unwrap_err().to_string()
        };
        let cases = [
            (
                fail(&rnn, &[9, 2, 5], None),
                "rnn: input has 5 features, the layer was built for 4 (input shape [9, 2, 5] = [seq, batch, features])",
            ),
            (
                fail(&first, &[9, 2, 5], None),
                "rnn: input has 5 features, the layer was built for 4 (input shape [9, 2, 5] = [batch, seq, features])",
            ),
            (
                fail(&rnn, &[4], None),
                "rnn: input has 1 axes (shape [4]), expected [seq, batch, features] or [seq, features]",
            ),
            (
                fail(&first, &[4], None),
                "rnn: input has 1 axes (shape [4]), expected [batch, seq, features] or [seq, features]",
            ),
            (
                fail(&rnn, &[9, 2, 4], Some(&[1, 2, 3])),
                "rnn: h_0 has shape [1, 2, 3], expected [2, 2, 3] = [num_layers, batch, hidden_size]",
            ),
            (
                fail(&rnn, &[9, 4], Some(&[2, 1, 3])),
                "rnn: h_0 has shape [2, 1, 3], expected [2, 3] = [num_layers, hidden_size]",
            ),
            (
                fail(&rnn, &[0, 2, 4], None),
                "rnn: the sequence is empty (input shape [0, 2, 4] = [seq, batch, features])",
            ),
            (
                fail(&first, &[0, 2, 4], None),
                "rnn: the batch is empty (input shape [0, 2, 4] = [batch, seq, features])",
            ),
            (
                RNN::<f32>::new(0, 3, &mut rng()).unwrap_err().to_string(),
                "rnn: input_size is 0, expected at least 1",
            ),
            (
                RNN::<f32>::new(4, 0, &mut rng()).unwrap_err().to_string(),
                "rnn: hidden_size is 0, expected at least 1",
            ),
            (
                RNN::<f32>::builder(4, 3).num_layers(0).build(&mut rng()).unwrap_err().to_string(),
                "rnn: num_layers is 0, expected at least 1",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(message, expected);
        }
    }
}
