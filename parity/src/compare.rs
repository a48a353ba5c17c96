//! The pass rule: a result may be four times as far from the truth as PyTorch's own, and never
//! needs to be closer than a floor.

use std::collections::BTreeMap;

use refrain_tensor::Tensor;

use crate::{
    case_file::{Dtype, Expected},
    error::{Error, Result},
    tensors::check_shape,
};

/// What a case computed, by the names of what is expected.
pub(crate) type Results = BTreeMap<String, Tensor<f64>>;

/// The tensor that came closest to failing, or failed by most.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worst {
    /// Its error over its allowance: it passes up to 1.
    pub(crate) ratio: f64,
    /// Its name.
    pub(crate) tensor: String,
}

/// Compares all that is expected. Results that nothing is known of are left alone: a case may
/// carry only some outputs.
pub(crate) fn worst(expected: &BTreeMap<String, Expected>, results: &Results, dtype: Dtype) -> Result<Worst> {
    let mut worst: Option<Worst> = None;
    for (name, expected) in expected {
        let found = results.get(name).ok_or_else(|| Error::NotComputed(name.clone()))?;
        check_shape(name, found.shape(), expected.value.shape())?;
        let ratio = ratio(found, expected, dtype);
        if worst.as_ref().is_none_or(|worst| ratio > worst.ratio) {
            worst = Some(Worst { ratio, tensor: name.clone() });
        }
    }
    worst.ok_or(Error::NothingExpected)
}

/// The error of a result of the expected shape over what is allowed: with f the floor of the
/// element type and e the expected value, ‖r − e‖ over max(4 · torch_error, f) · ‖e‖, and ‖r‖ over
/// f where e is 0.
///
/// Where e is not a finite number there is no distance to it, and r has to be the same there.
fn ratio(found: &Tensor<f64>, expected: &Expected, dtype: Dtype) -> f64 {
    let floor = match dtype {
        Dtype::F32 => 2e-6,
        Dtype::F64 => 1e-12,
    };
    let pairs = || found.iter().zip(expected.value.iter());
    let same = |(r, e): (f64, f64)| e.is_finite() || r == e || (r.is_nan() && e.is_nan());
    if !pairs().all(same) {
        return f64::INFINITY;
    }
    let (errors, values): (Vec<f64>, Vec<f64>) =
        pairs().filter(|(_, e)| e.is_finite()).map(|(r, e)| (r - e, e)).unzip();
    let (distance, size) = (norm(&errors), norm(&values));
    // `max` passes a NaN over: where PyTorch's own error is none, the floor holds.
    let allowance = if size == 0.0 { floor } else { (4.0 * expected.torch_error).max(floor) * size };
    match distance {
        // Also where the allowance is so small that it has become 0.
        0.0 => 0.0,
        // A NaN that PyTorch does not have is never allowed, nor an infinity.
        _ if !distance.is_finite() => f64::INFINITY,
        _ => distance / allowance,
    }
}

