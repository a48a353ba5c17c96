//! Forward through time.

use refrain_tensor::{
    Real,
    kernels::product::{Matrix, Product},
};

use super::{Before, ForwardRow, Plan, Start, Step, Weights, part};

/// What a sweep computes, and what the way back needs of it.
pub(crate) struct Kept<T> {
    /// The states of all steps, [N, S].
    pub(crate) h: Vec<T>,
    /// The cell states, [N, H], where there are any.
    pub(crate) c: Vec<T>,
    /// The gates, [N, G·H].
    pub(crate) gates: Vec<T>,
    /// [N, H] where the recurrent part is apart.
    pub(crate) extra: Vec<T>,
    /// The states before the projection, [N, H], where there is one.
    pub(crate) unprojected: Vec<T>,
}

/// Runs all steps.
pub(crate) fn forward<T: Real, S: Step<T>>(
    step: S,
    plan: &Plan,
    weights: Weights<'_, T>,
    x: &[T],
    start: Start<'_, T>,
) -> Kept<T> {
    let Plan { hidden, state, .. } = *plan;
    let (rows, wide) = (plan.steps.rows(), S::GATES * hidden);
    let zeros = |wanted: bool, count: usize| if wanted { vec![T::zero(); count] } else { Vec::new() };
    let projects = !weights.hr.is_empty();
    let mut kept = Kept {
        h: zeros(true, rows * state),
        c: zeros(S::CELL, rows * hidden),
        gates: input_products::<T, S>(plan, weights, x),
        extra: zeros(S::APART, rows * hidden),
        unprojected: zeros(projects, rows * hidden),
    };
    let mut recurrent = zeros(S::APART, plan.steps.batch() * wide);
    let w_hh = Matrix::row_major(weights.hh, wide, state).transposed();
    let (mut h_before, mut c_before) =
        (Before::new(plan, state, start.h), Before::new(plan, if S::CELL { hidden } else { 0 }, start.c));
    let mut from_zero = start.h.is_empty();
    for range in plan.steps.in_order(plan.reverse) {
        let batch = range.len();
        let gates = &mut kept.gates[range.start * wide..range.end * wide];
        if S::APART {
            fill_rows(&mut recurrent[..batch * wide], weights.bias_hh);
        }
        // At the first step from 0 the product is 0. In reverse, sequences may begin at any step,
        // but those begin from 0 as well, and their rows of `h_before` are 0.
        if !std::mem::take(&mut from_zero) {
            let before = Matrix::row_major(h_before.rows(batch), batch, state);
            let sum = if S::APART { &mut recurrent[..batch * wide] } else { &mut *gates };
            Product::new(before, w_hh, T::one(), sum).run();
        }
        let (c, extra) = (part(&kept.c, &range, hidden), part(&kept.extra, &range, hidden));
        let (c, extra) = (&mut kept.c[c], &mut kept.extra[extra]);
        let h = if projects { &mut kept.unprojected } else { &mut kept.h };
        let h = &mut h[range.start * hidden..range.end * hidden];
        for row in 0..batch {
            let one = |values: &[T], width: usize| {
                if values.is_empty() { 0..0 } else { row * width..(row + 1) * width }
            };
            let (of_c, of_extra) = (one(c, hidden), one(extra, hidden));
            step.forward(ForwardRow {
                gates: &mut gates[row * wide..(row + 1) * wide],
                recurrent: &recurrent[one(&recurrent, wide)],
                extra: &mut extra[of_extra],
                h_before: &h_before.values[row * state..(row + 1) * state],
                c_before: &c_before.values[one(&c_before.values, hidden)],
                h: &mut h[row * hidden..(row + 1) * hidden],
                c: &mut c[of_c],
            });
        }
        if projects {
            let w_hr = Matrix::row_major(weights.hr, state, hidden).transposed();
            let projected = &mut kept.h[range.start * state..range.end * state];
            let h = &kept.unprojected[range.start * hidden..range.end * hidden];
            Product::new(Matrix::row_major(h, batch, hidden), w_hr, T::zero(), projected).run();
        }
        h_before.advance(&kept.h[range.start * state..range.end * state]);
        c_before.advance(c);
    }
    kept
}

/// W_ih x + b_ih of all steps, and b_hh where it need not be apart.
fn input_products<T: Real, S: Step<T>>(plan: &Plan, weights: Weights<'_, T>, x: &[T]) -> Vec<T> {
    let (rows, wide) = (plan.steps.rows(), S::GATES * plan.hidden);
    let mut gates = vec![T::zero(); rows * wide];
    let beta = if weights.bias_ih.is_empty() { T::zero() } else { T::one() };
    if S::APART || weights.bias_ih.is_empty() {
        fill_rows(&mut gates, weights.bias_ih);
    } else {
        let sum: Vec<T> = weights.bias_ih.iter().zip(weights.bias_hh).map(|(&a, &b)| a + b).collect();
        fill_rows(&mut gates, &sum);
    }
    let w_ih = Matrix::row_major(weights.ih, wide, plan.input).transposed();
    Product::new(Matrix::row_major(x, rows, plan.input), w_ih, beta, &mut gates).run();
    gates
}

/// Every row set to `row`, or to 0 where that is empty.
fn fill_rows<T: Real>(rows: &mut [T], row: &[T]) {
    if row.is_empty() {
        return rows.fill(T::zero());
    }
    rows.chunks_exact_mut(row.len()).for_each(|to| to.copy_from_slice(row));
}
