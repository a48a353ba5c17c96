//! A whole sequence on the tape within a budget of memory: still one node, whose way back runs
//! segments of the sequence once more, as a [`Plan`] says.

use std::ops::Range;

use refrain_autograd::Var;
use refrain_tensor::{
    Real, Shape, Tensor,
    kernels::recurrent::{Layer, Steps},
};

use super::{
    node::{Computed, KeptLayer, Sequence},
    packed_weights::PackedWeights,
    precision::{Double, Operands, Precision, Same, computes_in_double},
    recompute::{Action, Plan, StepCosts},
    stack::{Kind, Stack},
};
use crate::{Error, Result};

impl<T: Real> Stack<T> {
    /// What `batch` sequences cost.
    pub(crate) fn step_costs(&self, batch: usize) -> StepCosts {
        let options = &self.options;
        let width = options.state_size() * options.directions();
        let (input, hidden, state) = (options.input_size, options.hidden_size, options.state_size());
        let layers = Layers {
            count: options.num_layers,
            directions: options.directions(),
            input,
            hidden,
            state,
            width,
        };
        layers.step_costs::<T>(self.kind, batch)
    }
}

/// The sizes of all layers.
struct Layers {
    count: usize,
    directions: usize,
    input: usize,
    hidden: usize,
    state: usize,
    width: usize,
}

impl Layers {
    fn step_costs<T>(&self, kind: Kind, batch: usize) -> StepCosts {
        let double = computes_in_double(self.input, self.hidden);
        let number = if double { size_of::<f64>() } else { size_of::<T>() };
        let (cell, cells) = (kind.cell(), self.count * self.directions);
        let c = if cell.has_cell_state() { self.hidden } else { 0 };
        let projected = if self.state < self.hidden { self.hidden + self.state } else { 0 };
        // A simple cell keeps no gates, but its way back needs room for their gradients.
        let gates = if cell.gates() > 1 { 4 } else { 1 };
        let of_a_cell = gates * self.hidden + c + projected;
        // The gradients that go from layer to layer, and to the input.
        let passed = if self.count > 1 { 2 * self.width } else { 0 } + self.input;
        // Copies in double precision of the input and of the gradient of the output.
        let copies = if double { self.input + self.width } else { 0 };
        StepCosts {
            state: number * batch * cells * (self.state + c),
            step: number * batch * (cells * of_a_cell + self.count * self.width + passed + copies),
        }
    }
}

/// The states between two steps: h, [L, B, S], and for an LSTM c, [L, B, H].
type States<A> = Vec<Tensor<A>>;

/// A sequence that runs as a plan says.
struct Segments<T, A: Real> {
    sequence: Sequence<T>,
    plan: Plan,
    /// The input, [N, I].
    x: Tensor<T>,
    weights: Vec<Tensor<A>>,
    /// The weights of all layers for the way forward.
    packed: Vec<Layer<A>>,
    start: States<A>,
}

/// A segment that was run with all that its way back needs.
struct Segment<T, A: Real> {
    sequence: Sequence<T>,
    values: Operands<A>,
    kept: Vec<KeptLayer<A>>,
}

/// Where the way through a plan is.
struct Progress<A> {
    next: usize,
    current: States<A>,
    stack: Vec<States<A>>,
}

/// What the way back of a sequence may take.
#[derive(Clone, Copy)]
pub(crate) enum Budget<'p> {
    /// So many bytes.
    Bytes(usize),
    /// What a plan takes that was made before.
    Planned(&'p Plan),
}

