//! [`Tensor`]: an array over shared storage, and how to get at its elements.

use std::sync::Arc;

use crate::{Element, Error, Layout, Result, Shape, element::Cast, error::or_panic, nest::Nest};

/// An n-dimensional array of rank 0 to 6.
///
/// Cloning is cheap: the storage is shared, and copied only where a shared tensor is written to.
/// Views ([`Tensor::transpose`], [`Tensor::narrow`], …) share it too.
///
/// ```
/// use refrain_tensor::Tensor;
/// let t = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(*t.shape(), [2, 3]);
/// assert_eq!(t[[1, 0]], 4.0);
/// let columns = t.transpose(0, 1)?;
/// assert_eq!(columns.to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # Ok::<(), refrain_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor<T> {
    pub(crate) storage: Arc<Storage<T>>,
    pub(crate) layout: Layout,
}

/// The elements, which know where their memory goes when nobody needs them any more.
pub(crate) struct Storage<T> {
    values: Vec<T>,
    recycle: fn(Vec<T>),
}

impl<T: Element> Storage<T> {
    fn new(values: Vec<T>) -> Arc<Self> {
        Arc::new(Self { values, recycle: T::recycle })
    }
}

impl<T: Clone> Clone for Storage<T> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), recycle: self.recycle }
    }
}

impl<T> Drop for Storage<T> {
    fn drop(&mut self) {
        (self.recycle)(std::mem::take(&mut self.values));
    }
}

impl<T: Element> Tensor<T> {
    /// A tensor of the values in row-major order. Takes the vector over without a copy.
    ///
    /// # Errors
    /// [`Error::ValueCount`] where the shape holds another number of elements.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from_vec(vec![1, 2, 3, 4, 5, 6], [2, 3])?;
    /// assert_eq!(t[[1, 2]], 6);
    /// let error = Tensor::from_vec(vec![1, 2], [3]).unwrap_err();
    /// assert_eq!(error.to_string(), "from_vec: 2 values were given, but shape [3] holds 3");
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn from_vec(values: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let layout = Layout::contiguous("from_vec", shape)?;
        if layout.numel() != values.len() {
            let (count, expected) = (values.len(), layout.numel());
            return Err(Error::ValueCount { op: "from_vec", count, expected, shape: shape.into() });
        }
        Ok(Self { storage: Storage::new(values), layout })
    }

    /// A tensor of rank 0.
    pub fn scalar(value: T) -> Self {
        Self { storage: Storage::new(vec![value]), layout: Layout::row_major(Shape::from([])) }
    }

    /// Computed values that are known to fill their shape.
    pub(crate) fn computed(values: Vec<T>, shape: Shape) -> Self {
        debug_assert_eq!(values.len(), shape.numel());
        Self { storage: Storage::new(values), layout: Layout::row_major(shape) }
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape().rank()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// Whether there are no elements: a 0 in the shape.
    pub fn is_empty(&self) -> bool {
        self.numel() == 0
    }

    /// Where the elements lie in the storage.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether the elements lie in logical order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The whole storage, which a view may use only in part. [`Tensor::layout`] says where the
    /// elements lie.
    pub fn storage(&self) -> &[T] {
        &self.storage.values
    }

    /// The same storage under another layout, which must stay inside it.
    pub(crate) fn with_layout(&self, layout: Layout) -> Self {
        Self { storage: Arc::clone(&self.storage), layout }
    }

    /// The elements as one slice in logical order, where they lie so.
    pub fn as_slice(&self) -> Option<&[T]> {
        let (start, length) = (self.layout.offset(), self.numel());
        match length {
            0 => Some(&[]),
            _ => self.is_contiguous().then(|| &self.storage.values[start..start + length]),
        }
    }

    /// The elements in logical order, to write to. Storage that is shared, or not contiguous, is
    /// copied first, so no other tensor ever changes.
    ///
    /// # Panics
    /// Where there is no memory for the copy, which only a broadcast view can bring about.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let mut a = Tensor::from([1, 2, 3]);
    /// let b = a.clone();
    /// a.as_mut_slice()[0] = 9;
    /// assert_eq!((a[[0]], b[[0]]), (9, 1));
    /// ```
    #[track_caller]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        or_panic(self.try_as_mut_slice("as_mut_slice"))
    }

