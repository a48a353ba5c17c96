//! [`Windows`]: a long series as many short examples.

use refrain_tensor::{Element, Tensor};

use crate::{Dataset, Error, Result, dataset::check_paired};

/// Windows that slide over a series, each with the rows that follow it.
///
/// Item k is `(x, y)`: with a stride s, `x` holds the rows `ks .. ks + window` of the series and
/// `y` the next `horizon` rows, of the series itself or of a target series. Both are views; no
/// row is copied.
///
/// ```
/// use refrain_data::{Dataset, Windows};
/// use refrain_tensor::Tensor;
/// let series = Tensor::from([[1.0], [2.0], [3.0], [4.0], [5.0]]); // [time, features]
/// let windows = Windows::new(&series, 3, 1)?;
/// assert_eq!(windows.len(), 2);
/// let (x, y) = windows.get(1)?;
/// assert_eq!(x, Tensor::from([[2.0], [3.0], [4.0]]));
/// assert_eq!(y, Tensor::from([[5.0]]));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Windows<X: Element, Y: Element = X> {
    series: Tensor<X>,
    targets: Tensor<Y>,
    window: usize,
    horizon: usize,
    stride: usize,
}

impl<T: Element> Windows<T> {
    /// Windows of `window` rows over `series` `[time, ..]`, to foretell its next `horizon` rows.
    ///
    /// # Errors
    /// [`Error::Zero`] for a window or horizon of 0; [`Error::SeriesTooShort`] where not even one
    /// fits; [`Error::Tensor`] for a series of rank 0.
    pub fn new(series: &Tensor<T>, window: usize, horizon: usize) -> Result<Self> {
        Self::with_targets(series, series, window, horizon)
    }
}

impl<X: Element, Y: Element> Windows<X, Y> {
    /// Windows of `window` rows over `series` `[time, ..]`, to foretell the next `horizon` rows of
    /// `targets` `[time, ..]`. Row t of both belongs to the same time.
    ///
    /// # Errors
    /// As for [`Windows::new`]; [`Error::UnpairedRows`] where the two differ in length.
    ///
    /// ```
    /// use refrain_data::{Dataset, Windows};
    /// use refrain_tensor::Tensor;
    /// let weather = Tensor::from([[9.0, 0.1], [8.0, 0.4], [7.0, 0.0]]); // [time, features]
    /// let rained = Tensor::from([1usize, 1, 0]); // [time]
    /// let (x, y) = Windows::with_targets(&weather, &rained, 2, 1)?.get(0)?;
    /// assert_eq!((x, y), (Tensor::from([[9.0, 0.1], [8.0, 0.4]]), Tensor::from([0])));
    /// # Ok::<(), refrain_data::Error>(())
    /// ```
    pub fn with_targets(
        series: &Tensor<X>,
        targets: &Tensor<Y>,
        window: usize,
        horizon: usize,
    ) -> Result<Self> {
        let op = "windows";
        let rows = check_paired(op, series, targets)?;
        for (what, size) in [("the window", window), ("the horizon", horizon)] {
            if size == 0 {
                return Err(Error::Zero { op, what });
            }
        }
        if rows < window.saturating_add(horizon) {
            return Err(Error::SeriesTooShort { rows, window, horizon });
        }
        Ok(Self { series: series.clone(), targets: targets.clone(), window, horizon, stride: 1 })
    }

    /// The same windows with `stride` rows from the start of one to the start of the next; 1 at
    /// first. A stride of `window` gives windows that do not overlap.
    ///
    /// # Errors
    /// [`Error::Zero`] for a stride of 0.
    pub fn stride(mut self, stride: usize) -> Result<Self> {
        if stride == 0 {
            return Err(Error::Zero { op: "windows", what: "the stride" });
        }
        self.stride = stride;
        Ok(self)
    }
}

impl<X: Element, Y: Element> Dataset for Windows<X, Y> {
    type Item = (Tensor<X>, Tensor<Y>);

    fn len(&self) -> usize {
        (self.series.shape()[0] - self.window - self.horizon) / self.stride + 1
    }

    fn get(&self, index: usize) -> Result<Self::Item> {
        self.check("windows", index)?;
        let start = index * self.stride;
        let x = self.series.narrow(0, start, self.window)?;
        let y = self.targets.narrow(0, start + self.window, self.horizon)?;
        Ok((x, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_are_slices(
            window in 1usize..6,
            horizon in 1usize..4,
            stride in 1usize..5,
            extra in 0usize..12,
        ) {
            let rows = window + horizon + extra;
            let series: Vec<[usize; 2]> = (0..rows).map(|t| [t, 100 + t]).collect();
            let tensor = Tensor::from_vec(series.concat(), [rows, 2]).unwrap();
            let targets = Tensor::from_vec((0..rows as i64).map(|t| -t).collect(), [rows]).unwrap();
            let windows = Windows::with_targets(&tensor, &targets, window, horizon).unwrap().stride(stride).unwrap();
            let starts: Vec<usize> = (0..=extra).step_by(stride).collect();
            prop_assert_eq!(windows.len(), starts.len());
            for (k, start) in starts.into_iter().enumerate() {
                let (x, y) = windows.get(k).unwrap();
                prop_assert_eq!(*x.shape(), [window, 2]);
                prop_assert_eq!(x.to_vec(), series[start..start + window].concat());
                let next = start + window;
                prop_assert!(y.iter().eq((next..next + horizon).map(|t| -(t as i64))));
                prop_assert!(std::ptr::eq(x.storage(), tensor.storage()));
            }
        }
    }

    #[test]
    fn errors_name_the_sizes() {
        let series = Tensor::from([1.0; 5]);
        let cases = [
            (
                Windows::new(&series, 4, 2).unwrap_err(),
                "windows: 5 rows are too few for a window of 4 and a horizon of 2",
            ),
            (Windows::new(&series, 0, 2).unwrap_err(), "windows: the window is 0, expected at least 1"),
            (Windows::new(&series, 1, 0).unwrap_err(), "windows: the horizon is 0, expected at least 1"),
            (
                Windows::new(&series, 1, 1).unwrap().stride(0).unwrap_err(),
                "windows: the stride is 0, expected at least 1",
            ),
            (
                Windows::new(&series, 1, 1).unwrap().get(4).unwrap_err(),
                "windows: index 4 is out of range for 4 items",
            ),
            (
                Windows::with_targets(&series, &Tensor::from([1u8]), 1, 1).unwrap_err(),
                "windows: 5 rows of inputs, but 1 rows of targets",
            ),
            (
                Windows::new(&Tensor::scalar(1.0), 1, 1).unwrap_err(),
                "windows: axis 0 is out of range for shape [] of rank 0",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        assert!(matches!(Windows::new(&series, usize::MAX, 2), Err(Error::SeriesTooShort { .. })));
        assert_eq!(Windows::new(&series, 1, 1).unwrap().stride(usize::MAX).unwrap().len(), 1);
    }
}
