//! Losses: kinds cross_entropy, mse and bce_with_logits.

use refrain_autograd::Tape;
use refrain_nn::{BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, Reduction};

use crate::{
    case_file::Case,
    compare::Results,
    error::Result,
    module_case::{Inputs, NoParameters, results},
    options::Options,
    tensors::Scalar,
};

fn reduction(options: &mut Options) -> Result<Reduction> {
    let words = [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::None)];
    options.word("reduction", "mean, sum or none", &words)
}

/// Integer targets are classes, others are probabilities.
pub(crate) fn cross_entropy<T: Scalar>(case: &mut Case) -> Result<Results> {
    let loss = CrossEntropyLoss::<T> {
        reduction: reduction(&mut case.options)?,
        weight: case.given.optional("input.weight")?,
        ignore_index: case.options.integer("ignore_index")?.unwrap_or(-100),
        label_smoothing: case.options.number_or("label_smoothing", 0.0)?,
    };
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let x = inputs.required(case, "x")?;
    let loss = if case.given.holds::<i64>("input.target") {
        loss.forward(&x, &case.given.required::<i64>("input.target")?)?
    } else {
        loss.forward_probabilities(&x, &case.given.required("input.target")?)?
    };
    results(case, &NoParameters, &inputs, &[("loss", &loss)])
}

pub(crate) fn mse<T: Scalar>(case: &mut Case) -> Result<Results> {
    let loss = MSELoss { reduction: reduction(&mut case.options)? };
    let tape = Tape::new();
    let mut inputs = Inputs::<T>::on(&tape);
    let x = inputs.required(case, "x")?;
    let loss = loss.forward(&x, &case.given.required("input.target")?)?;
    results(case, &NoParameters, &inputs, &[("loss", &loss)])
}

pub(crate) fn bce_with_logits<T: Scalar>(case: &mut Case) -> Result<Results> {
    let loss = BCEWithLogitsLoss::<T> {
        reduction: reduction(&mut case.options)?,
        weight: case.given.optional("input.weight")?,
        pos_weight: case.given.optional("input.pos_weight")?,
    };
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let x = inputs.required(case, "x")?;
    let loss = loss.forward(&x, &case.given.required("input.target")?)?;
    results(case, &NoParameters, &inputs, &[("loss", &loss)])
}
