//! One step after another with the state carried, for inputs that come one at a time.

use refrain_nn::Stream;
use refrain_tensor::Tensor;

use crate::{Result, Work, job::Job, layer::Layer, tensor_file::NamedTensors};

/// How many different inputs there are: the timed steps go round them.
const INPUTS: usize = 16;

/// A layer, its inputs, and a stream that is under way.
pub(crate) struct Streaming {
    layer: Layer,
    x: Tensor<f32>, // [INPUTS, batch, input]
    inputs: Vec<f32>,
    batch: usize,
    stream: Stream<f32>,
    next: usize,
    output: Vec<f32>, // [batch, hidden]
}

impl Streaming {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let (layer, mut rng) = Layer::random(job)?;
        let x = Tensor::normal([INPUTS, job.batch, job.input], 0.0, 1.0, &mut rng)?;
        let stream = layer.stream(job.batch)?;
        let output = vec![0.0; job.batch * job.hidden];
        let (inputs, batch) = (x.to_vec(), job.batch);
        Ok(Streaming { layer, x, inputs, batch, stream, next: 0, output })
    }
}

impl Work for Streaming {
    fn problem(&self) -> Result<NamedTensors> {
        let mut tensors = self.layer.named_parameters();
        tensors.add("x", &self.x);
        Ok(tensors)
    }

    fn results(&self) -> Result<NamedTensors> {
        let mut stream = self.layer.stream(self.batch)?;
        let mut outputs = vec![0.0; INPUTS * self.output.len()];
        let inputs = self.inputs.chunks_exact(self.inputs.len() / INPUTS);
        for (input, output) in inputs.zip(outputs.chunks_exact_mut(self.output.len())) {
            stream.step(input, output)?;
        }
        let mut tensors = NamedTensors::default();
        let shape = [INPUTS, self.batch, self.output.len() / self.batch];
        tensors.add("output", &Tensor::from_vec(outputs, shape)?);
        Ok(tensors)
    }

    fn run(&mut self, times: u64) -> Result<()> {
        let length = self.inputs.len() / INPUTS;
        for _ in 0..times {
            let start = self.next * length;
            self.stream.step(&self.inputs[start..start + length], &mut self.output)?;
            self.next = (self.next + 1) % INPUTS;
        }
        Ok(())
    }
}
