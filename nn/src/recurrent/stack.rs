//! Layers and directions of one kind of cell, over whole sequences: what RNN, LSTM and GRU share.

use std::fmt;

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{
    Real, Shape, Tensor,
    kernels::recurrent::{Cell, Layer, Sizes, Steps},
};

use super::{
    CellParameters, Nonlinearity,
    cell_parameters::CellSizes,
    node::{Roles, Sequence},
    options::Options,
    packed_weights::PackedWeights,
    precision::Precision,
    within::Budget,
};
use crate::{Dropout, Error, Module, Result};

/// Which arithmetic the cells have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    RNN(Nonlinearity),
    LSTM,
    GRU,
}

impl Kind {
    pub(crate) fn op(self) -> &'static str {
        match self {
            Self::RNN(_) => "rnn",
            Self::LSTM => "lstm",
            Self::GRU => "gru",
        }
    }

    pub(crate) fn cell(self) -> Cell {
        match self {
            Self::RNN(Nonlinearity::Tanh) => Cell::Tanh,
            Self::RNN(Nonlinearity::ReLU) => Cell::ReLU,
            Self::LSTM => Cell::LSTM,
            Self::GRU => Cell::GRU,
        }
    }
}

/// The parameters of all layers and directions: layer 0 forward, layer 0 reverse, layer 1 forward, …
#[derive(Clone, Debug)]
pub(crate) struct Stack<T: Real> {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    cells: Vec<CellParameters<T>>,
    packed: PackedWeights<T>,
}

/// States of all layers and directions, `[layers · directions, batch, size]`; c for an LSTM alone.
#[derive(Clone)]
pub(crate) struct States<'t, T> {
    pub(crate) h: Var<'t, T>,
    pub(crate) c: Option<Var<'t, T>>,
}

impl<T: Real> Stack<T> {
    /// # Errors
    /// [`Error::ZeroOption`], [`Error::Probability`], [`Error::Projection`], [`Error::Tensor`].
    pub(crate) fn random(kind: Kind, options: Options, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        let op = kind.op();
        if options.num_layers == 0 {
            return Err(Error::ZeroOption { op, option: "num_layers" });
        }
        if !(0.0..=1.0).contains(&options.dropout) {
            return Err(Error::Probability { op, option: "dropout", value: options.dropout });
        }
        if options.proj_size > 0 && options.proj_size >= options.hidden_size {
            let (proj_size, hidden_size) = (options.proj_size, options.hidden_size);
            return Err(Error::Projection { op, proj_size, hidden_size });
        }
        let mut cells = Vec::new();
        for layer in 0..options.num_layers {
            let below = options.state_size() * options.directions();
            let sizes = CellSizes {
                input: if layer == 0 { options.input_size } else { below },
                hidden: options.hidden_size,
                gates: kind.cell().gates(),
                projection: options.proj_size,
                bias: options.bias,
            };
            for _ in 0..options.directions() {
                cells.push(CellParameters::random(op, sizes, rng)?);
            }
        }
        Ok(Self { kind, options, cells, packed: PackedWeights::default() })
    }

    /// The parameters of one layer in one direction.
    pub(crate) fn cell(&self, layer: usize, reverse: bool) -> Option<&CellParameters<T>> {
        if reverse && !self.options.bidirectional {
            return None;
        }
        self.cells.get(layer * self.options.directions() + usize::from(reverse))
    }

    /// The cells of all layers and directions, in order.
    pub(super) fn cells(&self) -> &[CellParameters<T>] {
        &self.cells
    }

    /// The number of states: layers times directions.
    pub(crate) fn states(&self) -> usize {
        self.cells.len()
    }

    /// The layers of one direction, their weights packed.
    pub(crate) fn packed_layers<P: Precision<T>>(&self) -> Vec<Layer<P::A>> {
        let packed = |cell: &CellParameters<T>| {
            let (input, state) = (cell.input_size(), cell.state_size());
            let sizes = Sizes { input, hidden: self.options.hidden_size, state };
            let mut values = Vec::new();
            cell.visit(&mut |_, parameter| values.push(parameter.value()));
            let roles = Roles::new(0, self.options.bias, self.options.proj_size > 0);
            Layer::new(self.kind.cell(), sizes, roles.weights(&P::enter(values.into_iter())))
        };
        self.cells.iter().map(packed).collect()
    }

