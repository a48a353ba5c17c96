//! One function applied to every element, or to every pair of elements of two broadcast tensors.

use crate::{
    Element, Result, Shape, Tensor,
    create::{filled, with_capacity},
    error::or_panic,
    nest::Nest,
    parallel::{CHEAP, fill_rows},
};

impl<T: Element> Tensor<T> {
    /// `f` of every element. Large tensors are split over threads.
    ///
    /// # Panics
    /// Where there is no memory for the result, which only a broadcast view can bring about.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// assert_eq!(Tensor::from([1, -2]).map(|x: i32| x.abs()).to_vec(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        self.map_at_cost(CHEAP, f)
    }

    /// [`Tensor::map`] for a function of known cost.
    #[track_caller]
    pub(crate) fn map_at_cost<U: Element>(&self, cost: usize, f: impl Fn(T) -> U + Sync) -> Tensor<U> {
        let shape = *self.shape();
        if let Some(values) = self.as_slice()
            && values.len() < SMALL
        {
            return Tensor::computed(values.iter().map(|&x| f(x)).collect(), shape);
        }
        let mut out = or_panic(filled("map", shape, U::default()));
        if let Some(values) = self.as_slice() {
            fill_rows(&mut out, 1, cost, |first, chunk| {
                for (out, &x) in chunk.iter_mut().zip(&values[first..]) {
                    *out = f(x);
                }
            });
            return Tensor::computed(out, shape);
        }
        let nest = Nest::new([self.layout()]);
        let (length, [stride], storage) = (nest.row_length(), nest.row_strides(), self.storage());
        fill_rows(&mut out, length, length * cost, |first, chunk| {
            let starts = nest.row_starts(first..first + chunk.len() / length);
            for (row, [start]) in chunk.chunks_exact_mut(length).zip(starts) {
                for (i, out) in row.iter_mut().enumerate() {
                    *out = f(storage[along(start, i, stride)]);
                }
            }
        });
        Tensor::computed(out, shape)
    }

    /// `f` of every pair of elements; the shapes broadcast.
    ///
    /// # Errors
    /// [`Error::Broadcast`](crate::Error::Broadcast), naming `op`; [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let larger = Tensor::from([1, 5]).zip_map("larger", &Tensor::from([3]), |a: i32, b: i32| a.max(b))?;
    /// assert_eq!(larger.to_vec(), [3, 5]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn zip_map<U: Element, V: Element>(
        &self,
        op: &'static str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Result<Tensor<V>> {
        self.zip_map_at_cost(CHEAP, op, other, f)
    }

    /// [`Tensor::zip_map`] for a function of known cost.
    pub(crate) fn zip_map_at_cost<U: Element, V: Element>(
        &self,
        cost: usize,
        op: &'static str,
        other: &Tensor<U>,
        f: impl Fn(T, U) -> V + Sync,
    ) -> Result<Tensor<V>> {
        let shape = self.shape().broadcast(op, *other.shape())?;
        if self.shape() == other.shape()
            && let (Some(a), Some(b)) = (self.as_slice(), other.as_slice())
            && a.len() < SMALL
        {
            return Ok(Tensor::computed(a.iter().zip(b).map(|(&x, &y)| f(x, y)).collect(), shape));
        }
        let (left, right) = (self.layout().broadcast_to(shape)?, other.layout().broadcast_to(shape)?);
        let mut out = filled(op, shape, V::default())?;
        let nest = Nest::new([&left, &right]);
        let length = nest.row_length();
        let (a, b) = (self.storage(), other.storage());
        if nest.rows() == 1 && nest.row_strides() == [1, 1] {
            let (a, b) = (&a[left.offset()..], &b[right.offset()..]);
            fill_rows(&mut out, 1, cost, |first, chunk| {
                for ((out, &x), &y) in chunk.iter_mut().zip(&a[first..]).zip(&b[first..]) {
                    *out = f(x, y);
                }
            });
            return Ok(Tensor::computed(out, shape));
        }
        fill_rows(&mut out, length.max(1), length.saturating_mul(cost), |first, chunk| {
            let starts = nest.row_starts(first..first + chunk.len() / length);
            for (row, [i, j]) in chunk.chunks_exact_mut(length).zip(starts) {
                zip_row(row, (a, i), (b, j), nest.row_strides(), &f);
            }
        });
        Ok(Tensor::computed(out, shape))
    }

    /// Replaces every element `x` by `f(x, y)`, where `other` broadcasts to this shape. In place
    /// where this tensor's storage is its own.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) where `other` does not broadcast to this shape.
    pub fn zip_assign(&mut self, other: &Self, f: impl Fn(T, T) -> T + Sync) -> Result<()> {
        self.zip_assign_as("zip_assign", other, f)
    }

    /// [`Tensor::zip_assign`] in the name of `op`.
    pub(crate) fn zip_assign_as(
        &mut self,
        op: &'static str,
        other: &Self,
        f: impl Fn(T, T) -> T + Sync,
    ) -> Result<()> {
        let shape = *self.shape();
        let right = other.with_layout(other.layout().broadcast_as(op, shape)?);
        if shape.numel() == 0 {
            return Ok(());
        }
        if let Some(values) = right.as_slice() {
            fill_rows(self.try_as_mut_slice(op)?, 1, CHEAP, |first, chunk| {
                for (x, &y) in chunk.iter_mut().zip(&values[first..]) {
                    *x = f(*x, y);
                }
            });
            return Ok(());
        }
        let nest = Nest::new([right.layout()]);
        let (length, [stride], storage) = (nest.row_length(), nest.row_strides(), right.storage());
        fill_rows(self.try_as_mut_slice(op)?, length, length, |first, chunk| {
            let starts = nest.row_starts(first..first + chunk.len() / length);
            for (row, [start]) in chunk.chunks_exact_mut(length).zip(starts) {
                for (i, x) in row.iter_mut().enumerate() {
                    *x = f(*x, storage[along(start, i, stride)]);
                }
            }
        });
        Ok(())
    }

    /// Replaces the elements at the places of `view`, a layout over this tensor's elements in
    /// row-major order, by `f` of themselves and of `values`.
    ///
    /// This is how a gradient is added through a view without a tensor the size of the whole.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) where `values` has another shape than the view.
    ///
    /// # Panics
    /// Where the view leaves this tensor's elements.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let mut t = Tensor::from([[1, 2], [3, 4]]);
    /// let column = t.layout().select(1, 0)?;
    /// t.zip_assign_at(column, &Tensor::from([10, 20]), |x, y| x + y)?;
    /// assert_eq!(t, Tensor::from([[11, 2], [23, 4]]));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn zip_assign_at(&mut self, view: crate::Layout, values: &Self, f: impl Fn(T, T) -> T) -> Result<()> {
        if view.shape() != values.shape() {
            let (found, expected) = (*values.shape(), *view.shape());
            return Err(crate::Error::ShapeMismatch {
                op: "zip_assign_at",
                what: "the values",
                found: found.into(),
                expected: expected.into(),
            });
        }
        let nest = Nest::new([&view, values.layout()]);
        let (length, [to, from]) = (nest.row_length(), nest.row_strides());
        let (target, source) = (self.try_as_mut_slice("zip_assign_at")?, values.storage());
        let rows = if values.is_empty() { 0 } else { nest.rows() };
        for [i, j] in nest.row_starts(0..rows) {
            if to == 1 && from == 1 {
                for (x, &y) in target[i..i + length].iter_mut().zip(&source[j..j + length]) {
                    *x = f(*x, y);
                }
            } else {
                for k in 0..length {
                    let x = &mut target[along(i, k, to)];
                    *x = f(*x, source[along(j, k, from)]);
                }
            }
        }
        Ok(())
    }
}

