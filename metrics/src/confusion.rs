//! [`ConfusionMatrix`]: which class was taken for which.

use std::fmt;

use crate::{Error, Result, error::check_paired};

/// How often each class was taken for each: a row for the class that it was, a column for the class
/// that was foretold.
///
/// | score of a class | formula |
/// | --- | --- |
/// | precision | TP / (TP + FP): of those foretold as the class, the share that was it |
/// | recall | TP / (TP + FN): of those that were the class, the share that was foretold |
/// | F1 | 2 TP / (2 TP + FP + FN): the harmonic mean of the two |
///
/// TP counts what was rightly foretold as the class, FP what was foretold as it but was another, FN
/// what was it but was foretold as another. A score that would divide 0 by 0 is 0, as scikit-learn
/// has it. The accuracy of no answers is NaN.
///
/// It prints as a table of the counts and the scores:
///
/// ```
/// use refrain_metrics::ConfusionMatrix;
/// let mut matrix = ConfusionMatrix::new(3)?.named(["ant", "bee", "cat"])?;
/// matrix.update(&[0, 0, 2, 2, 0, 2], &[2, 0, 2, 2, 0, 1])?; // forecasts, outcomes
/// assert_eq!(matrix.rows().collect::<Vec<_>>(), [[2, 0, 0], [0, 0, 1], [1, 0, 2]]);
/// assert_eq!((matrix.accuracy(), matrix.macro_average().f1), (4.0 / 6.0, (0.8 + 2.0 / 3.0) / 3.0));
/// let expected = "
/// was \\ foretold  ant  bee  cat  precision  recall      F1  count
/// ant               2    0    0     0.6667  1.0000  0.8000      2
/// bee               0    0    1     0.0000  0.0000  0.0000      1
/// cat               1    0    2     0.6667  0.6667  0.6667      3
/// mean                              0.4444  0.5556  0.4889      6";
/// assert_eq!(matrix.to_string(), expected.trim_start());
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    names: Vec<String>,
    /// Row after row.
    counts: Vec<u64>,
}

/// The scores of one class, or their mean over classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// Of those foretold as the class, the share that was it.
    pub precision: f64,
    /// Of those that were the class, the share that was foretold.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// How often it was the class.
    pub count: u64,
}

impl ConfusionMatrix {
    /// A matrix of `classes` classes with nothing counted, named by their numbers.
    ///
    /// # Errors
    /// [`Error::Zero`] for no classes; [`Error::TooManyClasses`] where there is no memory.
    pub fn new(classes: usize) -> Result<Self> {
        let op = "confusion matrix";
        if classes == 0 {
            return Err(Error::Zero { op, what: "the number of classes" });
        }
        let too_many = Error::TooManyClasses { op, classes };
        let size = classes.checked_mul(classes).ok_or_else(|| too_many.clone())?;
        let mut counts = Vec::new();
        counts.try_reserve_exact(size).map_err(|_| too_many)?;
        counts.resize(size, 0);
        Ok(Self { names: (0..classes).map(|class| class.to_string()).collect(), counts })
    }

