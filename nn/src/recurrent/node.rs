//! A whole sequence on the tape: all layers, directions and steps as one node.

use refrain_autograd::Var;
use refrain_tensor::{
    Real, Shape, Tensor,
    kernels::recurrent::{
        Backward, Columns, Forward, Gradients, Kept, Layer, Needs, Sizes, Start, StateRows, Steps, Weights,
        backward,
    },
};

use super::{
    packed_weights::PackedWeights,
    precision::{Double, Operands, Precision, Same, computes_in_double},
    stack::Kind,
};
use crate::Result;

/// What the node computes. Its inputs are x, for each layer and direction W_ih, W_hh, both biases
/// and W_hr as far as there are any, then h_0 and c_0. Its values are the states of the top layer,
/// [N, S·D], the last h, [L·D, B, S], and for an LSTM the last c, [L·D, B, H].
pub(crate) struct Sequence<T> {
    pub(crate) kind: Kind,
    pub(crate) sizes: Sizes,
    pub(crate) layers: usize,
    pub(crate) directions: usize,
    pub(crate) bias: bool,
    pub(crate) projects: bool,
    pub(crate) steps: Steps,
    /// Whether initial states are given; c_0 for an LSTM as well.
    pub(crate) starts: bool,
    /// What the output of each layer but the top one is multiplied by, [N, S·D]; or none.
    pub(crate) masks: Vec<Tensor<T>>,
}

/// What forward computes, and what it keeps, from the lowest layer up.
pub(super) struct Computed<T, A: Real> {
    /// The states of the top layer, [N, S·D].
    pub(super) top: Tensor<T>,
    /// The last h, [L·D, B, S].
    pub(super) h: Vec<A>,
    /// The last c, [L·D, B, H], of an LSTM.
    pub(super) c: Vec<A>,
    pub(super) kept: Vec<KeptLayer<A>>,
}

/// What forward keeps of a layer.
pub(super) struct KeptLayer<T: Real> {
    directions: Vec<Kept<T>>,
    /// The states, [N, S·D].
    states: Operands<T>,
    /// The input, where it is not the states of the layer below.
    input: Option<Vec<T>>,
}

