//! Several variables made one, and one made several.

use refrain_tensor::{Error as TensorError, Real, Tensor};

use crate::{Result, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Variables joined along an axis that they all have. Each gets its part of the gradient.
    ///
    /// # Errors
    /// [`TensorError::NoTensors`], [`TensorError::AxisOutOfRange`],
    /// [`TensorError::ShapeMismatch`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn cat(variables: &[Self], axis: isize) -> Result<Self> {
        let y = Tensor::cat(&values(variables), axis)?;
        let place = y.shape().axis("cat", axis)?;
        let sizes: Vec<usize> = variables.iter().map(|v| v.shape()[place]).collect();
        Self::joined("cat", variables, y, move |g| g.split(&sizes, axis))
    }

    /// Variables of one shape joined along a new axis. Each gets its slice of the gradient.
    ///
    /// # Errors
    /// [`TensorError::NoTensors`], [`TensorError::AxisOutOfRange`],
    /// [`TensorError::ShapeMismatch`], [`TensorError::RankTooHigh`], [`Error::OtherTape`](crate::Error::OtherTape).
    pub fn stack(variables: &[Self], axis: isize) -> Result<Self> {
        let y = Tensor::stack(&values(variables), axis)?;
        let count = variables.len();
        Self::joined("stack", variables, y, move |g| (0..count).map(|k| g.select(axis, k)).collect())
    }

    fn joined(
        op: &'static str,
        variables: &[Self],
        value: Tensor<T>,
        parts: impl FnOnce(&Tensor<T>) -> std::result::Result<Vec<Tensor<T>>, TensorError> + 'static,
    ) -> Result<Self> {
        let inputs: Vec<&Self> = variables.iter().collect();
        let tape = inputs.first().ok_or(TensorError::NoTensors { op })?.tape();
        tape.record_list(op, &inputs, value, move |g, _| Ok(parts(g)?.into_iter().map(Some).collect()))
    }

    /// The parts of an axis, of the given sizes, in order.
    ///
    /// # Errors
    /// [`TensorError::AxisOutOfRange`], [`TensorError::SplitSizes`].
    pub fn split(&self, sizes: &[usize], axis: isize) -> Result<Vec<Self>> {
        self.value().split(sizes, axis)?; // checks the sizes
        let starts = sizes.iter().scan(0, |start, &length| Some(std::mem::replace(start, *start + length)));
        starts.zip(sizes).map(|(start, &length)| self.narrow(axis, start, length)).collect()
    }

    /// An axis cut into at most `count` parts of equal size, the last one smaller where it does
    /// not divide.
    ///
    /// # Errors
    /// [`TensorError::AxisOutOfRange`], [`TensorError::Zero`] for a count of 0.
    pub fn chunk(&self, count: usize, axis: isize) -> Result<Vec<Self>> {
        let place = self.shape().axis("chunk", axis)?;
        let sizes: Vec<usize> =
            self.value().chunk(count, axis)?.iter().map(|part| part.shape()[place]).collect();
        self.split(&sizes, axis)
    }
}

fn values<T: Real>(variables: &[Var<'_, T>]) -> Vec<Tensor<T>> {
    variables.iter().map(|v| v.value().clone()).collect()
}