    /// [`Tensor::as_mut_slice`] for operations that return errors, in the name of `op`.
    pub(crate) fn try_as_mut_slice(&mut self, op: &'static str) -> Result<&mut [T]> {
        if !self.is_contiguous() || Arc::strong_count(&self.storage) > 1 {
            *self = Self::computed(self.try_to_vec(op)?, *self.shape());
        }
        let (start, length) = (self.layout.offset(), self.numel());
        // The branch above made the storage ours alone, so `make_mut` copies no elements. Where there is
        // an `Identity`, it moves them to a storage of which that one does not know.
        let storage = &mut Arc::make_mut(&mut self.storage).values;
        Ok(if length == 0 { &mut [] } else { &mut storage[start..start + length] })
    }

    /// The elements in logical order, whatever the strides.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4]]);
    /// assert_eq!(t.transpose(0, 1)?.iter().collect::<Vec<_>>(), [1, 3, 2, 4]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        let nest = Nest::new([&self.layout]);
        let (length, [stride]) = (nest.row_length(), nest.row_strides());
        let rows = if self.is_empty() { 0 } else { nest.rows() };
        Elements {
            storage: &self.storage.values,
            starts: nest.row_starts(0..rows),
            at: 0,
            left_in_row: 0,
            row_length: length,
            stride,
            left: self.numel(),
        }
    }

    /// The element at an index, or `None` where the index is outside the shape.
    pub fn get(&self, index: &[usize]) -> Option<T> {
        self.layout.position(index).map(|position| self.storage.values[position])
    }

    /// The only element.
    ///
    /// # Errors
    /// [`Error::NotOneElement`].
    pub fn item(&self) -> Result<T> {
        if self.numel() == 1 {
            Ok(self.storage.values[self.layout.offset()])
        } else {
            Err(Error::NotOneElement { op: "item", shape: (*self.shape()).into() })
        }
    }

    /// Every element converted, as Rust's `as` does; to `bool`, whatever is not 0 is true.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([0.0f32, 1.7]).cast::<i64>();
    /// assert_eq!(t.to_vec(), [0, 1]);
    /// ```
    pub fn cast<U: Element>(&self) -> Tensor<U>
    where
        T: Cast<U>,
    {
        self.map(Cast::cast)
    }
}

/// The iterator of [`Tensor::iter`].
struct Elements<'a, T> {
    storage: &'a [T],
    starts: crate::nest::RowStarts<1>,
    at: isize,
    left_in_row: usize,
    row_length: usize,
    stride: isize,
    left: usize,
}

impl<T: Copy> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.left_in_row == 0 {
            let [start] = self.starts.next()?;
            (self.at, self.left_in_row) = (start as isize, self.row_length);
        }
        let value = self.storage[self.at as usize];
        self.at += self.stride;
        self.left_in_row -= 1;
        self.left -= 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Copy> ExactSizeIterator for Elements<'_, T> {}

/// The element at an index.
///
/// # Panics
/// Where the index is outside the shape; [`Tensor::get`] returns `None` there.
impl<T: Element, const N: usize> std::ops::Index<[usize; N]> for Tensor<T> {
    type Output = T;

    #[track_caller]
    fn index(&self, index: [usize; N]) -> &T {
        match self.layout.position(&index) {
            Some(position) => &self.storage.values[position],
            None => panic!("index {index:?} is outside shape {}", self.shape()),
        }
    }
}

/// Equal shapes and equal elements; as among floats, NaN equals nothing.
impl<T: Element> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.iter().eq(other.iter())
    }
}

impl<T: Element> From<T> for Tensor<T> {
    fn from(value: T) -> Self {
        Self::scalar(value)
    }
}

/// A vector becomes a tensor of rank 1.
impl<T: Element> From<Vec<T>> for Tensor<T> {
    fn from(values: Vec<T>) -> Self {
        let shape = Shape::from([values.len()]);
        Self::computed(values, shape)
    }
}

