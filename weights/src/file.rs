//! Models saved to files and loaded from them.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use refrain_nn::{Module, Real, StateDict};

use crate::{
    CHECKPOINT, Error, Metadata, Result, from_bytes,
    metadata::{LENGTH, header_length, parse},
    metadata_in, to_bytes, to_bytes_with, write_atomically,
};

/// Writes a model's parameters to a safetensors file. The file appears whole or not at all, as
/// [`write_atomically`] says.
///
/// # Errors
/// [`Error::File`], [`Error::Format`].
pub fn save<T: Real>(path: impl AsRef<Path>, model: &impl Module<T>) -> Result<()> {
    write_atomically(path, &to_bytes(&StateDict::of(model))?)
}

/// [`save`], with metadata in the header of the file.
///
/// # Errors
/// [`Error::File`], [`Error::Format`].
///
/// ```
/// use std::collections::BTreeMap;
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::GRU;
/// let gru = GRU::<f32>::new(4, 8, &mut Xoshiro256PlusPlus::seed_from_u64(7))?;
/// let about = BTreeMap::from([("cell".to_owned(), "gru".to_owned())]);
/// let path = std::env::temp_dir().join(format!("refrain-doc-meta-{}.safetensors", std::process::id()));
/// refrain_weights::save_with(&path, &gru, &about)?;
/// assert_eq!(refrain_weights::metadata(&path)?, about);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_with<T: Real>(path: impl AsRef<Path>, model: &impl Module<T>, metadata: &Metadata) -> Result<()> {
    write_atomically(path, &to_bytes_with(&StateDict::of(model), metadata)?)
}

/// The metadata of a safetensors file; empty where there is none. Only the header is read, and its
/// length is held against that of the file before.
///
/// # Errors
/// [`Error::File`], and [`Error::Contents`] around [`Error::Format`].
pub fn metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    let path = path.as_ref();
    let failed = |cause| Error::failed("read", path, cause);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut first = [0; LENGTH];
    if length < LENGTH as u64 {
        return Err(Error::Format(format!("{length} bytes hold no header")).at(path));
    }
    file.read_exact(&mut first).map_err(failed)?;
    let mut header = vec![0; header_length(first, length).map_err(|error| error.at(path))?];
    file.read_exact(&mut header).map_err(failed)?;
    parse(&header).map_err(|error| error.at(path))
}

/// Sets a model's parameters to the values in a safetensors file. Strict: the names and shapes in
/// the file are those of the model. Where anything does not fit, the model stays as it was.
///
/// # Errors
/// [`Error::File`], and [`Error::Contents`] around those of [`from_bytes`] and
/// [`StateDict::load_into`], and around [`Error::Checkpoint`] for a checkpoint of a training.
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
    let bytes = fs::read(path).map_err(|cause| Error::failed("read", path, cause))?;
    let state = from_bytes::<T>(&bytes).and_then(|state| match metadata_in(&bytes)?.get("format") {
        Some(format) if format == CHECKPOINT => Err(Error::Checkpoint),
        _ => Ok(state),
    });
    state.and_then(|state| Ok(state.load_into(model)?)).map_err(|error| error.at(path))
}
