//! [`write_atomically`]: a file is there whole, or it is as it was.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{Error, Result};

/// Puts `bytes` in the file at `path` so that a reader finds the old contents or the new ones,
/// whole, whenever the process is killed or the power fails.
///
/// The bytes go to a temporary file beside `path`, `NAME.PID.part`, and to the disk itself (`fsync`).
/// Only then does the file move to its place, with the permissions of the one that
/// it replaces, and the folder is written out too, where the system lets a folder be. Where `path` is
/// a symbolic link, the file it points to is replaced. After an error the file at `path` is as it
/// was, and the temporary file is gone. One that a killed process left behind is removed by the next
/// call for the same `path`. The threads of a process write one after another.
///
/// # Errors
/// [`Error::File`].
///
/// ```
/// let path = std::env::temp_dir().join(format!("refrain-doc-atomic-{}", std::process::id()));
/// refrain_weights::write_atomically(&path, b"first")?;
/// refrain_weights::write_atomically(&path, b"second")?;
/// assert_eq!(std::fs::read(&path)?, b"second");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let written = match fs::metadata(&place) {
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there and is no regular file"))
        }
        _ => replace(&place, bytes),
    };
    written.map_err(|cause| Error::failed("write", path, cause))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static WRITING: Mutex<()> = Mutex::new(());
    // A thread that panicked while it wrote has left nothing behind that could be wrong.
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let part = part(path)?;
    let attempt = || {
        remove_leftovers(path);
        write_out(&part, path, bytes).and_then(|()| fs::rename(&part, path))
    };
    // Another process may have taken the file for a leftover before it was locked.
    let written = attempt().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => attempt(),
        _ => Err(error),
    });
    if written.is_err() {
        // What was begun is of no use to anyone; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&part);
        return written;
    }
    write_out_folder(path);
    Ok(())
}

fn write_out(part: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(part)?;
    // The lock says that somebody is still writing. It ends with the process, however that ends. A
    // file system without locks only keeps its leftovers.
    let _ = file.try_lock();
    if let Ok(replaced) = fs::metadata(path) {
        // Where permissions cannot be set, the file has those of a new one.
        let _ = file.set_permissions(replaced.permissions());
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes out the folder that holds the new name: only then does the name outlast a power failure.
/// The file is in its place by now, so a folder that cannot be read or written out is no error.
#[cfg(unix)]
fn write_out_folder(path: &Path) {
    let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
}

/// Elsewhere a folder cannot be opened as a file, and the system looks after its names.
#[cfg(not(unix))]
fn write_out_folder(_: &Path) {}

/// Removes the temporary files for `path` of processes that have ended. It may fail in silence:
/// the file to be written does not depend on it.
fn remove_leftovers(path: &Path) {
    let Ok(entries) = fs::read_dir(folder(path)) else { return };
    for entry in entries.flatten() {
        let abandoned = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_part(path, &entry.file_name()) && abandoned() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is that of a temporary file for `path`.
fn is_part(path: &Path, name: &OsStr) -> bool {
    let process = |name: &OsStr| {
        let rest = name.to_str()?.strip_prefix(path.file_name()?.to_str()?)?;
        rest.strip_prefix('.')?.strip_suffix(".part")?.parse::<u32>().ok()
    };
    process(name).is_some()
}

/// The temporary file for `path` of this process.
fn part(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(name))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
