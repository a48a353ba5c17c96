//! Which rows of a batch are at which step, for sequences of equal or different lengths.

/// The rows of all steps lie one after another: those of step 0, those of step 1, … Sequences are
/// sorted by length, longest first, so that the sequences still running at a step are the first
/// ones, and no row is padding. Equal lengths are the case where every step has the whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// How many sequences are running at each step; never more than at the step before.
    batch_sizes: Vec<usize>,
    /// The first row of each step.
    starts: Vec<usize>,
    rows: usize,
}

impl Steps {
    /// `steps` steps of `batch` sequences.
    pub fn equal(steps: usize, batch: usize) -> Self {
        Self::new(vec![batch; steps])
    }

    /// From the number of sequences at each step, which must not grow.
    pub fn new(batch_sizes: Vec<usize>) -> Self {
        assert!(batch_sizes.is_sorted_by(|a, b| a >= b));
        let mut rows = 0;
        let mut starts = Vec::with_capacity(batch_sizes.len());
        for size in &batch_sizes {
            starts.push(rows);
            rows += size;
        }
        Self { batch_sizes, starts, rows }
    }

    /// How many sequences are running at each step.
    pub fn batch_sizes(&self) -> &[usize] {
        &self.batch_sizes
    }

    /// N: the number of rows of all steps.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// B: the number of sequences.
    pub fn batch(&self) -> usize {
        self.batch_sizes.first().copied().unwrap_or(0)
    }

    /// The rows of each step, in the order in which a direction goes through them.
    pub fn in_order(&self, reverse: bool) -> impl DoubleEndedIterator<Item = std::ops::Range<usize>> + '_ {
        let count = self.starts.len();
        (0..count).map(move |k| {
            let step = if reverse { count - 1 - k } else { k };
            self.rows_of(step)
        })
    }

    /// The rows of one step.
    pub fn rows_of(&self, step: usize) -> std::ops::Range<usize> {
        self.starts[step]..self.starts[step] + self.batch_sizes[step]
    }

    /// The number of steps.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The number of steps of each sequence.
    pub fn lengths(&self) -> Vec<usize> {
        let mut lengths = vec![0; self.batch()];
        for &size in &self.batch_sizes {
            lengths[..size].iter_mut().for_each(|length| *length += 1);
        }
        lengths
    }

    /// Whether all sequences have the same length.
    pub fn are_equal(&self) -> bool {
        self.batch_sizes.first() == self.batch_sizes.last()
    }

    /// For each sequence, the row of the step that a direction does last.
    pub fn last_rows(&self, reverse: bool) -> Vec<usize> {
        let mut last = vec![0; self.batch()];
        for rows in self.in_order(reverse) {
            for (last, row) in last.iter_mut().zip(rows) {
                *last = row;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_different_lengths() {
        // Lengths 3, 2, 2, 1.
        let steps = Steps::new(vec![4, 3, 1]);
        assert_eq!((steps.rows(), steps.batch()), (8, 4));
        assert_eq!(steps.in_order(false).collect::<Vec<_>>(), [0..4, 4..7, 7..8]);
        assert_eq!(steps.in_order(true).collect::<Vec<_>>(), [7..8, 4..7, 0..4]);
        assert_eq!(steps.last_rows(false), [7, 5, 6, 3]);
        assert_eq!(steps.last_rows(true), [0, 1, 2, 3]);
        assert_eq!(Steps::equal(2, 3), Steps::new(vec![3, 3]));
    }
}
