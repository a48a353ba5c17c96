//! [`Loader`]: the items of a dataset in batches, in order, shuffled, or by length.

use std::{fmt, ops::Range};

use rand::{Rng, seq::SliceRandom};
use refrain_tensor::{Element, Tensor};

use crate::{Dataset, Error, Result, buckets, split::in_order, stack_pairs};

/// The items of a dataset in batches.
///
/// A loader is cheap to make: one for each epoch, shuffled anew, is the usual way.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_data::{Loader, TensorDataset};
/// use refrain_tensor::Tensor;
///
/// let inputs = Tensor::<f32>::arange(10)?.reshape([5, 2])?; // [items, features]
/// let dataset = TensorDataset::new(inputs, Tensor::from([0usize, 1, 0, 1, 0]))?;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// for _epoch in 0..2 {
///     let loader = Loader::new(&dataset, 2)?.shuffled(&mut rng)?;
///     assert_eq!(loader.len(), 3); // 2 + 2 + 1 items
///     for batch in loader.stacked(0, 0) {
///         let (inputs, classes) = batch?; // [batch, features], [batch]
///         assert_eq!(inputs.shape()[0], classes.numel());
///     }
/// }
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub struct Loader<'a, D: ?Sized> {
    dataset: &'a D,
    batch_size: usize,
    drop_last: bool,
    /// The index of each item, where they do not come in the order of the dataset.
    order: Option<Vec<usize>>,
    items: usize,
}

