//! [`Dataset`]: items by index, and the datasets made of tensors and of other datasets.

use refrain_tensor::{Element, Tensor};

use crate::{Error, Result};

/// A known number of items, each to be had by its index.
///
/// Slices and vectors of items are datasets, and so is a reference to a dataset.
///
/// ```
/// use refrain_data::{Dataset, Error, Result};
///
/// /// The first square numbers, computed when asked for.
/// struct Squares(usize);
///
/// impl Dataset for Squares {
///     type Item = usize;
///
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn get(&self, index: usize) -> Result<usize> {
///         self.check("squares", index)?;
///         Ok(index * index)
///     }
/// }
///
/// assert_eq!(Squares(4).get(3)?, 9);
/// let error = Squares(4).get(4).unwrap_err();
/// assert_eq!(error.to_string(), "squares: index 4 is out of range for 4 items");
/// # Ok::<(), Error>(())
/// ```
pub trait Dataset {
    /// What one index gives; a pair of input and target, as a rule.
    type Item;

    /// The number of items.
    fn len(&self) -> usize;

    /// Whether there are no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] where `index` is not below [`Dataset::len`]; and whatever can go
    /// wrong with making the item.
    fn get(&self, index: usize) -> Result<Self::Item>;

    /// An error, naming `op`, where there is no item at `index`.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    fn check(&self, op: &'static str, index: usize) -> Result<()> {
        let len = self.len();
        if index < len { Ok(()) } else { Err(Error::IndexOutOfRange { op, index, len }) }
    }
}

impl<T: Clone> Dataset for [T] {
    type Item = T;

    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn get(&self, index: usize) -> Result<T> {
        self.check("slice", index)?;
        Ok(self[index].clone())
    }
}

impl<T: Clone> Dataset for Vec<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn get(&self, index: usize) -> Result<T> {
        Dataset::get(self.as_slice(), index)
    }
}

impl<D: Dataset + ?Sized> Dataset for &D {
    type Item = D::Item;

    fn len(&self) -> usize {
        D::len(self)
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        D::get(self, index)
    }
}

/// Rows of two tensors, paired: item k is `(inputs[k], targets[k])`, both views.
///
/// ```
/// use refrain_data::{Dataset, TensorDataset};
/// use refrain_tensor::Tensor;
/// let inputs = Tensor::from([[1.0, 2.0], [3.0, 4.0]]); // [items, features]
/// let classes = Tensor::from([0usize, 1]); // [items]
/// let (input, class) = TensorDataset::new(inputs, classes)?.get(1)?;
/// assert_eq!((input, class.item()?), (Tensor::from([3.0, 4.0]), 1));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TensorDataset<X: Element, Y: Element = X> {
    inputs: Tensor<X>,
    targets: Tensor<Y>,
}

impl<X: Element, Y: Element> TensorDataset<X, Y> {
    /// A dataset of `inputs` `[items, ..]` and `targets` `[items, ..]`.
    ///
    /// # Errors
    /// [`Error::UnpairedRows`] where the first axes differ; [`Error::Tensor`] for a tensor of
    /// rank 0.
    pub fn new(inputs: Tensor<X>, targets: Tensor<Y>) -> Result<Self> {
        check_paired("tensor_dataset", &inputs, &targets)?;
        Ok(Self { inputs, targets })
    }
}

/// The common size of axis 0.
pub(crate) fn check_paired<X: Element, Y: Element>(
    op: &'static str,
    inputs: &Tensor<X>,
    targets: &Tensor<Y>,
) -> Result<usize> {
    let (x, y) = (inputs.shape().axis(op, 0)?, targets.shape().axis(op, 0)?);
    let (x, y) = (inputs.shape()[x], targets.shape()[y]);
    if x == y { Ok(x) } else { Err(Error::UnpairedRows { op, inputs: x, targets: y }) }
}

impl<X: Element, Y: Element> Dataset for TensorDataset<X, Y> {
    type Item = (Tensor<X>, Tensor<Y>);

