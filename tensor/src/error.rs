//! What can go wrong with a tensor operation.

use crate::Shape;

/// The error of every fallible operation in this crate.
///
/// A message names the operation, the shapes it saw, and what it expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// The number of values does not match the shape.
    #[error("{op}: {count} values were given, but shape {shape} holds {expected}")]
    ValueCount { op: &'static str, count: usize, expected: usize, shape: Box<Shape> },

    /// More axes than a tensor can have.
    #[error("{op}: {rank} axes, but a tensor has at most {}", crate::MAX_RANK)]
    RankTooHigh { op: &'static str, rank: usize },

    /// The element count, or its size in bytes, does not fit in the address space.
    #[error("{op}: a tensor of shape {shape} is too large to address")]
    TooLarge { op: &'static str, shape: Box<Shape> },

    /// The allocator refused the memory.
    #[error("{op}: out of memory for shape {shape} ({bytes} bytes)")]
    OutOfMemory { op: &'static str, shape: Box<Shape>, bytes: usize },

    /// Two shapes do not broadcast to a common one.
    #[error(
        "{op}: shapes {left} and {right} do not broadcast: aligned at the right, each pair of sizes must be equal or hold a 1"
    )]
    Broadcast { op: &'static str, left: Box<Shape>, right: Box<Shape> },

    /// A shape differs from the one that is needed.
    #[error("{op}: {what} has shape {found}, expected {expected}")]
    ShapeMismatch { op: &'static str, what: &'static str, found: Box<Shape>, expected: Box<Shape> },

    /// A rank differs from the one that is needed.
    #[error("{op}: {what} has {} (shape {found}), expected {expected}", axes(found.rank()))]
    RankMismatch { op: &'static str, what: &'static str, found: Box<Shape>, expected: usize },

    /// An axis that the tensor does not have.
    #[error("{op}: axis {axis} is out of range for shape {shape} of rank {}", shape.rank())]
    AxisOutOfRange { op: &'static str, axis: isize, shape: Box<Shape> },

    /// The same axis named twice.
    #[error("{op}: axis {axis} is named twice (shape {shape})")]
    DuplicateAxis { op: &'static str, axis: usize, shape: Box<Shape> },

    /// A list of axes with the wrong length.
    #[error("{op}: {} named, but shape {shape} has {}", if *count == 1 { "1 axis was".into() } else { format!("{count} axes were") }, shape.rank())]
    AxisCount { op: &'static str, count: usize, shape: Box<Shape> },

    /// An index beyond its axis.
    #[error("{op}: index {index} is out of range for axis {axis}, which has size {size} (shape {shape})")]
    IndexOutOfRange { op: &'static str, index: i64, axis: usize, size: usize, shape: Box<Shape> },

    /// A range beyond its axis, or one that runs backward.
    #[error("{op}: range {start}..{end} does not lie in axis {axis}, which has size {size} (shape {shape})")]
    RangeOutOfBounds {
        op: &'static str,
        start: usize,
        end: usize,
        axis: usize,
        size: usize,
        shape: Box<Shape>,
    },

    /// A step of zero.
    #[error("{op}: the step is 0")]
    ZeroStep { op: &'static str },

    /// An axis of size 1 was expected.
    #[error("{op}: axis {axis} has size {size}, expected 1 (shape {shape})")]
    NotSingleton { op: &'static str, axis: usize, size: usize, shape: Box<Shape> },

    /// A view of another element count.
    #[error("{op}: shape {from} has {} elements and cannot become {to}, which has {}", from.numel(), to.numel())]
    Reshape { op: &'static str, from: Box<Shape>, to: Box<Shape> },

    /// A single element was expected.
    #[error("{op}: expected one element, found shape {shape} with {}", shape.numel())]
    NotOneElement { op: &'static str, shape: Box<Shape> },

    /// The inner sizes of a matrix product differ, or an operand has no axis.
    #[error(
        "matmul: shapes {left} and {right} do not multiply: expected [.., m, k] and [.., k, n] with equal k and broadcastable leading axes"
    )]
    Matmul { left: Box<Shape>, right: Box<Shape> },

    /// A reduction without an identity over nothing.
    #[error("{op}: no elements to reduce in shape {shape}, and the operation has no value for none")]
    EmptyReduction { op: &'static str, shape: Box<Shape> },

    /// An operation on a list of tensors got an empty list.
    #[error("{op}: expected at least one tensor")]
    NoTensors { op: &'static str },

    /// Sizes of a split that do not add up to the axis.
    #[error("{op}: the sizes add up to {total}, but axis {axis} has size {size} (shape {shape})")]
    SplitSizes { op: &'static str, total: usize, axis: usize, size: usize, shape: Box<Shape> },

    /// A count or size that must be at least one.
    #[error("{op}: {what} is 0, expected at least 1")]
    Zero { op: &'static str, what: &'static str },

    /// An integer division by zero.
    #[error("{op}: the divisor holds a zero, and {dtype} has no value for a division by zero")]
    DivisionByZero { op: &'static str, dtype: &'static str },

    /// Bounds of a range in the wrong order, or NaN.
    #[error("{op}: expected bounds with low <= high, found {low} and {high}")]
    Bounds { op: &'static str, low: String, high: String },

    /// Bounds that are not finite, or so far apart that their difference overflows.
    #[error("{op}: expected finite bounds with a finite difference, found {low} and {high}")]
    Distance { op: &'static str, low: String, high: String },

    /// A standard deviation below 0, or NaN.
    #[error("{op}: expected a standard deviation of at least 0, found {found}")]
    Deviation { op: &'static str, found: String },

    /// A number that the element type cannot hold.
    #[error("{op}: {dtype} cannot hold {value}")]
    Unrepresentable { op: &'static str, value: usize, dtype: &'static str },
}

/// A count of axes in words.
fn axes(count: usize) -> String {
    if count == 1 { "1 axis".into() } else { format!("{count} axes") }
}

/// The result of a fallible tensor operation.
pub type Result<T> = std::result::Result<T, Error>;

/// The value, or a panic with the error's message at the line of the caller's caller.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    // A closure would not inherit `track_caller`, and the panic would name this file.
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
