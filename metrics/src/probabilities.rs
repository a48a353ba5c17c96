//! Scores of forecasts that are probabilities: of a yes, or of each of several classes.

use crate::{Error, Result, RunningMean, error::check_paired};

/// How well probabilities of a yes foretold what came.
///
/// With N outcomes y (1 or 0) and probabilities p of a yes:
///
/// | score | formula | best | worst |
/// | --- | --- | --- | --- |
/// | accuracy | share of outcomes where p ≥ ½ says what y says | 1 | 0 |
/// | F1 | 2 TP / (2 TP + FP + FN), of the yes; 0 where nothing is right | 1 | 0 |
/// | log loss | −1/N Σ (y ln p + (1 − y) ln(1 − p)) | 0 | 36 |
/// | Brier | 1/N Σ (p − y)² | 0 | 1 |
///
/// Accuracy and F1 ask for the answer alone; log loss and Brier score ask whether the probability
/// was worth believing. For the log loss p is kept within 2⁻⁵² of 0 and 1, as in scikit-learn: a
/// forecast that was sure and wrong is punished hard, but not infinitely. A probability that is NaN
/// says no, and makes log loss and Brier score NaN.
///
/// ```
/// use refrain_metrics::Scores;
/// let scores = Scores::of(&[0.9, 0.2, 0.6, 0.4], &[true, false, false, true])?;
/// assert_eq!((scores.accuracy, scores.f1), (0.5, 0.5));
/// assert!((scores.brier - (0.01 + 0.04 + 0.36 + 0.36) / 4.0).abs() < 1e-12);
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// The share of right answers.
    pub accuracy: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The mean of minus the logarithm of the probability given to what came, in nats.
    pub log_loss: f64,
    /// The mean squared error of the probability.
    pub brier: f64,
}

impl Scores {
    /// The scores of `probabilities` against `outcomes`; NaN, but for F1, where there are none.
    ///
    /// # Errors
    /// [`Error::Unpaired`].
    pub fn of(probabilities: &[f64], outcomes: &[bool]) -> Result<Self> {
        check_paired("scores", probabilities.len(), outcomes.len())?;
        Ok(probabilities.iter().copied().zip(outcomes.iter().copied()).collect())
    }
}

/// The scores of pairs of a probability and what came.
impl FromIterator<(f64, bool)> for Scores {
    fn from_iter<I: IntoIterator<Item = (f64, bool)>>(pairs: I) -> Self {
        let (mut found, mut wrong, mut count) = (0u64, 0u64, 0u64);
        let (mut log_loss, mut brier) = (RunningMean::new(), RunningMean::new());
        for (p, outcome) in pairs {
            let says = p >= 0.5;
            found += u64::from(says && outcome);
            wrong += u64::from(says != outcome);
            count += 1;
            log_loss.push(surprise(p, outcome));
            brier.push((p - f64::from(u8::from(outcome))).powi(2));
        }
        Self {
            accuracy: (count - wrong) as f64 / count as f64,
            f1: if found == 0 { 0.0 } else { 2.0 * found as f64 / (2 * found + wrong) as f64 },
            log_loss: log_loss.mean(),
            brier: brier.mean(),
        }
    }
}

/// Minus the logarithm of the probability that the forecast `p` of a yes gave to the outcome: the
/// log loss of one forecast, in nats.
pub fn surprise(p: f64, outcome: bool) -> f64 {
    log_of(if outcome { p } else { 1.0 - p })
}

