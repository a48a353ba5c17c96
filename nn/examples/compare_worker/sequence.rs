//! Training and inference on whole sequences, packed or not.

use std::hint::black_box;

use rand::{Rng, RngExt};
use refrain_autograd::{Gradients, Tape, Var};
use refrain_nn::pack_padded_sequence;
use refrain_tensor::Tensor;

use crate::{
    Result, Work,
    job::{Job, Mode},
    layer::{Last, Layer},
    tensor_file::NamedTensors,
};

/// A layer, a batch, and where the layer trains the gradient that comes from above.
pub(crate) struct Sequence {
    layer: Layer,
    x: Tensor<f32>,                       // [seq, batch, input]
    lengths: Option<Vec<usize>>,          // where the batch is packed
    output_gradient: Option<Tensor<f32>>, // where the layer trains
}

impl Sequence {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let (layer, mut rng) = Layer::random(job)?;
        let x = Tensor::normal([job.steps, job.batch, job.input], 0.0, 1.0, &mut rng)?;
        let lengths = job.packed.then(|| lengths(job.steps, job.batch, &mut rng));
        let width = if job.bidirectional { 2 * job.hidden } else { job.hidden };
        let output_gradient = match (job.mode, &lengths) {
            (Mode::Infer, _) => None,
            (_, None) => Some(Tensor::normal([job.steps, job.batch, width], 0.0, 1.0, &mut rng)?),
            (_, Some(lengths)) => Some(Tensor::normal([lengths.iter().sum(), width], 0.0, 1.0, &mut rng)?),
        };
        Ok(Sequence { layer, x, lengths, output_gradient })
    }

    /// Packing is a part of the work: a batch comes padded.
    fn forward<'t>(&self, tape: &'t Tape<f32>) -> Result<(Var<'t, f32>, Last<'t>)> {
        let x = tape.constant(self.x.clone());
        match &self.lengths {
            None => self.layer.forward(&x),
            Some(lengths) => self.layer.forward_packed(&pack_padded_sequence(&x, lengths, false)?),
        }
    }

    fn tape(&self) -> Tape<f32> {
        if self.output_gradient.is_some() { Tape::new() } else { Tape::inference() }
    }

    /// The gradients of all parameters, where the layer trains.
    fn back(&self, out: &Var<'_, f32>) -> Result<Option<Gradients<f32>>> {
        let gradient = self.output_gradient.as_ref();
        Ok(gradient.map(|gradient| out.backward_with(gradient.clone())).transpose()?)
    }
}

impl Work for Sequence {
    fn problem(&self) -> Result<NamedTensors> {
        let mut tensors = self.layer.named_parameters();
        tensors.add("x", &self.x);
        if let Some(lengths) = &self.lengths {
            tensors.add_numbers("lengths", lengths);
        }
        if let Some(gradient) = &self.output_gradient {
            tensors.add("output_gradient", gradient);
        }
        Ok(tensors)
    }

    fn results(&self) -> Result<NamedTensors> {
        let tape = self.tape();
        let (out, last) = self.forward(&tape)?;
        let mut tensors = last.named();
        tensors.add("output", out.value());
        if let Some(gradients) = self.back(&out)? {
            for (name, parameter) in self.layer.module().named_parameters() {
                let gradient = gradients.get(parameter);
                let gradient = gradient.ok_or_else(|| format!("there is no gradient of {name}"))?;
                tensors.add(format!("grad.{name}"), gradient);
            }
        }
        Ok(tensors)
    }

    fn run(&mut self, times: u64) -> Result<()> {
        for _ in 0..times {
            let tape = self.tape();
            let (out, last) = self.forward(&tape)?;
            black_box(self.back(&out)?);
            black_box((out, last));
        }
        Ok(())
    }
}

/// Lengths from a tenth of the longest up to it, each as likely as any other, longest first: the
/// order of packed rows is then the same for everybody, equal lengths included.
fn lengths(longest: usize, batch: usize, rng: &mut impl Rng) -> Vec<usize> {
    let shortest = (longest / 10).max(1);
    let mut lengths: Vec<usize> = (0..batch).map(|_| rng.random_range(shortest..=longest)).collect();
    lengths.sort_by_key(|&length| std::cmp::Reverse(length));
    lengths
}