impl<T: Real> Sequence<T> {
    /// Computes the values and records the node. Where nothing is recorded, the weights stay packed.
    pub(crate) fn onto_tape<'t>(
        self,
        inputs: &[Var<'t, T>],
        packed: Option<&PackedWeights<T>>,
    ) -> Result<Vec<Var<'t, T>>> {
        if computes_in_double(self.sizes.input, self.sizes.hidden) {
            return self.compute_in::<Double>(inputs, &[]);
        }
        if inputs.iter().any(Var::requires_grad) {
            packed.inspect(|packed| packed.forget());
            return self.compute_in::<Same>(inputs, &[]);
        }
        let parameters = 1..self.roles(self.layers * self.directions).ih;
        let weights = inputs[parameters].iter().map(Var::value);
        let pack = || self.packed(&Same::enter(inputs.iter().map(Var::value)));
        let layers = packed.map(|packed| packed.of(weights, pack));
        self.compute_in::<Same>(inputs, layers.as_deref().map_or(&[], Vec::as_slice))
    }

    fn compute_in<'t, P: Precision<T>>(
        self,
        inputs: &[Var<'t, T>],
        packed: &[Layer<P::A>],
    ) -> Result<Vec<Var<'t, T>>> {
        let values = P::enter(inputs.iter().map(Var::value));
        let masks = P::enter(self.masks.iter());
        let keep = inputs.iter().any(Var::requires_grad);
        let Computed { top, h, c, kept } = self.forward::<P>(&values, &masks, packed, keep)?;
        let outputs = self.outputs(top, P::leave(h), P::leave(c))?;
        let shapes: Vec<Shape> = if keep { inputs.iter().map(|x| *x.shape()).collect() } else { Vec::new() };
        let (tape, kind) = (inputs[0].tape(), self.kind);
        let inputs: Vec<&Var<'t, T>> = inputs.iter().collect();
        Ok(tape.record_outputs(kind.op(), &inputs, outputs, move |g, needs| {
            let given: Vec<bool> = g.iter().map(Option::is_some).collect();
            let g = P::enter(g.iter().flatten().collect::<Vec<_>>().into_iter());
            // The gradient of the k-th value, or nothing for 0.
            let place = |k: usize| given[..k].iter().filter(|&&given| given).count();
            let of = |k: usize| if given.get(k) == Some(&true) { g.get(place(k)) } else { &[] };
            let gradients = self.backward((&values, &masks), kept, [of(0), of(1), of(2)], needs);
            let mut shaped = Vec::with_capacity(shapes.len());
            for (gradient, shape) in gradients.into_iter().zip(&shapes) {
                shaped.push(gradient.map(|g| Tensor::from_vec(P::leave(g), shape)).transpose()?);
            }
            Ok(shaped)
        })?)
    }

    /// The node's values.
    pub(super) fn outputs(&self, top: Tensor<T>, h: Vec<T>, c: Vec<T>) -> Result<Vec<Tensor<T>>> {
        let (cells, batch) = (self.layers * self.directions, self.steps.batch());
        let mut outputs = vec![top, Tensor::from_vec(h, [cells, batch, self.sizes.state])?];
        if self.kind.cell().has_cell_state() {
            outputs.push(Tensor::from_vec(c, [cells, batch, self.sizes.hidden])?);
        }
        Ok(outputs)
    }

    /// S·D.
    pub(super) fn width(&self) -> usize {
        self.sizes.state * self.directions
    }

    fn sizes_of(&self, layer: usize) -> Sizes {
        if layer == 0 { self.sizes } else { Sizes { input: self.width(), ..self.sizes } }
    }

    fn columns(&self, direction: usize) -> Columns {
        Columns { width: self.width(), first: direction * self.sizes.state }
    }

    /// The places of a cell's parameters among the inputs.
    fn roles(&self, cell: usize) -> Roles {
        let each = 2 + 2 * usize::from(self.bias) + usize::from(self.projects);
        Roles::new(1 + cell * each, self.bias, self.projects)
    }

    /// The places of h_0 and c_0 among the inputs.
    pub(super) fn start_roles(&self) -> [Option<usize>; 2] {
        let first = self.roles(self.layers * self.directions).ih;
        let cell = self.starts && self.kind.cell().has_cell_state();
        [self.starts.then_some(first), cell.then_some(first + 1)]
    }

    /// The part of a cell in states of all cells.
    fn states_of<'a, A: Real>(&self, cell: usize, h: &'a [A], c: &'a [A]) -> Start<'a, A> {
        let batch = self.steps.batch();
        let part = |all: &'a [A], size: usize| {
            all.get(cell * batch * size..(cell + 1) * batch * size).unwrap_or_default()
        };
        Start { h: part(h, self.sizes.state), c: part(c, self.sizes.hidden) }
    }

    fn start<'a, A: Real>(&self, cell: usize, values: &'a Operands<A>) -> Start<'a, A> {
        let [h_0, c_0] = self.start_roles().map(|role| role.map_or(&[][..], |k| values.get(k)));
        self.states_of(cell, h_0, c_0)
    }

    /// The weights of all layers and directions, packed.
    pub(super) fn packed<A: Real>(&self, values: &Operands<A>) -> Vec<Layer<A>> {
        (0..self.layers * self.directions).map(|cell| self.packed_cell(cell, values)).collect()
    }

    fn packed_cell<A: Real>(&self, cell: usize, values: &Operands<A>) -> Layer<A> {
        let sizes = self.sizes_of(cell / self.directions);
        Layer::new(self.kind.cell(), sizes, self.roles(cell).weights(values))
    }

    /// Runs all steps. The weights are packed for it, where they are not given `packed`.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where there is no memory.
    pub(super) fn forward<P: Precision<T>>(
        &self,
        values: &Operands<P::A>,
        masks: &Operands<P::A>,
        packed: &[Layer<P::A>],
        keep: bool,
    ) -> Result<Computed<T, P::A>> {
        let (rows, batch) = (self.steps.rows(), self.steps.batch());
        let of_cells = self.layers * self.directions * batch;
        let mut last_h = Vec::with_capacity(of_cells * self.sizes.state);
        let cell_states = if self.kind.cell().has_cell_state() { of_cells * self.sizes.hidden } else { 0 };
        let mut last_c = Vec::with_capacity(cell_states);
        let mut kept: Vec<KeptLayer<P::A>> = Vec::with_capacity(self.layers);
        let mut top = None;
        for layer in 0..self.layers {
            let below = kept.last();
            let input = below
                .filter(|_| !self.masks.is_empty())
                .map(|below| product(below.states.get(0), masks.get(layer - 1)));
            let x = match (below, &input) {
                (None, _) => values.get(0),
                (_, Some(masked)) => masked,
                (Some(below), None) => below.states.get(0),
            };
            let mut states = StateRows::new();
            let mut directions = Vec::with_capacity(self.directions);
            for direction in 0..self.directions {
                let cell = layer * self.directions + direction;
                let reverse = direction == 1;
                let packed_here = packed.is_empty().then(|| self.packed_cell(cell, values));
                let weights = packed_here.as_ref().unwrap_or_else(|| &packed[cell]);
                let start = self.start(cell, values);
                let sweep = Forward { steps: &self.steps, reverse, x, start, keep };
                let of_cell = weights.forward(sweep, &mut states, self.columns(direction));
                let ends = self.steps.last_rows(reverse);
                let Columns { width, first } = self.columns(direction);
                for (sequence, &row) in ends.iter().enumerate() {
                    last_h.extend_from_slice(&states[row * width + first..][..self.sizes.state]);
                    if self.kind.cell().has_cell_state() {
                        let row = if keep { row } else { sequence };
                        last_c
                            .extend_from_slice(&of_cell.c()[row * self.sizes.hidden..][..self.sizes.hidden]);
                    }
                }
                directions.push(of_cell);
            }
            let (tensor, states) = P::share(states, Shape::from([rows, self.width()]))?;
            top = Some(tensor);
            if !keep {
                kept.clear();
            }
            kept.push(KeptLayer { directions, states, input });
        }
        // There is at least one layer.
        let top = top.map_or_else(|| Tensor::zeros([rows, self.width()]), Ok)?;
        Ok(Computed { top, h: last_h, c: last_c, kept })
    }

    /// The gradients of the inputs, from those of the values; an empty one is 0.
    pub(super) fn backward<A: Real>(
        &self,
        (values, masks): (&Operands<A>, &Operands<A>),
        mut kept: Vec<KeptLayer<A>>,
        [dh, last_h, last_c]: [&[A]; 3],
        needs: &[bool],
    ) -> Vec<Option<Vec<A>>> {
        // A result may depend on the last states alone.
        let zeros = vec![A::zero(); if dh.is_empty() { self.steps.rows() * self.width() } else { 0 }];
        let dh = if dh.is_empty() { &zeros } else { dh };
        let mut all = vec![None; needs.len()];
        let mut d_start = [Vec::new(), Vec::new()];
        let mut from_above: Option<Vec<A>> = None;
        for layer in (0..self.layers).rev() {
            let Some(KeptLayer { directions, states, input }) = kept.pop() else { break };
            let x = match (kept.last(), &input) {
                (None, _) => values.get(0),
                (_, Some(masked)) => masked,
                (Some(below), None) => below.states.get(0),
            };
            let dh = from_above.as_deref().unwrap_or(dh);
            let mut dx: Option<Vec<A>> = None;
            for (direction, of_cell) in directions.into_iter().enumerate().rev() {
                let cell = layer * self.directions + direction;
                let roles = self.roles(cell);
                let sweep = Backward {
                    cell: self.kind.cell(),
                    sizes: self.sizes_of(layer),
                    weights: roles.weights(values),
                    steps: &self.steps,
                    reverse: direction == 1,
                    x,
                    start: self.start(cell, values),
                    h: states.get(0),
                    dh,
                    columns: self.columns(direction),
                    last: self.states_of(cell, last_h, last_c),
                };
                let wanted = Needs { x: layer > 0 || needs[0], ..roles.needs(needs) };
                let gradients = backward(&sweep, of_cell, wanted);
                let of_x = roles.place(gradients, &mut d_start, &mut all);
                dx = Some(match dx {
                    None => of_x,
                    Some(sum) => sum.iter().zip(&of_x).map(|(&a, &b)| a + b).collect(),
                });
            }
            from_above = match dx {
                Some(dx) if layer > 0 && !self.masks.is_empty() => Some(product(&dx, masks.get(layer - 1))),
                dx => dx,
            };
        }
        all[0] = from_above;
        for (role, gradient) in self.start_roles().into_iter().zip(d_start) {
            if let Some(k) = role {
                all[k] = Some(gradient);
            }
        }
        for (gradient, &needed) in all.iter_mut().zip(needs) {
            gradient.take_if(|_| !needed);
        }
        all
    }
}

