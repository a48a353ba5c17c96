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
    #[error("cannot read {}: {cause}; name another file with --csv", path.display())]
    Read { path: PathBuf, cause: std::io::Error },

    /// A folder that cannot be made or written to.
    #[error("cannot write to {}: {cause}; name a folder that you may write to with {option}", path.display())]
    Folder { path: PathBuf, option: &'static str, cause: std::io::Error },

    /// A folder where a file should be.
    #[error("{} is a folder; name a file with {option}", path.display())]
    NoFile { path: PathBuf, option: &'static str },

    /// A tensor of another shape than a table or a panel shows.
    #[error(transparent)]
    Tensor(#[from] refrain_tensor::Error),

    /// Ctrl-C cannot be listened to.
    #[error("cannot listen to Ctrl-C: {0}")]
    Interrupt(ctrlc::Error),

    /// A file that cannot be written.
    #[error(transparent)]
    File(Box<refrain_weights::Error>),

    /// The plotting library refused to draw.
    #[error("plot: {0}")]
    Draw(plotters::drawing::DrawingAreaErrorKind<std::io::Error>),
}

impl From<plotters::drawing::DrawingAreaErrorKind<std::io::Error>> for Error {
    fn from(cause: plotters::drawing::DrawingAreaErrorKind<std::io::Error>) -> Self {
        Error::Draw(cause)
    }
}

/// The result of a fallible operation.
pub type Result<T> = std::result::Result<T, Error>;