impl<'a, D: Dataset + ?Sized> Loader<'a, D> {
    /// A loader of batches of `batch_size` items, in the order of the dataset. The last batch
    /// holds what is left.
    ///
    /// # Errors
    /// [`Error::Zero`] for a batch size of 0.
    pub fn new(dataset: &'a D, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::Zero { op: "loader", what: "the batch size" });
        }
        Ok(Self { dataset, batch_size, drop_last: false, order: None, items: dataset.len() })
    }

    /// Whether to leave out the last batch where it is not full. Off at first.
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// The same items in random order, every order equally likely. The state of `rng` alone
    /// decides: the same seed gives the same order.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where there is no room for one index an item.
    pub fn shuffled(mut self, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        let mut order = in_order("loader", self.items)?;
        order.shuffle(rng);
        self.order = Some(order);
        Ok(self)
    }

    /// The same items in random order, such that sequences of like length share a batch and
    /// little of it is padding. `lengths` holds the length of each item.
    ///
    /// The items are shuffled, then sorted by length within a pool of `pool` batches, and the
    /// batches are shuffled again. The larger the pool, the less padding, and the less chance in
    /// which items meet in a batch: 1 leaves every batch as the shuffle made it, `usize::MAX` makes one
    /// pool of all. Some tens of batches do well. What does not fill a batch comes last and is of
    /// any length, so that [`Loader::drop_last`] leaves out no length rather than another. The
    /// state of `rng` alone decides.
    ///
    /// # Errors
    /// [`Error::LengthCount`] where there is not one length for each item; [`Error::Zero`] for a
    /// pool of 0; [`Error::OutOfMemory`].
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use refrain_data::Loader;
    /// let words: Vec<String> = (0..640).map(|k| "a".repeat(1 + k * 7 % 23)).collect();
    /// let lengths: Vec<usize> = words.iter().map(String::len).collect();
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    /// let shuffled = Loader::new(&words, 16)?.shuffled(&mut rng)?;
    /// let bucketed = Loader::new(&words, 16)?.bucketed(&lengths, 20, &mut rng)?;
    /// assert!(shuffled.padding_share(&lengths)? > 0.40);
    /// assert!(bucketed.padding_share(&lengths)? < 0.05);
    /// # Ok::<(), refrain_data::Error>(())
    /// ```
    pub fn bucketed(mut self, lengths: &[usize], pool: usize, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        self.check_lengths(lengths)?;
        if pool == 0 {
            return Err(Error::Zero { op: "loader", what: "the number of batches in a pool" });
        }
        self.order = Some(buckets::order(lengths, self.batch_size, pool, rng)?);
        Ok(self)
    }

    /// The share of a batch that is padding, over all batches, where each is padded to its longest
    /// sequence; `lengths` holds the length of each item. 0 where there is nothing to pad.
    ///
    /// # Errors
    /// [`Error::LengthCount`].
    pub fn padding_share(&self, lengths: &[usize]) -> Result<f64> {
        self.check_lengths(lengths)?;
        let batches = (0..self.len()).map(|batch| self.items_of(batch).map(|item| lengths[item]));
        Ok(buckets::padding_share(batches))
    }

    fn check_lengths(&self, lengths: &[usize]) -> Result<()> {
        let (lengths, items) = (lengths.len(), self.items);
        if lengths == items { Ok(()) } else { Err(Error::LengthCount { op: "loader", lengths, items }) }
    }

    /// The number of batches.
    pub fn len(&self) -> usize {
        let full = self.items / self.batch_size;
        full + usize::from(!self.drop_last && !self.items.is_multiple_of(self.batch_size))
    }

    /// Whether there are no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches as vectors of items.
    ///
    /// # Errors
    /// Each batch is an error where one of its items is.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = Result<Vec<D::Item>>> {
        (0..self.len()).map(|batch| self.items_of(batch).map(|item| self.dataset.get(item)).collect())
    }

    /// The batches as `collate` makes them of their items.
    ///
    /// # Errors
    /// Each batch is an error where one of its items is, or where `collate` gives one.
    ///
    /// ```
    /// use refrain_data::{Loader, Result};
    /// let words = vec!["to", "be", "or", "not", "to", "be"];
    /// let loader = Loader::new(&words, 4)?;
    /// let lines = loader.collate(|items| Ok(items.join(" "))).collect::<Result<Vec<_>>>()?;
    /// assert_eq!(lines, ["to be or not", "to be"]);
    /// # Ok::<(), refrain_data::Error>(())
    /// ```
    pub fn collate<B, E: From<Error>>(
        &self,
        mut collate: impl FnMut(Vec<D::Item>) -> std::result::Result<B, E>,
    ) -> impl ExactSizeIterator<Item = std::result::Result<B, E>> {
        self.batches().map(move |items| collate(items?))
    }

    /// The indices of the items of a batch.
    fn items_of(&self, batch: usize) -> impl Iterator<Item = usize> {
        self.places(batch).map(|place| self.order.as_ref().map_or(place, |order| order[place]))
    }

    /// The positions of the items of a batch.
    fn places(&self, batch: usize) -> Range<usize> {
        let start = batch * self.batch_size;
        start..start.saturating_add(self.batch_size).min(self.items)
    }
}

impl<X: Element, Y: Element, D: Dataset<Item = (Tensor<X>, Tensor<Y>)> + ?Sized> Loader<'_, D> {
    /// The batches of a dataset of pairs, each half stacked along a new axis: 0 puts the batch
    /// first, 1 puts it behind the time axis. See [`stack_pairs`].
    ///
    /// # Errors
    /// Each batch is an error where one of its items is, or where their shapes differ.
    pub fn stacked(
        &self,
        input_axis: isize,
        target_axis: isize,
    ) -> impl ExactSizeIterator<Item = Result<(Tensor<X>, Tensor<Y>)>> {
        self.collate(move |items| stack_pairs(items, input_axis, target_axis))
    }
}

