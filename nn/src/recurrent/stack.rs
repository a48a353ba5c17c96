//! Layers and directions of one kind of cell, over whole sequences: what RNN, LSTM and GRU share.

use std::fmt;

use rand::Rng;
use refrain_autograd::{Parameter, Var};
use refrain_tensor::{Real, Tensor};

use super::{
    CellParameters, Nonlinearity,
    cell_parameters::CellSizes,
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

    fn forward<T: Real>(self, plan: &Plan, weights: Weights<'_, T>, x: &[T], start: Start<'_, T>) -> Kept<T> {
        match self {
            Self::RNN(nonlinearity) => sweep::forward(nonlinearity, plan, weights, x, start),
            Self::LSTM => sweep::forward(LongShortTermMemory, plan, weights, x, start),
            Self::GRU => sweep::forward(GatedUnit, plan, weights, x, start),
        }
    }

    fn backward<T: Real>(
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

        let values: Vec<Tensor<T>> = inputs.iter().map(|input| input.value().contiguous()).collect();
        let (hidden, state) = (self.options.hidden_size, cell.state_size());
        let plan = Plan { steps: steps.clone(), reverse, input: cell.input_size(), hidden, state };
        let kept =
            self.kind.forward(&plan, roles.weights(&values), slice(&values, Some(0)), roles.start(&values));
        let rows = steps.rows();
        // One node has one value: the states, and behind them the cell states.
        let mut value = kept.h.clone();
        value.extend_from_slice(&kept.c);
        let value = Tensor::from_vec(value, [rows * state + kept.c.len()])?;
        let (has_cell, kind) = (!kept.c.is_empty(), self.kind);
        let inputs: Vec<&Var<'t, T>> = inputs.iter().collect();
        let node = tape.record_list(kind.op(), &inputs, value, move |g, needs| {
            let g = g.to_slice();
            let (dh, dc) = g.split_at(rows * state);
            let data = (slice(&values, Some(0)), roles.start(&values), &kept);
            let gradients = kind.backward(&plan, roles.weights(&values), data, (dh, dc), roles.needs(needs));
            roles.gradients(gradients, &values, needs)
        })?;
        let h =
            tape.record_part("states", &node, |l| reshaped(l.narrow(0, 0, rows * state)?, [rows, state]))?;
        let c = has_cell.then(|| {
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

/// Which of a node's inputs is what; the first three are x, W_ih and W_hh.
#[derive(Clone, Copy)]
struct Roles {
    bias_ih: Option<usize>,
    bias_hh: Option<usize>,
    hr: Option<usize>,
    h_0: Option<usize>,
    c_0: Option<usize>,
}

impl Roles {
    fn new(bias: bool, projection: bool, h_0: bool, c_0: bool) -> Self {
        let mut next = 3;
        let mut place = |there: bool| {
            next += usize::from(there);
            there.then(|| next - 1)
        };
        Self {
            bias_ih: place(bias),
            bias_hh: place(bias),
            hr: place(projection),
            h_0: place(h_0),
            c_0: place(c_0),
        }
    }

    fn weights<'a, T: Real>(&self, values: &'a [Tensor<T>]) -> Weights<'a, T> {
        Weights {
            ih: slice(values, Some(1)),
            hh: slice(values, Some(2)),
            bias_ih: slice(values, self.bias_ih),
            bias_hh: slice(values, self.bias_hh),
            hr: slice(values, self.hr),
        }
    }

    fn start<'a, T: Real>(&self, values: &'a [Tensor<T>]) -> Start<'a, T> {
        Start { h: slice(values, self.h_0), c: slice(values, self.c_0) }
    }

    fn needs(&self, needs: &[bool]) -> Needs {
        let needed = |k: Option<usize>| k.is_some_and(|k| needs[k]);
        Needs {
            x: needs[0],
            ih: needs[1],
            hh: needs[2],
            bias: needed(self.bias_ih) || needed(self.bias_hh),
            hr: needed(self.hr),
        }
    }

    /// The gradients in the order of the inputs, in their shapes.
    fn gradients<T: Real>(
        &self,
        gradients: sweep::Gradients<T>,
        values: &[Tensor<T>],
        needs: &[bool],
    ) -> std::result::Result<Vec<Option<Tensor<T>>>, refrain_tensor::Error> {
        let sweep::Gradients { x, ih, hh, bias_ih, bias_hh, hr, h_0, c_0 } = gradients;
        let placed = [
            (Some(0), x),
            (Some(1), ih),
            (Some(2), hh),
            (self.bias_ih, bias_ih),
            (self.bias_hh, bias_hh),
            (self.hr, hr),
            (self.h_0, h_0),
            (self.c_0, c_0),
        ];
        let mut all = vec![None; values.len()];
        for (place, gradient) in placed {
            if let Some(k) = place.filter(|&k| needs[k]) {
                all[k] = Some(Tensor::from_vec(gradient, values[k].shape())?);
            }
        }
        Ok(all)
    }
}

/// The elements of one of the values, or none.
fn slice<T: Real>(values: &[Tensor<T>], place: Option<usize>) -> &[T] {
    place.and_then(|k| values[k].as_slice()).unwrap_or(&[])
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
