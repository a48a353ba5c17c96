//! [`Sequential`]: layers in a row.

use std::fmt;

use refrain_autograd::{Parameter, Var};
use refrain_tensor::Real;

use crate::{Activation, LayerNorm, Linear, Module, Result};

/// A layer of a [`Sequential`]: one input, one output, no state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer<T: Real> {
    /// A fully connected layer.
    Linear(Linear<T>),
    /// A normalisation of the last axis.
    LayerNorm(LayerNorm<T>),
    /// A nonlinear function.
    Activation(Activation),
}

/// Layers in a row, each fed by the one before. Parameters are named by place, as in
/// `torch.nn.Sequential`: `0.weight`, `0.bias`, `2.weight`, …
///
/// Recurrent layers carry a state and dropout takes a random generator, so neither fits in such a
/// row; a struct with [`module!`](crate::module) and a `forward` of its own takes them all.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Tape;
/// use refrain_nn::{Activation, Linear, Module, Sequential};
/// use refrain_tensor::Tensor;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let dense = Sequential::<f32>::new()
///     .push(Linear::new(6, 16, &mut rng)?)
///     .push(Activation::ReLU)
///     .push(Linear::new(16, 1, &mut rng)?);
/// assert_eq!(dense.named_parameters()[2].0, "2.weight");
/// let tape = Tape::inference();
/// let y = dense.forward(&tape.constant(Tensor::ones([3, 6])?))?;
/// assert_eq!(*y.shape(), [3, 1]);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential<T: Real> {
    layers: Vec<Layer<T>>,
}

impl<T: Real> Module<T> for Sequential<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        self.layers.visit(visitor);
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        self.layers.visit_mut(visitor);
    }
}

impl<T: Real> Sequential<T> {
    /// No layers yet: the identity.
    pub fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// The row with one more layer at its end.
    #[must_use]
    pub fn push(mut self, layer: impl Into<Layer<T>>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// The output of the last layer.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        self.layers.iter().try_fold(input.clone(), |x, layer| match layer {
            Layer::Linear(linear) => linear.forward(&x),
            Layer::LayerNorm(norm) => norm.forward(&x),
            Layer::Activation(activation) => Ok(activation.forward(&x)),
        })
    }
}

impl<T: Real> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> From<Linear<T>> for Layer<T> {
    fn from(layer: Linear<T>) -> Self {
        Self::Linear(layer)
    }
}

impl<T: Real> From<LayerNorm<T>> for Layer<T> {
    fn from(layer: LayerNorm<T>) -> Self {
        Self::LayerNorm(layer)
    }
}

impl<T: Real> From<Activation> for Layer<T> {
    fn from(layer: Activation) -> Self {
        Self::Activation(layer)
    }
}

impl<T: Real> Module<T> for Layer<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        match self {
            Self::Linear(layer) => layer.visit(visitor),
            Self::LayerNorm(layer) => layer.visit(visitor),
            Self::Activation(_) => {}
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        match self {
            Self::Linear(layer) => layer.visit_mut(visitor),
            Self::LayerNorm(layer) => layer.visit_mut(visitor),
            Self::Activation(_) => {}
        }
    }
}