impl<T: Element, const A: usize> From<[T; A]> for Tensor<T> {
    fn from(values: [T; A]) -> Self {
        Self::computed(values.to_vec(), Shape::from([A]))
    }
}

impl<T: Element, const A: usize, const B: usize> From<[[T; B]; A]> for Tensor<T> {
    fn from(values: [[T; B]; A]) -> Self {
        Self::computed(values.as_flattened().to_vec(), Shape::from([A, B]))
    }
}

impl<T: Element, const A: usize, const B: usize, const C: usize> From<[[[T; C]; B]; A]> for Tensor<T> {
    fn from(values: [[[T; C]; B]; A]) -> Self {
        Self::computed(values.as_flattened().as_flattened().to_vec(), Shape::from([A, B, C]))
    }
}

impl<T: Element, const A: usize, const B: usize, const C: usize, const D: usize> From<[[[[T; D]; C]; B]; A]>
    for Tensor<T>
{
    fn from(values: [[[[T; D]; C]; B]; A]) -> Self {
        let values = values.as_flattened().as_flattened().as_flattened().to_vec();
        Self::computed(values, Shape::from([A, B, C, D]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_never_reaches_another_tensor() {
        let base = Tensor::from([[1, 2, 3], [4, 5, 6]]);
        let mut row = base.select(0, 1).unwrap();
        row.as_mut_slice()[0] = 40;
        assert_eq!((row.to_vec(), base.to_vec()), (vec![40, 5, 6], vec![1, 2, 3, 4, 5, 6]));
        let mut columns = Tensor::from([[1, 2], [3, 4]]).transpose(0, 1).unwrap();
        columns.as_mut_slice()[1] = 30;
        assert_eq!(columns, Tensor::from([[1, 30], [2, 4]]));
    }

    #[test]
    fn iteration_is_in_logical_order_over_any_view() {
        let base = Tensor::from_vec((0..24).collect(), [2, 3, 4]).unwrap();
        let views = [
            base.clone(),
            base.permute(&[2, 0, 1]).unwrap(),
            base.slice(2, 0..4, -2).unwrap(),
            base.narrow(1, 1, 2).unwrap().transpose(0, 1).unwrap(),
            base.select(0, 1).unwrap().unsqueeze(0).unwrap().broadcast_to([3, 3, 4]).unwrap(),
            base.narrow(1, 3, 0).unwrap(),
        ];
        for view in views {
            let s = *view.shape();
            let expected: Vec<i32> = (0..s[0])
                .flat_map(|i| (0..s[1]).flat_map(move |j| (0..s[2]).map(move |k| [i, j, k])))
                .map(|index| view[index])
                .collect();
            assert_eq!(view.iter().collect::<Vec<_>>(), expected);
            assert_eq!(view.iter().len(), expected.len());
            assert_eq!(view.to_vec(), expected);
            assert_eq!(view.contiguous(), view);
        }
    }

    #[test]
    fn nested_arrays_give_their_shape() {
        assert_eq!(*Tensor::from([[[1u8; 4]; 3]; 2]).shape(), [2, 3, 4]);
        assert_eq!(*Tensor::from([[[[true; 5]; 4]; 3]; 2]).shape(), [2, 3, 4, 5]);
        assert_eq!(*Tensor::from([[0.5f64; 0]; 2]).shape(), [2, 0]);
        assert_eq!(Tensor::from(3i64).item(), Ok(3));
        assert_eq!(Tensor::from(vec![1, 2]), Tensor::from([1, 2]));
    }

    #[test]
    #[should_panic(expected = "index [2, 0] is outside shape [2, 3]")]
    fn indexing_outside_panics_with_the_shape() {
        let _ = Tensor::from([[1, 2, 3], [4, 5, 6]])[[2, 0]];
    }

    #[test]
    fn item_wants_one_element() {
        let message = Tensor::from([1, 2]).item().unwrap_err().to_string();
        assert_eq!(message, "item: expected one element, found shape [2] with 2");
    }
}