    /// Runs rows `[N, I]` through all layers: the rows of the top layer, `[N, S · directions]`, and
    /// the last states. Dropout between layers draws from `rng`. What is kept for the way back stays
    /// within a budget, where one is given.
    pub(crate) fn run<'t>(
        &self,
        rows: &Var<'t, T>,
        steps: Steps,
        initial: Option<&States<'t, T>>,
        rng: Option<&mut (impl Rng + ?Sized)>,
        budget: Option<Budget<'_>>,
    ) -> Result<(Var<'t, T>, States<'t, T>)> {
        let (tape, options) = (rows.tape(), &self.options);
        let mut inputs = Vec::with_capacity(3 + 5 * self.cells.len());
        inputs.push(rows.clone());
        self.visit(&mut |_, parameter| inputs.push(tape.parameter(parameter)));
        if let Some(States { h, c }) = initial {
            inputs.push(h.clone());
            inputs.extend(c.clone());
        }
        let kind = self.kind;
        let (hidden, state) = (options.hidden_size, options.state_size());
        let size = steps.rows() * state * options.directions();
        let masks = self.masks(rows, size, rng)?;
        let sequence = Sequence {
            kind,
            sizes: Sizes { input: options.input_size, hidden, state },
            layers: options.num_layers,
            directions: options.directions(),
            bias: options.bias,
            projects: options.proj_size > 0,
            steps,
            starts: initial.is_some(),
            masks,
        };
        let values = match budget {
            Some(budget) => sequence.onto_tape_within(budget, &inputs, &self.packed)?,
            None => sequence.onto_tape(&inputs, Some(&self.packed))?,
        };
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(outputs), Some(h)) => Ok((outputs, States { h, c: values.next() })),
            _ => unreachable!("a sequence has outputs and last states"),
        }
    }

    /// The masks of dropout between layers, `size` numbers each, where a pass trains.
    fn masks(
        &self,
        x: &Var<'_, T>,
        size: usize,
        rng: Option<&mut (impl Rng + ?Sized)>,
    ) -> Result<Vec<Tensor<T>>> {
        let p = self.options.dropout;
        if p == 0.0 || !x.tape().records() || self.options.num_layers == 1 {
            return Ok(Vec::new());
        }
        let Some(rng) = rng else { return Err(Error::NoGenerator { op: self.kind.op(), dropout: p }) };
        let dropout = Dropout::new(p)?;
        (1..self.options.num_layers).map(|_| dropout.mask(Shape::from([size]), rng)).collect()
    }
}

/// Names as PyTorch has them: `weight_ih_l0`, `weight_ih_l0_reverse`, `weight_ih_l1`, …
struct CellName {
    layer: usize,
    reverse: bool,
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}{}", self.layer, if self.reverse { "_reverse" } else { "" })
    }
}

impl<T: Real> Module<T> for Stack<T> {
    fn visit<'m>(&'m self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m Parameter<T>)) {
        let directions = self.options.directions();
        for (k, cell) in self.cells.iter().enumerate() {
            let place = CellName { layer: k / directions, reverse: k % directions == 1 };
            cell.visit(&mut |name, parameter| visitor(format_args!("{name}_{place}"), parameter));
        }
    }

    fn visit_mut<'m>(&'m mut self, visitor: &mut dyn FnMut(fmt::Arguments<'_>, &'m mut Parameter<T>)) {
        let directions = self.options.directions();
        for (k, cell) in self.cells.iter_mut().enumerate() {
            let place = CellName { layer: k / directions, reverse: k % directions == 1 };
            cell.visit_mut(&mut |name, parameter| visitor(format_args!("{name}_{place}"), parameter));
        }
    }
}