/// Minus the logarithm of a probability that is kept within 2⁻⁵² of 0 and 1.
fn log_of(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The log loss −1/N Σ ln p of the probability that each forecast gave to the class that came, in
/// nats.
///
/// `probabilities` holds a row of `classes` numbers for each of N outcomes, row after row; the rows
/// are taken as they are. Each p is kept within 2⁻⁵² of 0 and 1. NaN where there are none, and where
/// one that counts is NaN.
///
/// # Errors
/// [`Error::Zero`] for no classes, [`Error::Rows`], [`Error::Unpaired`], [`Error::NoSuchClass`].
///
/// ```
/// let probabilities = [0.7, 0.2, 0.1, 0.25, 0.5, 0.25];
/// let loss = refrain_metrics::log_loss(&probabilities, 3, &[0, 2])?;
/// assert!((loss - (-(0.7f64.ln()) - 0.25f64.ln()) / 2.0).abs() < 1e-15);
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
pub fn log_loss<T: Into<f64> + Copy>(probabilities: &[T], classes: usize, outcomes: &[usize]) -> Result<f64> {
    let rows = rows("log_loss", probabilities, classes, outcomes)?;
    Ok(rows.map(|(row, class)| log_of(row[class].into())).collect::<RunningMean>().mean())
}

/// The Brier score 1/N Σ Σ (p − y)² over N outcomes and all classes, where y is 1 for the class that
/// came and 0 for the others (Brier 1950). From 0 to 2: of two classes it is twice the
/// [`Scores::brier`] of a yes or no.
///
/// `probabilities` holds a row of `classes` numbers for each outcome, row after row. NaN where there
/// are none, and where one is NaN.
///
/// # Errors
/// Those of [`log_loss`].
///
/// ```
/// let score = refrain_metrics::brier(&[0.5, 0.25, 0.25], 3, &[1])?;
/// assert_eq!(score, 0.25 + 0.5625 + 0.0625);
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
pub fn brier<T: Into<f64> + Copy>(probabilities: &[T], classes: usize, outcomes: &[usize]) -> Result<f64> {
    let of_row = |(row, class): (&[T], usize)| {
        let distance = |(k, &p): (usize, &T)| (p.into() - f64::from(u8::from(k == class))).powi(2);
        row.iter().enumerate().map(distance).sum::<f64>()
    };
    Ok(rows("brier", probabilities, classes, outcomes)?.map(of_row).collect::<RunningMean>().mean())
}

/// The rows of probabilities, each with the class that came.
fn rows<'a, T>(
    op: &'static str,
    probabilities: &'a [T],
    classes: usize,
    outcomes: &'a [usize],
) -> Result<impl Iterator<Item = (&'a [T], usize)>> {
    if classes == 0 {
        return Err(Error::Zero { op, what: "the number of classes" });
    }
    if !probabilities.len().is_multiple_of(classes) {
        return Err(Error::Rows { op, numbers: probabilities.len(), width: classes });
    }
    check_paired(op, probabilities.len() / classes, outcomes.len())?;
    if let Some(position) = outcomes.iter().position(|&class| class >= classes) {
        return Err(Error::NoSuchClass { op, class: outcomes[position], position, classes });
    }
    Ok(probabilities.chunks_exact(classes).zip(outcomes.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 + 1e-12 * expected.abs(), "{found} {expected}");
    }

    proptest! {
        #[test]
        fn two_classes_are_a_yes_or_no(pairs in prop::collection::vec((0.0f64..=1.0, any::<bool>()), 1..40)) {
            let scores: Scores = pairs.iter().copied().collect();
            let rows: Vec<f64> = pairs.iter().flat_map(|&(p, _)| [1.0 - p, p]).collect();
            let classes: Vec<usize> = pairs.iter().map(|&(_, yes)| usize::from(yes)).collect();
            prop_assert!((log_loss(&rows, 2, &classes).unwrap() - scores.log_loss).abs() < 1e-12);
            prop_assert!((brier(&rows, 2, &classes).unwrap() - 2.0 * scores.brier).abs() < 1e-12);
        }
    }

    #[test]
    fn scores_by_hand() {
        // Answers: yes, yes, no, yes (a half counts as a yes), no. TP = 2, FP = 1, FN = 1.
        let probabilities = [0.8, 0.75, 0.25, 0.5, 0.1];
        let outcomes = [true, false, true, true, false];
        let scores = Scores::of(&probabilities, &outcomes).unwrap();
        assert_close(scores.accuracy, 3.0 / 5.0);
        assert_close(scores.f1, 4.0 / 6.0);
        let product: f64 = 0.8 * 0.25 * 0.25 * 0.5 * 0.9;
        assert_close(scores.log_loss, -product.ln() / 5.0);
        assert_close(scores.brier, (0.04 + 0.5625 + 0.5625 + 0.25 + 0.01) / 5.0);
    }

    #[test]
    fn the_ends_of_the_scale() {
        let outcomes = [true, false];
        let scores = |probabilities: [f64; 2]| Scores::of(&probabilities, &outcomes).unwrap();
        let best = scores([1.0, 0.0]);
        assert_eq!((best.accuracy, best.f1, best.brier), (1.0, 1.0, 0.0));
        assert_close(best.log_loss, 0.0);
        let worst = scores([0.0, 1.0]);
        assert_eq!((worst.accuracy, worst.f1, worst.brier), (0.0, 0.0, 1.0));
        assert_close(worst.log_loss, 52.0 * 2f64.ln());
        let unsure = scores([0.5, 0.5]);
        assert_close(unsure.log_loss, 2f64.ln());
        assert_close(unsure.brier, 0.25);
        let none = Scores::of(&[], &[]).unwrap();
        assert!(none.accuracy.is_nan() && none.log_loss.is_nan() && none.brier.is_nan() && none.f1 == 0.0);
        let odd = scores([f64::NAN, 0.0]);
        assert!(odd.log_loss.is_nan() && odd.brier.is_nan() && odd.accuracy == 0.5);
    }

    #[test]
    fn f1_leaves_out_what_is_rightly_not_foretold() {
        let scores = Scores::of(&[0.1, 0.2, 0.9], &[false, false, true]).unwrap();
        assert_eq!((scores.accuracy, scores.f1), (1.0, 1.0));
        assert_eq!(Scores::of(&[0.1, 0.2], &[false, true]).unwrap().f1, 0.0);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let cases = [
            (Scores::of(&[0.5], &[]).unwrap_err(), "scores: 1 forecasts, but 0 outcomes"),
            (
                log_loss(&[0.5f32], 0, &[0]).unwrap_err(),
                "log_loss: the number of classes is 0, expected at least 1",
            ),
            (log_loss(&[0.5f32; 5], 2, &[0, 1]).unwrap_err(), "log_loss: 5 numbers do not fill rows of 2"),
            (brier(&[0.5; 4], 2, &[0]).unwrap_err(), "brier: 2 forecasts, but 1 outcomes"),
            (
                brier(&[0.5; 4], 2, &[0, 2]).unwrap_err(),
                "brier: class 2 at position 1 is out of range for 2 classes",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        assert!(log_loss::<f32>(&[], 2, &[]).unwrap().is_nan());
        assert!(brier(&[f64::NAN, 1.0], 2, &[1]).unwrap().is_nan());
    }
}
