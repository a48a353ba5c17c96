//! [`Cost`]: what one layer costs.

use refrain_autograd::ParameterId;
use refrain_tensor::{Real, Shape};

use crate::Module;

/// What one layer costs on one input.
///
/// **Multiply-accumulates** (MACs) are those of products with weights. Biases, activations, gates,
/// norms, pooling, dropout and the rows that an embedding looks up are single additions and functions
/// of elements: they count as nothing. A convolution multiplies the zeros of its padding like any
/// other number, so these count.
///
/// **Backward** are the products that lead to the gradients asked for: that of each weight matrix
/// that trains, and that of the input, unless the input is data (see
/// [`Signal`](crate::Signal)). So a layer costs twice its forward, and the first layer of a model
/// once. A recurrent layer also goes back through its states, at N·G·H·S.
///
/// **A recurrent layer** of N rows (batch · steps, or the sum of the lengths), with G gates, H units, states of size S and I
/// inputs costs N·G·H·(I + S) forward in each direction of each layer, and N·S·H for a projection. The first
/// step counts like the others. Where no initial state is given, the kernels leave out its product
/// with zeros: batch·G·H·S less forward, in the gradient of that state, and, unless the lengths
/// differ, in that of W_hh.
///
/// **`bptt_bytes`** is what back-propagation through time makes a recurrent layer keep: the states of
/// all layers at all steps, the gates, the cell states, masks of dropout, and a copy of the input
/// where it must be put in another order (`batch_first`, different lengths) or be widened (tiny
/// layers compute in double precision). The states of the top layer are the output at once, and so
/// in `activation_bytes` too. For a cell it is what one step leaves on the tape. What other layers
/// keep beside their inputs and outputs is not counted: the places of a maximum pooling's windows, the
/// masks of dropout, what is inside a norm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// The place in the model, `encoder.0`; empty for the model itself.
    pub name: String,
    /// The kind of layer, as PyTorch names it.
    pub kind: &'static str,
    /// The shape of the output.
    pub output: Shape,
    /// The number of elements of all parameters.
    pub parameters: u64,
    /// Those of parameters that train.
    pub trainable: u64,
    /// Multiply-accumulates of a pass forward.
    pub macs_forward: u64,
    /// Multiply-accumulates of the way back.
    pub macs_backward: u64,
    /// The bytes of all parameters.
    pub weight_bytes: u64,
    /// The bytes of what the layer returns: its output, and for a recurrent layer the last states.
    pub activation_bytes: u64,
    /// The bytes that a recurrent layer keeps until the way back.
    pub bptt_bytes: u64,
    /// The parameters with their sizes, so that a shared one counts once in a sum.
    pub(super) owned: Vec<Owned>,
}

/// A parameter as far as a sum needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) id: ParameterId,
    pub(super) elements: u64,
    pub(super) bytes: u64,
    pub(super) trains: bool,
}

impl Cost {
    /// A layer with these parameters that returns elements of type `T` in this shape, and does no
    /// products yet.
    pub fn new<T: Real>(kind: &'static str, output: impl Into<Shape>, parameters: &dyn Module<T>) -> Self {
        let mut owned = Vec::new();
        parameters.visit(&mut |_, parameter| {
            let elements = parameter.value().numel() as u64;
            let bytes = elements.saturating_mul(size_of::<T>() as u64);
            owned.push(Owned { id: parameter.id(), elements, bytes, trains: parameter.requires_grad() });
        });
        let mut cost = Self::without_parameters::<T>(kind, output);
        (cost.parameters, cost.trainable, cost.weight_bytes) = sums(&owned);
        cost.owned = owned;
        cost
    }

    /// [`Cost::new`] for a layer that has no parameters.
    pub fn without_parameters<T: Real>(kind: &'static str, output: impl Into<Shape>) -> Self {
        let output = output.into();
        Self {
            name: String::new(),
            kind,
            output,
            parameters: 0,
            trainable: 0,
            macs_forward: 0,
            macs_backward: 0,
            weight_bytes: 0,
            activation_bytes: product(&output).saturating_mul(size_of::<T>() as u64),
            bptt_bytes: 0,
            owned: Vec::new(),
        }
    }
}

/// Elements, elements that train, and bytes.
pub(super) fn sums(owned: &[Owned]) -> (u64, u64, u64) {
    let sum = |of: fn(&Owned) -> u64| owned.iter().map(of).fold(0, u64::saturating_add);
    let trainable = sum(|owned| if owned.trains { owned.elements } else { 0 });
    (sum(|owned| owned.elements), trainable, sum(|owned| owned.bytes))
}

/// A product of sizes. It stays at the largest number where it would pass it: a shape may promise
/// more than any machine has.
pub(crate) fn product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size as u64))
}
