//! Models saved to files and loaded from them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use refrain_nn::{Module, Real, StateDict};

use crate::{Error, Result, from_bytes, to_bytes};

/// Writes a model's parameters to a safetensors file. The file appears whole or not at all: it is
/// written beside its place and then moved there.
///
/// # Errors
/// [`Error::File`], [`Error::Format`].
pub fn save<T: Real>(path: impl AsRef<Path>, model: &impl Module<T>) -> Result<()> {
    let path = path.as_ref();
    let bytes = to_bytes(&StateDict::of(model))?;
    let beside = beside(path);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| {
        // What was begun is of no use to anyone; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&beside);
        failed("write", path, source)
    })
}

/// Sets a model's parameters to the values in a safetensors file. Strict: the names and shapes in
/// the file are those of the model. Where anything does not fit, the model stays as it was.
///
/// # Errors
/// [`Error::File`], and [`Error::Contents`] around those of [`from_bytes`] and
/// [`StateDict::load_into`].
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::GRU;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let trained = GRU::<f32>::new(4, 8, &mut rng)?;
/// let path = std::env::temp_dir().join(format!("refrain-doc-{}.safetensors", std::process::id()));
/// refrain_weights::save(&path, &trained)?;
/// let mut other = GRU::<f32>::new(4, 8, &mut rng)?;
/// refrain_weights::load(&path, &mut other)?;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load<T: Real>(path: impl AsRef<Path>, model: &mut impl Module<T>) -> Result<()> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| failed("read", path, source))?;
    let loaded = from_bytes::<T>(&bytes).and_then(|state| Ok(state.load_into(model)?));
    loaded.map_err(|source| Error::Contents { path: path.display().to_string(), source: source.into() })
}

/// A name beside a path that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { what, path: path.display().to_string(), source }
}
