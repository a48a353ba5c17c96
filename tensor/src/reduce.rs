//! Reductions along axes: sums, means, extremes and their places.

use crate::{
    Axes, Element, Error, MAX_RANK, Number, Real, Result, Shape, Tensor,
    arithmetic::{is_nan, larger, smaller},
    create::filled,
    keepdim,
    parallel::{self, CHEAP, fill_rows},
};

impl<T: Number> Tensor<T> {
    /// The sum along `axes`; 0 over nothing.
    ///
    /// Elements are added pairwise, so the rounding error grows with the logarithm of their
    /// number (Higham 1993, The accuracy of floating point summation). Integers are added in their
    /// own type and wrap around; `t.cast::<i64>().sum(..)` makes room.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn sum(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("sum", self, axes.into(), Some(T::ZERO), T::plus)
    }

    /// The product along `axes`; 1 over nothing.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn prod(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("prod", self, axes.into(), Some(T::ONE), T::times)
    }

    /// The largest element along `axes`; NaN where there is one.
    ///
    /// # Errors
    /// [`Error::EmptyReduction`] over nothing; [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn max(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("max", self, axes.into(), None, larger)
    }

    /// The smallest element along `axes`; NaN where there is one.
    ///
    /// # Errors
    /// [`Error::EmptyReduction`] over nothing; [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn min(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("min", self, axes.into(), None, smaller)
    }

    /// The place of the largest element along `axes`, the first of equals, a NaN before all. Over
    /// several axes, or all (`..`), places are counted in row-major order.
    ///
    /// # Errors
    /// [`Error::EmptyReduction`] over nothing; [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let logits = Tensor::from([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]);
    /// assert_eq!(logits.argmax(-1)?.to_vec(), [1, 0]);
    /// assert_eq!(logits.argmax(..)?.item()?, 1);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn argmax(&self, axes: impl Into<Axes>) -> Result<Tensor<usize>> {
        self.arg_extreme("argmax", axes.into(), |candidate, best| candidate > best)
    }

    /// The place of the smallest element along `axes`, as [`Tensor::argmax`] counts places.
    ///
    /// # Errors
    /// [`Error::EmptyReduction`] over nothing; [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn argmin(&self, axes: impl Into<Axes>) -> Result<Tensor<usize>> {
        self.arg_extreme("argmin", axes.into(), |candidate, best| candidate < best)
    }

    fn arg_extreme(
        &self,
        op: &'static str,
        axes: Axes,
        wins: impl Fn(T, T) -> bool + Sync,
    ) -> Result<Tensor<usize>> {
        let mask = axes.mask(op, self.shape())?;
        let (size, shape) = (reduced_count(op, self.shape(), axes)?, axes.reduced_shape(op, self.shape())?);
        if size == 0 && shape.numel() > 0 {
            return Err(Error::EmptyReduction { op, shape: (*self.shape()).into() });
        }
        // The reduced axes behind the others, each kind in its order.
        let order = |reduced| (0..self.rank()).filter(move |&axis| mask[axis] == reduced);
        let order: Vec<isize> = order(false).chain(order(true)).map(|axis| axis as isize).collect();
        let last = self.permute(&order)?;
        let values = last.try_to_slice(op)?;
        let mut out = filled(op, shape, 0)?;
        fill_rows(&mut out, 1, size * CHEAP, |first, chunk| {
            for (out, row) in chunk.iter_mut().zip(values[first * size..].chunks_exact(size.max(1))) {
                let beats = |x: T, best: T| wins(x, best) || (is_nan(x) && !is_nan(best));
                *out = (1..size).fold(0, |best, i| if beats(row[i], row[best]) { i } else { best });
            }
        });
        Ok(Tensor::computed(out, shape))
    }
}