/// The Euclidean norm, without the overflow of large squares and the loss of small ones.
fn norm(values: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
    let largest = values.iter().map(|x| x.abs()).fold(0.0, larger);
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * values.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio_of(found: &[f64], expected: &[f64], torch_error: f64, dtype: Dtype) -> f64 {
        let tensor = |values: &[f64]| Tensor::from_vec(values.to_vec(), [values.len()]).expect("a vector");
        ratio(&tensor(found), &Expected { value: tensor(expected), torch_error }, dtype)
    }

    #[test]
    fn the_rule_holds_at_its_edges() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        // ‖(3, 4)‖ = 5, so an error of 1e-5 in one element is 2e-6 of the whole.
        type Row<'a> = (&'a [f64], &'a [f64], f64, Dtype, bool);
        let cases: [Row<'_>; 19] = [
            (&[3.0, 4.0 + 0.99e-5], &[3.0, 4.0], 0.0, Dtype::F32, true),
            (&[3.0, 4.0 + 1.01e-5], &[3.0, 4.0], 0.0, Dtype::F32, false),
            (&[3.0, 4.0 + 1.01e-5], &[3.0, 4.0], 1e-6, Dtype::F32, true),
            (&[3.0, 4.0 + 2.01e-5], &[3.0, 4.0], 1e-6, Dtype::F32, false),
            (&[3.0, 4.0 + 4e-12], &[3.0, 4.0], 0.0, Dtype::F64, true),
            (&[3.0, 4.0 + 6e-12], &[3.0, 4.0], 0.0, Dtype::F64, false),
            (&[1e-6, 1e-6], &[0.0, 0.0], 1.0, Dtype::F32, true),
            (&[2e-6, 2e-6], &[0.0, 0.0], 1.0, Dtype::F32, false),
            (&[-3.0, -4.0], &[3.0, 4.0], 0.0, Dtype::F32, false),
            (&[nan, 4.0], &[3.0, 4.0], 0.0, Dtype::F32, false),
            (&[nan, 4.0], &[3.0, 4.0], inf, Dtype::F32, false),
            (&[nan, 0.0], &[0.0, 0.0], 0.0, Dtype::F32, false),
            (&[inf, 4.0], &[3.0, 4.0], inf, Dtype::F32, false),
            (&[nan, 4.0], &[nan, 4.0], nan, Dtype::F32, true),
            (&[3.0, nan], &[nan, 3.0], nan, Dtype::F32, false),
            (&[3.0, 4.0], &[nan, 4.0], nan, Dtype::F32, false),
            (&[inf, 4.0], &[inf, 5.0], nan, Dtype::F32, false),
            (&[-inf, 4.0], &[inf, 4.0], nan, Dtype::F32, false),
            (&[], &[], 0.0, Dtype::F32, true),
        ];
        for (found, expected, torch_error, dtype, passes) in cases {
            let ratio = ratio_of(found, expected, torch_error, dtype);
            assert_eq!(ratio <= 1.0, passes, "{found:?} for {expected:?}, {torch_error}, {dtype:?}: {ratio}");
        }
    }

    #[test]
    fn norms_survive_large_and_small_numbers() {
        assert!((norm(&[3e200, -4e200]) / 5e200 - 1.0).abs() < 1e-15);
        assert!((norm(&[3e-200, 4e-200]) / 5e-200 - 1.0).abs() < 1e-15);
        assert_eq!(norm(&[0.0, -0.0]), 0.0);
        assert!(norm(&[1.0, f64::NAN, f64::INFINITY]).is_nan());
    }

    fn expect(name: &str, value: f64) -> (String, Expected) {
        (name.to_owned(), Expected { value: Tensor::from([value]), torch_error: 0.0 })
    }

    fn found(name: &str, value: f64) -> (String, Tensor<f64>) {
        (name.to_owned(), Tensor::from([value]))
    }

    #[test]
    fn the_worst_tensor_is_named() {
        let expected = BTreeMap::from([expect("output.a", 1.0), expect("output.b", 1.0)]);
        let results = Results::from([
            found("output.a", 1.0 + 1e-6),
            found("output.b", 1.0 + 4e-6),
            found("output.more", f64::NAN),
        ]);
        let worst = worst(&expected, &results, Dtype::F32).expect("a comparison");
        assert_eq!(worst.tensor, "output.b");
        assert!((worst.ratio - 2.0).abs() < 1e-6, "{}", worst.ratio);
    }

    #[test]
    fn what_is_missing_or_of_another_shape_is_an_error() {
        let expected = BTreeMap::from([expect("output.y", 1.0)]);
        let error = worst(&expected, &Results::new(), Dtype::F32).expect_err("no result");
        assert_eq!(error.to_string(), "output.y was not computed");
        let scalar = Results::from([("output.y".to_owned(), Tensor::from(1.0))]);
        let error = worst(&expected, &scalar, Dtype::F32).expect_err("another shape");
        assert_eq!(error.to_string(), "output.y has shape [], expected [1]");
        let error = worst(&BTreeMap::new(), &scalar, Dtype::F32).expect_err("nothing to compare");
        assert_eq!(error.to_string(), "the case expects nothing");
    }
}
