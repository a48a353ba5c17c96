//! The bytes of a checkpoint: a safetensors file, with everything that is no tensor in its metadata.
//!
//! | name | holds |
//! | --- | --- |
//! | `format`, `version` | what the file is |
//! | `checksum` | the CRC-32 of the file, taken with zeros in this place, in hexadecimal digits |
//! | `model`, `element` | what model it is, and the type of its numbers |
//! | `progress/step`, `progress/epoch`, `progress/position` | where the training stands |
//! | `optimizer`, `optimizer/learning_rate` | which optimizer, and its learning rate |
//! | `steps/PARAMETER` | the steps that the optimizer has counted for a parameter |
//! | `rng/NAME`, `entry/NAME` | random generators as JSON, and the caller's entries |
//!
//! Tensors are named `GROUP/NAME`: those of the model are in the group `model`, those of the optimizer
//! are `optimizer/PARAMETER/WHAT`.

use std::collections::BTreeMap;

use refrain_nn::{Real, StateDict};
use refrain_optim::{OptimizerState, ParameterState};
use refrain_tensor::Tensor;
use refrain_weights::{CHECKPOINT as FORMAT, Metadata, from_bytes, metadata_in, to_bytes_with};

use super::{Checkpoint, OPTIMIZER, Progress, entry, find};
use crate::{Error, Result};

const VERSION: u32 = 1;

/// The checksum in the header, up to its digits. Inside a string of the header no quotation mark comes
/// without a backslash, so this can stand nowhere else.
const BEFORE_CHECKSUM: &[u8] = b"\"checksum\":\"";
const NO_CHECKSUM: &str = "00000000";

impl<T: Real> Checkpoint<T> {
    /// The checkpoint as the bytes of a safetensors file. The same checkpoint always makes the same
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Weights`] where the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut header = Metadata::from(
            [
                ("format", FORMAT.to_owned()),
                ("version", VERSION.to_string()),
                ("checksum", NO_CHECKSUM.to_owned()),
                ("model", self.model.clone()),
                ("element", T::DTYPE.to_owned()),
                ("progress/step", self.progress.step.to_string()),
                ("progress/epoch", self.progress.epoch.to_string()),
                ("progress/position", self.progress.position.to_string()),
            ]
            .map(|(name, text)| (name.to_owned(), text)),
        );
        let mut tensors: Vec<(String, Tensor<T>)> = Vec::new();
        for (group, values) in &self.tensors {
            tensors.extend(values.iter().map(|(name, value)| (format!("{group}/{name}"), value.clone())));
        }
        if let Some(state) = &self.optimizer {
            header.insert(OPTIMIZER.to_owned(), state.optimizer.clone());
            header.insert(format!("{OPTIMIZER}/learning_rate"), state.learning_rate.to_string());
            for (name, parameter) in &state.parameters {
                header.insert(format!("steps/{name}"), parameter.steps.to_string());
                let values = parameter.tensors.iter();
                tensors.extend(values.map(|(what, v)| (format!("{OPTIMIZER}/{name}/{what}"), v.clone())));
            }
        }
        for (prefix, texts) in [("rng", &self.generators), ("entry", &self.entries)] {
            header.extend(texts.iter().map(|(name, text)| (format!("{prefix}/{name}"), text.clone())));
        }
        let mut bytes = to_bytes_with(&StateDict::new(tensors)?, &header)?;
        let place = checksum_place(&bytes).ok_or(Error::NotACheckpoint)?;
        let checksum = checksum(&bytes, place);
        bytes[place..place + checksum.len()].copy_from_slice(checksum.as_bytes());
        Ok(bytes)
    }

    /// The checkpoint in the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Weights`] for bytes that are cut off or no safetensors file, [`Error::NotACheckpoint`]
    /// for such a file of something else, [`Error::Version`] for a checkpoint of another version,
    /// [`Error::Checksum`] where a bit is not as it was written, [`Error::Element`], and
    /// [`Error::Missing`] or [`Error::Entry`] for a checkpoint that was never whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let header = metadata_in(bytes)?;
        if header.get("format").is_none_or(|format| format != FORMAT) {
            return Err(Error::NotACheckpoint);
        }
        // Another version may have another checksum, or none, and other tensors.
        let version = text(&header, "version")?;
        if *version != VERSION.to_string() {
            return Err(Error::Version { found: version.clone(), expected: VERSION });
        }
        // A file that is cut off says so; only then is it a matter of bits.
        let values = from_bytes::<T>(bytes)?;
        let found = text(&header, "checksum")?;
        let place = checksum_place(bytes).filter(|_| found.len() == NO_CHECKSUM.len());
        let expected = checksum(bytes, place.ok_or(Error::NotACheckpoint)?);
        if *found != expected {
            return Err(Error::Checksum { found: found.clone(), expected });
        }
        let element = text(&header, "element")?;
        if element != T::DTYPE {
            return Err(Error::Element { found: element.clone(), expected: T::DTYPE });
        }
        let mut tensors: BTreeMap<String, BTreeMap<String, Tensor<T>>> = BTreeMap::new();
        for (name, value) in values.iter() {
            let (group, name) = name.split_once('/').ok_or(Error::NotACheckpoint)?;
            tensors.entry(group.to_owned()).or_default().insert(name.to_owned(), value.clone());
        }
        let optimizer = optimizer(&header, tensors.remove(OPTIMIZER).unwrap_or_default())?;
        Ok(Self {
            progress: Progress {
                step: number(&header, "progress/step")?,
                epoch: number(&header, "progress/epoch")?,
                position: number(&header, "progress/position")?,
            },
            model: text(&header, "model")?.clone(),
            optimizer,
            tensors,
            generators: under("rng/", &header),
            entries: under("entry/", &header),
        })
    }
}