/// The places of a cell's parameters in a list.
pub(crate) struct Roles {
    ih: usize,
    hh: usize,
    biases: Option<[usize; 2]>,
    hr: Option<usize>,
}

impl Roles {
    /// From the first of them on, in the order of the cell.
    pub(crate) fn new(first: usize, bias: bool, projects: bool) -> Self {
        let after_biases = first + 2 + 2 * usize::from(bias);
        Self {
            ih: first,
            hh: first + 1,
            biases: bias.then_some([first + 2, first + 3]),
            hr: projects.then_some(after_biases),
        }
    }

    pub(crate) fn weights<'a, A: Real>(&self, values: &'a Operands<A>) -> Weights<'a, A> {
        let [bias_ih, bias_hh] = self.biases.map_or([&[][..]; 2], |roles| roles.map(|k| values.get(k)));
        let hr = self.hr.map_or(&[][..], |k| values.get(k));
        Weights { ih: values.get(self.ih), hh: values.get(self.hh), bias_ih, bias_hh, hr }
    }

    fn needs(&self, needs: &[bool]) -> Needs {
        Needs {
            x: false,
            ih: needs[self.ih],
            hh: needs[self.hh],
            bias: self.biases.is_some_and(|roles| roles.iter().any(|&k| needs[k])),
            hr: self.hr.is_some_and(|k| needs[k]),
        }
    }

    /// Puts a cell's gradients where they belong: the cells come last to first, their initial
    /// states before those of the cells that came already. Returns that of the input.
    fn place<A: Real>(
        &self,
        gradients: Gradients<A>,
        [h_0, c_0]: &mut [Vec<A>; 2],
        all: &mut [Option<Vec<A>>],
    ) -> Vec<A> {
        let Gradients { x, ih, hh, bias_ih, bias_hh, hr, h_0: of_h, c_0: of_c } = gradients;
        (all[self.ih], all[self.hh]) = (Some(ih), Some(hh));
        if let Some([k, l]) = self.biases {
            (all[k], all[l]) = (Some(bias_ih), Some(bias_hh));
        }
        if let Some(k) = self.hr {
            all[k] = Some(hr);
        }
        h_0.splice(0..0, of_h);
        c_0.splice(0..0, of_c);
        x
    }
}

fn product<A: Real>(values: &[A], mask: &[A]) -> Vec<A> {
    values.iter().zip(mask).map(|(&x, &m)| x * m).collect()
}
