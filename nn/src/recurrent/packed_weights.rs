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
        *kept = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_packed_once_until_they_change() {
        let packed = PackedWeights::<f32>::default();
        let mut weights = [Tensor::ones([2, 3]).unwrap(), Tensor::ones([3]).unwrap()];
        let mut times = 0;
        let mut ask = |weights: &[Tensor<f32>], packed: &PackedWeights<f32>| {
            packed.of(weights.iter(), || {
                times += 1;
                Vec::new()
            });
            times
        };
        assert_eq!([ask(&weights, &packed), ask(&weights.clone(), &packed)], [1, 1]);
        weights[1].as_mut_slice()[0] = 2.0;
        assert_eq!([ask(&weights, &packed), ask(&weights, &packed)], [2, 2]);
        // Others of equal values, and fewer.
        let others = [weights[0].map(|x| x), weights[1].clone()];
        assert_eq!([ask(&others, &packed), ask(&others[..1], &packed)], [3, 4]);
        packed.forget();
        assert_eq!([ask(&others[..1], &packed), ask(&others[..1], &packed.clone())], [5, 6]);
    }
}