/// Below this many elements a result is collected directly: no threads, no nest, no zeroing.
const SMALL: usize = 4096;

pub(crate) fn along(start: usize, steps: usize, stride: isize) -> usize {
    (start as isize + steps as isize * stride) as usize
}

/// One row of a broadcast pair. The common strides are spelt out so that they become vector loops.
fn zip_row<T: Copy, U: Copy, V>(
    row: &mut [V],
    (a, i): (&[T], usize),
    (b, j): (&[U], usize),
    strides: [isize; 2],
    f: impl Fn(T, U) -> V,
) {
    let n = row.len();
    match strides {
        [1, 1] => {
            row.iter_mut().zip(&a[i..i + n]).zip(&b[j..j + n]).for_each(|((out, &x), &y)| *out = f(x, y))
        }
        [1, 0] => {
            let y = b[j];
            row.iter_mut().zip(&a[i..i + n]).for_each(|(out, &x)| *out = f(x, y));
        }
        [0, 1] => {
            let x = a[i];
            row.iter_mut().zip(&b[j..j + n]).for_each(|(out, &y)| *out = f(x, y));
        }
        [s, t] => {
            row.iter_mut().enumerate().for_each(|(k, out)| *out = f(a[along(i, k, s)], b[along(j, k, t)]));
        }
    }
}