/// The optimizer's state from the header and its tensors, named `PARAMETER/WHAT`.
fn optimizer<T: Real>(
    header: &Metadata,
    tensors: BTreeMap<String, Tensor<T>>,
) -> Result<Option<OptimizerState<T>>> {
    let Some(optimizer) = header.get(OPTIMIZER) else { return Ok(None) };
    let mut parameters = BTreeMap::new();
    for name in under("steps/", header).into_keys() {
        let steps = number(header, &format!("steps/{name}"))?;
        parameters.insert(name, ParameterState { steps, tensors: BTreeMap::new() });
    }
    for (name, value) in tensors {
        let (parameter, what) = name.rsplit_once('/').ok_or(Error::NotACheckpoint)?;
        let missing = || Error::Missing { what: "number of steps of", name: parameter.to_owned() };
        let state: &mut ParameterState<T> = parameters.get_mut(parameter).ok_or_else(missing)?;
        state.tensors.insert(what.to_owned(), value);
    }
    let learning_rate = number(header, &format!("{OPTIMIZER}/learning_rate"))?;
    Ok(Some(OptimizerState { optimizer: optimizer.clone(), learning_rate, parameters }))
}

fn text<'h>(header: &'h Metadata, name: &str) -> Result<&'h String> {
    find(header, "header", name)
}

fn number<N: std::str::FromStr>(header: &Metadata, name: &str) -> Result<N> {
    let text = text(header, name)?;
    text.parse().map_err(|_| entry("header", name, text, "a number"))
}

/// The strings whose names begin with a prefix, without it.
fn under(prefix: &str, header: &Metadata) -> BTreeMap<String, String> {
    let named = header.iter().filter_map(|(name, text)| Some((name.strip_prefix(prefix)?, text)));
    named.map(|(name, text)| (name.to_owned(), text.clone())).collect()
}

/// Where the digits of the checksum begin.
fn checksum_place(bytes: &[u8]) -> Option<usize> {
    let start = bytes.windows(BEFORE_CHECKSUM.len()).position(|window| window == BEFORE_CHECKSUM)?;
    let place = start + BEFORE_CHECKSUM.len();
    (place + NO_CHECKSUM.len() <= bytes.len()).then_some(place)
}

/// The checksum of a file whose digits are at `place`.
fn checksum(bytes: &[u8], place: usize) -> String {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..place]);
    crc.update(NO_CHECKSUM.as_bytes());
    crc.update(&bytes[place + NO_CHECKSUM.len()..]);
    format!("{:08x}", crc.finalize())
}
