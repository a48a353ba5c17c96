//! A training that stops where it no longer gets better.

use refrain_nn::Module;
use refrain_train::{EarlyStopping, Verdict};

use crate::{interrupt, program::Fallible, progress};

/// How long to train.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The most epochs.
    pub epochs: usize,
    /// After how many epochs in a row without improvement to stop.
    pub patience: u64,
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// The loss while it learned.
    pub learning: f64,
    /// The metric on the validation part, which decides. The lower, the better.
    pub validation: f64,
}

/// Trains `model` epoch after epoch, and leaves it with the weights of its best one by the validation
/// metric. A progress bar shows the figures. `epoch` gets the model and the number of the epoch,
/// from 0; `metric` is what the bar calls its validation metric.
///
/// Ctrl-C ends the training after the epoch in which it comes, where the program
/// [listens](crate::interrupt); an `epoch` that looks for it may end after the batch at hand.
///
/// Returns all epochs, and the number of the best one; the weights are as they were where no epoch
/// had a metric that is a number.
///
/// # Errors
/// Those of `epoch`, and one where no epoch has a metric that is a number.
pub fn train<M: Module<f32>>(
    model: &mut M,
    how_long: Patience,
    metric: &str,
    mut epoch: impl FnMut(&mut M, usize) -> Fallible<Epoch>,
) -> Fallible<(Vec<Epoch>, usize)> {
    let bar = progress::bar(how_long.epochs, "training");
    let mut watch = EarlyStopping::new(how_long.patience);
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut best = 0;
    for number in 0..how_long.epochs {
        let figures = epoch(model, number)?;
        epochs.push(figures);
        let verdict = watch.look(figures.validation, model);
        if verdict == Verdict::Improved {
            best = number;
        }
        let Epoch { learning, validation } = figures;
        bar.set_message(format!("epoch {}: loss {learning:.4}, {metric} {validation:.4}", number + 1));
        bar.inc(1);
        if interrupt::requested() {
            let of = how_long.epochs;
            bar.suspend(|| {
                eprintln!("interrupted in epoch {} of {of}; the best weights so far are used", number + 1)
            });
        }
        if verdict == Verdict::Stop || interrupt::requested() {
            break;
        }
    }
    bar.finish_and_clear();
    let kept = watch.best().ok_or("the training came to no number; a lower --learning-rate may help")?;
    kept.weights.load_into(model)?;
    Ok((epochs, best))
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Parameter;
    use refrain_tensor::Tensor;

    #[test]
    fn the_best_weights_are_left() {
        let mut model = Parameter::new(Tensor::from([0f32]));
        let metrics = [3.0, 1.0, 2.0, 2.5, 0.5];
        let how_long = Patience { epochs: 5, patience: 2 };
        let (epochs, best) = train(&mut model, how_long, "error", |model, number| {
            model.as_mut_slice()[0] = number as f32;
            Ok(Epoch { learning: 0.0, validation: metrics[number] })
        })
        .unwrap();
        assert_eq!((epochs.len(), best, model.value()[[0]]), (4, 1, 1.0));
        let nan =
            train(&mut model, how_long, "error", |_, _| Ok(Epoch { learning: 0.0, validation: f64::NAN }));
        assert!(nan.unwrap_err().to_string().contains("no number"));
    }
}
