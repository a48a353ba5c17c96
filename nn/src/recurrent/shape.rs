//! The shapes that go into a recurrent layer, checked.

use refrain_tensor::Shape;

use crate::{Error, Result};

/// What an input's shape says about the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// T: the number of steps.
    pub(crate) steps: usize,
    /// B: the number of sequences; 1 where there is no batch axis.
    pub(crate) batch: usize,
    /// Whether there is a batch axis.
    pub(crate) batched: bool,
}

impl Sequence {
    /// Reads the shape of an input: `[seq, batch, features]`, with the first two exchanged where
    /// `batch_first`, or `[seq, features]`.
    ///
    /// # Errors
    /// [`Error::Rank`], [`Error::Features`], [`Error::Empty`].
    pub(crate) fn of(op: &'static str, shape: Shape, input_size: usize, batch_first: bool) -> Result<Self> {
        let axes = match (shape.rank(), batch_first) {
            (2, _) => "[seq, features]",
            (3, false) => "[seq, batch, features]",
            (3, true) => "[batch, seq, features]",
            (_, false) => {
                return Err(Error::Rank {
                    op,
                    shape: shape.into(),
                    axes: "[seq, batch, features] or [seq, features]",
                });
            }
            (_, true) => {
                return Err(Error::Rank {
                    op,
                    shape: shape.into(),
                    axes: "[batch, seq, features] or [seq, features]",
                });
            }
        };
        let batched = shape.rank() == 3;
        let found = shape[shape.rank() - 1];
        if found != input_size {
            return Err(Error::Features { op, found, expected: input_size, shape: shape.into(), axes });
        }
        let (steps, batch) = match (batched, batch_first) {
            (false, _) => (shape[0], 1),
            (true, false) => (shape[0], shape[1]),
            (true, true) => (shape[1], shape[0]),
        };
        for (what, size) in [("sequence", steps), ("batch", batch)] {
            if size == 0 {
                return Err(Error::Empty { op, what, shape: shape.into(), axes });
            }
        }
        Ok(Self { steps, batch, batched })
    }

    /// The shape of a state: `[layers, batch, size]`, or `[layers, size]` without a batch axis.
    pub(crate) fn state_shape(&self, layers: usize, size: usize) -> Shape {
        if self.batched { Shape::from([layers, self.batch, size]) } else { Shape::from([layers, size]) }
    }

    /// The names of a state's axes, for errors.
    pub(crate) fn state_axes(&self) -> &'static str {
        if self.batched {
            "[num_layers · directions, batch, size]"
        } else {
            "[num_layers · directions, size]"
        }
    }
}

/// # Errors
/// [`Error::State`] where a state does not have the expected shape.
pub(crate) fn check_state(
    op: &'static str,
    state: &'static str,
    found: &Shape,
    expected: Shape,
    axes: &'static str,
) -> Result<()> {
    if *found == expected {
        Ok(())
    } else {
        Err(Error::State { op, state, found: (*found).into(), expected: expected.into(), axes })
    }
}
