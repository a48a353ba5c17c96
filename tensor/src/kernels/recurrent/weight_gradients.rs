//! The gradients of weights, biases and inputs: products over all steps at once.
//!
//! With ∂a the gradients of the gates' arguments: ∂W_ih = ∂aᵀ x, ∂W_hh = ∂aᵀ h_before, ∂b = Σ ∂a,
//! ∂x = ∂a W_ih.

use super::{Backward, Cell, Columns, Gradients, Kept, Needs, Sizes};
use crate::{
    Real,
    kernels::{
        append_rows::append_rows, columns::column_sums, matrix::Matrix, pool::recycle, product::Product,
    },
};

impl<T: Real> Backward<'_, T> {
    /// The gradients of the weights, from those of the gates' arguments, which stand where the
    /// gates were kept, `gates_step` from one row to the next.
    pub(super) fn weight_gradients(
        &self,
        (kept, gates_step): (&Kept<T>, usize),
        d_state: &[T],
        needs: Needs,
    ) -> Gradients<T> {
        let Sizes { input, hidden, state } = self.sizes;
        let (rows, wide) = (self.steps.rows(), self.cell.gates() * hidden);
        // The gradients of a GRU's gates are those of r, z, W_hn h and W_in x; the last two differ. The gates
        // that W_ih has, as the first of some and their number, and all gates.
        let (of_input, gates): (&[_], _) = match self.cell {
            Cell::GRU => (&[(0, 2), (3, 1)], 4),
            Cell::LSTM => (&[(0, 4)], 4),
            Cell::Tanh | Cell::ReLU => (&[(0, 1)], 1),
        };
        let all = Matrix::strided(&kept.gates, 0, [rows, gates * hidden], [gates_step as isize, 1]);
        let of_gates = |first: usize, count: usize| all.part([0, first * hidden], [rows, count * hidden]);
        let of_hidden = of_gates(0, self.cell.gates());
        let x = Matrix::row_major(self.x, rows, input);
        let w_ih = Matrix::row_major(self.weights.ih, wide, input);
        let zeros = |wanted: bool, size: usize| {
            let mut values = T::room(if wanted { size } else { 0 }).unwrap_or_default();
            values.resize(if wanted { size } else { 0 }, T::ZERO);
            values
        };

        let mut gradients = Gradients {
            x: zeros(needs.x, rows * input),
            ih: zeros(needs.ih, wide * input),
            hh: zeros(needs.hh, wide * state),
            bias_ih: zeros(needs.bias, wide),
            bias_hh: zeros(needs.bias, gates * hidden),
            hr: zeros(needs.hr && !d_state.is_empty(), state * hidden),
            ..Gradients::default()
        };
        let mut first = 0;
        for &(gate, count) in of_input {
            let (da, last) = (of_gates(gate, count), first + count * hidden);
            if needs.ih {
                let part = &mut gradients.ih[first * input..last * input];
                Product::new(da.transposed(), x, T::ZERO, part).run();
            }
            if needs.x {
                let beta = if first == 0 { T::ZERO } else { T::ONE };
                let weights = w_ih.part([first, 0], [da.columns(), input]);
                Product::new(da, weights, beta, &mut gradients.x).run();
            }
            first = last;
        }
        if needs.bias {
            // Of all gates at once: they come from far away.
            column_sums(all, &mut gradients.bias_hh);
            let mut rest = &mut gradients.bias_ih[..];
            for &(gate, count) in of_input {
                let (part, others) = rest.split_at_mut(count * hidden);
                part.copy_from_slice(&gradients.bias_hh[gate * hidden..(gate + count) * hidden]);
                rest = others;
            }
            gradients.bias_hh.truncate(wide);
        }
        if needs.hh {
            self.recurrent_gradient(of_hidden, &mut gradients.hh);
        }
        if !gradients.hr.is_empty() {
            let (d_state, unprojected) =
                (Matrix::row_major(d_state, rows, state), Matrix::row_major(&kept.unprojected, rows, hidden));
            Product::new(d_state.transposed(), unprojected, T::ZERO, &mut gradients.hr).run();
        }
        gradients
    }

    /// ∂W_hh = Σ ∂aᵀ h_before.
    fn recurrent_gradient(&self, da: Matrix<'_, T>, to: &mut [T]) {
        let (rows, batch, state) = (self.steps.rows(), self.steps.batch(), self.sizes.state);
        let h = |first: usize, count: usize| {
            let offset = if count == 0 { 0 } else { first * self.columns.width + self.columns.first };
            Matrix::strided(self.h, offset, [count, state], [self.columns.width as isize, 1])
        };
        let da = |first: usize, count: usize| da.part([first, 0], [count, da.columns()]);
        let equal = self.steps.are_equal();
        if !equal && self.reverse {
            let before = self.states_before();
            let of_rows = Matrix::row_major(&before, rows, state);
            Product::new(da(0, rows).transposed(), of_rows, T::ZERO, to).run();
            return recycle(before);
        }
        // The state before a row is the row a step earlier, or, in reverse, a step later.
        let (rest, first_step) = (rows - batch, if self.reverse { rows - batch } else { 0 });
        let (later, earlier) = if self.reverse { (0, batch) } else { (batch, 0) };
        let places = (!equal).then(|| self.places_before());
        let before = places.as_ref().map_or_else(|| h(earlier, rest), |places| h(0, rows).picking(places));
        Product::new(da(later, rest).transposed(), before, T::ZERO, to).run();
        if !self.start.h.is_empty() {
            let h_0 = Matrix::row_major(self.start.h, batch, state);
            Product::new(da(first_step, batch).transposed(), h_0, T::ONE, to).run();
        }
    }

    /// For each row but those of the first step, the row a step earlier. Sequences that are running at a
    /// step were running before, and in the same order.
    fn places_before(&self) -> Vec<usize> {
        let steps = self.steps;
        let mut places = Vec::with_capacity(steps.rows() - steps.batch());
        for k in 1..steps.count() {
            places.extend(steps.rows_of(k - 1).take(steps.rows_of(k).len()));
        }
        places
    }

    /// For each row, the state before it, in reverse, where sequences begin at different steps: [N, S].
    fn states_before(&self) -> Vec<T> {
        let (count, state, Columns { width, first }) = (self.steps.rows(), self.sizes.state, self.columns);
        let none = vec![T::ZERO; state];
        let mut sources: Vec<&[T]> = vec![&none; count];
        let mut before = 0..0;
        for rows in self.steps.in_order(self.reverse) {
            // The sequences that go on come first; the others begin here.
            for (sequence, source) in sources[rows.clone()].iter_mut().enumerate() {
                if sequence < before.len() {
                    *source = &self.h[(before.start + sequence) * width + first..];
                } else if !self.start.h.is_empty() {
                    *source = &self.start.h[sequence * state..];
                }
            }
            before = rows;
        }
        let mut all = T::room(count * state).unwrap_or_else(|_| Vec::with_capacity(count * state));
        append_rows(&mut all, count, state, |row| sources[row]);
        all
    }
}
