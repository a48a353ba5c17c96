//! The metadata of a safetensors file: strings under names, in its header.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Error, Result};

/// Strings under names that travel with the weights: what made them, how the model is built. It is
/// the `__metadata__` of the format, which PyTorch reads with
/// `safetensors.safe_open(path, "pt").metadata()`.
pub type Metadata = BTreeMap<String, String>;

/// What the metadata of a training's checkpoint say under `format`. The train crate writes these;
/// [`load`](crate::load) tells them from files of weights.
pub const CHECKPOINT: &str = "refrain checkpoint";

/// The name under which the header of the format holds the metadata.
const KEY: &str = "__metadata__";

/// The longest header that the format allows, in bytes.
const LONGEST_HEADER: usize = 100_000_000;

/// The bytes of the length that stands before the header.
pub(crate) const LENGTH: usize = 8;

/// The bytes of a file without metadata, with `metadata` put into its header, sorted by name: the
/// same metadata always makes the same bytes.
pub(crate) fn insert(file: &[u8], metadata: &Metadata) -> Result<Vec<u8>> {
    let (header, tensors) = parts(file)?;
    let rest = header.strip_prefix(b"{").map(<[u8]>::trim_ascii).unwrap_or_default();
    let strings = serde_json::to_string(metadata).map_err(|error| Error::Format(error.to_string()))?;
    let comma = if rest.starts_with(b"}") { "" } else { "," };
    let mut header = format!("{{\"{KEY}\":{strings}{comma}").into_bytes();
    header.extend_from_slice(rest);
    // The tensors begin at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    if header.len() > LONGEST_HEADER {
        return Err(Error::Format(format!(
            "the header has {} bytes, the most are {LONGEST_HEADER}",
            header.len()
        )));
    }
    Ok([&(header.len() as u64).to_le_bytes(), header.as_slice(), tensors].concat())
}

/// The metadata in the bytes of a safetensors file; empty where there is none. The tensors are not
/// looked at.
///
/// # Errors
/// [`Error::Format`] where the header is cut off or is none.
///
/// ```
/// use std::collections::BTreeMap;
/// use refrain_nn::StateDict;
/// let about = BTreeMap::from([("trained on".to_owned(), "four years of weather".to_owned())]);
/// let bytes = refrain_weights::to_bytes_with(&StateDict::<f32>::new(vec![])?, &about)?;
/// assert_eq!(refrain_weights::metadata_in(&bytes)?, about);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn metadata_in(bytes: &[u8]) -> Result<Metadata> {
    parse(parts(bytes)?.0)
}

/// The metadata in a header.
pub(crate) fn parse(header: &[u8]) -> Result<Metadata> {
    let mut header: Map<String, Value> =
        serde_json::from_slice(header).map_err(|error| Error::Format(error.to_string()))?;
    match header.remove(KEY) {
        None => Ok(Metadata::new()),
        Some(strings) => {
            serde_json::from_value(strings).map_err(|error| Error::Format(format!("{KEY}: {error}")))
        }
    }
}

/// The length of the header that a file of `file_length` bytes can hold, from its first bytes.
pub(crate) fn header_length(first: [u8; LENGTH], file_length: u64) -> Result<usize> {
    let length = u64::from_le_bytes(first);
    let most = file_length.saturating_sub(LENGTH as u64).min(LONGEST_HEADER as u64);
    if length > most {
        return Err(Error::Format(format!(
            "the header should have {length} bytes, there is room for {most}"
        )));
    }
    Ok(length as usize)
}

/// The header and what comes after it.
fn parts(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (first, rest) = bytes
        .split_first_chunk::<LENGTH>()
        .ok_or_else(|| Error::Format(format!("{} bytes hold no header", bytes.len())))?;
    Ok(rest.split_at(header_length(*first, bytes.len() as u64)?))
}
