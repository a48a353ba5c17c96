//! The ways to run a stack: on a batch, on a padded batch with lengths, on a packed sequence.

use rand::Rng;
use refrain_autograd::Var;
use refrain_tensor::{Real, Shape, Tensor, kernels::recurrent::Steps};

use super::{
    packed::{PackedSequence, packed, pad_packed_sequence},
    shape::{Sequence, check_state},
    stack::{Stack, States},
    within::Budget,
};
use crate::{Error, Result};

impl<T: Real> Stack<T> {
    /// A batch of sequences of one length, or one sequence without a batch axis; within a budget of
    /// memory, where one is given.
    pub(crate) fn on_batch<'t, R: Rng + ?Sized>(
        &self,
        input: &Var<'t, T>,
        initial: Option<States<'t, T>>,
        rng: Option<&mut R>,
        budget: Option<Budget<'_>>,
    ) -> Result<(Var<'t, T>, States<'t, T>)> {
        let sequence = self.check(input, initial.as_ref())?;
        if budget.is_some() {
            self.check_budget(input)?;
        }
        let batched = sequence.batched;
        let initial = match initial {
            Some(states) if !batched => Some(states.map(|state| Ok(state.unsqueeze(1)?))?),
            other => other,
        };
        let time_major = batched && self.options.batch_first;
        let x = if time_major { input.transpose(0, 1)? } else { input.clone() };
        let rows = x.reshape([sequence.steps * sequence.batch, self.options.input_size])?;
        let steps = Steps::equal(sequence.steps, sequence.batch);
        let (y, last) = self.run(&rows, steps, initial.as_ref(), rng, budget)?;
        let width = y.shape()[1];
        if !batched {
            return Ok((y, last.map(|state| Ok(state.squeeze(1)?))?));
        }
        let y = y.reshape([sequence.steps, sequence.batch, width])?;
        Ok((if time_major { y.transpose(0, 1)? } else { y }, last))
    }

    /// A padded batch of sequences of the given lengths.
    pub(crate) fn on_padded<'t, R: Rng + ?Sized>(
        &self,
        input: &Var<'t, T>,
        lengths: &[usize],
        initial: Option<States<'t, T>>,
        rng: Option<&mut R>,
    ) -> Result<(Var<'t, T>, States<'t, T>)> {
        let sequence = self.check(input, initial.as_ref())?;
        let packed = packed(self.kind.op(), input, lengths, self.options.batch_first)?;
        let (packed, last) = self.on_packed(&packed, initial, rng)?;
        let (y, _) = pad_packed_sequence(&packed, self.options.batch_first, T::zero(), Some(sequence.steps))?;
        Ok((y, last))
    }

    /// A packed sequence.
    pub(crate) fn on_packed<'t, R: Rng + ?Sized>(
        &self,
        packed: &PackedSequence<'t, T>,
        initial: Option<States<'t, T>>,
        rng: Option<&mut R>,
    ) -> Result<(PackedSequence<'t, T>, States<'t, T>)> {
        let (op, shape) = (self.kind.op(), *packed.data().shape());
        let (found, expected) = (shape[1], self.options.input_size);
        if found != expected {
            return Err(Error::Features {
                op,
                found,
                expected,
                shape: shape.into(),
                axes: "[rows, features]",
            });
        }
        let batch = packed.batch_size();
        let sequence = Sequence { steps: packed.batch_sizes().len(), batch, batched: true };
        self.check_states(&sequence, initial.as_ref())?;
        let reordered = |states: States<'t, T>, order: &[usize]| {
            if order.is_sorted() {
                return Ok(states);
            }
            let order = Tensor::from_vec(order.to_vec(), [batch])?;
            states.map(|state| Ok(state.index_select(1, &order)?))
        };
        let initial = initial.map(|states| reordered(states, packed.sorted_indices())).transpose()?;
        let (y, last) = self.run(packed.data(), packed.steps().clone(), initial.as_ref(), rng, None)?;
        Ok((packed.with_data(y), reordered(last, packed.unsorted_indices())?))
    }

    /// # Errors
    /// [`Error::NoBudget`] for what a plan over time cannot follow.
    fn check_budget(&self, input: &Var<'_, T>) -> Result<()> {
        let options = &self.options;
        let what = if options.bidirectional {
            "a bidirectional layer has no budget, for its second direction begins at the end"
        } else if options.dropout > 0.0 && options.num_layers > 1 && input.tape().records() {
            "dropout between layers has no budget, for its masks are as large as the outputs"
        } else {
            return Ok(());
        };
        Err(Error::NoBudget { op: self.kind.op(), what })
    }

    pub(super) fn check(&self, input: &Var<'_, T>, initial: Option<&States<'_, T>>) -> Result<Sequence> {
        let sequence =
            Sequence::of(self.kind.op(), *input.shape(), self.options.input_size, self.options.batch_first)?;
        self.check_states(&sequence, initial)?;
        Ok(sequence)
    }

    fn check_states(&self, sequence: &Sequence, initial: Option<&States<'_, T>>) -> Result<()> {
        let Some(States { h, c }) = initial else { return Ok(()) };
        let (op, axes) = (self.kind.op(), sequence.state_axes());
        let shape = |size| -> Shape { sequence.state_shape(self.states(), size) };
        check_state(op, "h_0", h.shape(), shape(self.options.state_size()), axes)?;
        c.as_ref()
            .map_or(Ok(()), |c| check_state(op, "c_0", c.shape(), shape(self.options.hidden_size), axes))
    }
}

