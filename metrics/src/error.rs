//! What can go wrong with a metric.

/// The error of every fallible operation in this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// Forecasts and outcomes that do not pair up.
    #[error("{op}: {forecasts} forecasts, but {outcomes} outcomes")]
    Unpaired { op: &'static str, forecasts: usize, outcomes: usize },

    /// A number that stands for no class.
    #[error("{op}: class {class} at position {position} is out of range for {classes} classes")]
    NoSuchClass { op: &'static str, class: usize, position: usize, classes: usize },

    /// More classes than there is room for.
    #[error("{op}: no memory for {classes} times {classes} counts")]
    TooManyClasses { op: &'static str, classes: usize },

    /// A count or size that must be at least one.
    #[error("{op}: {what} is 0, expected at least 1")]
    Zero { op: &'static str, what: &'static str },

    /// Names that are not one for each class.
    #[error("{op}: {names} names for {classes} classes")]
    NameCount { op: &'static str, names: usize, classes: usize },

    /// Numbers that do not fill rows of one width.
    #[error("{op}: {numbers} numbers do not fill rows of {width}")]
    Rows { op: &'static str, numbers: usize, width: usize },

    /// A quantile outside its range.
    #[error("{op}: the level is {level}, expected a number from 0 to 1")]
    Level { op: &'static str, level: f64 },
}

/// The result of a fallible operation on metrics.
pub type Result<T> = std::result::Result<T, Error>;

/// # Errors
/// [`Error::Unpaired`].
pub(crate) fn check_paired(op: &'static str, forecasts: usize, outcomes: usize) -> Result<()> {
    if forecasts == outcomes { Ok(()) } else { Err(Error::Unpaired { op, forecasts, outcomes }) }
}
