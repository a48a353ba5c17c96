//! Whether a tensor is still what it was.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use crate::{Layout, Tensor, tensor::Storage};

/// Remembers a tensor without keeping its elements: it tells whether another one has the same elements,
/// without looking at them, and so whether what was computed from the first is right for the second.
///
/// ```
/// use refrain_tensor::{Identity, Tensor};
/// let mut weights = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// let before = Identity::of(&weights);
/// assert!(before.is(&weights) && before.is(&weights.clone()));
/// weights.as_mut_slice()[0] = 5.0;
/// assert!(!before.is(&weights));
/// ```
#[derive(Clone)]
pub struct Identity<T> {
    storage: Weak<Storage<T>>,
    layout: Layout,
}

impl<T> Identity<T> {
    /// Of a tensor as it is now.
    pub fn of(tensor: &Tensor<T>) -> Self {
        Self { storage: Arc::downgrade(&tensor.storage), layout: tensor.layout }
    }

    /// Whether a tensor has the elements that the other one had, in the same places. A tensor of equal
    /// elements of its own is another one.
    pub fn is(&self, tensor: &Tensor<T>) -> bool {
        // The memory of a storage is not used again as long as it is remembered here, and whoever
        // writes to it while it is remembered moves to another one.
        std::ptr::eq(self.storage.as_ptr(), Arc::as_ptr(&tensor.storage)) && self.layout.is(&tensor.layout)
    }
}

impl<T> fmt::Debug for Identity<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of a tensor of shape {}", self.layout.shape())
    }
}
