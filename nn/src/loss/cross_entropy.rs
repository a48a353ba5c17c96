//! [`CrossEntropyLoss`].

use refrain_autograd::Var;
use refrain_tensor::{Index, Real, Shape, Tensor};

use super::{Reduction, check_not_empty};
use crate::{Error, Result};

/// The cross entropy of logits against classes or against probabilities of classes.
///
/// For logits x, a target class y, class weights w and C classes,
///
/// l = −w_y ln softmax(x)_y
///
/// The mean divides by the sum of the targets' weights. Label smoothing ε moves the share ε of the
/// target evenly to all classes (Szegedy et al. 2016, arXiv 1512.00567). A target of
/// `ignore_index` counts for nothing.
///
/// | | shape |
/// | --- | --- |
/// | logits | `[C]`, `[N, C]`, or `[N, C, d, ..]` |
/// | target classes | `[]`, `[N]`, or `[N, d, ..]` |
/// | target probabilities | that of the logits |
/// | `weight` | `[C]` |
/// | loss | `[]`; without a reduction that of target classes |
///
/// ```
/// use refrain_autograd::Tape;
/// use refrain_nn::CrossEntropyLoss;
/// use refrain_tensor::Tensor;
/// let tape = Tape::new();
/// let logits = tape.variable(Tensor::from([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]));
/// let loss = CrossEntropyLoss::default().forward(&logits, &Tensor::from([0usize, 2]))?;
/// let expected = ((2f64.exp() + 2.0).ln() - 2.0 + 3f64.ln()) / 2.0;
/// assert!((loss.value().item()? - expected).abs() < 1e-12);
/// # Ok::<(), refrain_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CrossEntropyLoss<T: Real> {
    /// What becomes of the losses of all elements.
    pub reduction: Reduction,
    /// A weight for each class.
    pub weight: Option<Tensor<T>>,
    /// The target that counts for nothing. PyTorch's default is −100.
    pub ignore_index: i64,
    /// ε: the share of the target that goes evenly to all classes, from 0 to 1.
    pub label_smoothing: f64,
}

impl<T: Real> Default for CrossEntropyLoss<T> {
    fn default() -> Self {
        Self { reduction: Reduction::Mean, weight: None, ignore_index: -100, label_smoothing: 0.0 }
    }
}

/// What the loss compares with, one row of C numbers for each position.
enum Target<T> {
    /// A class for each position, or `None` where it is ignored.
    Classes(Vec<Option<usize>>),
    /// Probabilities, row after row.
    Probabilities(Vec<T>),
}

/// −Σ q ln softmax(x) with coefficients q that follow from target, weight and smoothing.
struct Rows<T> {
    classes: usize,
    target: Target<T>,
    weight: Option<Vec<T>>,
    smoothing: T,
}