impl<T: Real> Sequence<T> {
    /// [`Sequence::onto_tape`] within a budget.
    ///
    /// # Errors
    /// [`Error::Budget`] and [`Error::PlannedSteps`]; those of a tape.
    pub(crate) fn onto_tape_within<'t>(
        self,
        budget: Budget<'_>,
        inputs: &[Var<'t, T>],
        packed: &PackedWeights<T>,
    ) -> Result<Vec<Var<'t, T>>> {
        let found = self.steps.count();
        if let Budget::Planned(plan) = budget
            && plan.steps() != found
        {
            return Err(Error::PlannedSteps { op: self.kind.op(), planned: plan.steps(), found });
        }
        if !inputs.iter().any(Var::requires_grad) {
            return self.onto_tape(inputs, Some(packed));
        }
        let plan = match budget {
            Budget::Bytes(budget) => self.plan(budget)?,
            Budget::Planned(plan) => plan.clone(),
        };
        if plan.keeps_all() {
            return self.onto_tape(inputs, Some(packed));
        }
        packed.forget();
        if computes_in_double(self.sizes.input, self.sizes.hidden) {
            return self.compute_within::<Double>(plan, inputs);
        }
        self.compute_within::<Same>(plan, inputs)
    }

    /// A plan for this sequence alone.
    fn plan(&self, budget: usize) -> Result<Plan> {
        let layers = Layers {
            count: self.layers,
            directions: self.directions,
            input: self.sizes.input,
            hidden: self.sizes.hidden,
            state: self.sizes.state,
            width: self.width(),
        };
        let op = self.kind.op();
        let costs = layers.step_costs::<T>(self.kind, self.steps.batch());
        Plan::new(self.steps.count(), costs, budget).map_err(|error| match error {
            Error::Budget { steps, budget, least, .. } => Error::Budget { op, steps, budget, least },
            other => other,
        })
    }

    fn compute_within<'t, P: Precision<T>>(
        self,
        plan: Plan,
        inputs: &[Var<'t, T>],
    ) -> Result<Vec<Var<'t, T>>> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| *input.shape()).collect();
        let first_state = self.start_roles()[0].unwrap_or(inputs.len());
        let enter = |range: Range<usize>| {
            P::enter(inputs[range.clone()].iter().map(Var::value)).into_tensors(&shapes[range])
        };
        let weights = enter(1..first_state)?;
        let start =
            if first_state < inputs.len() { enter(first_state..inputs.len())? } else { self.zeros()? };
        let x = inputs[0].value().contiguous();
        let (tape, kind) = (inputs[0].tape(), self.kind);
        let operands = std::iter::once(Tensor::zeros([0])?).chain(weights.iter().cloned()).collect();
        let packed = self.packed(&Operands::Tensors(operands));
        let segments = Segments { sequence: self, plan, x, weights, packed, start };

        let (values, held, progress) = segments.forward::<P>()?;
        let inputs: Vec<&Var<'t, T>> = inputs.iter().collect();
        Ok(tape.record_outputs(kind.op(), &inputs, values, move |gradients, needs| {
            segments.backward::<P>(held, progress, gradients, (needs, &shapes))
        })?)
    }

    /// States of 0.
    fn zeros<A: Real>(&self) -> Result<States<A>> {
        let sizes = [Some(self.sizes.state), self.kind.cell().has_cell_state().then_some(self.sizes.hidden)];
        let zeros = |size| Ok(Tensor::zeros([self.layers, self.steps.batch(), size])?);
        sizes.into_iter().flatten().map(zeros).collect()
    }
}

impl<T: Real, A: Real> Segments<T, A> {
    /// Runs through all steps once: the node's values, and the last segment.
    #[allow(clippy::type_complexity)] // what the way back starts from
    fn forward<P: Precision<T, A = A>>(&self) -> Result<(Vec<Tensor<T>>, Segment<T, A>, Progress<A>)> {
        // From the pool, for that is where the memory goes in the end.
        let mut top = T::room(self.sequence.steps.rows() * self.sequence.width()).unwrap_or_default();
        let mut progress = Progress { next: 0, current: self.start.clone(), stack: Vec::new() };
        let segment = self.next_segment::<P>(&mut progress, |part| top.extend(part.iter()))?;
        let top = Tensor::from_vec(top, [self.sequence.steps.rows(), self.sequence.width()])?;
        let last: Vec<Vec<T>> =
            progress.current.iter().map(|state| P::leave(state.iter().collect())).collect();
        let mut last = last.into_iter();
        let (h, c) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
        Ok((self.sequence.outputs(top, h, c)?, segment, progress))
    }

    /// Follows the plan up to the next segment to go back through. `outputs` gets the outputs of all
    /// steps that are run.
    fn next_segment<P: Precision<T, A = A>>(
        &self,
        progress: &mut Progress<A>,
        mut outputs: impl FnMut(&Tensor<T>),
    ) -> Result<Segment<T, A>> {
        for action in self.plan.actions().skip(progress.next) {
            progress.next += 1;
            match action {
                Action::Resume => progress.current = progress.stack.last().unwrap_or(&self.start).clone(),
                Action::Keep => progress.stack.push(progress.current.clone()),
                Action::Drop => drop(progress.stack.pop()),
                Action::Advance(range) => {
                    self.run::<P>(range, progress, false, &mut outputs)?;
                }
                Action::Back(range) => return self.run::<P>(range, progress, true, &mut outputs),
            }
        }
        unreachable!("a plan has a segment for each time that the way back asks for one")
    }