impl<T: Real> Tensor<T> {
    /// The arithmetic mean along `axes`; NaN over nothing.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn mean(&self, axes: impl Into<Axes>) -> Result<Self> {
        self.mean_as("mean", axes.into())
    }

    /// The variance along `axes`: the squared distances from the mean, added and divided by
    /// n − `correction`. A correction of 1 (PyTorch's default) gives the unbiased estimate, 0 the
    /// mean square. Computed in two passes. Where n ≤ `correction` the sum is divided by 0: ∞, or
    /// NaN where the sum is 0.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(t.var(.., 0)?.item()?, 1.25);
    /// assert_eq!(t.var(.., 1)?.item()?, 5.0 / 3.0);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn var(&self, axes: impl Into<Axes>, correction: usize) -> Result<Self> {
        self.var_as("var", axes.into(), correction)
    }

    /// The standard deviation along `axes`: the root of [`Tensor::var`].
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn std(&self, axes: impl Into<Axes>, correction: usize) -> Result<Self> {
        Ok(self.var_as("std", axes.into(), correction)?.sqrt())
    }

    fn var_as(&self, op: &'static str, axes: Axes, correction: usize) -> Result<Self> {
        let count = reduced_count(op, self.shape(), axes)?;
        let divisor = T::from_usize(count.saturating_sub(correction));
        let mean = self.mean_as(op, keepdim(axes))?;
        let squares = self.zip_map(op, &mean, |x, mean| (x - mean) * (x - mean))?;
        Ok(reduce(op, &squares, axes, Some(T::ZERO), T::plus)?.map(|sum| sum / divisor))
    }

    fn mean_as(&self, op: &'static str, axes: Axes) -> Result<Self> {
        let count = T::from_usize(reduced_count(op, self.shape(), axes)?);
        Ok(reduce(op, self, axes, Some(T::ZERO), T::plus)?.map(|sum| sum / count))
    }
}

impl Tensor<bool> {
    /// Whether any element along `axes` is true; false over nothing.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn any(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("any", self, axes.into(), Some(false), |a, b| a | b)
    }

    /// Whether every element along `axes` is true; true over nothing.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], [`Error::DuplicateAxis`].
    pub fn all(&self, axes: impl Into<Axes>) -> Result<Self> {
        reduce("all", self, axes.into(), Some(true), |a, b| a & b)
    }
}

impl<T: Element> Tensor<T> {
    /// One axis moved behind the others. A view.
    pub(crate) fn move_axis_last(&self, axis: usize) -> Self {
        (axis..self.rank().saturating_sub(1)).fold(self.clone(), |t, a| {
            let layout = t.layout().transpose(a as isize, a as isize + 1);
            layout.map(|layout| t.with_layout(layout)).unwrap_or(t)
        })
    }
}

/// How many elements of `shape` each element of the result stands for.
fn reduced_count(op: &'static str, shape: &Shape, axes: Axes) -> Result<usize> {
    let mask = axes.mask(op, shape)?;
    Ok((0..shape.rank()).filter(|&axis| mask[axis]).map(|axis| shape[axis]).product())
}

/// Reduces with an associative `f`, in an order that depends on the shape alone.
pub(crate) fn reduce<T: Element>(
    op: &'static str,
    tensor: &Tensor<T>,
    axes: Axes,
    identity: Option<T>,
    f: impl Fn(T, T) -> T + Sync + Copy,
) -> Result<Tensor<T>> {
    let shape = *tensor.shape();
    let (mask, result) = (axes.mask(op, &shape)?, axes.reduced_shape(op, &shape)?);
    if shape.numel() == 0 {
        return match identity {
            Some(identity) => Ok(Tensor::computed(filled(op, result, identity)?, result)),
            None if result.numel() == 0 => Ok(Tensor::computed(Vec::new(), result)),
            None => Err(Error::EmptyReduction { op, shape: shape.into() }),
        };
    }
    if let (Some(values), 1) = (tensor.as_slice(), result.numel()) {
        return Ok(Tensor::computed(vec![fold_row(values, |x| x, f)], result));
    }
    // Neighbouring axes of one kind count as one; each reduced group is folded away, last first,
    // and every step sees [outer, reduced, inner].
    let mut values = tensor.try_contiguous(op)?;
    let mut inner = 1;
    let mut axis = shape.rank();
    while axis > 0 {
        let end = axis;
        while axis > 0 && mask[axis - 1] == mask[end - 1] {
            axis -= 1;
        }
        let group = Shape::from_slice(&shape[axis..end]).numel();
        if mask[end - 1] {
            if group > 1 {
                values = fold_middle(op, &values, group, inner, f)?;
            }
        } else {
            inner *= group;
        }
    }
    values.reshape(result)
}

/// `[outer, count, inner]` → `[outer, inner]`, in row-major storage.
fn fold_middle<T: Element>(
    op: &'static str,
    tensor: &Tensor<T>,
    count: usize,
    inner: usize,
    f: impl Fn(T, T) -> T + Sync + Copy,
) -> Result<Tensor<T>> {
    let values = tensor.try_to_slice(op)?;
    let shape = Shape::from([values.len() / count]);
    let mut out = filled(op, shape, values[0])?;
    let block = count * inner;
    fill_rows(&mut out, inner, block * CHEAP, |first, chunk| {
        for (out, block) in chunk.chunks_exact_mut(inner).zip(values[first * block..].chunks_exact(block)) {
            if inner == 1 {
                out[0] = fold_row(block, |x| x, f);
            } else {
                fold_rows(block, out, f);
            }
        }
    });
    Ok(Tensor::computed(out, shape))
}