    /// The same matrix with a name for each class.
    ///
    /// # Errors
    /// [`Error::NameCount`].
    pub fn named<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let (found, classes) = (names.len(), self.names.len());
        if found != classes {
            return Err(Error::NameCount { op: "confusion matrix", names: found, classes });
        }
        Ok(Self { names, ..self })
    }

    /// Counts a batch of classes, each from 0 to below the number of classes.
    ///
    /// # Errors
    /// [`Error::Unpaired`], [`Error::NoSuchClass`]; nothing is counted then.
    pub fn update(&mut self, forecasts: &[usize], outcomes: &[usize]) -> Result<()> {
        let (op, classes) = ("confusion matrix", self.names.len());
        check_paired(op, forecasts.len(), outcomes.len())?;
        for numbers in [forecasts, outcomes] {
            if let Some(position) = numbers.iter().position(|&class| class >= classes) {
                return Err(Error::NoSuchClass { op, class: numbers[position], position, classes });
            }
        }
        for (forecast, outcome) in forecasts.iter().zip(outcomes) {
            self.counts[outcome * classes + forecast] += 1;
        }
        Ok(())
    }

    /// The names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// For each class that it was, how often it was foretold as each.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(self.names.len())
    }

    /// The scores of one class, or `None` where there is no such one.
    pub fn class(&self, class: usize) -> Option<ClassScores> {
        let row = self.rows().nth(class)?;
        let foretold: u64 = self.rows().map(|row| row[class]).sum();
        let (right, count) = (row[class], row.iter().sum());
        Some(ClassScores {
            precision: ratio(right, foretold),
            recall: ratio(right, count),
            f1: ratio(2 * right, foretold + count),
            count,
        })
    }

    /// The mean of each score over the classes, every class weighing the same.
    pub fn macro_average(&self) -> ClassScores {
        let classes = self.names.len();
        let scores = || (0..classes).filter_map(|class| self.class(class));
        let mean = |score: fn(ClassScores) -> f64| scores().map(score).sum::<f64>() / classes as f64;
        ClassScores {
            precision: mean(|scores| scores.precision),
            recall: mean(|scores| scores.recall),
            f1: mean(|scores| scores.f1),
            count: self.count(),
        }
    }

    /// The scores with TP, FP and FN added up over the classes first. Where each answer is one of
    /// the classes, a wrong one is an FP of one class and an FN of another, so all three scores are
    /// the accuracy; of no answers they are 0.
    pub fn micro_average(&self) -> ClassScores {
        let (right, count) = (self.right(), self.count());
        let score = ratio(right, count);
        ClassScores { precision: score, recall: score, f1: score, count }
    }

    /// The share of right answers.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.count() as f64
    }

    /// The number of all answers.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn right(&self) -> u64 {
        self.rows().enumerate().map(|(class, row)| row[class]).sum()
    }

    /// What the table says, cell by cell.
    fn cells(&self) -> Vec<Vec<String>> {
        let scores = |scores: ClassScores| {
            let ClassScores { precision, recall, f1, count } = scores;
            [precision, recall, f1].map(|score| format!("{score:.4}")).into_iter().chain([count.to_string()])
        };
        let head = ["precision", "recall", "F1", "count"].map(str::to_owned);
        let first = ["was \\ foretold".to_owned()];
        let mut cells = vec![first.into_iter().chain(self.names.iter().cloned()).chain(head).collect()];
        for ((class, row), name) in self.rows().enumerate().zip(&self.names) {
            let counts = row.iter().map(u64::to_string);
            let own = self.class(class).into_iter().flat_map(scores);
            cells.push([name.clone()].into_iter().chain(counts).chain(own).collect());
        }
        let empty = vec![String::new(); self.names.len()];
        cells
            .push(["mean".to_owned()].into_iter().chain(empty).chain(scores(self.macro_average())).collect());
        cells
    }
}

/// A share of nothing is 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Lines without a break at the end.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.cells();
        let columns = self.names.len() + 5;
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in cells.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            write!(f, "{line}{:<first$}", row[0], first = widths[0])?;
            for (cell, &width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Accuracy;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_follow_from_the_pairs(pairs in prop::collection::vec((0usize..4, 0usize..4), 1..60)) {
            let (forecasts, outcomes): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
            let mut matrix = ConfusionMatrix::new(4).unwrap();
            let half = pairs.len() / 2;
            matrix.update(&forecasts[..half], &outcomes[..half]).unwrap();
            matrix.update(&forecasts[half..], &outcomes[half..]).unwrap();
            prop_assert_eq!(matrix.accuracy(), Accuracy::of(&forecasts, &outcomes).unwrap().value());
            prop_assert_eq!(matrix.micro_average().f1, matrix.accuracy());
            for class in 0..4 {
                let ClassScores { precision, recall, f1, count } = matrix.class(class).unwrap();
                let share = |of: &dyn Fn(&(usize, usize)) -> bool| {
                    let all: Vec<_> = pairs.iter().filter(|pair| of(pair)).collect();
                    let right = all.iter().filter(|pair| pair.0 == pair.1).count();
                    if all.is_empty() { 0.0 } else { right as f64 / all.len() as f64 }
                };
                prop_assert_eq!(precision, share(&|pair| pair.0 == class));
                prop_assert_eq!(recall, share(&|pair| pair.1 == class));
                prop_assert_eq!(count as usize, outcomes.iter().filter(|&&k| k == class).count());
                let harmonic = if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
                prop_assert!((f1 - harmonic).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn classes_that_never_come_score_nothing() {
        let mut matrix = ConfusionMatrix::new(3).unwrap();
        assert!(matrix.accuracy().is_nan());
        assert_eq!(matrix.micro_average(), ClassScores { precision: 0.0, recall: 0.0, f1: 0.0, count: 0 });
        matrix.update(&[0, 0], &[0, 0]).unwrap();
        assert_eq!(matrix.macro_average().f1, 1.0 / 3.0);
        assert_eq!(matrix.class(3), None);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let mut matrix = ConfusionMatrix::new(2).unwrap();
        let cases = [
            (matrix.update(&[0], &[]).unwrap_err(), "confusion matrix: 1 forecasts, but 0 outcomes"),
            (
                matrix.update(&[0, 2], &[0, 1]).unwrap_err(),
                "confusion matrix: class 2 at position 1 is out of range for 2 classes",
            ),
            (
                ConfusionMatrix::new(0).unwrap_err(),
                "confusion matrix: the number of classes is 0, expected at least 1",
            ),
            (matrix.clone().named(["a"]).unwrap_err(), "confusion matrix: 1 names for 2 classes"),
            (
                ConfusionMatrix::new(usize::MAX).unwrap_err(),
                &format!("confusion matrix: no memory for {0} times {0} counts", usize::MAX),
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(matrix.count(), 0, "a batch with an error counts nothing");
    }
}
