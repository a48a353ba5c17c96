//! Weights as the kernels read them, kept from one inference to the next.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use refrain_tensor::{Identity, Real, Tensor, kernels::recurrent::Layer};

/// The packed weights of a stack, for as long as the weights stay as they are. To pack them takes a
/// part of every pass that is the larger the fewer rows there are. A pass that trains gives them up: the
/// weights are about to change.
pub(crate) struct PackedWeights<T: Real>(Mutex<Option<Kept<T>>>);

struct Kept<T: Real> {
    of: Vec<Identity<T>>,
    layers: Arc<Vec<Layer<T>>>,
}

impl<T: Real> PackedWeights<T> {
    /// Those of these weights: the ones that are kept, or new ones.
    pub(super) fn of<'a>(
        &self,
        weights: impl Iterator<Item = &'a Tensor<T>> + Clone,
        pack: impl FnOnce() -> Vec<Layer<T>>,
    ) -> Arc<Vec<Layer<T>>>
    where
        T: 'a,
    {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unchanged = |kept: &&Kept<T>| {
            kept.of.len() == weights.clone().count()
                && kept.of.iter().zip(weights.clone()).all(|(identity, tensor)| identity.is(tensor))
        };
        if let Some(kept) = kept.as_ref().filter(unchanged) {
            return Arc::clone(&kept.layers);
        }
        let layers = Arc::new(pack());
        *kept = Some(Kept { of: weights.map(Identity::of).collect(), layers: Arc::clone(&layers) });
        layers
    }

    /// Gives up what is kept.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl<T: Real> Default for PackedWeights<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// A clone packs weights of its own, once it needs them.
impl<T: Real> Clone for PackedWeights<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: Real> fmt::Debug for PackedWeights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackedWeights")
    }
}
