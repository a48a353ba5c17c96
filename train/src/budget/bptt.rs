//! [`BPTT`]: a plan, followed with a model's own code for a chunk of steps.

use std::ops::Range;

use refrain_autograd::{Gradients, Tape, Var};
use refrain_nn::recompute::{Action, Plan};
use refrain_tensor::{Real, Shape, Tensor};

/// What a model computes of a chunk of steps.
#[derive(Debug)]
pub struct Chunk<'t, T: Real> {
    /// The chunk's part of the loss, one number: the loss of the whole stream is the sum of all
    /// parts, so a mean over the stream is divided by the stream's length. `None` for 0, and where
    /// the tape does not record, for then no loss is used.
    pub loss: Option<Var<'t, T>>,
    /// The states after the chunk, in the order and the shapes of those before it.
    pub states: Vec<Var<'t, T>>,
}

/// What came of a stream.
#[derive(Debug)]
pub struct Outcome<T: Real> {
    /// The sum of the chunks' losses.
    pub loss: f64,
    /// The gradients of the parameters.
    pub gradients: Gradients<T>,
    /// The gradients of the initial states.
    pub start: Vec<Tensor<T>>,
    /// The last states, to go on from.
    pub last: Vec<Tensor<T>>,
}

/// A chunk that does not fit the stream, or whose way back fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what the messages name them
pub enum ChunkError {
    /// Another number of states than before the chunk.
    #[error("budget: the chunk of steps {steps:?} returned {found} states, expected {expected}")]
    States { steps: Range<usize>, found: usize, expected: usize },

    /// A state of another shape than before the chunk.
    #[error(
        "budget: state {state} after steps {steps:?} has shape {found}, expected {expected} as before them"
    )]
    StateShape { steps: Range<usize>, state: usize, found: Box<Shape>, expected: Box<Shape> },

    /// A loss that is not one number.
    #[error("budget: the loss of steps {steps:?} has shape {found}, expected one number")]
    Loss { steps: Range<usize>, found: Box<Shape> },

    /// No chunk had a loss that depends on a parameter or on the initial states.
    #[error("budget: no chunk returned a loss that depends on a parameter or a state")]
    NoLoss,

    /// The way back fails.
    #[error(transparent)]
    Autograd(#[from] refrain_autograd::Error),
}

/// Back-propagation through time that follows a plan; see the [module](crate::budget).
#[derive(Clone, Debug)]
pub struct BPTT<'p> {
    plan: &'p Plan,
    records_ahead: bool,
}

impl<'p> BPTT<'p> {
    /// Follows `plan`, whose steps are those of the stream.
    pub fn new(plan: &'p Plan) -> Self {
        Self { plan, records_ahead: false }
    }

    /// Runs chunks on tapes that record even where no way back follows. By default they run on
    /// inference tapes, on which dropout does nothing: a model with dropout needs this, and a
    /// generator that it seeds anew for each chunk, from `steps.start` for instance. A chunk is
    /// always the same range of steps, however often it runs.
    pub fn with_dropout(mut self) -> Self {
        self.records_ahead = true;
        self
    }