/// Without the dataset, which may be large and need not have a `Debug` of its own.
impl<D: ?Sized> fmt::Debug for Loader<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("items", &self.items)
            .field("batch_size", &self.batch_size)
            .field("drop_last", &self.drop_last)
            .field("shuffled", &self.order.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorDataset;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    fn rng(seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(seed)
    }

    fn batches(loader: &Loader<'_, [usize]>) -> Vec<Vec<usize>> {
        loader.batches().collect::<Result<_>>().unwrap()
    }

    proptest! {
        #[test]
        fn every_item_comes_once(items in 0usize..60, size in 1usize..70, seed: u64) {
            let dataset: Vec<usize> = (100..100 + items).collect();
            let in_order = Loader::new(dataset.as_slice(), size).unwrap();
            prop_assert_eq!(&batches(&in_order).concat(), &dataset);
            let shuffled = in_order.shuffled(&mut rng(seed)).unwrap();
            let found = batches(&shuffled);
            prop_assert_eq!(found.len(), shuffled.len());
            prop_assert!(found.iter().rev().skip(1).all(|batch| batch.len() == size));
            let mut all = found.concat();
            all.sort_unstable();
            prop_assert_eq!(&all, &dataset);
            let full = batches(&shuffled.drop_last(true));
            prop_assert_eq!(full.len(), items / size);
            prop_assert_eq!(&full[..], &found[..full.len()]);
            prop_assert!(full.iter().all(|batch| batch.len() == size));
        }
    }

    #[test]
    fn the_seed_decides_the_order() {
        let dataset: Vec<usize> = (0..50).collect();
        let order = |seed| {
            let loader = Loader::new(dataset.as_slice(), 8).unwrap();
            batches(&loader.shuffled(&mut rng(seed)).unwrap())
        };
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
        assert_ne!(order(3).concat(), dataset);
    }

    #[test]
    fn an_empty_dataset_has_no_batches() {
        let dataset: Vec<usize> = vec![];
        let loader = Loader::new(&dataset, 4).unwrap().shuffled(&mut rng(0)).unwrap();
        assert_eq!((loader.len(), loader.is_empty(), loader.batches().count()), (0, true, 0));
    }

    #[test]
    fn pairs_are_stacked_time_major() {
        let inputs = Tensor::<f32>::arange(24).unwrap().reshape([4, 3, 2]).unwrap();
        let dataset = TensorDataset::new(inputs.clone(), Tensor::from([3usize, 2, 1, 0])).unwrap();
        let loader = Loader::new(&dataset, 3).unwrap();
        let found: Vec<_> = loader.stacked(1, 0).collect::<Result<_>>().unwrap();
        assert_eq!(*found[0].0.shape(), [3, 3, 2]);
        assert_eq!(*found[1].0.shape(), [3, 1, 2]);
        assert_eq!(found[0].0.select(1, 2).unwrap(), inputs.select(0, 2).unwrap());
        assert_eq!(found[0].1, Tensor::from([3, 2, 1]));
    }

    struct Endless;
    impl Dataset for Endless {
        type Item = usize;
        fn len(&self) -> usize {
            usize::MAX
        }
        fn get(&self, index: usize) -> Result<usize> {
            Ok(index)
        }
    }

    #[test]
    fn errors_come_as_results() {
        let dataset = vec![Tensor::from([1]), Tensor::from([1, 2])];
        let message = Loader::new(&dataset, 0).unwrap_err().to_string();
        assert_eq!(message, "loader: the batch size is 0, expected at least 1");
        let loader = Loader::new(&dataset, 2).unwrap();
        let error = loader.collate(|items| Ok::<_, Error>(Tensor::stack(&items, 0)?)).next().unwrap();
        assert_eq!(error.unwrap_err().to_string(), "stack: a tensor has shape [2], expected [1]");
        let loader = Loader::new(&Endless, usize::MAX - 1).unwrap();
        assert_eq!(
            format!("{loader:?}"),
            format!(
                "Loader {{ items: {}, batch_size: {}, drop_last: false, shuffled: false, .. }}",
                usize::MAX,
                usize::MAX - 1
            ),
        );
        assert_eq!((loader.len(), loader.places(1)), (2, usize::MAX - 1..usize::MAX));
        let message = loader.shuffled(&mut rng(0)).unwrap_err().to_string();
        assert_eq!(message, format!("loader: out of memory for the order of {} items", usize::MAX));
    }
}
