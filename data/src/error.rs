//! What can go wrong with data.

use refrain_tensor::Shape;

/// The error of every fallible operation in this crate.
///
/// A message names the operation or the file, what was found, and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// A count or size that must be at least one.
    #[error("{op}: {what} is 0, expected at least 1")]
    Zero { op: &'static str, what: &'static str },

    /// An item beyond the end of a dataset.
    #[error("{op}: index {index} is out of range for {len} items")]
    IndexOutOfRange { op: &'static str, index: usize, len: usize },

    /// Inputs and targets that do not pair up.
    #[error("{op}: {inputs} rows of inputs, but {targets} rows of targets")]
    UnpairedRows { op: &'static str, inputs: usize, targets: usize },

    /// Lengths that are not one for each item.
    #[error("{op}: {lengths} lengths, but the dataset has {items} items")]
    LengthCount { op: &'static str, lengths: usize, items: usize },

    /// There is no room for the order of so many items.
    #[error("{op}: out of memory for the order of {len} items")]
    OutOfMemory { op: &'static str, len: usize },

    /// Sequences of different shapes cannot make one batch.
    #[error("{op}: sequence {index} has shape {found}, but the first has {expected}")]
    UnequalSequences { op: &'static str, index: usize, found: Box<Shape>, expected: Box<Shape> },

    /// A series with no room for one window and its targets.
    #[error("windows: {rows} rows are too few for a window of {window} and a horizon of {horizon}")]
    SeriesTooShort { rows: usize, window: usize, horizon: usize },

    /// A stream with less than one step for each part.
    #[error(
        "streams: {steps} steps are too few for {streams} streams, expected one for each and one more for the last target"
    )]
    StreamTooShort { steps: usize, streams: usize },

    /// A chunk behind the last one.
    #[error("streams: there is no chunk {chunk} among {chunks}")]
    NoSuchChunk { chunk: usize, chunks: usize },

    /// A token listed twice.
    #[error("vocabulary: {token} is listed twice, at positions {first} and {second}")]
    DuplicateToken { token: String, first: usize, second: usize },

    /// A token that the vocabulary does not hold.
    #[error("vocabulary: {token} is not among its {size} tokens")]
    UnknownToken { token: String, size: usize },

    /// A token of a text that the vocabulary does not hold.
    #[error("vocabulary: {token} at position {position} is not among its {size} tokens")]
    UnknownTokenAt { token: String, position: usize, size: usize },

    /// An index that stands for no token.
    #[error("vocabulary: index {index} is out of range for {size} tokens")]
    NoSuchToken { index: i64, size: usize },

    /// A fraction that is not between 0 and 1.
    #[error("{op}: fraction {position} is {fraction}, expected a number from 0 to 1")]
    Fraction { op: &'static str, position: usize, fraction: f64 },

    /// Fractions that are not the whole.
    #[error("{op}: the fractions add up to {total}, expected 1")]
    FractionTotal { op: &'static str, total: f64 },

    /// Counts that are not the whole.
    #[error("{op}: the counts add up to {total}, but there are {len} items")]
    CountTotal { op: &'static str, total: usize, len: usize },

    /// A scaler cannot be fitted on nothing.
    #[error("{op}: expected at least one row to fit on, found shape {shape}")]
    NoRows { op: &'static str, shape: Box<Shape> },

    /// Training data that is NaN or infinite.
    #[error("{op}: row {row} of column {column} is {value}, expected a finite number")]
    NotFinite { op: &'static str, row: usize, column: usize, value: f64 },

    /// Training data so wide that its spread overflows.
    #[error("{op}: the spread of column {column} overflows {dtype}")]
    SpreadOverflow { op: &'static str, column: usize, dtype: &'static str },

    /// Parameters that no fit would give.
    #[error("{op}: column {column} has {what} {value}, expected {expected}")]
    Parameter { op: &'static str, column: usize, what: &'static str, value: f64, expected: &'static str },

    /// Data with other columns than the scaler was fitted on.
    #[error("{op}: fitted on {expected} features, found shape {shape} (expected [.., {expected}])")]
    FeatureCount { op: &'static str, expected: usize, shape: Box<Shape> },

    /// A file that cannot be read.
    #[error("{file}: {cause}")]
    Read { file: String, cause: std::io::Error },

    /// A file that is not UTF-8.
    #[error("{file}:{line}: not valid UTF-8")]
    InvalidUtf8 { file: String, line: usize },

    /// A file without a first row.
    #[error("{file}: no header row")]
    NoHeader { file: String },

    /// Two columns of one name.
    #[error("{file}:{line}: column {column:?} is named twice")]
    DuplicateColumn { file: String, line: usize, column: String },

    /// A row with more or fewer fields than the header.
    #[error("{file}:{line}: {found} fields, the header has {expected}")]
    RaggedRow { file: String, line: usize, found: usize, expected: usize },

    /// A column that the file does not have.
    #[error("{file}: no column {column:?}; the columns are {}", columns.join(", "))]
    UnknownColumn { file: String, column: String, columns: Vec<String> },

    /// A field that should hold a number.
    #[error("{file}:{line}: column {column:?}: {text:?} is not a number")]
    NotANumber { file: String, line: usize, column: String, text: String },

    /// A number beyond the range of the element type.
    #[error("{file}:{line}: column {column:?}: {text:?} is out of range for {dtype}")]
    NumberOutOfRange { file: String, line: usize, column: String, text: String, dtype: &'static str },

    /// A field that holds nothing, where a number is needed.
    #[error("{file}:{line}: column {column:?}: the value is missing")]
    MissingValue { file: String, line: usize, column: String },

    /// A missing field with no value before it.
    #[error("{file}:{line}: column {column:?}: the value is missing, and no earlier row has one to carry on")]
    NothingToCarry { file: String, line: usize, column: String },
}

/// The result of a fallible data operation.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_tensor::Tensor;

    #[test]
    fn a_tensor_error_speaks_for_itself() {
        let inner = Tensor::from_vec(vec![1, 2], [3]).unwrap_err();
        assert_eq!(Error::from(inner.clone()).to_string(), inner.to_string());
    }
}
