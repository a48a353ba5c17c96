//! Scalers: columns of different units brought to one scale, by what the training part shows.
//!
//! A scaler is fitted on the training rows alone. Fitted on all rows, it would tell the model of
//! the rows it is tested on.

use refrain_tensor::{Real, Shape, Tensor};

use crate::{Error, Result};

/// Columns with mean 0 and standard deviation 1: z = (x − mean) / scale.
///
/// The mean and the population standard deviation (divided by n) are those of the rows it was
/// fitted on, computed in `f64`. A constant column has no spread to divide by; its scale is 1, so
/// it becomes 0. scikit-learn's scaler of this name does the same.
///
/// ```
/// use refrain_data::StandardScaler;
/// use refrain_tensor::Tensor;
/// let train = Tensor::from([[1.0, 5.0], [3.0, 5.0]]); // [rows, features]
/// let scaler = StandardScaler::fit(&train)?;
/// assert_eq!(scaler.transform(&train)?, Tensor::from([[-1.0, 0.0], [1.0, 0.0]]));
/// let test = Tensor::from([[7.0, 6.0]]);
/// assert_eq!(scaler.inverse(&scaler.transform(&test)?)?, test);
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StandardScaler<T: Real> {
    mean: Tensor<T>,
    scale: Tensor<T>,
}

impl<T: Real> StandardScaler<T> {
    /// A scaler by the mean and the spread of each column of `train` `[.., features]`.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Zero`] for no features; [`Error::NotFinite`] for a NaN or an
    /// infinity; [`Error::SpreadOverflow`]; [`Error::Tensor`] for rank 0.
    pub fn fit(train: &Tensor<T>) -> Result<Self> {
        let op = "standard_scaler";
        let columns = columns(op, train)?;
        let features = columns.len();
        let rows = (train.numel() / features) as f64;
        // A constant column is told by its bounds: the rounded sum would leave it a tiny spread.
        let center = |column: &Column| if column.min == column.max { column.min } else { column.sum / rows };
        let means: Vec<f64> = columns.iter().map(center).collect();
        let mut squares = vec![0.0; features];
        for (place, x) in train.iter().enumerate() {
            let distance = x.to_f64() - means[place % features];
            squares[place % features] += distance * distance;
        }
        let scale = |(k, square): (usize, &f64)| spread(op, k, (square / rows).sqrt());
        let scales = squares.iter().enumerate().map(scale).collect::<Result<_>>()?;
        let means = means.into_iter().map(T::from_f64).collect();
        Ok(Self { mean: row(means)?, scale: row(scales)? })
    }

    /// A scaler of known parameters, as [`StandardScaler::mean`] and [`StandardScaler::scale`]
    /// give them: to bring back one that was saved beside a model.
    ///
    /// # Errors
    /// [`Error::Tensor`] where the two are not `[features]` of one size; [`Error::Parameter`] for
    /// a mean that is not finite or a scale that is not positive and finite.
    pub fn from_parameters(mean: &Tensor<T>, scale: &Tensor<T>) -> Result<Self> {
        let op = "standard_scaler";
        check_rows(op, mean, "scale", scale)?;
        check_each(op, mean, "mean", "a finite number", |x| x.is_finite())?;
        check_each(op, scale, "scale", "a positive number", |x| x > T::ZERO && x.is_finite())?;
        Ok(Self { mean: mean.contiguous(), scale: scale.contiguous() })
    }

    /// The mean of each column: `[features]`.
    pub fn mean(&self) -> &Tensor<T> {
        &self.mean
    }

    /// What each column is divided by: `[features]`.
    pub fn scale(&self) -> &Tensor<T> {
        &self.scale
    }

    /// Scaled values of the same shape `[.., features]`.
    ///
    /// # Errors
    /// [`Error::FeatureCount`].
    pub fn transform(&self, values: &Tensor<T>) -> Result<Tensor<T>> {
        scaled("standard_scaler", values, &self.mean, &self.scale)
    }

    /// The values whose scaled ones are given, of the same shape `[.., features]`.
    ///
    /// # Errors
    /// [`Error::FeatureCount`].
    pub fn inverse(&self, values: &Tensor<T>) -> Result<Tensor<T>> {
        unscaled("standard_scaler", values, &self.mean, &self.scale)
    }
}

