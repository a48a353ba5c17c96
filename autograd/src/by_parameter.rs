//! [`ByParameter`]: something for each of some parameters, in the order of their creation.

use crate::ParameterId;

/// A map in one piece of memory. A step makes such maps anew, with a few entries that mostly come in
/// order, and a tree or a hash table costs more to build than that.
#[derive(Clone)]
pub(crate) struct ByParameter<V>(Vec<(ParameterId, V)>);

impl<V> ByParameter<V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Of entries in any order, one for each parameter; fastest where they ascend or descend.
    pub(crate) fn of_entries(mut entries: Vec<(ParameterId, V)>) -> Self {
        entries.sort_by_key(|&(id, _)| id);
        Self(entries)
    }

    pub(crate) fn get(&self, id: ParameterId) -> Option<&V> {
        self.place(id).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, id: ParameterId) -> Option<&mut V> {
        self.place(id).ok().map(|place| &mut self.0[place].1)
    }

    pub(crate) fn insert(&mut self, id: ParameterId, value: V) {
        match self.place(id) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (id, value)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ParameterId, &V)> {
        self.0.iter().map(|(id, value)| (*id, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ParameterId, &mut V)> {
        self.0.iter_mut().map(|(id, value)| (*id, value))
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (ParameterId, V)> {
        self.0.into_iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Where a parameter is, or where it would come.
    fn place(&self, id: ParameterId) -> Result<usize, usize> {
        match self.0.last() {
            Some(&(last, _)) if id <= last => self.0.binary_search_by_key(&id, |&(id, _)| id),
            _ => Err(self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use refrain_tensor::Tensor;

    use super::*;
    use crate::Parameter;

    proptest! {
        #[test]
        fn it_is_a_map_in_order(inserts in prop::collection::vec((0usize..12, any::<u8>()), 0..40)) {
            let ids: Vec<_> = (0..12).map(|_| Parameter::new(Tensor::from(0.0)).id()).collect();
            let (mut map, mut model) = (ByParameter::new(), BTreeMap::new());
            for (k, value) in inserts {
                map.insert(ids[k], value);
                model.insert(ids[k], value);
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.iter().eq(model.iter().map(|(&id, value)| (id, value))));
            prop_assert!(ids.iter().all(|&id| map.get(id) == model.get(&id)));
            let backwards: Vec<_> = model.iter().rev().map(|(&id, &value)| (id, value)).collect();
            prop_assert!(ByParameter::of_entries(backwards).iter().eq(map.iter()));
        }
    }
}
