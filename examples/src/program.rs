//! How an example ends: what it prints, where it writes, and with which exit code.

use std::{
    env, error, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{Error, Result, interrupt};

/// The result of a part of an example; its error is shown to the user as it is.
pub type Fallible<T> = std::result::Result<T, Box<dyn error::Error + Send + Sync>>;

/// Bad input and bad arguments: the code that `clap` ends with, too.
const BAD_INPUT: u8 = 2;

/// A program that listens to Ctrl-C and asks [`interrupt::requested`] whether to go on. Where it was to
/// end early and has done so without an error, its exit code is [`interrupt::EXIT_CODE`].
pub fn interruptible(name: &str, run: impl FnOnce() -> Fallible<()>) -> ExitCode {
    if let Err(error) = interrupt::listen() {
        eprintln!("warning: {error}");
    }
    match run() {
        Ok(()) if interrupt::requested() => ExitCode::from(interrupt::EXIT_CODE),
        done => end(name, done),
    }
}

/// Ends a program: on an error with the sentence on standard error and exit code 2.
pub fn end(name: &str, result: Fallible<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let advice = advice(error.as_ref()).map_or_else(String::new, |advice| format!("; {advice}"));
            eprintln!("{name}: {error}{advice}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// What to do about an error that comes from a disk without room, or a training that diverged. [`end`] says it of an error of these
/// crates that is not yet a sentence.
pub fn advice(error: &(dyn error::Error + 'static)) -> Option<&'static str> {
    let diverged = matches!(error.downcast_ref(), Some(refrain_train::Error::Diverged(_)));
    if diverged || error.is::<refrain_train::Divergence>() {
        return Some("a lower learning rate may help");
    }
    let file = |error: &refrain_weights::Error| match error {
        refrain_weights::Error::File { cause, .. } => Some(cause.kind()),
        _ => None,
    };
    let kind = if let Some(error) = error.downcast_ref::<io::Error>() {
        Some(error.kind())
    } else if let Some(refrain_train::Error::Weights(error)) = error.downcast_ref() {
        file(error)
    } else if let Some(Error::File(error)) = error.downcast_ref() {
        file(error)
    } else {
        error.downcast_ref().and_then(file)
    };
    match kind? {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some("make room there, or name a place on another disk")
        }
        _ => None,
    }
}

/// Reads a count of at least 1, for an option that `clap` parses.
pub fn positive() -> impl Fn(&str) -> std::result::Result<usize, String> + Clone {
    |text| match text.parse() {
        Ok(0) => Err("expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}

/// The arguments of this run, for a line that goes on with it.
pub fn arguments() -> Vec<String> {
    env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The line that runs an example with these arguments, as a shell takes it: through cargo where cargo
/// runs this program.
pub fn command_line(example: &str, arguments: &[String]) -> String {
    let here = env!("CARGO_MANIFEST_DIR");
    let mut words: Vec<String> = Vec::new();
    let mut say = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
    if env::var_os("CARGO_MANIFEST_DIR").is_some_and(|folder| folder == here) {
        say(&["cargo", "run"]);
        if !cfg!(debug_assertions) {
            say(&["--release"]);
        }
        // Elsewhere cargo would look for the example in another workspace.
        let workspace = Path::new(here).parent();
        if !env::current_dir().is_ok_and(|folder| workspace.is_some_and(|top| folder.starts_with(top))) {
            say(&["--manifest-path", &format!("{here}/Cargo.toml")]);
        }
        say(&["--package", env!("CARGO_PKG_NAME"), "--example", example, "--"]);
    } else {
        say(&[&env::args_os().next().unwrap_or_default().to_string_lossy()]);
    }
    words.extend_from_slice(arguments);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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
        Self::for_option(path, "--out")
    }

    /// The folder of a file that an option names, made where there is none. The file itself is not
    /// touched.
    ///
    /// # Errors
    /// [`Error::Folder`] where the folder cannot be made or written to; [`Error::NoFile`] where the path
    /// is that of a folder.
    pub fn of_file(path: &Path, option: &'static str) -> Result<Self> {
        if path.is_dir() || path.file_name().is_none() {
            return Err(Error::NoFile { path: path.to_owned(), option });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::for_option(folder.unwrap_or(Path::new(".")), option)
    }

    fn for_option(path: &Path, option: &'static str) -> Result<Self> {
        // One name for all: what a killed program leaves, the next one takes away.
        let probe = path.join(".refrain-probe");
        let removed = || match fs::remove_file(&probe) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()), // another one took it away
            removed => removed,
        };
        let tried = fs::create_dir_all(path).and_then(|()| fs::write(&probe, [])).and_then(|()| removed());
        tried.map_err(|cause| Error::Folder { path: path.to_owned(), option, cause })?;
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
    fn a_disk_without_room_has_an_advice_whichever_crate_met_it() {
        let file = |kind: io::ErrorKind| refrain_weights::Error::File {
            what: "write",
            path: "x".to_owned(),
            cause: kind.into(),
        };
        for (kind, expected) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::FileTooLarge, true),
            (io::ErrorKind::NotFound, false),
        ] {
            let found: [Box<dyn error::Error + Send + Sync>; 4] = [
                io::Error::from(kind).into(),
                file(kind).into(),
                refrain_train::Error::from(file(kind)).into(),
                Error::File(file(kind).into()).into(),
            ];
            for error in found {
                assert_eq!(advice(error.as_ref()).is_some(), expected, "{error:?}");
            }
        }
        assert!(advice(&io::Error::from_raw_os_error(28)).is_some() || !cfg!(target_os = "linux"));
    }

    #[test]
    fn a_shell_reads_back_every_word() {
        for (word, expected) in [
            ("train", "train"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("out/größe", "'out/größe'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
        let line = command_line("char_lm", &["train".to_owned(), "--text".to_owned(), "a b".to_owned()]);
        assert!(line.ends_with(" train --text 'a b'"), "{line}");
    }

    #[test]
    fn a_folder_is_made_and_left_empty() {
        let top = std::env::temp_dir().join(format!("refrain-program-{}", std::process::id()));
        let folder = OutputFolder::open(&top.join("deep")).unwrap();
        assert_eq!(fs::read_dir(top.join("deep")).unwrap().count(), 0);
        // What a killed program may leave is gone after the next look.
        fs::write(folder.file(".refrain-probe"), "").unwrap();
        OutputFolder::open(&top.join("deep")).unwrap();
        assert_eq!(fs::read_dir(top.join("deep")).unwrap().count(), 0);
        fs::write(folder.file("a"), "x").unwrap();
        let message = OutputFolder::open(&folder.file("a")).unwrap_err().to_string();
        assert!(message.starts_with("cannot write to "), "{message}");
        assert!(message.ends_with("name a folder that you may write to with --out"), "{message}");
        OutputFolder::of_file(&top.join("plots/b.svg"), "--plot").unwrap();
        assert_eq!(fs::read_dir(top.join("plots")).unwrap().count(), 0);
        let fail = |path: &str| OutputFolder::of_file(&top.join(path), "--plot").unwrap_err().to_string();
        let message = fail("deep/a/b.svg");
        assert!(message.ends_with("name a folder that you may write to with --plot"), "{message}");
        let message = fail("plots");
        assert!(message.ends_with("plots is a folder; name a file with --plot"), "{message}");
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
