//! New tensors: constant, counted, random.

use rand::Rng;

use std::collections::TryReserveError;

use crate::{Element, Error, Number, Real, Result, Shape, Tensor};

/// A vector of `shape.numel()` copies of `value`, or an error where there is no room for it.
pub(crate) fn filled<T: Element>(op: &'static str, shape: Shape, value: T) -> Result<Vec<T>> {
    let mut values = with_capacity(op, shape)?;
    values.resize(shape.numel(), value);
    Ok(values)
}

/// An empty vector with room for `shape.numel()` values, or an error where there is none.
pub(crate) fn with_capacity<T: Element>(op: &'static str, shape: Shape) -> Result<Vec<T>> {
    with_room(op, shape, T::room)
}

/// [`with_capacity`] from an allocation of one's own.
pub(crate) fn with_room<T>(
    op: &'static str,
    shape: Shape,
    room: impl FnOnce(usize) -> std::result::Result<Vec<T>, TryReserveError>,
) -> Result<Vec<T>> {
    // A row-major empty tensor has strides too: they, in bytes, must fit in the address space.
    shape
        .check_addressable(op)?
        .checked_mul(size_of::<T>())
        .filter(|&bytes| bytes <= isize::MAX as usize)
        .ok_or_else(|| Error::TooLarge { op, shape: shape.into() })?;
    let count = shape.numel();
    let bytes = count * size_of::<T>();
    room(count).map_err(|_| Error::OutOfMemory { op, shape: shape.into(), bytes })
}

impl<T: Element> Tensor<T> {
    /// A tensor that holds `value` everywhere.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    pub fn full(shape: impl Into<Shape>, value: T) -> Result<Self> {
        let shape = shape.into();
        Ok(Self::computed(filled("full", shape, value)?, shape))
    }

    /// A tensor of `f(index)` for each position in row-major order.
    pub(crate) fn generate(op: &'static str, shape: Shape, f: impl FnMut() -> T) -> Result<Self> {
        let mut values = with_capacity(op, shape)?;
        values.extend(std::iter::repeat_with(f).take(shape.numel()));
        Ok(Self::computed(values, shape))
    }
}

impl<T: Number> Tensor<T> {
    /// A tensor of zeros.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// assert_eq!(Tensor::<f32>::zeros([2, 2])?, Tensor::from([[0.0, 0.0], [0.0, 0.0]]));
    /// let error = Tensor::<f32>::zeros([1 << 40, 1 << 40]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "zeros: a tensor of shape [1099511627776, 1099511627776] is too large to address",
    /// );
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn zeros(shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        Ok(Self::computed(filled("zeros", shape, T::ZERO)?, shape))
    }

    /// A tensor of ones.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    pub fn ones(shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        Ok(Self::computed(filled("ones", shape, T::ONE)?, shape))
    }

    /// The identity matrix, `[n, n]`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    pub fn eye(n: usize) -> Result<Self> {
        let shape = Shape::from([n, n]);
        let mut values = filled("eye", shape, T::ZERO)?;
        values.iter_mut().step_by(n.saturating_add(1)).for_each(|x| *x = T::ONE);
        Ok(Self::computed(values, shape))
    }

    /// The numbers 0, 1, …, n − 1: `[n]`. Floats round those that they cannot hold.
    ///
    /// # Errors
    /// [`Error::Unrepresentable`] where an integer type cannot hold n − 1; [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// assert_eq!(Tensor::<i64>::arange(4)?.to_vec(), [0, 1, 2, 3]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn arange(n: usize) -> Result<Self> {
        if let Some(last) = n.checked_sub(1).filter(|&last| !T::holds(last)) {
            return Err(Error::Unrepresentable { op: "arange", value: last, dtype: T::DTYPE });
        }
        let mut next = 0;
        Self::generate("arange", Shape::from([n]), || {
            next += 1;
            T::from_usize(next - 1)
        })
    }
}

impl<T: Real> Tensor<T> {
    /// `n` evenly spaced numbers from `start` to `end`, both included: `[n]`.
    ///
    /// # Errors
    /// [`Error::Distance`] where a bound or their difference is not finite; [`Error::TooLarge`] or [`Error::OutOfMemory`] where the elements do not fit in memory.
    ///
    /// ```
    /// use refrain_tensor::Tensor;
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5)?.to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn linspace(start: T, end: T, n: usize) -> Result<Self> {
        check_distance("linspace", start, end)?;
        let step = (end - start) / T::from_usize(n.saturating_sub(1).max(1));
        let mut k = 0;
        Self::generate("linspace", Shape::from([n]), || {
            // Counting from the nearer end makes both ends exact and the row symmetric.
            let value = if 2 * k < n {
                start + T::from_usize(k) * step
            } else {
                end - T::from_usize(n - 1 - k) * step
            };
            k += 1;
            value
        })
    }

    /// Independent samples of the uniform distribution on [low, high).
    ///
    /// # Errors
    /// [`Error::Bounds`] where `low > high`; [`Error::Distance`] where a bound or their difference is
    /// not finite; [`Error::TooLarge`] or [`Error::OutOfMemory`].
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use refrain_tensor::Tensor;
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    /// let t = Tensor::uniform([2, 3], -1.0f32, 1.0, &mut rng)?;
    /// assert!(t.iter().all(|x| (-1.0..1.0).contains(&x)));
    /// # Ok::<(), refrain_tensor::Error>(())
    /// ```
    pub fn uniform(shape: impl Into<Shape>, low: T, high: T, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        check_distance("uniform", low, high)?;
        if low > high {
            let (low, high) = (format!("{low:?}"), format!("{high:?}"));
            return Err(Error::Bounds { op: "uniform", low, high });
        }
        Self::generate("uniform", shape.into(), || {
            // Rounding can carry a sample just below 1 up to `high`, which is not in the range.
            let x = low + (high - low) * T::sample_uniform(rng);
            if x < high { x } else { low }
        })
    }

    /// Independent samples of the normal distribution with the given mean and standard deviation.
    ///
    /// # Errors
    /// [`Error::Deviation`] where `std` is below 0 or NaN; [`Error::TooLarge`] or [`Error::OutOfMemory`].
    pub fn normal(shape: impl Into<Shape>, mean: T, std: T, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        if std.is_nan() || std < T::ZERO {
            return Err(Error::Deviation { op: "normal", found: format!("{std:?}") });
        }
        Self::generate("normal", shape.into(), || mean + std * T::sample_normal(rng))
    }
}