/// Columns from 0 to 1: z = (x − min) / (max − min).
///
/// The bounds are those of the rows it was fitted on; other rows may fall outside. A constant
/// column is divided by 1, so it becomes 0.
///
/// ```
/// use refrain_data::MinMaxScaler;
/// use refrain_tensor::Tensor;
/// let train = Tensor::from([[10.0], [20.0], [30.0]]); // [rows, features]
/// let scaler = MinMaxScaler::fit(&train)?;
/// assert_eq!(scaler.transform(&train)?, Tensor::from([[0.0], [0.5], [1.0]]));
/// assert_eq!(scaler.inverse(&Tensor::from([[1.5]]))?, Tensor::from([[40.0]]));
/// # Ok::<(), refrain_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MinMaxScaler<T: Real> {
    min: Tensor<T>,
    max: Tensor<T>,
    range: Tensor<T>,
}

impl<T: Real> MinMaxScaler<T> {
    /// A scaler by the smallest and the largest value of each column of `train` `[.., features]`.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Zero`] for no features; [`Error::NotFinite`] for a NaN or an
    /// infinity; [`Error::SpreadOverflow`]; [`Error::Tensor`] for rank 0.
    pub fn fit(train: &Tensor<T>) -> Result<Self> {
        let columns = columns("min_max_scaler", train)?;
        let bounds = |bound: fn(&Column) -> f64| row(columns.iter().map(|c| T::from_f64(bound(c))).collect());
        Self::from_parameters(&bounds(|column| column.min)?, &bounds(|column| column.max)?)
    }

    /// A scaler of known bounds, as [`MinMaxScaler::min`] and [`MinMaxScaler::max`] give them: to
    /// bring back one that was saved beside a model.
    ///
    /// # Errors
    /// [`Error::Tensor`] where the two are not `[features]` of one size; [`Error::Parameter`] for
    /// a bound that is not finite or a maximum below its minimum; [`Error::SpreadOverflow`].
    pub fn from_parameters(min: &Tensor<T>, max: &Tensor<T>) -> Result<Self> {
        let op = "min_max_scaler";
        check_rows(op, min, "max", max)?;
        check_each(op, min, "minimum", "a finite number", |x| x.is_finite())?;
        check_each(op, max, "maximum", "a finite number", |x| x.is_finite())?;
        let mut ranges = Vec::new();
        for (column, (low, high)) in min.iter().zip(max.iter()).enumerate() {
            if high < low {
                let (what, value, expected) = ("maximum", high.to_f64(), "no less than the minimum");
                return Err(Error::Parameter { op, column, what, value, expected });
            }
            ranges.push(spread(op, column, (high - low).to_f64())?);
        }
        Ok(Self { min: min.contiguous(), max: max.contiguous(), range: row(ranges)? })
    }

    /// The smallest value of each column: `[features]`.
    pub fn min(&self) -> &Tensor<T> {
        &self.min
    }

    /// The largest value of each column: `[features]`.
    pub fn max(&self) -> &Tensor<T> {
        &self.max
    }

    /// Scaled values of the same shape `[.., features]`.
    ///
    /// # Errors
    /// [`Error::FeatureCount`].
    pub fn transform(&self, values: &Tensor<T>) -> Result<Tensor<T>> {
        scaled("min_max_scaler", values, &self.min, &self.range)
    }

    /// The values whose scaled ones are given, of the same shape `[.., features]`.
    ///
    /// # Errors
    /// [`Error::FeatureCount`].
    pub fn inverse(&self, values: &Tensor<T>) -> Result<Tensor<T>> {
        unscaled("min_max_scaler", values, &self.min, &self.range)
    }
}

/// What one pass over a column shows.
struct Column {
    sum: f64,
    min: f64,
    max: f64,
}

/// The columns of `[.., features]`: at least one of them, none empty, all finite.
fn columns<T: Real>(op: &'static str, train: &Tensor<T>) -> Result<Vec<Column>> {
    let shape = *train.shape();
    let features = shape[shape.axis(op, -1)?];
    if features == 0 {
        return Err(Error::Zero { op, what: "the number of features" });
    }
    if train.is_empty() {
        return Err(Error::NoRows { op, shape: shape.into() });
    }
    let mut columns: Vec<Column> = Vec::with_capacity(features);
    for (place, x) in train.iter().enumerate() {
        let (row, column, value) = (place / features, place % features, x.to_f64());
        if !value.is_finite() {
            return Err(Error::NotFinite { op, row, column, value });
        }
        match columns.get_mut(column) {
            Some(c) => *c = Column { sum: c.sum + value, min: c.min.min(value), max: c.max.max(value) },
            None => columns.push(Column { sum: value, min: value, max: value }),
        }
    }
    Ok(columns)
}

