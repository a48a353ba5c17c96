//! Checkpoints in files.

use std::{fs, path::Path};

use refrain_nn::Real;
use refrain_weights::write_atomically;

use super::Checkpoint;
use crate::{Error, Result};

impl<T: Real> Checkpoint<T> {
    /// Writes the checkpoint to a file. Whenever the process is killed or the power fails, the file is
    /// the one before or the new one, whole: see [`write_atomically`].
    ///
    /// # Errors
    /// [`Error::Weights`] where the file cannot be written; it is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(write_atomically(path, &self.to_bytes()?)?)
    }

    /// Reads a checkpoint from a file.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Contents`] around those of [`Checkpoint::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let bytes = fs::read(path).map_err(|cause| Error::Read { path: name(), cause })?;
        Self::from_bytes(&bytes).map_err(|error| Error::Contents { path: name(), cause: error.into() })
    }
}
