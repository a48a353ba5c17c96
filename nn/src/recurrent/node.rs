//! One sweep as one node on the tape.

use refrain_autograd::Var;
use refrain_tensor::{Real, Tensor};

use super::{
    stack::Kind,
    sweep::{self, Needs, Plan, Start, Weights},
};
use crate::Result;

/// The hidden size up to which a sweep runs in double precision whatever the element type.
///
/// Sums of few terms can cancel to almost nothing, and then single precision shows. Where a layer
/// is tiny, double precision is free, and one rounding at the end is all there is.
const TINY: usize = 4;

/// Records one direction of one layer: the states of all rows, and behind them the cell states, in
/// one row of numbers, for a node has one value.
pub(crate) fn record_sweep<'t, T: Real>(
    kind: Kind,
    plan: Plan,
    roles: Roles,
    inputs: &[Var<'t, T>],
) -> Result<Var<'t, T>> {
    if plan.hidden <= TINY && plan.input <= 16 * TINY {
        let widen = |t: &Tensor<T>| t.map(Real::to_f64);
        let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
        return record_in(kind, plan, roles, inputs, widen, narrow);
    }
    record_in(kind, plan, roles, inputs, Tensor::contiguous, |values| values)
}

/// [`record_sweep`], computed in element type A.
fn record_in<'t, T: Real, A: Real>(
    kind: Kind,
    plan: Plan,
    roles: Roles,
    inputs: &[Var<'t, T>],
    enter: fn(&Tensor<T>) -> Tensor<A>,
    leave: fn(Vec<A>) -> Vec<T>,
) -> Result<Var<'t, T>> {
    let values: Vec<Tensor<A>> = inputs.iter().map(|input| enter(input.value())).collect();
    let kept = kind.forward(&plan, roles.weights(&values), slice(&values, Some(0)), roles.start(&values));
    let mut value = kept.h.clone();
    value.extend_from_slice(&kept.c);
    let count = value.len();
    let value = Tensor::from_vec(leave(value), [count])?;
    let tape = inputs[0].tape();
    let inputs: Vec<&Var<'t, T>> = inputs.iter().collect();
    Ok(tape.record_list(kind.op(), &inputs, value, move |g, needs| {
        let g = enter(g);
        let g = g.to_slice();
        let (dh, dc) = g.split_at(plan.steps.rows() * plan.state);
        let data = (slice(&values, Some(0)), roles.start(&values), &kept);
        let gradients = kind.backward(&plan, roles.weights(&values), data, (dh, dc), roles.needs(needs));
        roles.gradients(gradients, &values, needs, leave)
    })?)
}

/// Which of a node's inputs is what; the first three are x, W_ih and W_hh.
#[derive(Clone, Copy)]
pub(crate) struct Roles {
    bias_ih: Option<usize>,
    bias_hh: Option<usize>,
    hr: Option<usize>,
    h_0: Option<usize>,
    c_0: Option<usize>,
}

impl Roles {
    pub(crate) fn new(bias: bool, projection: bool, h_0: bool, c_0: bool) -> Self {
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
    fn gradients<T: Real, A: Real>(
        &self,
        gradients: sweep::Gradients<A>,
        values: &[Tensor<A>],
        needs: &[bool],
        leave: fn(Vec<A>) -> Vec<T>,
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
                all[k] = Some(Tensor::from_vec(leave(gradient), values[k].shape())?);
            }
        }
        Ok(all)
    }
}

/// The elements of one of the values, or none.
fn slice<T: Real>(values: &[Tensor<T>], place: Option<usize>) -> &[T] {
    place.and_then(|k| values[k].as_slice()).unwrap_or(&[])
}
