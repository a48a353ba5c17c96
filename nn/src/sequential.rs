//! [`Sequential`]: layers in a row.

use std::fmt;

use refrain_autograd::{Parameter, Var};
use refrain_tensor::Real;

use crate::{
    Activation, AvgPool1d, AvgPool2d, Conv1d, Conv2d, Costs, Flatten, LayerNorm, Ledger, Linear, MaxPool1d,
    MaxPool2d, Module, Result, Signal,
};

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
    /// A convolution of sequences.
    Conv1d(Conv1d<T>),
    /// A convolution of images.
    Conv2d(Conv2d<T>),
    /// The largest elements of a sequence.
    MaxPool1d(MaxPool1d),
    /// The largest elements of an image.
    MaxPool2d(MaxPool2d),
    /// Means of a sequence.
    AvgPool1d(AvgPool1d),
    /// Means of an image.
    AvgPool2d(AvgPool2d),
    /// Axes made one.
    Flatten(Flatten),
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
        self.layers.iter().try_fold(input.clone(), |x, layer| layer.forward(&x))
    }
}

impl<T: Real> Layer<T> {
    /// The output of this layer.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn forward<'t>(&self, input: &Var<'t, T>) -> Result<Var<'t, T>> {
        match self {
            Self::Linear(layer) => layer.forward(input),
            Self::LayerNorm(layer) => layer.forward(input),
            Self::Activation(layer) => Ok(layer.forward(input)),
            Self::Conv1d(layer) => layer.forward(input),
            Self::Conv2d(layer) => layer.forward(input),
            Self::MaxPool1d(layer) => layer.forward(input),
            Self::MaxPool2d(layer) => layer.forward(input),
            Self::AvgPool1d(layer) => layer.forward(input),
            Self::AvgPool2d(layer) => layer.forward(input),
            Self::Flatten(layer) => layer.forward(input),
        }
    }
}

impl<T: Real> Costs<T> for Layer<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        match self {
            Self::Linear(layer) => layer.costs(input, ledger),
            Self::LayerNorm(layer) => layer.costs(input, ledger),
            Self::Activation(layer) => Costs::<T>::costs(layer, input, ledger),
            Self::Conv1d(layer) => layer.costs(input, ledger),
            Self::Conv2d(layer) => layer.costs(input, ledger),
            Self::MaxPool1d(layer) => Costs::<T>::costs(layer, input, ledger),
            Self::MaxPool2d(layer) => Costs::<T>::costs(layer, input, ledger),
            Self::AvgPool1d(layer) => Costs::<T>::costs(layer, input, ledger),
            Self::AvgPool2d(layer) => Costs::<T>::costs(layer, input, ledger),
            Self::Flatten(layer) => Costs::<T>::costs(layer, input, ledger),
        }
    }
}

/// A row for each layer, named by its place.
impl<T: Real> Costs<T> for Sequential<T> {
    fn costs(&self, input: &Signal, ledger: &mut Ledger) -> Result<Signal> {
        let mut layers = self.layers.iter().enumerate();
        layers.try_fold(input.clone(), |x, (place, layer)| ledger.part(place, layer, &x))
    }
}

impl<T: Real> Default for Sequential<T> {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! layer_from {
    ($($variant:ident($layer:ty))*) => {$(
        impl<T: Real> From<$layer> for Layer<T> {
            fn from(layer: $layer) -> Self {
                Self::$variant(layer)
            }
        }
    )*};
}
layer_from! {
    Linear(Linear<T>) LayerNorm(LayerNorm<T>) Activation(Activation)
    Conv1d(Conv1d<T>) Conv2d(Conv2d<T>) MaxPool1d(MaxPool1d) MaxPool2d(MaxPool2d)
    AvgPool1d(AvgPool1d) AvgPool2d(AvgPool2d) Flatten(Flatten)
}

impl<T: Real> Module<T> for Layer<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        match self {
            Self::Linear(layer) => layer.visit(visitor),
            Self::LayerNorm(layer) => layer.visit(visitor),
            Self::Conv1d(layer) => layer.visit(visitor),
            Self::Conv2d(layer) => layer.visit(visitor),
            Self::Activation(_)
            | Self::MaxPool1d(_)
            | Self::MaxPool2d(_)
            | Self::AvgPool1d(_)
            | Self::AvgPool2d(_)
            | Self::Flatten(_) => {}
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        match self {
            Self::Linear(layer) => layer.visit_mut(visitor),
            Self::LayerNorm(layer) => layer.visit_mut(visitor),
            Self::Conv1d(layer) => layer.visit_mut(visitor),
            Self::Conv2d(layer) => layer.visit_mut(visitor),
            Self::Activation(_)
            | Self::MaxPool1d(_)
            | Self::MaxPool2d(_)
            | Self::AvgPool1d(_)
            | Self::AvgPool2d(_)
            | Self::Flatten(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_autograd::Tape;
    use refrain_tensor::Tensor;

    #[test]
    fn images_become_features() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let net = Sequential::<f32>::new()
            .push(Conv2d::new(1, 6, 5, &mut rng).unwrap())
            .push(Activation::ReLU)
            .push(MaxPool2d::new(2).unwrap())
            .push(Conv2d::new(6, 16, 5, &mut rng).unwrap())
            .push(AvgPool2d::new(2).unwrap())
            .push(Flatten::default())
            .push(Linear::new(16 * 4 * 4, 10, &mut rng).unwrap());
        let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias"]);
        let tape = Tape::new();
        let y = net.forward(&tape.constant(Tensor::ones([2, 1, 28, 28]).unwrap())).unwrap();
        assert_eq!(*y.shape(), [2, 10]);
        assert_eq!(y.sum(..).unwrap().backward().unwrap().len(), 6);

        let net = Sequential::<f32>::new()
            .push(Conv1d::new(2, 3, 3, &mut rng).unwrap())
            .push(MaxPool1d::new(2).unwrap())
            .push(AvgPool1d::new(2).unwrap());
        let y = net.forward(&tape.constant(Tensor::ones([2, 10]).unwrap())).unwrap();
        assert_eq!(*y.shape(), [3, 2]);
        assert!(format!("{net:?}").contains("MaxPool1d(kernel_size=2, stride=2"));
    }
}