/// A number to divide a column by: `spread`, or 1 where there is none.
fn spread<T: Real>(op: &'static str, column: usize, spread: f64) -> Result<T> {
    let spread = T::from_f64(spread);
    if !spread.is_finite() {
        return Err(Error::SpreadOverflow { op, column, dtype: T::DTYPE });
    }
    Ok(if spread == T::ZERO { T::ONE } else { spread })
}

fn row<T: Real>(values: Vec<T>) -> Result<Tensor<T>> {
    let features = values.len();
    Ok(Tensor::from_vec(values, [features])?)
}

fn check_rows<T: Real>(
    op: &'static str,
    first: &Tensor<T>,
    what: &'static str,
    second: &Tensor<T>,
) -> Result<()> {
    let expected = Shape::from([first.numel()]);
    for (what, found) in [("the first parameter", *first.shape()), (what, *second.shape())] {
        if found != expected {
            return Err(refrain_tensor::Error::ShapeMismatch {
                op,
                what,
                found: found.into(),
                expected: expected.into(),
            }
            .into());
        }
    }
    Ok(())
}

fn check_each<T: Real>(
    op: &'static str,
    row: &Tensor<T>,
    what: &'static str,
    expected: &'static str,
    holds: impl Fn(T) -> bool,
) -> Result<()> {
    match row.iter().enumerate().find(|&(_, x)| !holds(x)) {
        Some((column, x)) => Err(Error::Parameter { op, column, what, value: x.to_f64(), expected }),
        None => Ok(()),
    }
}

/// One column must not broadcast to many, so the sizes have to be equal.
fn check_features<T: Real>(op: &'static str, values: &Tensor<T>, row: &Tensor<T>) -> Result<()> {
    let (shape, expected) = (*values.shape(), row.numel());
    if shape.last() == Some(&expected) {
        Ok(())
    } else {
        Err(Error::FeatureCount { op, expected, shape: shape.into() })
    }
}

fn scaled<T: Real>(
    op: &'static str,
    values: &Tensor<T>,
    shift: &Tensor<T>,
    scale: &Tensor<T>,
) -> Result<Tensor<T>> {
    check_features(op, values, shift)?;
    Ok(values.sub(shift)?.div(scale)?)
}

