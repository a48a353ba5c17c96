//! How an example ends: what it prints, where it writes, and with which exit code.

use std::{
    error, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{Error, Result};

/// The result of a part of an example; its error is shown to the user as it is.
pub type Fallible<T> = std::result::Result<T, Box<dyn error::Error + Send + Sync>>;

/// Bad input and bad arguments: the code that `clap` ends with, too.
const BAD_INPUT: u8 = 2;

/// Ends a program: on an error with the sentence on standard error and exit code 2.
pub fn end(name: &str, result: Fallible<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// What `parse` makes of the CSV file that a user named with `--csv`; it gets the name and the
/// contents.
///
/// # Errors
/// [`Error::Read`], and what `parse` says.
pub fn read_csv<T, E: Into<Box<dyn error::Error + Send + Sync>>>(
    path: &Path,
    parse: impl FnOnce(&str, &[u8]) -> std::result::Result<T, E>,
) -> Fallible<T> {
    let bytes = fs::read(path).map_err(|cause| Error::Read { path: path.to_owned(), cause })?;
    let hint = |error: E| format!("{} (--help says what the CSV file should hold)", error.into()).into();
    parse(&path.display().to_string(), &bytes).map_err(hint)
}

/// A folder in which a program will leave its files.
///
/// It is made, and written to, before the work starts: who has waited a minute for a model does not
/// want to hear then that there is no place for it.
#[derive(Clone, Debug)]
pub struct OutputFolder(PathBuf);

impl OutputFolder {
    /// The folder at `path`, made where there is none.
    ///
    /// # Errors
    /// [`Error::Folder`] where it cannot be made or written to.
    pub fn open(path: &Path) -> Result<Self> {
        let probe = path.join(format!(".{}.probe", std::process::id()));
        let tried = fs::create_dir_all(path)
            .and_then(|()| fs::write(&probe, []))
            .and_then(|()| fs::remove_file(&probe));
        tried.map_err(|cause| Error::Folder { path: path.to_owned(), cause })?;
        Ok(Self(path.to_owned()))
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_and_left_empty() {
        let top = std::env::temp_dir().join(format!("refrain-program-{}", std::process::id()));
        let folder = OutputFolder::open(&top.join("deep")).unwrap();
        assert_eq!(fs::read_dir(top.join("deep")).unwrap().count(), 0);
        fs::write(folder.file("a"), "x").unwrap();
        let message = OutputFolder::open(&folder.file("a")).unwrap_err().to_string();
        assert!(message.starts_with("cannot write to "), "{message}");
        assert!(message.ends_with("name a folder that you may write to with --out"), "{message}");
        let read =
            |name| read_csv(&top.join(name), |_, bytes| if bytes.is_empty() { Err("none") } else { Ok(1) });
        let message = read("b").unwrap_err().to_string();
        assert!(message.starts_with("cannot read ") && message.ends_with("with --csv"), "{message}");
        fs::write(top.join("b"), "").unwrap();
        assert_eq!(read("b").unwrap_err().to_string(), "none (--help says what the CSV file should hold)");
        assert_eq!(read("deep/a").unwrap(), 1);
        fs::remove_dir_all(&top).unwrap();
    }
}