/// Folds `map` of a slice that is not empty, halving it down to runs that fit in registers.
pub(crate) fn fold_row<T: Element>(
    row: &[T],
    map: impl Fn(T) -> T + Sync + Copy,
    f: impl Fn(T, T) -> T + Sync + Copy,
) -> T {
    const RUN: usize = 512;
    const LANES: usize = 16;
    if row.len() > RUN {
        let (left, right) = row.split_at((row.len() / 2).next_multiple_of(LANES));
        let (a, b) = parallel::join(row.len() * CHEAP, || fold_row(left, map, f), || fold_row(right, map, f));
        return f(a, b);
    }
    let Some((first, rest)) = row.split_first_chunk::<LANES>() else {
        return row[1..].iter().fold(map(row[0]), |a, &b| f(a, map(b)));
    };
    let mut lanes = first.map(map);
    let chunks = rest.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, map(x));
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = f(lanes[lane], lanes[lane + width]);
        }
    }
    tail.iter().fold(lanes[0], |a, &b| f(a, map(b)))
}

/// Folds the rows of a matrix into `out`, halving down to short runs of rows. Each halving needs
/// memory for a row, so the runs are as long as the rounding error allows.
fn fold_rows<T: Element>(rows: &[T], out: &mut [T], f: impl Fn(T, T) -> T + Sync + Copy) {
    const RUN: usize = 128;
    let (width, count) = (out.len(), rows.len() / out.len());
    if count <= RUN {
        out.copy_from_slice(&rows[..width]);
        for row in rows[width..].chunks_exact(width) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out = f(*out, x);
            }
        }
        return;
    }
    let (upper, lower) = rows.split_at(count / 2 * width);
    let mut other = out.to_vec();
    parallel::join(rows.len() * CHEAP, || fold_rows(upper, out, f), || fold_rows(lower, &mut other, f));
    for (out, x) in out.iter_mut().zip(other) {
        *out = f(*out, x);
    }
}