fn unscaled<T: Real>(
    op: &'static str,
    values: &Tensor<T>,
    shift: &Tensor<T>,
    scale: &Tensor<T>,
) -> Result<Tensor<T>> {
    check_features(op, values, shift)?;
    Ok(values.mul(scale)?.add(shift)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: &Tensor<f64>, b: &Tensor<f64>, tolerance: f64) -> bool {
        a.shape() == b.shape() && a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    proptest! {
        #[test]
        fn inverse_undoes_transform(values in prop::collection::vec(-1e3f64..1e3, 24), rows in 1usize..8) {
            let all = Tensor::from_vec(values, [8, 3]).unwrap();
            let train = all.narrow(0, 0, rows).unwrap();
            let sequences = all.reshape([4, 2, 3]).unwrap();
            let standard = StandardScaler::fit(&train).unwrap();
            let there = standard.transform(&sequences).unwrap();
            prop_assert!(close(&standard.inverse(&there).unwrap(), &sequences, 1e-9));
            let min_max = MinMaxScaler::fit(&train).unwrap();
            let there = min_max.transform(&sequences).unwrap();
            prop_assert!(close(&min_max.inverse(&there).unwrap(), &sequences, 1e-9));
        }

        #[test]
        fn the_training_part_comes_out_even(values in prop::collection::vec(-1e3f64..1e3, 30)) {
            let train = Tensor::from_vec(values, [10, 3]).unwrap();
            let z = StandardScaler::fit(&train).unwrap().transform(&train).unwrap();
            prop_assert!(close(&z.mean(0).unwrap(), &Tensor::from([0.0; 3]), 1e-9));
            prop_assert!(close(&z.std(0, 0).unwrap(), &Tensor::from([1.0; 3]), 1e-9));
            let z = MinMaxScaler::fit(&train).unwrap().transform(&train).unwrap();
            prop_assert!(close(&z.min(0).unwrap(), &Tensor::from([0.0; 3]), 0.0));
            prop_assert!(close(&z.max(0).unwrap(), &Tensor::from([1.0; 3]), 0.0));
        }
    }

    #[test]
    fn a_constant_column_becomes_zero() {
        let train = Tensor::from_vec(vec![0.1f64; 1000], [1000, 1]).unwrap();
        let scaler = StandardScaler::fit(&train).unwrap();
        assert_eq!(scaler.scale().to_vec(), [1.0]);
        assert_eq!(scaler.transform(&train).unwrap(), Tensor::zeros([1000, 1]).unwrap());
        assert_eq!(scaler.transform(&Tensor::from([[1.1]])).unwrap().to_vec(), [1.1 - 0.1]);
        let scaler = MinMaxScaler::fit(&train).unwrap();
        assert_eq!(scaler.transform(&train).unwrap(), Tensor::zeros([1000, 1]).unwrap());
    }

    #[test]
    fn a_large_offset_does_not_drown_the_spread() {
        let train = Tensor::from([[1e6f32], [1e6 + 1.0], [1e6 + 2.0]]);
        let scaler = StandardScaler::fit(&train).unwrap();
        assert_eq!(scaler.mean().to_vec(), [1e6 + 1.0]);
        assert_eq!(scaler.scale().to_vec(), [(2.0f64 / 3.0).sqrt() as f32]);
    }

    #[test]
    fn parameters_bring_a_scaler_back() {
        let train = Tensor::from([[1.0, 2.0], [3.0, 8.0]]);
        let standard = StandardScaler::fit(&train).unwrap();
        assert_eq!(StandardScaler::from_parameters(standard.mean(), standard.scale()).unwrap(), standard);
        let min_max = MinMaxScaler::fit(&train).unwrap();
        assert_eq!((min_max.min().to_vec(), min_max.max().to_vec()), (vec![1.0, 2.0], vec![3.0, 8.0]));
        assert_eq!(MinMaxScaler::from_parameters(min_max.min(), min_max.max()).unwrap(), min_max);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let train = Tensor::from([[1.0, 2.0], [3.0, f64::NAN]]);
        let standard = StandardScaler::fit(&Tensor::from([[1.0], [2.0]])).unwrap();
        let min_max = MinMaxScaler::fit(&Tensor::from([[1.0, 1.0], [2.0, 2.0]])).unwrap();
        let row = |x| Tensor::from([1.0, x]);
        let cases = [
            (
                StandardScaler::fit(&train).unwrap_err(),
                "standard_scaler: row 1 of column 1 is NaN, expected a finite number",
            ),
            (
                MinMaxScaler::fit(&Tensor::<f32>::zeros([0, 3]).unwrap()).unwrap_err(),
                "min_max_scaler: expected at least one row to fit on, found shape [0, 3]",
            ),
            (
                StandardScaler::fit(&Tensor::<f32>::zeros([3, 0]).unwrap()).unwrap_err(),
                "standard_scaler: the number of features is 0, expected at least 1",
            ),
            (
                MinMaxScaler::fit(&Tensor::scalar(1.0)).unwrap_err(),
                "min_max_scaler: axis -1 is out of range for shape [] of rank 0",
            ),
            (
                MinMaxScaler::fit(&Tensor::from([[-3e38f32], [3e38]])).unwrap_err(),
                "min_max_scaler: the spread of column 0 overflows f32",
            ),
            (
                StandardScaler::fit(&Tensor::from([[-1e300], [1e300]])).unwrap_err(),
                "standard_scaler: the spread of column 0 overflows f64",
            ),
            (
                standard.transform(&Tensor::from([[1.0, 2.0]])).unwrap_err(),
                "standard_scaler: fitted on 1 features, found shape [1, 2] (expected [.., 1])",
            ),
            (
                min_max.inverse(&Tensor::from([[1.0]])).unwrap_err(),
                "min_max_scaler: fitted on 2 features, found shape [1, 1] (expected [.., 2])",
            ),
            (
                min_max.inverse(&Tensor::scalar(1.0)).unwrap_err(),
                "min_max_scaler: fitted on 2 features, found shape [] (expected [.., 2])",
            ),
            (
                StandardScaler::from_parameters(&row(0.0), &row(0.0)).unwrap_err(),
                "standard_scaler: column 1 has scale 0, expected a positive number",
            ),
            (
                StandardScaler::from_parameters(&row(f64::INFINITY), &row(0.0)).unwrap_err(),
                "standard_scaler: column 1 has mean inf, expected a finite number",
            ),
            (
                StandardScaler::from_parameters(&row(0.0), &Tensor::from([1.0])).unwrap_err(),
                "standard_scaler: scale has shape [1], expected [2]",
            ),
            (
                MinMaxScaler::from_parameters(&row(0.5), &row(0.0)).unwrap_err(),
                "min_max_scaler: column 1 has maximum 0, expected no less than the minimum",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