fn check_distance<T: Real>(op: &'static str, low: T, high: T) -> Result<()> {
    if (high - low).is_finite() {
        return Ok(());
    }
    Err(Error::Distance { op, low: format!("{low:?}"), high: format!("{high:?}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn eye_arange_linspace() {
        assert_eq!(Tensor::<i32>::eye(2).unwrap(), Tensor::from([[1, 0], [0, 1]]));
        assert_eq!(Tensor::<f32>::eye(0).unwrap().numel(), 0);
        assert_eq!(Tensor::<usize>::arange(0).unwrap().numel(), 0);
        assert_eq!(Tensor::linspace(2.0, 3.0, 1).unwrap().to_vec(), [2.0]);
        let line = Tensor::linspace(-0.1f32, 0.7, 1000).unwrap();
        assert_eq!((line[[0]], line[[999]]), (-0.1, 0.7));
    }

    #[test]
    fn what_does_not_fit_is_an_error_not_an_abort() {
        let huge = [1usize << 58];
        assert!(matches!(Tensor::<f64>::zeros([1 << 62, 8, 0]), Err(Error::TooLarge { op: "zeros", .. })));
        assert!(matches!(Tensor::from_vec(Vec::<u8>::new(), [1 << 62, 8, 0]), Err(Error::TooLarge { .. })));
        assert!(matches!(Tensor::<f64>::zeros([1 << 61]), Err(Error::TooLarge { op: "zeros", .. })));
        assert!(matches!(Tensor::<f64>::ones(huge), Err(Error::OutOfMemory { op: "ones", .. })));
        assert!(matches!(Tensor::<usize>::arange(1 << 58), Err(Error::OutOfMemory { op: "arange", .. })));
        assert!(matches!(Tensor::<f32>::eye(1 << 40), Err(Error::TooLarge { op: "eye", .. })));
    }

    #[test]
    fn samples_have_the_distribution_and_the_seed_decides() {
        let draw = |seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let uniform = Tensor::<f64>::uniform([10_000], 2.0, 4.0, &mut rng).unwrap();
            (uniform, Tensor::<f64>::normal([10_000], 1.0, 0.5, &mut rng).unwrap())
        };
        let (uniform, normal) = draw(3);
        assert_eq!((&uniform, &normal), (&draw(3).0, &draw(3).1));
        assert_ne!(uniform, draw(4).0);
        let moments = |t: &Tensor<f64>| {
            let mean = t.iter().sum::<f64>() / 1e4;
            (mean, (t.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e4).sqrt())
        };
        let close = |a: f64, b: f64| (a - b).abs() < 0.02;
        let (mean, std) = moments(&uniform);
        assert!(close(mean, 3.0) && close(std, 2.0 / 12f64.sqrt()), "{mean} {std}");
        let (mean, std) = moments(&normal);
        assert!(close(mean, 1.0) && close(std, 0.5), "{mean} {std}");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let message = Tensor::uniform([1], 1.0, 0.0, &mut rng).unwrap_err().to_string();
        assert_eq!(message, "uniform: expected bounds with low <= high, found 1.0 and 0.0");
    }

    #[test]
    fn arguments_without_a_result_are_named() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let (max, inf) = (f32::MAX, f32::INFINITY);
        let cases = [
            (
                Tensor::uniform([1], -max, max, &mut rng).err(),
                "uniform: expected finite bounds with a finite difference",
            ),
            (
                Tensor::linspace(-max, max, 3).err(),
                "linspace: expected finite bounds with a finite difference",
            ),
            (
                Tensor::linspace(0.0, inf, 3).err(),
                "linspace: expected finite bounds with a finite difference",
            ),
            (
                Tensor::normal([1], 0.0f32, -1.0, &mut rng).err(),
                "normal: expected a standard deviation of at least 0, found -1.0",
            ),
            (
                Tensor::normal([1], 0.0, f32::NAN, &mut rng).err(),
                "normal: expected a standard deviation of at least 0, found NaN",
            ),
            (Tensor::<u8>::arange(300).err(), "arange: u8 cannot hold 299"),
        ];
        for (error, message) in cases {
            assert!(error.clone().is_some_and(|error| error.to_string().starts_with(message)), "{error:?}");
        }
        assert_eq!(Tensor::<u8>::arange(256).unwrap()[[255]], 255);
    }
}