    fn len(&self) -> usize {
        self.inputs.shape()[0]
    }

    fn get(&self, index: usize) -> Result<Self::Item> {
        self.check("tensor_dataset", index)?;
        Ok((self.inputs.select(0, index)?, self.targets.select(0, index)?))
    }
}

/// Some items of another dataset, in the order of their indices; an index may repeat.
///
/// The parts of a split become datasets so:
///
/// ```
/// use refrain_data::{Dataset, Subset, chronological};
/// let days = vec!["mon", "tue", "wed", "thu"];
/// let parts = chronological(days.len(), &[0.75, 0.25])?;
/// let test = Subset::new(&days, parts[1].clone())?;
/// assert_eq!((test.len(), test.get(0)?), (1, "thu"));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Subset<D> {
    dataset: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The items of `dataset` at `indices`. Pass `&dataset` to leave it where it is.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] for an index that `dataset` does not have.
    pub fn new(dataset: D, indices: impl IntoIterator<Item = usize>) -> Result<Self> {
        let indices = indices
            .into_iter()
            .map(|index| dataset.check("subset", index).map(|()| index))
            .collect::<Result<_>>()?;
        Ok(Self { dataset, indices })
    }

    /// The index in the whole dataset of each item.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        self.check("subset", index)?;
        self.dataset.get(self.indices[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_vectors_and_references_are_datasets() {
        fn last<D: Dataset + ?Sized>(dataset: &D) -> D::Item {
            dataset.get(dataset.len() - 1).unwrap()
        }
        let items = vec![1, 2, 3];
        assert_eq!((last(&items), last(&items[..2]), last(&&items)), (3, 2, 3));
        assert!(Dataset::is_empty(&Vec::<u8>::new()));
    }

    #[test]
    fn rows_are_paired_and_share_the_storage() {
        let inputs = Tensor::from_vec((0..12).collect::<Vec<i64>>(), [3, 2, 2]).unwrap();
        let dataset = TensorDataset::new(inputs.clone(), Tensor::from([7usize, 8, 9])).unwrap();
        let (input, target) = dataset.get(2).unwrap();
        assert_eq!((input.clone(), target.item().unwrap()), (Tensor::from([[8, 9], [10, 11]]), 9));
        assert!(std::ptr::eq(input.storage(), inputs.storage()));
    }

    #[test]
    fn a_subset_of_a_subset_follows_both_orders() {
        let items = vec![10, 11, 12, 13];
        let outer = Subset::new(&items, [3, 1, 0]).unwrap();
        let inner = Subset::new(&outer, [2, 0, 0]).unwrap();
        let found: Vec<_> = (0..inner.len()).map(|k| inner.get(k).unwrap()).collect();
        assert_eq!(found, [10, 13, 13]);
        assert_eq!(inner.indices(), [2, 0, 0]);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let (items, pair) = (vec![1, 2], Tensor::from([1, 2]));
        let pairs = TensorDataset::new(pair.clone(), pair.clone()).unwrap();
        let cases = [
            (Dataset::get(&items, 2).unwrap_err(), "slice: index 2 is out of range for 2 items"),
            (pairs.get(5).unwrap_err(), "tensor_dataset: index 5 is out of range for 2 items"),
            (Subset::new(&items, [0, 4]).unwrap_err(), "subset: index 4 is out of range for 2 items"),
            (
                Subset::new(&items, 0..1).unwrap().get(1).unwrap_err(),
                "subset: index 1 is out of range for 1 items",
            ),
            (
                TensorDataset::new(pair.clone(), Tensor::from([1.0])).unwrap_err(),
                "tensor_dataset: 2 rows of inputs, but 1 rows of targets",
            ),
            (
                TensorDataset::new(pair, Tensor::scalar(1.0)).unwrap_err(),
                "tensor_dataset: axis 0 is out of range for shape [] of rank 0",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
