//! What can go wrong in the parts that the examples share.

use std::path::PathBuf;

/// The error of every fallible operation in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum Error {
    /// A text that is no date.
    #[error("{text:?} is not a date, expected YYYY/MM/DD or YYYY-MM-DD")]
    NotADate { text: String },

    /// A text that is no time.
    #[error("{text:?} is not a time, expected YYYY-MM-DD or YYYY-MM-DD HH:MM (/ and T will do)")]
    NotATime { text: String },

    /// A file that cannot be read.
    #[error("cannot read {}: {source}; name another file with --csv", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    /// A folder that cannot be made or written to.
    #[error("cannot write to {}: {source}; name a folder that you may write to with --out", path.display())]
    Folder { path: PathBuf, source: std::io::Error },

    /// A folder that cannot be made.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },

    /// A tensor of another shape than a table or a panel shows.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// Ctrl-C cannot be listened to.
    #[error("cannot listen to Ctrl-C: {0}")]
    Interrupt(#[source] ctrlc::Error),

    /// A file that cannot be written.
    #[error(transparent)]
    File(Box<refrain_weights::Error>),

    /// The plotting library refused to draw.
    #[error("plot: {0}")]
    Draw(#[from] plotters::drawing::DrawingAreaErrorKind<std::io::Error>),
}

/// The result of a fallible operation.
pub type Result<T> = std::result::Result<T, Error>;