impl<T: Real> CrossEntropyLoss<T> {
    /// The loss against classes, given as integers of any kind.
    ///
    /// # Errors
    /// [`Error::Rank`] for logits without a class axis, [`Error::Empty`], [`Error::Target`] for a
    /// target or weight of a shape that does not fit, [`Error::Class`] for a target that is no
    /// class, [`Error::Probability`] for a smoothing outside 0..=1.
    pub fn forward<'t, I: Index>(&self, logits: &Var<'t, T>, target: &Tensor<I>) -> Result<Var<'t, T>> {
        let (axis, positions) = self.check(logits)?;
        check_target(*target.shape(), positions, *logits.shape())?;
        let classes = logits.shape()[axis];
        let ignored = |class: &I| class.to_i64() == self.ignore_index;
        let mut indices = Vec::with_capacity(target.numel());
        for (position, class) in target.to_slice().iter().enumerate() {
            indices.push(match class.position(classes) {
                _ if ignored(class) => None,
                Some(index) => Some(index),
                None => return Err(Error::Class { op: OP, class: class.to_i64(), position, classes }),
            });
        }
        self.loss_of(logits, axis, positions, Target::Classes(indices))
    }

    /// The loss against a distribution over the classes at every position.
    ///
    /// # Errors
    /// As for [`CrossEntropyLoss::forward`].
    pub fn forward_probabilities<'t>(&self, logits: &Var<'t, T>, target: &Tensor<T>) -> Result<Var<'t, T>> {
        let (axis, positions) = self.check(logits)?;
        check_target(*target.shape(), *logits.shape(), *logits.shape())?;
        let target = Target::Probabilities(classes_last(target, axis)?.to_vec());
        self.loss_of(logits, axis, positions, target)
    }

    /// The axis of the classes, and the shape of the positions.
    fn check(&self, logits: &Var<'_, T>) -> Result<(usize, Shape)> {
        let shape = *logits.shape();
        let (axis, axes) = match shape.rank() {
            0 => {
                return Err(Error::Rank {
                    op: OP,
                    shape: shape.into(),
                    axes: "[C], [N, C] or [N, C, d, ..]",
                });
            }
            1 => (0, "[C]"),
            2 => (1, "[N, C]"),
            _ => (1, "[N, C, d, ..]"),
        };
        if shape[axis] == 0 {
            return Err(Error::Empty { op: OP, what: "set of classes", shape: shape.into(), axes });
        }
        check_not_empty(OP, shape, axes)?;
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            let value = self.label_smoothing;
            return Err(Error::Probability { op: OP, option: "label_smoothing", value });
        }
        if let Some(weight) = &self.weight {
            let (found, expected) = (*weight.shape(), Shape::from([shape[axis]]));
            if found != expected {
                return Err(Error::Target {
                    op: OP,
                    what: "weight",
                    found: found.into(),
                    expected: expected.into(),
                    input: shape.into(),
                });
            }
        }
        Ok((axis, shape.without(axis)))
    }

    fn loss_of<'t>(
        &self,
        logits: &Var<'t, T>,
        axis: usize,
        positions: Shape,
        target: Target<T>,
    ) -> Result<Var<'t, T>> {
        let rows = Rows {
            classes: logits.shape()[axis],
            target,
            weight: self.weight.as_ref().map(Tensor::to_vec),
            smoothing: T::from_f64(self.label_smoothing),
        };
        let log_probabilities = classes_last(logits.value(), axis)?.log_softmax(-1)?.contiguous();
        let (losses, divisor) = rows.losses(&log_probabilities.to_slice());
        let reduction = self.reduction;
        let loss = reduction.apply(Tensor::from_vec(losses, positions)?, divisor)?;
        Ok(logits.tape().record(OP, [logits], loss, move |g, _| {
            let share = reduction.share(g, divisor).broadcast_to(positions)?;
            let gradient = rows.gradients(&log_probabilities.to_slice(), share.iter());
            let last = log_probabilities.rank() - 1;
            let gradient = Tensor::from_vec(gradient, log_probabilities.shape())?;
            // The class axis returns from the end to its place.
            let back =
                (axis..last).rev().try_fold(gradient, |t, a| t.transpose(a as isize, a as isize + 1))?;
            Ok([Some(back)])
        })?)
    }
}

const OP: &str = "cross_entropy";

fn check_target(found: Shape, expected: Shape, input: Shape) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Target {
            op: OP,
            what: "target",
            found: found.into(),
            expected: expected.into(),
            input: input.into(),
        })
    }
}

/// The class axis moved behind the others: `[N, C, d, ..]` → `[N, d, .., C]`.
fn classes_last<T: Real>(t: &Tensor<T>, axis: usize) -> Result<Tensor<T>> {
    let last = t.rank() - 1;
    Ok((axis..last).try_fold(t.clone(), |t, a| t.transpose(a as isize, a as isize + 1))?)
}

impl<T: Real> Rows<T> {
    fn weight(&self, class: usize) -> T {
        self.weight.as_ref().map_or(T::one(), |weight| weight[class])
    }

