//! [`TruncatedBPTT`]: training on a stream that is too long for one tape.

use refrain_autograd::{Gradients, Tape, Var};
use refrain_data::Streams;
use refrain_nn::{Real, StateDict};
use refrain_tensor::{Element, Tensor};

use crate::{Checkpoint, Error, Progress, Result};

/// Truncated backpropagation through time (Williams and Peng 1990): a long stream is taken in chunks
/// of some steps. The state of the recurrent layers is carried from chunk to chunk as a value; the
/// gradient stops where a chunk begins. One chunk's tape is in memory at a time, however long the
/// stream is.
///
/// The driver knows the place in the stream and the carried state. For each chunk of
/// [`Streams`] the caller asks for loss and gradients with [`TruncatedBPTT::backward`], looks at them,
/// makes the optimizer's step, and says [`TruncatedBPTT::advance`], or [`TruncatedBPTT::skip`] where the step
/// is not made. After the last chunk the stream begins again, from states of 0.
///
/// ```
/// use refrain_data::Streams;
/// use refrain_nn::{CrossEntropyLoss, Embedding, GRU, Linear, Module, module, rand};
/// use refrain_optim::{Adam, Optimizer, clip_grad_norm};
/// use refrain_tensor::Tensor;
/// use refrain_train::{Error, TruncatedBPTT, check_finite};
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
///
/// struct Model { letters: Embedding<f32>, gru: GRU<f32>, head: Linear<f32> }
/// module!(Model: f32 { letters, gru, head });
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let mut model = Model {
///     letters: Embedding::new(4, 3, &mut rng)?,
///     gru: GRU::new(3, 8, &mut rng)?,
///     head: Linear::new(8, 4, &mut rng)?,
/// };
/// let text = Tensor::<u8>::from_vec((0..400).map(|k| (k % 4) as u8).collect(), [400])?;
/// let streams = Streams::new(&text, 2, 10)?; // 2 streams, chunks of 10 steps
///
/// let mut adam = Adam::new(0.02);
/// let mut driver = TruncatedBPTT::new();
/// let mut losses = vec![];
/// while driver.progress().epoch < 3 {
///     let mut step = driver.backward::<_, Error>(&streams, |tape, chunk| {
///         let h = chunk.carried.first().map(|h| tape.constant(h.clone()));
///         let (out, last) = model.gru.forward(&model.letters.forward(tape, chunk.inputs)?, h.as_ref())?;
///         let logits = model.head.forward(&out)?.flatten(0, 1)?; // [seq · batch, letters]
///         let loss = CrossEntropyLoss::default().forward(&logits, &chunk.targets.flatten(0, 1)?)?;
///         Ok((loss, vec![last.value().clone()]))
///     })?;
///     check_finite(driver.progress().step, step.loss, model.named_parameters(), &step.gradients)?;
///     clip_grad_norm(&mut step.gradients, 1.0, 2.0)?;
///     adam.step(model.parameters_mut(), &step.gradients)?;
///     losses.push(step.loss);
///     driver.advance(&streams, step.carried);
/// }
/// assert!(losses.len() == 60 && losses[59] < 0.2 * losses[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TruncatedBPTT<T: Real> {
    progress: Progress,
    carried: Vec<Tensor<T>>,
}

/// A chunk of the streams, and what was carried to it.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'c, T: Real, I: Element> {
    /// The inputs, `[steps, streams, ..]`.
    pub inputs: &'c Tensor<I>,
    /// The targets: the inputs one step later.
    pub targets: &'c Tensor<I>,
    /// The states at the end of the chunk before, in the order in which they were given; none where
    /// the streams begin.
    pub carried: &'c [Tensor<T>],
}

/// What one chunk gave.
#[derive(Clone, Debug)]
pub struct ChunkGradients<T: Real> {
    /// The value of the loss.
    pub loss: T,
    /// The gradients of the chunk's own loss.
    pub gradients: Gradients<T>,
    /// The states at the end of the chunk, for [`TruncatedBPTT::advance`].
    pub carried: Vec<Tensor<T>>,
}

impl<T: Real> Default for TruncatedBPTT<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> TruncatedBPTT<T> {
    /// At the beginning of the streams.
    pub fn new() -> Self {
        Self { progress: Progress::default(), carried: Vec::new() }
    }

    /// The steps made, the times that the streams have been gone through, the next chunk.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Loss and gradients of the next chunk. `forward` computes, on the given tape, the loss, of shape
    /// `[]`, and the values of the states at the end of the chunk.
    ///
    /// The driver stays where it is: a second call gives the same.
    ///
    /// # Errors
    /// Those of `forward` and of the way back; [`Error::Data`] where the streams have no such chunk,
    /// because they are shorter than those of the checkpoint.
    pub fn backward<I: Element, E: From<Error>>(
        &self,
        streams: &Streams<I>,
        forward: impl for<'t> FnOnce(
            &'t Tape<T>,
            Chunk<'_, T, I>,
        ) -> std::result::Result<(Var<'t, T>, Vec<Tensor<T>>), E>,
    ) -> std::result::Result<ChunkGradients<T>, E> {
        let place = usize::try_from(self.progress.position).unwrap_or(usize::MAX);
        let (inputs, targets) = streams.chunk(place).map_err(Error::from)?;
        let tape = Tape::new();
        let chunk = Chunk { inputs: &inputs, targets: &targets, carried: &self.carried };
        let (loss, carried) = forward(&tape, chunk)?;
        let gradients = loss.backward().map_err(Error::from)?;
        Ok(ChunkGradients { loss: loss.value().item().map_err(Error::from)?, gradients, carried })
    }

