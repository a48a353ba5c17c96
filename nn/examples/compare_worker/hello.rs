//! The training step of "hello" → "ohlol": an RNN of four units with cross entropy and Adam.

use refrain_autograd::Tape;
use refrain_nn::{CrossEntropyLoss, Module, RNN};
use refrain_optim::{Adam, Optimizer};
use refrain_tensor::{Tensor, one_hot};

use crate::{Result, Work, job::Job, layer::Layer, tensor_file::NamedTensors};

/// After so many steps the parameters are compared.
const STEPS: u64 = 20;

/// The letters h, e, l, o are the classes 0 to 3.
const LETTERS: [usize; 5] = [1, 0, 2, 2, 3];
const TARGETS: [usize; 5] = [3, 1, 2, 3, 2];

/// The layer as it was at first, and as it is in training.
pub(crate) struct Hello {
    initial: RNN<f32>,
    rnn: RNN<f32>,
    adam: Adam<f32>,
    inputs: Tensor<f32>, // [5, 1, 4]
    targets: Tensor<usize>,
    loss: CrossEntropyLoss<f32>,
}

impl Hello {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        match Layer::random(job)? {
            (Layer::RNN(rnn), _) => Hello::from_start(rnn),
            _ => Err("hello has an RNN".into()),
        }
    }

    fn from_start(rnn: RNN<f32>) -> Result<Self> {
        let inputs = one_hot::<f32, _>(&Tensor::from(LETTERS), 4)?.unsqueeze(1)?;
        let (targets, loss) = (Tensor::from(TARGETS), CrossEntropyLoss::default());
        Ok(Hello { initial: rnn.clone(), rnn, adam: Adam::new(0.001), inputs, targets, loss })
    }
}

impl Work for Hello {
    fn problem(&self) -> Result<NamedTensors> {
        let mut tensors = Layer::RNN(self.initial.clone()).named_parameters();
        tensors.add("x", &self.inputs);
        tensors.add_numbers("targets", &TARGETS);
        Ok(tensors)
    }

    fn results(&self) -> Result<NamedTensors> {
        let mut fresh = Hello::from_start(self.initial.clone())?;
        fresh.run(STEPS)?;
        Ok(Layer::RNN(fresh.rnn).named_parameters())
    }

    fn run(&mut self, times: u64) -> Result<()> {
        for _ in 0..times {
            let tape = Tape::new();
            let (out, _) = self.rnn.forward(&tape.constant(self.inputs.clone()), None)?;
            let gradients = self.loss.forward(&out.flatten(0, 1)?, &self.targets)?.backward()?;
            self.adam.step(self.rnn.parameters_mut(), &gradients)?;
        }
        Ok(())
    }
}
