//! [`Accuracy`].

use crate::{Result, error::check_paired};

/// The share of right answers, counted batch after batch.
///
/// Answers may be of any type that can be compared: numbers of classes, words, yes or no. The
/// accuracy of no answers is NaN.
///
/// ```
/// use refrain_metrics::Accuracy;
/// let mut accuracy = Accuracy::default();
/// accuracy.update(&[2, 0, 1], &[2, 1, 1])?; // forecasts, outcomes
/// accuracy.update(&[0], &[0])?;
/// assert_eq!((accuracy.value(), accuracy.right(), accuracy.count()), (0.75, 3, 4));
/// # Ok::<(), refrain_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    right: u64,
    count: u64,
}

impl Accuracy {
    /// The accuracy of `forecasts` against `outcomes`.
    ///
    /// # Errors
    /// [`Error::Unpaired`](crate::Error::Unpaired).
    pub fn of<C: PartialEq>(forecasts: &[C], outcomes: &[C]) -> Result<Self> {
        let mut accuracy = Self::default();
        accuracy.update(forecasts, outcomes)?;
        Ok(accuracy)
    }

    /// Counts a batch.
    ///
    /// # Errors
    /// [`Error::Unpaired`](crate::Error::Unpaired); nothing is counted then.
    pub fn update<C: PartialEq>(&mut self, forecasts: &[C], outcomes: &[C]) -> Result<()> {
        check_paired("accuracy", forecasts.len(), outcomes.len())?;
        forecasts.iter().zip(outcomes).for_each(|(forecast, outcome)| self.add(forecast == outcome));
        Ok(())
    }

    /// Counts one answer.
    pub fn add(&mut self, right: bool) {
        self.right += u64::from(right);
        self.count += 1;
    }

    /// The share of right answers, from 0 to 1.
    pub fn value(&self) -> f64 {
        self.right as f64 / self.count as f64
    }

    /// The number of right answers.
    pub fn right(&self) -> u64 {
        self.right
    }

    /// The number of all answers.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_does_not_pair_up_counts_nothing() {
        let mut accuracy = Accuracy::of(&["a", "b"], &["a", "c"]).unwrap();
        let message = accuracy.update(&["a"], &[]).unwrap_err().to_string();
        assert_eq!(message, "accuracy: 1 forecasts, but 0 outcomes");
        assert_eq!(accuracy.value(), 0.5);
        assert!(Accuracy::default().value().is_nan());
    }
}
