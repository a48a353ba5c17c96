//! A folder that is gone when its owner is.

use std::path::{Path, PathBuf};

/// A fresh folder under the system's temporary one, removed with all it holds on drop.
pub(crate) struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    /// Makes a folder whose name tells what it is for.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made, or was there before.
    pub(crate) fn new(purpose: &str) -> Result<Self, String> {
        // The process id keeps two runs apart; create_dir, unlike create_dir_all, refuses a
        // folder that somebody else made.
        let path = std::env::temp_dir().join(format!("refrain-{purpose}-{}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => Ok(TemporaryFolder { path }),
            Err(error) => Err(format!("cannot make the folder {}: {error}", path.display())),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_with_its_owner() {
        let folder = TemporaryFolder::new("test-of-folders").expect("a new folder");
        let path = folder.path().to_path_buf();
        std::fs::write(path.join("file"), "text").expect("a file in it");
        assert!(TemporaryFolder::new("test-of-folders").is_err(), "the folder was taken over");
        drop(folder);
        assert!(!path.exists());
    }
}