/// `f` of the elements of three tensors of one shape; for `where` and its kin.
pub(crate) fn zip3_map<A: Element, B: Element, C: Element, V: Element>(
    op: &'static str,
    shape: Shape,
    (a, b, c): (&Tensor<A>, &Tensor<B>, &Tensor<C>),
    f: impl Fn(A, B, C) -> V,
) -> Result<Tensor<V>> {
    let (a, b, c) = (a.broadcast_to(shape)?, b.broadcast_to(shape)?, c.broadcast_to(shape)?);
    let mut out = with_capacity(op, shape)?;
    if let (Some(a), Some(b), Some(c)) = (a.as_slice(), b.as_slice(), c.as_slice()) {
        out.extend(a.iter().zip(b).zip(c).map(|((&a, &b), &c)| f(a, b, c)));
    } else {
        out.extend(a.iter().zip(b.iter()).zip(c.iter()).map(|((a, b), c)| f(a, b, c)));
    }
    Ok(Tensor::computed(out, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two shapes that broadcast, as strategies over small sizes.
    fn broadcasting_pair() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        prop::collection::vec((0usize..4, 0u8..4), 0..=4).prop_flat_map(|axes| {
            let side = |bit: u8| -> Vec<usize> {
                axes.iter().map(|&(n, choice)| if choice == bit { 1 } else { n }).collect()
            };
            let (a, b) = (side(1), side(2));
            (0..=a.len()).prop_map(move |skip| (a.clone(), b.iter().copied().skip(skip).collect()))
        })
    }

    proptest! {
        #[test]
        fn zip_map_equals_its_definition((a, b) in broadcasting_pair(), flip: bool) {
            let tensor = |sizes: &[usize]| {
                let shape = Shape::new(sizes).unwrap();
                let t = Tensor::from_vec((0..shape.numel() as i64).collect(), shape).unwrap();
                if flip && t.rank() > 0 { t.slice(-1, 0..sizes[sizes.len() - 1], -1).unwrap() } else { t }
            };
            let (a, b) = (tensor(&a), tensor(&b));
            // Skipping leading axes of b may leave sizes that do not broadcast; then both say so.
            let Ok(shape) = a.shape().broadcast("t", *b.shape()) else {
                prop_assert!(a.zip_map("t", &b, |x, _| x).is_err());
                return Ok(());
            };
            let (x, y) = (a.broadcast_to(shape).unwrap(), b.broadcast_to(shape).unwrap());
            let expected: Vec<i64> = x.iter().zip(y.iter()).map(|(x, y)| 100 * x + y).collect();
            let result = a.zip_map("t", &b, |x, y| 100 * x + y).unwrap();
            prop_assert_eq!(result.to_vec(), expected.clone());
            if *a.shape() == shape {
                let mut assigned = a.clone();
                assigned.zip_assign(&b, |x, y| 100 * x + y).unwrap();
                prop_assert_eq!(assigned.to_vec(), expected);
            }
        }
    }

    #[test]
    fn large_tensors_go_through_the_threaded_path() {
        let n = 700_000;
        let t = Tensor::<i64>::arange(n).unwrap();
        assert!(t.map(|x| x + 1).iter().enumerate().all(|(i, x)| x == i as i64 + 1));
        assert!(t.zip_map("t", &t, |x, y| x + y).unwrap().iter().enumerate().all(|(i, x)| x == 2 * i as i64));
        let table = t.reshape([700, 1000]).unwrap();
        let turned = table.transpose(0, 1).unwrap();
        assert_eq!(turned.map(|x| x + 1)[[3, 2]], 2004);
        assert_eq!(turned.zip_map("t", &table.select(1, 0).unwrap(), |x, y| x - y).unwrap()[[7, 699]], 7);
        let mut sum = table.clone();
        sum.zip_assign(&turned.reshape([700, 1000]).unwrap(), |x, y| x + y).unwrap();
        assert_eq!(sum[[0, 1]], 1 + 1000);
    }

    #[test]
    fn three_operands_broadcast() {
        let (a, b, c) = (Tensor::from([1, 2]), Tensor::from([[10], [20]]), Tensor::from(100));
        let sum = zip3_map("t", Shape::from([2, 2]), (&a, &b, &c), |a, b, c| a + b + c).unwrap();
        assert_eq!(sum, Tensor::from([[111, 112], [121, 122]]));
    }
}