impl<T: Number> Tensor<T> {
    /// This tensor summed down to `shape`, which broadcasts to this tensor's shape: the transpose
    /// of [`Tensor::broadcast_to`], and so its gradient.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] where `shape` does not broadcast to this shape.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// let t = Tensor::from([[1, 2], [3, 4]]);
    /// assert_eq!(t.sum_to([2, 1])?, Tensor::from([[3], [7]]));
    /// assert_eq!(t.sum_to([])?.item()?, 10);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn sum_to(&self, shape: impl Into<Shape>) -> Result<Self> {
        let (shape, from) = (shape.into(), *self.shape());
        if shape == from {
            return Ok(self.clone());
        }
        if shape.broadcast("sum_to", from).ok() != Some(from) {
            return Err(Error::ShapeMismatch {
                op: "sum_to",
                what: "the target",
                found: shape.into(),
                expected: from.into(),
            });
        }
        let new_axes = from.rank() - shape.rank();
        let mut mask = [false; MAX_RANK];
        for axis in 0..from.rank() {
            mask[axis] = axis < new_axes || shape[axis - new_axes] != from[axis];
        }
        self.sum(Axes::from_mask(mask, from.rank(), true))?.reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_along_any_axes_equal_plain_loops(
            sizes in prop::collection::vec(0usize..5, 1..=4), masks: [bool; 4], keep: bool, turn: bool,
        ) {
            let shape = Shape::new(&sizes).unwrap();
            let mut t = Tensor::from_vec((0..shape.numel() as i64).map(|x| x * x % 17).collect(), shape).unwrap();
            if turn {
                t = t.transpose(0, -1).unwrap();
            }
            let shape = *t.shape();
            let mut mask = [false; MAX_RANK];
            mask[..4].copy_from_slice(&masks);
            let axes = Axes::from_mask(mask, shape.rank(), keep);
            let kept = axes.kept_shape("sum", &shape).unwrap();
            let mut expected = Tensor::<i64>::zeros(kept).unwrap();
            for index in indices(&shape) {
                let place: Vec<usize> = index.iter().zip(&kept[..]).map(|(&i, &n)| i.min(n - 1)).collect();
                let at = expected.layout().position(&place).unwrap();
                expected.as_mut_slice()[at] += t.get(&index).unwrap();
            }
            let result = t.sum(axes).unwrap();
            prop_assert_eq!(*result.shape(), axes.reduced_shape("sum", &shape).unwrap());
            prop_assert_eq!(result.to_vec(), expected.to_vec());
            prop_assert_eq!(t.sum_to(kept).unwrap(), expected);
        }
    }

    fn indices(shape: &Shape) -> Vec<Vec<usize>> {
        shape.iter().fold(vec![vec![]], |all, &n| {
            all.iter().flat_map(|index| (0..n).map(move |i| [&index[..], &[i]].concat())).collect()
        })
    }

    #[test]
    fn sums_are_accurate_and_do_not_depend_on_threads() {
        let n = 3_000_000;
        let t = Tensor::full([n], 0.1f32).unwrap();
        let sum = t.sum(..).unwrap().item().unwrap();
        assert!((sum - 0.1 * n as f32).abs() < 1.0, "{sum}");
        let columns = t.reshape([n / 3, 3]).unwrap().sum(0).unwrap();
        assert!(columns.iter().all(|x| (x - 0.1 * n as f32 / 3.0).abs() < 1.0), "{:?}", columns.to_vec());
        #[cfg(feature = "rayon")]
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| t.sum(..).unwrap().item().unwrap()).to_bits(), sum.to_bits());
        }
    }

    #[test]
    fn extremes_and_their_places() {
        let t = Tensor::from([[3.0, 1.0, 3.0], [f64::NEG_INFINITY, 5.0, 2.0]]);
        assert_eq!(t.max(1).unwrap().to_vec(), [3.0, 5.0]);
        assert_eq!(t.min([0, 1]).unwrap().item(), Ok(f64::NEG_INFINITY));
        assert_eq!(t.argmax(1).unwrap().to_vec(), [0, 1]);
        assert_eq!(t.argmin(0).unwrap().to_vec(), [1, 0, 1]);
        assert_eq!((t.argmax(..).unwrap().item(), t.argmin([1, 0]).unwrap().item()), (Ok(4), Ok(3)));
        assert_eq!(*t.argmax(keepdim(-1)).unwrap().shape(), [2, 1]);
        let with_nan = Tensor::from([1.0, f64::NAN, 7.0]);
        assert!(with_nan.max(..).unwrap().item().unwrap().is_nan());
        assert_eq!((with_nan.argmax(0).unwrap().item(), with_nan.argmin(0).unwrap().item()), (Ok(1), Ok(1)));
    }

    #[test]
    fn nothing_has_a_sum_but_no_maximum() {
        let t = Tensor::<f64>::zeros([2, 0]).unwrap();
        assert_eq!(t.sum(1).unwrap().to_vec(), [0.0, 0.0]);
        assert_eq!(t.prod(..).unwrap().item(), Ok(1.0));
        assert!(t.mean(..).unwrap().item().unwrap().is_nan());
        assert_eq!(t.max(0).unwrap().numel(), 0);
        let message = "max: no elements to reduce in shape [2, 0], and the operation has no value for none";
        assert_eq!(t.max(1).unwrap_err().to_string(), message);
        assert_eq!(t.argmax(1).unwrap_err().to_string(), message.replace("max:", "argmax:"));
        assert_eq!(t.argmax(0).unwrap().numel(), 0);
        assert_eq!(t.sum([1, -1]).unwrap_err().to_string(), "sum: axis 1 is named twice (shape [2, 0])");
    }

    #[test]
    fn mean_var_std() {
        let t = Tensor::from([[1.0, 3.0], [2.0, 8.0]]) + 1e6;
        assert_eq!(t.mean(0).unwrap().to_vec(), [1e6 + 1.5, 1e6 + 5.5]);
        assert_eq!(t.var(1, 1).unwrap().to_vec(), [2.0, 18.0]);
        assert_eq!(t.std(1, 0).unwrap().to_vec(), [1.0, 3.0]);
        assert!(Tensor::from([1.0f64]).var(.., 1).unwrap().item().unwrap().is_nan());
        assert_eq!(t.var(.., 9).unwrap().item(), Ok(f64::INFINITY));
        assert_eq!(*t.var(keepdim(0), 0).unwrap().shape(), [1, 2]);
        let message = t.std(5, 0).unwrap_err().to_string();
        assert_eq!(message, "std: axis 5 is out of range for shape [2, 2] of rank 2");
    }

    #[test]
    fn booleans_reduce() {
        let t = Tensor::from([[true, false], [true, true]]);
        assert_eq!(t.all(1).unwrap().to_vec(), [false, true]);
        assert_eq!(t.any(0).unwrap().to_vec(), [true, true]);
    }
}
