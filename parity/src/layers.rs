//! Layers without a memory: kinds linear, embedding, conv1d and conv2d.

use refrain_autograd::Tape;
use refrain_nn::{Conv, Embedding, Linear, Padding};

use crate::{
    case_file::Case,
    compare::Results,
    error::{Error, Result},
    module_case::{Inputs, dice, load, results},
    tensors::Scalar,
};

pub(crate) fn linear<T: Scalar>(case: &mut Case) -> Result<Results> {
    let (inputs, outputs) = (case.options.size("in_features")?, case.options.size("out_features")?);
    let mut layer = match case.options.flag_or("bias", true)? {
        true => Linear::<T>::new(inputs, outputs, &mut dice())?,
        false => Linear::without_bias(inputs, outputs, &mut dice())?,
    };
    load(case, &mut layer)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let x = inputs.required(case, "x")?;
    let y = layer.forward(&x)?;
    results(case, &layer, &inputs, &[("y", &y)])
}

pub(crate) fn embedding<T: Scalar>(case: &mut Case) -> Result<Results> {
    let (rows, width) = (case.options.size("num_embeddings")?, case.options.size("embedding_dim")?);
    let mut layer = Embedding::<T>::new(rows, width, &mut dice())?;
    if let Some(padding_idx) = case.options.integer("padding_idx")? {
        // In PyTorch a negative one counts from the end.
        let row =
            if padding_idx < 0 { padding_idx.saturating_add_unsigned(rows as u64) } else { padding_idx };
        let row = usize::try_from(row).map_err(|_| Error::OptionValue {
            option: "padding_idx",
            found: padding_idx.to_string(),
            expected: "a row",
        })?;
        layer = layer.with_padding_idx(row)?;
    }
    load(case, &mut layer)?;
    let (tape, indices) = (Tape::new(), case.given.required::<i64>("input.x")?);
    let y = layer.forward(&tape, &indices)?;
    results(case, &layer, &Inputs::on(&tape), &[("y", &y)])
}

pub(crate) fn conv1d<T: Scalar>(case: &mut Case) -> Result<Results> {
    convolution::<T, 1>(case)
}

pub(crate) fn conv2d<T: Scalar>(case: &mut Case) -> Result<Results> {
    convolution::<T, 2>(case)
}

fn convolution<T: Scalar, const N: usize>(case: &mut Case) -> Result<Results> {
    let o = &mut case.options;
    let (in_channels, out_channels) = (o.size("in_channels")?, o.size("out_channels")?);
    let kernel_size = o.sizes("kernel_size")?.ok_or(Error::MissingOption("kernel_size"))?;
    let padding = match o.word_or_sizes("padding", &[("same", Padding::Same), ("valid", Padding::Valid)])? {
        None => Padding::Sizes([0; N]),
        Some(Ok(word)) => word,
        Some(Err(sizes)) => Padding::Sizes(sizes),
    };
    let builder = Conv::<T, N>::builder(in_channels, out_channels, kernel_size)
        .stride(o.sizes("stride")?.unwrap_or([1; N]))
        .padding(padding)
        .dilation(o.sizes("dilation")?.unwrap_or([1; N]))
        .groups(o.size_or("groups", 1)?)
        .bias(o.flag_or("bias", true)?);
    o.word("padding_mode", "zeros", &[("zeros", ())])?;
    let mut layer = builder.build(&mut dice())?;
    load(case, &mut layer)?;
    let tape = Tape::new();
    let mut inputs = Inputs::on(&tape);
    let x = inputs.required(case, "x")?;
    let y = layer.forward(&x)?;
    results(case, &layer, &inputs, &[("y", &y)])
}