impl<'t, T: Real> States<'t, T> {
    pub(super) fn map(self, f: impl Fn(&Var<'t, T>) -> Result<Var<'t, T>>) -> Result<Self> {
        Ok(Self { h: f(&self.h)?, c: self.c.as_ref().map(f).transpose()? })
    }
}

/// A recurrent layer together with a random generator: the layer with its dropout.
///
/// Made by the `training` method of [`RNN`](crate::RNN), [`LSTM`](crate::LSTM) and
/// [`GRU`](crate::GRU). On an inference tape nothing is dropped.
#[derive(Debug)]
pub struct Training<'m, M, R: ?Sized> {
    pub(crate) layer: &'m M,
    pub(crate) rng: &'m mut R,
}

/// The methods that run a layer, for a type that holds a `stack`; `$state` is what it carries.
macro_rules! sequence_methods {
    ($layer:ident, $state:ty) => {
        impl<T: Real> $layer<T> {
            /// Runs a batch of sequences from the initial state, or from 0 where it is not given,
            /// and returns the states of the top layer at every step and those of every layer
            /// after its last one: `(output, last)`. The shapes are those of the table above.
            ///
            /// # Errors
            /// [`Error::Rank`](crate::Error::Rank), [`Error::Features`](crate::Error::Features), [`Error::Empty`](crate::Error::Empty) for the
            /// input, [`Error::State`](crate::Error::State) for the state, [`Error::NoGenerator`](crate::Error::NoGenerator) where
            /// the layer has dropout and the tape records.
            pub fn forward<'t>(
                &self,
                input: &Var<'t, T>,
                initial: Option<&$state>,
            ) -> Result<(Var<'t, T>, $state)> {
                let (y, last) = self.stack.on_batch::<NoRng>(input, initial.map(States::from), None, None)?;
                Ok((y, last.into()))
            }

            /// [`forward`](Self::forward) with at most `budget` bytes for the way back, beside the
            /// input, the output and the weights; see [`recompute`](crate::recompute).
            ///
            /// Where not all steps fit, few states are kept, and the way back runs steps once more,
            /// in as few runs as the budget allows. The outputs are those of `forward`, bit for
            /// bit. The gradients are the same sums in another order, segment by segment: in f32
            /// they differ by some 1e-6 of their norm where there are up to a thousand steps, in f64 by
            /// 1e-15.
            ///
            /// The budget holds the states that are kept, all that `forward` computes of a segment,
            /// and the gradients that go from layer to layer in it. It does not hold the gradients
            /// of the input and of the weights, which are results, nor the packed weights.
            ///
            /// # Errors
            /// Those of [`forward`](Self::forward); [`Error::Budget`](crate::Error::Budget) with the
            /// least that works where the budget is smaller, [`Error::NoBudget`](crate::Error::NoBudget)
            /// for a second direction, or for dropout between layers on a tape that records. There
            /// is no such method for padded and packed sequences.
            pub fn forward_within<'t>(
                &self,
                input: &Var<'t, T>,
                initial: Option<&$state>,
                budget: usize,
            ) -> Result<(Var<'t, T>, $state)> {
                let (initial, budget) =
                    (initial.map(States::from), Some(crate::recurrent::within::Budget::Bytes(budget)));
                let (y, last) = self.stack.on_batch::<NoRng>(input, initial, None, budget)?;
                Ok((y, last.into()))
            }

            /// [`forward_within`](Self::forward_within) by a plan that was made before: where lengths
            /// and budget repeat, as in a training, it is made once. A plan is for a number of steps and
            /// for the costs it was given, those of [`step_costs`](Self::step_costs); a larger batch
            /// takes more bytes than it says.
            ///
            /// # Errors
            /// Those of [`forward_within`](Self::forward_within) but for the budget, and
            /// [`Error::PlannedSteps`](crate::Error::PlannedSteps) where the plan is for another number
            /// of steps.
            pub fn forward_planned<'t>(
                &self,
                input: &Var<'t, T>,
                initial: Option<&$state>,
                plan: &crate::recompute::Plan,
            ) -> Result<(Var<'t, T>, $state)> {
                let (initial, budget) =
                    (initial.map(States::from), Some(crate::recurrent::within::Budget::Planned(plan)));
                let (y, last) = self.stack.on_batch::<NoRng>(input, initial, None, budget)?;
                Ok((y, last.into()))
            }

            /// What `batch` sequences cost on the way back: the bytes of the states between two
            /// steps, and those that a step takes where all of it is kept.
            pub fn step_costs(&self, batch: usize) -> crate::recompute::StepCosts {
                self.stack.step_costs(batch)
            }

            /// [`forward`](Self::forward) for sequences of different lengths in a padded batch.
            /// The lengths may come in any order. What lies behind the end of a sequence takes no
            /// part: its outputs are 0, the last state is that of the sequence's own last step,
            /// and the second direction begins there.
            ///
            /// # Errors
            /// Those of [`forward`](Self::forward) and of
            /// [`pack_padded_sequence`](crate::pack_padded_sequence).
            pub fn forward_padded<'t>(
                &self,
                input: &Var<'t, T>,
                lengths: &[usize],
                initial: Option<&$state>,
            ) -> Result<(Var<'t, T>, $state)> {
                let (y, last) =
                    self.stack.on_padded::<NoRng>(input, lengths, initial.map(States::from), None)?;
                Ok((y, last.into()))
            }

            /// [`forward`](Self::forward) for a packed sequence. States are in the order of the
            /// sequences as they were packed.
            ///
            /// # Errors
            /// Those of [`forward`](Self::forward).
            pub fn forward_packed<'t>(
                &self,
                input: &PackedSequence<'t, T>,
                initial: Option<&$state>,
            ) -> Result<(PackedSequence<'t, T>, $state)> {
                let (y, last) = self.stack.on_packed::<NoRng>(input, initial.map(States::from), None)?;
                Ok((y, last.into()))
            }

            /// [`forward`](Self::forward), step by step: the same output and last state, and the states
            /// and gradients of every step to be looked at. See [`Trace`](crate::Trace), which shows an
            /// example. Dropout between layers is left out.
            ///
            /// # Errors
            /// Those of [`forward`](Self::forward), but for the generator.
            pub fn trace<'t>(
                &self,
                input: &Var<'t, T>,
                initial: Option<&$state>,
            ) -> Result<(Var<'t, T>, $state, crate::Trace<'t, T>)> {
                let (y, last, trace) = self.stack.traced(input, initial.map(States::from))?;
                Ok((y, last.into(), trace))
            }

            /// This layer with a generator for its dropout: `layer.training(&mut rng).forward(..)`.
            pub fn training<'m, R: Rng + ?Sized>(&'m self, rng: &'m mut R) -> Training<'m, Self, R> {
                Training { layer: self, rng }
            }

            /// This layer for inference one step at a time, on `batch` sequences side by side, from
            /// states of 0. See [`Stream`](crate::Stream).
            ///
            /// # Errors
            /// [`Error::Bidirectional`](crate::Error::Bidirectional) for a layer with a second direction,
            /// [`Error::ZeroOption`](crate::Error::ZeroOption) for a batch of 0.
            pub fn stream(&self, batch: usize) -> Result<crate::Stream<T>> {
                crate::Stream::new(&self.stack, batch)
            }

            /// The number of features of the input.
            pub fn input_size(&self) -> usize {
                self.stack.options.input_size
            }

            /// The number of hidden units of each layer and direction.
            pub fn hidden_size(&self) -> usize {
                self.stack.options.hidden_size
            }

            /// The number of layers.
            pub fn num_layers(&self) -> usize {
                self.stack.options.num_layers
            }

            /// Whether there is a second direction.
            pub fn is_bidirectional(&self) -> bool {
                self.stack.options.bidirectional
            }

            /// The parameters of one layer in one direction, or `None` where there is no such one.
            pub fn cell(&self, layer: usize, reverse: bool) -> Option<&CellParameters<T>> {
                self.stack.cell(layer, reverse)
            }
        }

        impl<T: Real, R: Rng + ?Sized> Training<'_, $layer<T>, R> {
            #[doc = concat!("[`", stringify!($layer), "::forward`] with dropout between layers.")]
            ///
            /// # Errors
            #[doc = concat!("Those of [`", stringify!($layer), "::forward`].")]
            pub fn forward<'t>(
                &mut self,
                input: &Var<'t, T>,
                initial: Option<&$state>,
            ) -> Result<(Var<'t, T>, $state)> {
                let (y, last) = self.layer.stack.on_batch(
                    input,
                    initial.map(States::from),
                    Some(&mut *self.rng),
                    None,
                )?;
                Ok((y, last.into()))
            }

            #[doc = concat!("[`", stringify!($layer), "::forward_padded`] with dropout between layers.")]
            ///
            /// # Errors
            #[doc = concat!("Those of [`", stringify!($layer), "::forward_padded`].")]
            pub fn forward_padded<'t>(
                &mut self,
                input: &Var<'t, T>,
                lengths: &[usize],
                initial: Option<&$state>,
            ) -> Result<(Var<'t, T>, $state)> {
                let (initial, rng) = (initial.map(States::from), Some(&mut *self.rng));
                let (y, last) = self.layer.stack.on_padded(input, lengths, initial, rng)?;
                Ok((y, last.into()))
            }

            #[doc = concat!("[`", stringify!($layer), "::forward_packed`] with dropout between layers.")]
            ///
            /// # Errors
            #[doc = concat!("Those of [`", stringify!($layer), "::forward_packed`].")]
            pub fn forward_packed<'t>(
                &mut self,
                input: &PackedSequence<'t, T>,
                initial: Option<&$state>,
            ) -> Result<(PackedSequence<'t, T>, $state)> {
                let (y, last) =
                    self.layer.stack.on_packed(input, initial.map(States::from), Some(&mut *self.rng))?;
                Ok((y, last.into()))
            }
        }

        impl<T: Real> crate::Costs<T> for $layer<T> {
            fn costs(&self, input: &crate::Signal, ledger: &mut crate::Ledger) -> Result<crate::Signal> {
                self.stack.costs(stringify!($layer), input, ledger)
            }
        }

        /// The options that differ from the defaults, as PyTorch prints a layer.
        impl<T: Real> std::fmt::Debug for $layer<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($layer), self.stack.options)
            }
        }

        impl<T: Real> crate::Module<T> for $layer<T> {
            fn visit<'m>(
                &'m self,
                visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m refrain_autograd::Parameter<T>),
            ) {
                crate::Module::visit(&self.stack, visitor);
            }

            fn visit_mut<'m>(
                &'m mut self,
                visitor: &mut dyn FnMut(std::fmt::Arguments<'_>, &'m mut refrain_autograd::Parameter<T>),
            ) {
                crate::Module::visit_mut(&mut self.stack, visitor);
            }
        }
    };
}
pub(crate) use sequence_methods;

/// The type of the generator that is not there.
pub(crate) type NoRng = rand::rngs::Xoshiro256PlusPlus;
