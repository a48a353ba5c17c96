//! Scores of yes-or-no forecasts.

/// How well probabilities foretold what came.
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
/// was worth believing. For the log loss p is kept within 2⁻⁵² of 0 and 1: a forecast that was sure
/// and wrong is punished hard, but not infinitely.
///
/// ```
/// use refrain_examples::metrics::Scores;
/// let scores = Scores::of(&[0.9, 0.2, 0.6, 0.4], &[true, false, false, true]);
/// assert_eq!((scores.accuracy, scores.f1), (0.5, 0.5));
/// assert!((scores.brier - (0.01 + 0.04 + 0.36 + 0.36) / 4.0).abs() < 1e-12);
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
    /// # Panics
    /// If the two are not of one length.
    pub fn of(probabilities: &[f64], outcomes: &[bool]) -> Self {
        assert_eq!(probabilities.len(), outcomes.len(), "a probability for each outcome");
        let pairs = || probabilities.iter().copied().zip(outcomes.iter().copied());
        let count = |keep: fn(bool, bool) -> bool| pairs().filter(|&(p, y)| keep(p >= 0.5, y)).count() as f64;
        let (right, found) = (count(|says, is| says == is), count(|says, is| says && is));
        let (wrong, n) = (count(|says, is| says != is), outcomes.len() as f64);
        Self {
            accuracy: right / n,
            f1: if found == 0.0 { 0.0 } else { 2.0 * found / (2.0 * found + wrong) },
            log_loss: pairs().map(|(p, y)| surprise(p, y)).sum::<f64>() / n,
            brier: pairs().map(|(p, y)| (p - f64::from(u8::from(y))).powi(2)).sum::<f64>() / n,
        }
    }
}

/// Minus the logarithm of the probability that the forecast `p` of a yes gave to the outcome: the
/// log loss of one forecast.
pub fn surprise(p: f64, outcome: bool) -> f64 {
    let given = if outcome { p } else { 1.0 - p };
    -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The mean of some numbers and how far they lie from it.
///
/// ```
/// use refrain_examples::metrics::Spread;
/// let spread = Spread::of([1.0, 2.0, 6.0]);
/// assert_eq!((spread.mean, spread.std), (3.0, 7f64.sqrt())); // (4 + 1 + 9) / (3 − 1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean; NaN of no numbers.
    pub mean: f64,
    /// The sample standard deviation, divided by n − 1; 0 for fewer than two numbers, which have no
    /// spread to speak of.
    pub std: f64,
    /// How many numbers there were.
    pub count: usize,
}

impl Spread {
    /// The spread of `values`.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let std = if count < 2 { 0.0 } else { (squares / (count - 1) as f64).sqrt() };
        Self { mean, std, count }
    }

    /// The standard error of the mean, std / √n: how far the mean itself may be off where the
    /// numbers are independent.
    pub fn standard_error(&self) -> f64 {
        self.std / (self.count as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 + 1e-12 * expected.abs(), "{found} {expected}");
    }

    #[test]
    fn scores_by_hand() {
        // Answers: yes, yes, no, yes (a half counts as a yes), no. TP = 2, FP = 1, FN = 1.
        let probabilities = [0.8, 0.75, 0.25, 0.5, 0.1];
        let outcomes = [true, false, true, true, false];
        let scores = Scores::of(&probabilities, &outcomes);
        assert_close(scores.accuracy, 3.0 / 5.0);
        assert_close(scores.f1, 4.0 / 6.0);
        let product: f64 = 0.8 * 0.25 * 0.25 * 0.5 * 0.9;
        assert_close(scores.log_loss, -product.ln() / 5.0);
        assert_close(scores.brier, (0.04 + 0.5625 + 0.5625 + 0.25 + 0.01) / 5.0);
    }

    #[test]
    fn the_ends_of_the_scale() {
        let outcomes = [true, false];
        let best = Scores::of(&[1.0, 0.0], &outcomes);
        assert_eq!((best.accuracy, best.f1, best.brier), (1.0, 1.0, 0.0));
        assert_close(best.log_loss, 0.0);
        let worst = Scores::of(&[0.0, 1.0], &outcomes);
        assert_eq!((worst.accuracy, worst.f1, worst.brier), (0.0, 0.0, 1.0));
        assert_close(worst.log_loss, 52.0 * 2f64.ln());
        let unsure = Scores::of(&[0.5, 0.5], &outcomes);
        assert_close(unsure.log_loss, 2f64.ln());
        assert_close(unsure.brier, 0.25);
        assert!(Scores::of(&[], &[]).log_loss.is_nan());
    }

    #[test]
    fn f1_leaves_out_what_is_rightly_not_foretold() {
        let scores = Scores::of(&[0.1, 0.2, 0.9], &[false, false, true]);
        assert_eq!((scores.accuracy, scores.f1), (1.0, 1.0));
        assert_eq!(Scores::of(&[0.1, 0.2], &[false, true]).f1, 0.0);
    }

    #[test]
    fn spreads_by_hand() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_close(spread.mean, 5.0);
        assert_close(spread.std, (32.0f64 / 7.0).sqrt());
        assert_close(spread.standard_error(), (32.0f64 / 56.0).sqrt());
        assert_eq!(Spread::of([3.0]), Spread { mean: 3.0, std: 0.0, count: 1 });
        assert!(Spread::of([]).mean.is_nan());
    }
}
