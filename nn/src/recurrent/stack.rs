//! Layers and directions of one kind of cell, over whole sequences: what RNN, LSTM and GRU share.

use std::fmt;

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Tensor};

use super::{
    CellParameters, Nonlinearity,
    cell_parameters::CellSizes,
    node::{Roles, record_sweep},
    options::Options,
    steps::Steps,
    sweep::{self, Kept, Needs, Plan, Start, Weights, gru::GatedUnit, lstm::LongShortTermMemory},
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

    fn gates(self) -> usize {
        match self {
            Self::RNN(_) => 1,
            Self::LSTM => 4,
            Self::GRU => 3,
        }
    }

    pub(crate) fn forward<T: Real>(
        self,
        plan: &Plan,
        weights: Weights<'_, T>,
        x: &[T],
        start: Start<'_, T>,
    ) -> Kept<T> {
        match self {
            Self::RNN(nonlinearity) => sweep::forward(nonlinearity, plan, weights, x, start),
            Self::LSTM => sweep::forward(LongShortTermMemory, plan, weights, x, start),
            Self::GRU => sweep::forward(GatedUnit, plan, weights, x, start),
        }
    }

    pub(crate) fn backward<T: Real>(
        self,
        plan: &Plan,
        weights: Weights<'_, T>,
        data: (&[T], Start<'_, T>, &Kept<T>),
        gradients: (&[T], &[T]),
        needs: Needs,
    ) -> sweep::Gradients<T> {
        match self {
            Self::RNN(nonlinearity) => sweep::backward(nonlinearity, plan, weights, data, gradients, needs),
            Self::LSTM => sweep::backward(LongShortTermMemory, plan, weights, data, gradients, needs),
            Self::GRU => sweep::backward(GatedUnit, plan, weights, data, gradients, needs),
        }
    }
}

/// The parameters of all layers and directions: layer 0 forward, layer 0 reverse, layer 1 forward, …
#[derive(Clone, Debug)]
pub(crate) struct Stack<T: Real> {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    cells: Vec<CellParameters<T>>,
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
                gates: kind.gates(),
                projection: options.proj_size,
                bias: options.bias,
            };
            for _ in 0..options.directions() {
                cells.push(CellParameters::random(op, sizes, rng)?);
            }
        }
        Ok(Self { kind, options, cells })
    }

    /// The parameters of one layer in one direction.
    pub(crate) fn cell(&self, layer: usize, reverse: bool) -> Option<&CellParameters<T>> {
        if reverse && !self.options.bidirectional {
            return None;
        }
        self.cells.get(layer * self.options.directions() + usize::from(reverse))
    }

    /// The number of states: layers times directions.
    pub(crate) fn states(&self) -> usize {
        self.cells.len()
    }

    /// Runs rows `[N, I]` through all layers: the rows of the top layer, `[N, S · directions]`, and
    /// the last states. Dropout between layers draws from `rng`.
    pub(crate) fn run<'t>(
        &self,
        rows: &Var<'t, T>,
        steps: &Steps,
        initial: Option<&States<'t, T>>,
        mut rng: Option<&mut (impl Rng + ?Sized)>,
    ) -> Result<(Var<'t, T>, States<'t, T>)> {
        let mut x = rows.clone();
        let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
        for layer in 0..self.options.num_layers {
            if layer > 0 {
                x = self.between_layers(&x, rng.as_deref_mut())?;
            }
            let mut outputs = Vec::new();
            for direction in 0..self.options.directions() {
                let (k, reverse) = (layer * self.options.directions() + direction, direction == 1);
                let state = |states: &Var<'t, T>| states.select(0, k);
                let start = (
                    initial.map(|initial| state(&initial.h)).transpose()?,
                    initial.and_then(|initial| initial.c.as_ref()).map(state).transpose()?,
                );
                let (h, c) = self.sweep(&self.cells[k], &x, steps, reverse, start)?;
                last_h.push(last_states(&h, steps, reverse)?);
                last_c.extend(c.map(|c| last_states(&c, steps, reverse)).transpose()?);
                outputs.push(h);
            }
            x = joined(&outputs, 1)?;
        }
        let c = if last_c.is_empty() { None } else { Some(joined(&last_c, 0)?) };
        Ok((x, States { h: joined(&last_h, 0)?, c }))
    }

    /// One direction of one layer as one node: rows `[N, I]` → states `[N, S]`, and cell states
    /// `[N, H]` where there are any.
    fn sweep<'t>(
        &self,
        cell: &CellParameters<T>,
        x: &Var<'t, T>,
        steps: &Steps,
        reverse: bool,
        (h_0, c_0): (Option<Var<'t, T>>, Option<Var<'t, T>>),
    ) -> Result<(Var<'t, T>, Option<Var<'t, T>>)> {
        let tape = x.tape();
        let mut inputs = vec![x.clone()];
        cell.visit(&mut |_, parameter| inputs.push(tape.parameter(parameter)));
        let roles = Roles::new(self.options.bias, cell.weight_hr.is_some(), h_0.is_some(), c_0.is_some());
        inputs.extend(h_0.into_iter().chain(c_0));

        let (hidden, state, rows) = (self.options.hidden_size, cell.state_size(), steps.rows());
        let plan = Plan { steps: steps.clone(), reverse, input: cell.input_size(), hidden, state };
        let node = record_sweep(self.kind, plan, roles, &inputs)?;
        let h =
            tape.record_part("states", &node, |l| reshaped(l.narrow(0, 0, rows * state)?, [rows, state]))?;
        let c = matches!(self.kind, Kind::LSTM).then(|| {
            tape.record_part("states", &node, |l| {
                reshaped(l.narrow(0, rows * state, rows * hidden)?, [rows, hidden])
            })
        });
        Ok((h, c.transpose()?))
    }

    /// The output of a layer on its way to the next, with dropout where a pass trains.
    fn between_layers<'t>(
        &self,
        x: &Var<'t, T>,
        rng: Option<&mut (impl Rng + ?Sized)>,
    ) -> Result<Var<'t, T>> {
        let p = self.options.dropout;
        match rng {
            _ if p == 0.0 || !x.tape().records() => Ok(x.clone()),
            Some(rng) => Dropout::new(p)?.forward(x, rng),
            None => Err(Error::NoGenerator { op: self.kind.op(), dropout: p }),
        }
    }
}

/// A contiguous range of a layout under another shape, which is always a view.
fn reshaped(
    layout: refrain_tensor::Layout,
    shape: [usize; 2],
) -> std::result::Result<refrain_tensor::Layout, refrain_tensor::Error> {
    let shape = refrain_tensor::Shape::from(shape);
    let from = *layout.shape();
    layout.reshape(shape)?.ok_or_else(|| refrain_tensor::Error::Reshape {
        op: "states",
        from: from.into(),
        to: shape.into(),
    })
}

/// The state of each sequence after its last step, `[1, B, S]`.
fn last_states<'t, T: Real>(states: &Var<'t, T>, steps: &Steps, reverse: bool) -> Result<Var<'t, T>> {
    let rows = steps.last_rows(reverse);
    let consecutive = rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let last = if consecutive {
        states.narrow(0, rows[0], rows.len())?
    } else {
        let count = rows.len();
        states.index_select(0, &Tensor::from_vec(rows, [count])?)?
    };
    Ok(last.unsqueeze(0)?)
}

fn joined<'t, T: Real>(parts: &[Var<'t, T>], axis: isize) -> Result<Var<'t, T>> {
    Ok(if let [only] = parts { only.clone() } else { Var::cat(parts, axis)? })
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
