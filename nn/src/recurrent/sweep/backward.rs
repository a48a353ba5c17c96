//! Back through time (Werbos 1990, Proceedings of the IEEE 78).

use refrain_tensor::{
    Real,
    kernels::product::{Matrix, Product},
};

use super::{BackwardRow, Before, Kept, Plan, Start, Step, Weights, part};

/// Which gradients a backward sweep computes.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    pub(crate) x: bool,
    pub(crate) ih: bool,
    pub(crate) hh: bool,
    pub(crate) bias: bool,
    pub(crate) hr: bool,
}

/// The gradients of one sweep; those that were not asked for are empty.
pub(crate) struct Gradients<T> {
    pub(crate) x: Vec<T>,
    pub(crate) ih: Vec<T>,
    pub(crate) hh: Vec<T>,
    pub(crate) bias_ih: Vec<T>,
    pub(crate) bias_hh: Vec<T>,
    pub(crate) hr: Vec<T>,
    /// Of the initial states, [B, S] and [B, H].
    pub(crate) h_0: Vec<T>,
    pub(crate) c_0: Vec<T>,
}

/// The gradients of everything that a sweep used, from those of its states (`dh`, [N, S]) and of
/// its cell states (`dc`, [N, H], or empty).
///
/// The loop goes back through the steps and finds the gradients ∂a of the gates' arguments; the
/// rest are products over all steps: ∂W_ih = ∂aᵀ x, ∂W_hh = ∂aᵀ h_before, ∂b = Σ ∂a, ∂x = ∂a W_ih.
pub(crate) fn backward<T: Real, S: Step<T>>(
    step: S,
    plan: &Plan,
    weights: Weights<'_, T>,
    (x, start, kept): (&[T], Start<'_, T>, &Kept<T>),
    (dh, dc): (&[T], &[T]),
    needs: Needs,
) -> Gradients<T> {
    let Plan { input, hidden, state, .. } = *plan;
    let (rows, batch, wide) = (plan.steps.rows(), plan.steps.batch(), S::GATES * hidden);
    let zeros = |wanted: bool, count: usize| if wanted { vec![T::zero(); count] } else { Vec::new() };
    let projects = !weights.hr.is_empty();
    let h_before = states_before(plan, state, &kept.h, start.h);
    let c_before = if S::CELL { states_before(plan, hidden, &kept.c, start.c) } else { Vec::new() };

    let mut d_input = zeros(true, rows * wide);
    let mut d_recurrent = zeros(S::APART, rows * wide);
    // The gradient of each state: what came from outside and what comes from the step after.
    let mut d_state = dh.to_vec();
    let mut d_unprojected = zeros(projects, batch * hidden);
    let mut carried_h = zeros(true, batch * state);
    let mut carried_c = zeros(true, batch * hidden);
    let w_hh = Matrix::row_major(weights.hh, wide, state);
    let (mut h_0, mut c_0) = (zeros(true, batch * state), zeros(true, batch * hidden));

    let order: Vec<_> = plan.steps.in_order(plan.reverse).collect();
    for (k, range) in order.iter().enumerate().rev() {
        let running = range.len();
        let d_state = &mut d_state[range.start * state..range.end * state];
        add(d_state, &carried_h);
        carried_h[..running * state].fill(T::zero());
        if !dc.is_empty() {
            add(&mut carried_c[..running * hidden], &dc[range.start * hidden..range.end * hidden]);
        }
        if projects {
            let (d_state, w_hr) =
                (Matrix::row_major(d_state, running, state), Matrix::row_major(weights.hr, state, hidden));
            Product::new(d_state, w_hr, T::zero(), &mut d_unprojected[..running * hidden]).run();
        }
        let d_hidden = if projects { &d_unprojected[..] } else { &*d_state };
        for row in 0..running {
            let one = |values: &[T], width: usize| part(values, &(row..row + 1), width);
            let all =
                |values: &[T], width: usize| part(values, &(range.start + row..range.start + row + 1), width);
            let apart = all(&d_recurrent, wide);
            step.backward(BackwardRow {
                gates: &kept.gates[all(&kept.gates, wide)],
                extra: &kept.extra[all(&kept.extra, hidden)],
                h_before: &h_before[all(&h_before, state)],
                c_before: &c_before[all(&c_before, hidden)],
                c: &kept.c[all(&kept.c, hidden)],
                dh: &d_hidden[one(d_hidden, hidden)],
                dc: &mut carried_c[row * hidden..(row + 1) * hidden],
                d_input: &mut d_input[(range.start + row) * wide..(range.start + row + 1) * wide],
                d_recurrent: &mut d_recurrent[apart],
                dh_before: &mut carried_h[row * state..(row + 1) * state],
            });
        }
        let through = if S::APART { &d_recurrent } else { &d_input };
        let through = Matrix::row_major(&through[range.start * wide..range.end * wide], running, wide);
        Product::new(through, w_hh, T::one(), &mut carried_h[..running * state]).run();
        // Sequences that were not running at the step before began here, from the initial state.
        let continuing = if k == 0 { 0 } else { order[k - 1].len().min(running) };
        take_rows(&mut carried_h, &mut h_0, continuing * state..running * state);
        take_rows(&mut carried_c, &mut c_0, continuing * hidden..running * hidden);
    }

    let product = |wanted: bool, a: Matrix<'_, T>, b: Matrix<'_, T>, size: usize| {
        let mut c = zeros(wanted, size);
        if wanted {
            Product::new(a, b, T::zero(), &mut c).run();
        }
        c
    };
    let by_input = Matrix::row_major(&d_input, rows, wide);
    let d_hidden = if S::APART { &d_recurrent } else { &d_input };
    let by_hidden = Matrix::row_major(d_hidden, rows, wide);
    let before = Matrix::row_major(&h_before, rows, state);
    let unprojected = Matrix::row_major(&kept.unprojected, if projects { rows } else { 0 }, hidden);
    let d_projected = Matrix::row_major(&d_state, if projects { rows } else { 0 }, state);
    Gradients {
        x: product(needs.x, by_input, Matrix::row_major(weights.ih, wide, input), rows * input),
        ih: product(needs.ih, by_input.transposed(), Matrix::row_major(x, rows, input), wide * input),
        hh: product(needs.hh, by_hidden.transposed(), before, wide * state),
        bias_ih: column_sums(needs.bias, &d_input, wide),
        bias_hh: column_sums(needs.bias, d_hidden, wide),
        hr: product(needs.hr && projects, d_projected.transposed(), unprojected, state * hidden),
        h_0,
        c_0,
    }
}

/// For each row, the state before it: [N, width].
fn states_before<T: Real>(plan: &Plan, width: usize, states: &[T], start: &[T]) -> Vec<T> {
    let mut before = Before::new(plan, width, start);
    let mut all = vec![T::zero(); states.len()];
    for range in plan.steps.in_order(plan.reverse) {
        let rows = range.start * width..range.end * width;
        all[rows.clone()].copy_from_slice(before.rows(range.len()));
        before.advance(&states[rows]);
    }
    all
}

/// Moves a range of values out, leaving 0.
fn take_rows<T: Real>(from: &mut [T], to: &mut [T], range: std::ops::Range<usize>) {
    to[range.clone()].copy_from_slice(&from[range.clone()]);
    from[range].fill(T::zero());
}

/// Adds as many values as there are in `to`.
fn add<T: Real>(to: &mut [T], values: &[T]) {
    to.iter_mut().zip(values).for_each(|(x, &y)| *x = *x + y);
}

fn column_sums<T: Real>(wanted: bool, rows: &[T], width: usize) -> Vec<T> {
    if !wanted {
        return Vec::new();
    }
    let mut sum = vec![T::zero(); width];
    rows.chunks_exact(width).for_each(|row| add(&mut sum, row));
    sum
}
