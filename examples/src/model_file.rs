//! What the models have in common in their files: a word of advice, and a look before anything is built.

use std::path::Path;

use refrain_nn::StateDict;
use refrain_train::Checkpoint;

use crate::program::Fallible;

/// Writes a model into the folder of `--out`, whole or not at all.
///
/// # Errors
/// Where the file cannot be written.
pub fn save(checkpoint: &Checkpoint<f32>, path: &Path) -> Fallible<()> {
    checkpoint.save(path).map_err(|error| format!("{error}; name another folder with --out").into())
}

/// What `model` makes of the checkpoint in a file.
///
/// # Errors
/// A sentence with the `advice` at its end for a file that is not there or is damaged, and for what
/// `model` refuses.
pub fn load<M>(
    path: &Path,
    advice: &str,
    model: impl FnOnce(&Checkpoint<f32>) -> Fallible<M>,
) -> Fallible<M> {
    let checkpoint = Checkpoint::load(path).map_err(|error| format!("{error}; {advice}"))?;
    model(&checkpoint).map_err(|error| format!("{}: {error}; {advice}", path.display()).into())
}

/// That a checkpoint is of this kind.
///
/// # Errors
/// A sentence with both kinds.
pub fn expect_kind(checkpoint: &Checkpoint<f32>, expected: &str) -> Fallible<()> {
    match checkpoint.kind() {
        found if found == expected => Ok(()),
        found => Err(format!("this is a model of kind {found:?}, expected {expected:?}").into()),
    }
}

/// That a tensor of a file is there and has this shape. Whoever asks before a model is built asks for no
/// more memory than the file has, whatever sizes it claims.
///
/// # Errors
/// A sentence with both shapes.
pub fn expect_shape(tensors: &StateDict<f32>, name: &str, expected: [usize; 2]) -> Fallible<()> {
    match tensors.get(name) {
        Some(tensor) if *tensor.shape() == expected => Ok(()),
        Some(tensor) => {
            let found = tensor.shape();
            Err(format!("its settings make {name} of shape {expected:?}, and the file has {found}").into())
        }
        None => Err(format!("its settings make {name}, and the file has none").into()),
    }
}