    fn run<P: Precision<T, A = A>>(
        &self,
        steps: Range<usize>,
        progress: &mut Progress<A>,
        keep: bool,
        outputs: &mut impl FnMut(&Tensor<T>),
    ) -> Result<Segment<T, A>> {
        let whole = &self.sequence;
        let batch = whole.steps.batch();
        let sequence =
            Sequence { steps: Steps::equal(steps.len(), batch), starts: true, masks: Vec::new(), ..*whole };
        let x = self.x.narrow(0, steps.start * batch, steps.len() * batch)?;
        let shape = *x.shape();
        let mut values = P::enter(std::iter::once(&x)).into_tensors(&[shape])?;
        values.extend(self.weights.iter().chain(&progress.current).cloned());
        let values = Operands::Tensors(values);
        let none = Operands::Tensors(Vec::new());
        let Computed { top, h, c, kept } = sequence.forward::<P>(&values, &none, &self.packed, keep)?;
        outputs(&top);
        let of_h = progress.current[0].shape();
        let mut current = vec![Tensor::from_vec(h, of_h)?];
        if let Some(of_c) = progress.current.get(1) {
            current.push(Tensor::from_vec(c, of_c.shape())?);
        }
        progress.current = current;
        Ok(Segment { sequence, values, kept })
    }

    /// Goes back through the segment that forward left, and then through all before it.
    fn backward<P: Precision<T, A = A>>(
        &self,
        held: Segment<T, A>,
        mut progress: Progress<A>,
        gradients: Vec<Option<Tensor<T>>>,
        (needs, shapes): (&[bool], &[Shape]),
    ) -> std::result::Result<Vec<Option<Tensor<T>>>, refrain_tensor::Error> {
        let mut gradients = gradients.into_iter();
        let of_outputs = gradients.next().flatten();
        // The gradients of the states behind the segment: of the last ones at first.
        let mut carried: Vec<Vec<A>> =
            gradients.map(|state| state.map_or_else(Vec::new, enter::<T, P>)).collect();
        carried.resize(2, Vec::new());
        let weights = 1..1 + self.weights.len();
        let mut sums: Vec<Option<Vec<A>>> = vec![None; weights.len()];
        let size_of_x = if needs[0] { shapes[0].numel() } else { 0 };
        let mut dx = T::room(size_of_x).unwrap_or_default();
        dx.resize(size_of_x, T::zero());
        let needed: Vec<bool> = needs[..weights.end].iter().copied().chain([true; 2]).collect();
        let needed = &needed[..weights.end + self.start.len()];

        let (batch, input) = (self.sequence.steps.batch(), self.sequence.sizes.input);
        let mut end = self.sequence.steps.count();
        let mut segment = Some(held);
        while end > 0 {
            let Segment { sequence, values, kept } = match segment.take() {
                Some(segment) => segment,
                None => self.next_segment::<P>(&mut progress, |_| {}).map_err(of_tensors)?,
            };
            let first = end - sequence.steps.count();
            let rows = sequence.steps.rows();
            let dh = match &of_outputs {
                Some(g) => Some(g.narrow(0, first * batch, rows)?),
                None => None,
            };
            let dh = P::enter(dh.iter());
            let dh = if of_outputs.is_some() { dh.get(0) } else { &[] };
            let none = Operands::Tensors(Vec::new());
            let mut found =
                sequence.backward((&values, &none), kept, [dh, &carried[0], &carried[1]], needed).into_iter();
            if let Some(Some(part)) = found.next().filter(|_| needs[0]) {
                let place = first * batch * input;
                dx[place..place + rows * input].copy_from_slice(&P::leave(part));
            }
            for (sum, part) in sums.iter_mut().zip(found.by_ref()) {
                match (sum, part) {
                    (Some(sum), Some(part)) => sum.iter_mut().zip(part).for_each(|(a, b)| *a = *a + b),
                    (sum, part) => *sum = part,
                }
            }
            for (carried, state) in carried.iter_mut().zip(found) {
                *carried = state.unwrap_or_default();
            }
            end = first;
        }
        let of_x = needs[0].then_some(dx);
        let of_weights = sums.into_iter().map(|sum| sum.map(P::leave));
        let of_start = carried.into_iter().map(|state| Some(P::leave(state)));
        let all = std::iter::once(of_x).chain(of_weights).chain(of_start).zip(needs).zip(shapes);
        all.map(|((gradient, &needed), shape)| {
            gradient.filter(|_| needed).map(|g| Tensor::from_vec(g, shape)).transpose()
        })
        .collect()
    }
}

/// The numbers of a tensor in the precision of the computation.
fn enter<T: Real, P: Precision<T>>(tensor: Tensor<T>) -> Vec<P::A> {
    P::enter(std::iter::once(&tensor)).get(0).to_vec()
}

/// The error of a tensor; a segment that was run once has no other.
fn of_tensors(error: Error) -> refrain_tensor::Error {
    match error {
        Error::Tensor(error) => error,
        other => unreachable!("{other}"),
    }
}
