//! [`Signal`]: what goes through a model, without its numbers.

use refrain_tensor::Shape;

use crate::Result;

/// The input of a layer or its output, as far as costs depend on it: its shape, and whether the way
/// back asks for its gradient.
///
/// Shapes become signals by themselves. The input of a model is data, so its gradient is not asked
/// for unless [`with_gradient`](Self::with_gradient) says so; the output of a layer with parameters
/// that train needs one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    shape: Shape,
    lengths: Option<Vec<usize>>,
    gradient: bool,
}

impl Signal {
    /// Data of this shape.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), lengths: None, gradient: false }
    }

    /// The same with a gradient asked for.
    #[must_use]
    pub fn with_gradient(self) -> Self {
        Self { gradient: true, ..self }
    }

    /// A padded batch whose sequences have these lengths, in any order: a recurrent layer runs it
    /// with `forward_padded`, and pays for the useful steps alone. Other layers pay for the padding.
    #[must_use]
    pub fn with_lengths(self, lengths: impl Into<Vec<usize>>) -> Self {
        Self { lengths: Some(lengths.into()), ..self }
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The lengths of the sequences, where they were given.
    pub fn lengths(&self) -> Option<&[usize]> {
        self.lengths.as_deref()
    }

    /// Whether the way back asks for its gradient.
    pub fn needs_gradient(&self) -> bool {
        self.gradient
    }

    /// Another shape, or a part, of the same: what a model does between its layers for nothing.
    #[must_use]
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), ..self.clone() }
    }

    /// What a layer makes of it: another shape, and a gradient where the layer trains.
    pub(crate) fn through(&self, shape: Shape, trains: bool) -> Self {
        Self { gradient: self.gradient || trains, ..self.reshaped(shape) }
    }

    /// # Errors
    /// [`refrain_tensor::Error::TooLarge`] for a shape that no tensor can have.
    pub(super) fn check(&self) -> Result<()> {
        if self.shape.checked_numel().is_some() {
            return Ok(());
        }
        Err(refrain_tensor::Error::TooLarge { op: "summary", shape: self.shape.into() }.into())
    }
}

impl<const N: usize> From<[usize; N]> for Signal {
    fn from(sizes: [usize; N]) -> Self {
        Self::new(sizes)
    }
}

impl From<Shape> for Signal {
    fn from(shape: Shape) -> Self {
        Self::new(shape)
    }
}