    /// The step of the chunk is made: on to the next one, with the states at its end.
    pub fn advance<I: Element>(&mut self, streams: &Streams<I>, carried: Vec<Tensor<T>>) {
        self.progress.step += 1;
        self.carried = carried;
        self.skip(streams);
    }

    /// On to the next chunk without a step, with the states that were carried to this one.
    pub fn skip<I: Element>(&mut self, streams: &Streams<I>) {
        self.progress.position += 1;
        if self.progress.position >= streams.len() as u64 {
            self.progress = Progress { epoch: self.progress.epoch + 1, position: 0, ..self.progress };
            self.carried.clear();
        }
    }

    /// Keeps the place and the carried states in a checkpoint.
    ///
    /// # Errors
    /// None: the names of the states differ, and that of their group is a good one.
    pub fn save(&self, checkpoint: &mut Checkpoint<T>) -> Result<()> {
        checkpoint.progress = self.progress;
        checkpoint.set_entry(CARRIED, self.carried.len());
        let named = self.carried.iter().enumerate().map(|(k, state)| (k.to_string(), state.clone()));
        checkpoint.set_tensors(CARRIED, &StateDict::new(named.collect())?)
    }

    /// A driver that goes on where [`TruncatedBPTT::save`] was called.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Entry`] where the checkpoint does not say.
    pub fn load(checkpoint: &Checkpoint<T>) -> Result<Self> {
        let count: usize = checkpoint.entry(CARRIED)?;
        let state = |k: usize| {
            let missing = || Error::Missing { what: "carried state", name: k.to_string() };
            checkpoint.tensors(CARRIED)?.get(&k.to_string()).cloned().ok_or_else(missing)
        };
        Ok(Self { progress: checkpoint.progress, carried: (0..count).map(state).collect::<Result<_>>()? })
    }
}

/// Where a checkpoint keeps the states.
const CARRIED: &str = "carried";

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_autograd::Parameter;

    /// The state counts the inputs; the loss is their sum times a weight.
    fn count(
        weight: &Parameter<f64>,
        driver: &TruncatedBPTT<f64>,
        streams: &Streams<u8>,
    ) -> ChunkGradients<f64> {
        let forward = driver.backward::<_, Error>(streams, |tape, chunk| {
            let before = chunk.carried.first().map_or(0.0, |state| state.item().unwrap());
            let sum: f64 = chunk.inputs.iter().map(f64::from).sum();
            Ok((tape.parameter(weight) * tape.constant(Tensor::from(sum)), vec![Tensor::from(before + 1.0)]))
        });
        forward.unwrap()
    }

    #[test]
    fn chunks_come_in_order_with_the_state_of_the_one_before() {
        let sequence = Tensor::<u8>::arange(12).unwrap();
        let streams = Streams::new(&sequence, 2, 2).unwrap(); // 5 steps: chunks of 2, 2 and 1
        let weight = Parameter::new(Tensor::from(2.0));
        let mut driver = TruncatedBPTT::new();
        let mut seen = Vec::new();
        for k in 0..5 {
            let step = count(&weight, &driver, &streams);
            let again = count(&weight, &driver, &streams);
            assert_eq!((step.loss, &step.carried), (again.loss, &again.carried));
            let gradient = step.gradients.get(&weight).unwrap().item().unwrap();
            assert_eq!(step.loss, 2.0 * gradient);
            seen.push((gradient, step.carried[0].item().unwrap()));
            if k == 1 { driver.skip(&streams) } else { driver.advance(&streams, step.carried) }
        }
        // Columns 0..5 and 5..10; the skipped chunk does not count, the second round begins anew.
        assert_eq!(seen, [(12.0, 1.0), (20.0, 2.0), (13.0, 2.0), (12.0, 1.0), (20.0, 2.0)]);
        assert_eq!(driver.progress(), Progress { step: 4, epoch: 1, position: 2 });
    }

    #[test]
    fn a_driver_goes_on_after_a_checkpoint_and_refuses_shorter_streams() {
        let sequence = Tensor::<u8>::arange(12).unwrap();
        let streams = Streams::new(&sequence, 2, 2).unwrap();
        let weight = Parameter::new(Tensor::from(2.0));
        let mut driver = TruncatedBPTT::new();
        for _ in 0..4 {
            let mut checkpoint = Checkpoint::new("a weight", &weight);
            driver.save(&mut checkpoint).unwrap();
            let checkpoint = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
            assert_eq!(TruncatedBPTT::load(&checkpoint).unwrap(), driver);
            let step = count(&weight, &driver, &streams);
            driver.advance(&streams, step.carried);
        }
        driver.progress.position = 2;
        let shorter = Streams::new(&sequence, 2, 4).unwrap();
        let error =
            driver.backward::<_, Error>(&shorter, |_, _| unreachable!("there is no such chunk")).unwrap_err();
        assert_eq!(error.to_string(), "streams: there is no chunk 2 among 2");
        let nothing = Checkpoint::new("a weight", &weight);
        assert!(TruncatedBPTT::load(&nothing).is_err());
    }
}