    /// Runs the stream from the states `start` and goes back through all of it.
    ///
    /// `chunk` gets a tape, the steps to run, and the states before them; it computes the same
    /// whenever it is called for the same steps and states. Where the tape does not record
    /// ([`Tape::records`]), the loss is not used and need not be computed.
    ///
    /// # Errors
    /// Those of `chunk`; [`ChunkError`], as a value of the same type.
    pub fn run<T: Real, E: From<ChunkError>>(
        &self,
        start: &[Tensor<T>],
        mut chunk: impl for<'t> FnMut(&'t Tape<T>, Range<usize>, &[Var<'t, T>]) -> Result<Chunk<'t, T>, E>,
    ) -> Result<Outcome<T>, E> {
        let mut current = start.to_vec();
        let mut stack: Vec<Vec<Tensor<T>>> = Vec::new();
        let mut way = WayBack { loss: 0.0, gradients: Gradients::default(), carried: Vec::new(), last: None };
        for action in self.plan.actions() {
            match action {
                Action::Resume => current = stack.last().map_or_else(|| start.to_vec(), Clone::clone),
                Action::Keep => stack.push(current.clone()),
                Action::Drop => drop(stack.pop()),
                Action::Advance(steps) => {
                    let tape = if self.records_ahead { Tape::new() } else { Tape::inference() };
                    let states: Vec<_> = current.iter().map(|state| tape.constant(state.clone())).collect();
                    let found = chunk(&tape, steps.clone(), &states)?;
                    check(&found, &steps, start)?;
                    current = found.states.into_iter().map(Var::into_value).collect();
                }
                Action::Back(steps) => {
                    let tape = Tape::new();
                    let states: Vec<_> = current.iter().map(|state| tape.variable(state.clone())).collect();
                    let found = chunk(&tape, steps.clone(), &states)?;
                    check(&found, &steps, start)?;
                    way.through(found, &states)?;
                }
            }
        }
        Ok(way.end(start)?)
    }
}

/// What the way back has found so far.
struct WayBack<T: Real> {
    loss: f64,
    gradients: Gradients<T>,
    /// The gradients of the states before the chunks that are done; nothing before the first one, and
    /// `None` for 0.
    carried: Vec<Option<Tensor<T>>>,
    last: Option<Vec<Tensor<T>>>,
}

impl<T: Real> WayBack<T> {
    /// Goes back through a chunk that began at `before`.
    fn through(&mut self, chunk: Chunk<'_, T>, before: &[Var<'_, T>]) -> Result<(), ChunkError> {
        let Chunk { loss, states } = chunk;
        let mut terms = Vec::with_capacity(1 + states.len());
        if let Some(loss) = loss {
            self.loss += loss.value().iter().map(Real::to_f64).sum::<f64>();
            terms.push(loss.sum(..)?);
        }
        if self.last.is_none() {
            self.last = Some(states.iter().map(|state| state.value().clone()).collect());
        }
        // The gradient of Σ g · state is g, so this is the way back through the chunks behind.
        for (state, gradient) in states.iter().zip(self.carried.drain(..)) {
            if let Some(gradient) = gradient {
                terms.push(state.mul(&state.tape().constant(gradient))?.sum(..)?);
            }
        }
        drop(states);
        let mut terms = terms.into_iter();
        let result = match terms.next() {
            Some(first) => Some(terms.try_fold(first, |sum, term| sum.add(&term))?),
            None => None,
        };
        let Some(result) = result.filter(Var::requires_grad) else {
            self.carried = vec![None; before.len()];
            return Ok(());
        };
        let found = result.backward()?;
        self.carried = before.iter().map(|state| found.of(state).cloned()).collect();
        Ok(self.gradients.merge(found)?)
    }

    fn end(self, start: &[Tensor<T>]) -> Result<Outcome<T>, ChunkError> {
        if self.gradients.is_empty() && self.carried.iter().all(Option::is_none) {
            return Err(ChunkError::NoLoss);
        }
        let or_zeros = |(gradient, state): (Option<Tensor<T>>, &Tensor<T>)| match gradient {
            Some(gradient) => Ok(gradient),
            None => Ok(Tensor::zeros(state.shape()).map_err(refrain_autograd::Error::from)?),
        };
        let of_start: Result<_, ChunkError> = self.carried.into_iter().zip(start).map(or_zeros).collect();
        let (loss, gradients, last) = (self.loss, self.gradients, self.last.unwrap_or_default());
        Ok(Outcome { loss, gradients, start: of_start?, last })
    }
}

/// # Errors
/// [`ChunkError`] where the states are not like those before the chunk, or the loss is not a number.
fn check<T: Real>(chunk: &Chunk<'_, T>, steps: &Range<usize>, start: &[Tensor<T>]) -> Result<(), ChunkError> {
    let steps = steps.clone();
    let (found, expected) = (chunk.states.len(), start.len());
    if found != expected {
        return Err(ChunkError::States { steps, found, expected });
    }
    for (state, (after, before)) in chunk.states.iter().zip(start).enumerate() {
        if after.shape() != before.shape() {
            let (found, expected) = (*after.shape(), *before.shape());
            return Err(ChunkError::StateShape {
                steps,
                state,
                found: found.into(),
                expected: expected.into(),
            });
        }
    }
    match &chunk.loss {
        Some(loss) if loss.value().numel() != 1 => {
            Err(ChunkError::Loss { steps, found: (*loss.shape()).into() })
        }
        _ => Ok(()),
    }
}
