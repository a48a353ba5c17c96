//! [`List`]: the nodes that a tape has recorded.

use refrain_tensor::{Layout, Shape, Tensor};

use crate::{ParameterId, Result, by_parameter::ByParameter};

/// Given the gradient of a node and which inputs need theirs, hands each input's gradient to the
/// sink.
pub(crate) type Backward<T> = Box<dyn FnOnce(&Tensor<T>, &[bool], &mut Sink<'_, T>) -> Result<()>>;

/// The same for a computation of several values: it gets a gradient or `None`, for zero, for each.
pub(crate) type BackwardOfOutputs<T> =
    Box<dyn FnOnce(Vec<Option<Tensor<T>>>, &[bool], &mut Sink<'_, T>) -> Result<()>>;

/// Takes the gradient of the k-th input.
pub(crate) type Sink<'a, T> = dyn FnMut(usize, Tensor<T>) -> Result<()> + 'a;

/// The nodes, and the inputs of all of them in one row.
pub(crate) struct List<T> {
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) inputs: Vec<u32>,
    /// The shapes of the constants among the inputs, in their order, each with its place there.
    pub(crate) constants: Vec<(u32, Shape)>,
    pub(crate) parameters: ByParameter<u32>,
}

pub(crate) struct Node<T> {
    pub(crate) op: &'static str,
    pub(crate) shape: Shape,
    pub(crate) first_input: u32,
    pub(crate) way: Way<T>,
}

/// The way back from a node.
pub(crate) enum Way<T> {
    /// A parameter: its gradient is a result.
    Parameter(ParameterId),
    /// A variable: its gradient is a result.
    Variable,
    /// A computation with a backward of its own.
    Op(Backward<T>),
    /// A computation of several values, each a node behind it.
    Outputs(usize, BackwardOfOutputs<T>),
    /// The value of that number of its input.
    Output(usize),
    /// Part of its input: the gradient is added there, under this layout.
    Part(Box<Layout>),
    /// A computation whose backward has run.
    Spent,
}

/// Stands among a node's inputs for one that needs no gradient.
pub(crate) const CONSTANT: u32 = u32::MAX;

/// What every operation adds to a tape.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Node<f32>>() <= 112);