    /// Calls `f(class, q)` for every class of a row with a coefficient other than 0.
    fn coefficients(&self, row: usize, mut f: impl FnMut(usize, T)) {
        let (classes, hard) = (self.classes, T::one() - self.smoothing);
        let even = self.smoothing / T::from_usize(classes);
        match &self.target {
            Target::Classes(target) => {
                let Some(class) = target[row] else { return };
                if self.smoothing == T::zero() {
                    return f(class, self.weight(class));
                }
                for c in 0..classes {
                    f(c, self.weight(c) * if c == class { hard + even } else { even });
                }
            }
            Target::Probabilities(target) => {
                for (c, &p) in target[row * classes..(row + 1) * classes].iter().enumerate() {
                    f(c, self.weight(c) * (p * hard + even));
                }
            }
        }
    }

    /// The loss of every row, and what their mean divides by.
    fn losses(&self, log_probabilities: &[T]) -> (Vec<T>, T) {
        let rows = log_probabilities.chunks_exact(self.classes).enumerate();
        let losses: Vec<T> = rows
            .map(|(row, log)| {
                let mut loss = T::zero();
                self.coefficients(row, |class, q| loss = loss - q * log[class]);
                loss
            })
            .collect();
        let divisor = match &self.target {
            Target::Classes(target) => {
                target.iter().flatten().fold(T::zero(), |sum, &class| sum + self.weight(class))
            }
            Target::Probabilities(_) => T::from_usize(losses.len()),
        };
        (losses, divisor)
    }

    /// The gradient of Σ share · loss with respect to the logits: share (softmax(x) Σ q − q).
    fn gradients(&self, log_probabilities: &[T], share: impl Iterator<Item = T>) -> Vec<T> {
        // From the pool, for that is where the memory goes in the end.
        let mut gradients = T::room(log_probabilities.len()).unwrap_or_default();
        gradients.resize(log_probabilities.len(), T::zero());
        let rows = gradients.chunks_exact_mut(self.classes).zip(log_probabilities.chunks_exact(self.classes));
        for (row, ((gradient, log), share)) in rows.zip(share).enumerate() {
            let mut total = T::zero();
            self.coefficients(row, |class, q| {
                total = total + q;
                gradient[class] = -q;
            });
            if total == T::zero() && gradient.iter().all(|&q| q == T::zero()) {
                continue;
            }
            for (g, &log) in gradient.iter_mut().zip(log) {
                *g = share * (*g + total * log.exp());
            }
        }
        gradients
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::{Tape, gradcheck};

    fn logits() -> Tensor<f64> {
        Tensor::from([[[0.5, -1.0], [2.0, 0.3], [0.0, 1.0]], [[-0.7, 0.2], [0.1, 0.9], [1.5, -2.0]]]) // [N 2, C 3, d 2]
    }

    fn losses() -> Vec<CrossEntropyLoss<f64>> {
        let weight = Some(Tensor::from([1.0, 0.5, 2.0]));
        let mut all = Vec::new();
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            for (weight, label_smoothing) in
                [(None, 0.0), (weight.clone(), 0.0), (None, 0.1), (weight.clone(), 0.3)]
            {
                all.push(CrossEntropyLoss { reduction, weight, ignore_index: 1, label_smoothing });
            }
        }
        all
    }

    #[test]
    fn gradients_of_every_option() {
        let target = Tensor::from([[0i64, 1], [2, 2]]);
        let probabilities = logits().mul_scalar(0.3).softmax(1).unwrap();
        for loss in losses() {
            gradcheck(|_, x| loss.forward(&x[0], &target), &[logits()]).unwrap();
            gradcheck(|_, x| loss.forward_probabilities(&x[0], &probabilities), &[logits()]).unwrap();
        }
        let single = Tensor::from([0.1, 0.2, 0.7]);
        gradcheck(|_, x| CrossEntropyLoss::default().forward(&x[0], &Tensor::from(2usize)), &[single])
            .unwrap();
    }

