//! That a file's tensors have the shapes that its settings make.

use refrain_nn::StateDict;

use crate::program::Fallible;

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