    #[test]
    fn one_hot_probabilities_are_classes_and_smoothing_is_a_mixture() {
        let tape = Tape::new();
        let x = tape.constant(Tensor::from([[0.3, -1.0, 2.0], [1.0, 0.0, 0.5]]));
        let classes = Tensor::from([2usize, 0]);
        let certain = refrain_tensor::one_hot::<f64, _>(&classes, 3).unwrap();
        for label_smoothing in [0.0, 0.2] {
            let loss = CrossEntropyLoss { label_smoothing, ..Default::default() };
            let a = loss.forward(&x, &classes).unwrap().value()[[]];
            let b = loss.forward_probabilities(&x, &certain).unwrap().value()[[]];
            let mixed = certain.map(|p| p * (1.0 - label_smoothing) + label_smoothing / 3.0);
            let c = CrossEntropyLoss::default().forward_probabilities(&x, &mixed).unwrap().value()[[]];
            assert!((a - b).abs() < 1e-14 && (a - c).abs() < 1e-14, "{a} {b} {c}");
        }
    }

    #[test]
    fn ignored_targets_count_for_nothing() {
        let tape = Tape::new();
        let (x, short) = (Tensor::from([[0.3, -1.0], [1.0, 0.0]]), Tensor::from([[0.3, -1.0]]));
        let loss = CrossEntropyLoss::default();
        let x = tape.variable(x);
        let ignoring = loss.forward(&x, &Tensor::from([1i64, -100])).unwrap();
        let alone = loss.forward(&tape.constant(short), &Tensor::from([1i64])).unwrap();
        assert_eq!(ignoring.value(), alone.value());
        let gradients = ignoring.backward().unwrap();
        assert_eq!(gradients.of(&x).unwrap().select(0, 1).unwrap().to_vec(), [0.0, 0.0]);
        let nothing = loss.forward(&x, &Tensor::from([-100i64, -100])).unwrap();
        assert!(f64::is_nan(nothing.value()[[]]), "as in PyTorch, a mean over nothing");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let tape = Tape::<f32>::new();
        let x = tape.constant(Tensor::from([[1e4, -1e4, 0.0]]));
        let loss = |class: usize| {
            CrossEntropyLoss::default().forward(&x, &Tensor::from([class])).unwrap().value()[[]]
        };
        assert_eq!((loss(0), loss(1)), (0.0, 2e4));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let tape = Tape::<f64>::new();
        let loss = CrossEntropyLoss::default();
        let fail = |loss: &CrossEntropyLoss<f64>, x: Tensor<f64>, y: Tensor<i64>| {
            loss.forward(&tape.variable(x), &y).unwrap_err().to_string()
        };
        let zeros = |shape: [usize; 2]| Tensor::zeros(shape).unwrap();
        let weighted = CrossEntropyLoss { weight: Some(Tensor::from([1.0])), ..Default::default() };
        let smoothed = CrossEntropyLoss { label_smoothing: 1.5, ..Default::default() };
        let cases = [
            (
                fail(&loss, zeros([2, 4]), Tensor::from([0, 4])),
                "cross_entropy: target 4 at position 1 is not a class; there are 4, counted from 0",
            ),
            (
                fail(&loss, zeros([2, 4]), Tensor::from([-1, 0])),
                "cross_entropy: target -1 at position 0 is not a class; there are 4, counted from 0",
            ),
            (
                fail(&loss, zeros([2, 4]), Tensor::from([0])),
                "cross_entropy: target has shape [1], expected [2] for an input of shape [2, 4]",
            ),
            (
                fail(&loss, Tensor::from(1.0), Tensor::from(0)),
                "cross_entropy: input has shape [], expected [C], [N, C] or [N, C, d, ..]",
            ),
            (
                fail(&loss, zeros([0, 4]), Tensor::from([0i64; 0])),
                "cross_entropy: the batch is empty (input shape [0, 4] = [N, C])",
            ),
            (
                fail(&weighted, zeros([1, 4]), Tensor::from([0])),
                "cross_entropy: weight has shape [1], expected [4] for an input of shape [1, 4]",
            ),
            (
                fail(&smoothed, zeros([1, 4]), Tensor::from([0])),
                "cross_entropy: label_smoothing is 1.5, expected a number from 0 to 1",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(message, expected);
        }
    }
}
