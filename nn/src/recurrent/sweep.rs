//! One RNN layer over a whole sequence, forward and backward, on plain slices.
//!
//! All matrices are row-major. T steps, B sequences, I inputs, H hidden units:
//! x is [T, B, I], the hidden states are [T, B, H], one row of B·H values after another, so that
//! the products over all steps are products of [T·B, ..] matrices.

use refrain_tensor::{
    Real,
    kernels::product::{Matrix, Product},
};

use super::Nonlinearity;

/// The sizes of a sweep.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) input: usize,
    pub(crate) hidden: usize,
}

/// The weights of one layer. W_ih is [H, I], W_hh is [H, H]; the biases are [H], or empty.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a, T> {
    pub(crate) ih: &'a [T],
    pub(crate) hh: &'a [T],
    pub(crate) bias_ih: &'a [T],
    pub(crate) bias_hh: &'a [T],
}

/// The hidden states of all steps: `h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh)`, with h_{−1} = `h_0`,
/// or 0 where that is empty.
pub(crate) fn forward<T: Real>(
    sizes: Sizes,
    weights: Weights<'_, T>,
    nonlinearity: Nonlinearity,
    x: &[T],
    h_0: &[T],
) -> Vec<T> {
    let Sizes { steps, batch, input, hidden } = sizes;
    let mut states = vec![T::zero(); steps * batch * hidden];
    // The biases go in first and the products are added: W_ih x of all steps at once.
    let beta = if weights.bias_ih.is_empty() {
        T::zero()
    } else {
        for row in states.chunks_exact_mut(hidden) {
            for ((h, &b), &c) in row.iter_mut().zip(weights.bias_ih).zip(weights.bias_hh) {
                *h = b + c;
            }
        }
        T::one()
    };
    let w_ih = Matrix::row_major(weights.ih, hidden, input).transposed();
    Product::new(Matrix::row_major(x, steps * batch, input), w_ih, beta, &mut states).run();

    let w_hh = Matrix::row_major(weights.hh, hidden, hidden).transposed();
    let mut previous = h_0;
    let mut rest = &mut states[..];
    while !rest.is_empty() {
        let (state, later) = rest.split_at_mut(batch * hidden);
        if !previous.is_empty() {
            Product::new(Matrix::row_major(previous, batch, hidden), w_hh, T::one(), state).run();
        }
        state.iter_mut().for_each(|h| *h = nonlinearity.of(*h));
        (previous, rest) = (state, later);
    }
    states
}

/// The gradients of one sweep; those that were not asked for are `None`.
pub(crate) struct Gradients<T> {
    pub(crate) x: Option<Vec<T>>,
    pub(crate) h_0: Option<Vec<T>>,
    pub(crate) ih: Option<Vec<T>>,
    pub(crate) hh: Option<Vec<T>>,
    /// Of either bias: they are added, so their gradients are equal.
    pub(crate) bias: Option<Vec<T>>,
}

/// Which gradients a backward sweep computes.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    pub(crate) x: bool,
    pub(crate) h_0: bool,
    pub(crate) ih: bool,
    pub(crate) hh: bool,
    pub(crate) bias: bool,
}

/// Back through time (Werbos 1990, Proceedings of the IEEE 78). `states` is what [`forward`]
/// returned, `g` the gradient of each of its values.
///
/// With a_t the argument of the nonlinearity f,
/// ∂a_t = f'(a_t) · (g_t + ∂a_{t+1} W_hh), and everything else is a product with ∂a:
/// ∂W_ih = Σ ∂a_tᵀ x_t, ∂W_hh = Σ ∂a_tᵀ h_{t−1}, ∂b = Σ ∂a_t, ∂x_t = ∂a_t W_ih.
pub(crate) fn backward<T: Real>(
    sizes: Sizes,
    weights: Weights<'_, T>,
    nonlinearity: Nonlinearity,
    (x, h_0, states): (&[T], &[T], &[T]),
    g: &[T],
    needs: Needs,
) -> Gradients<T> {
    let Sizes { steps, batch, input, hidden } = sizes;
    let (rows, step) = (steps * batch, batch * hidden);
    let w_hh = || Matrix::row_major(weights.hh, hidden, hidden);
    let mut arguments = g.to_vec();
    for t in (0..steps).rev() {
        let (earlier, later) = arguments.split_at_mut((t + 1) * step);
        let argument = &mut earlier[t * step..];
        if t + 1 < steps {
            Product::new(Matrix::row_major(&later[..step], batch, hidden), w_hh(), T::one(), argument).run();
        }
        for (a, &h) in argument.iter_mut().zip(&states[t * step..]) {
            *a = *a * nonlinearity.slope(h);
        }
    }

    let product = |a: Matrix<'_, T>, b: Matrix<'_, T>, size: usize| {
        let mut c = vec![T::zero(); size];
        Product::new(a, b, T::zero(), &mut c).run();
        c
    };
    let by_row = Matrix::row_major(&arguments, rows, hidden);
    let by_hidden_weight = || {
        // h_{t−1} of the later steps lies in `states` one step before; that of the first is h_0.
        let (first, later) = arguments.split_at(step);
        let later = Matrix::row_major(later, rows - batch, hidden).transposed();
        let mut c = product(later, Matrix::row_major(states, rows - batch, hidden), hidden * hidden);
        if !h_0.is_empty() {
            let first = Matrix::row_major(first, batch, hidden).transposed();
            Product::new(first, Matrix::row_major(h_0, batch, hidden), T::one(), &mut c).run();
        }
        c
    };
    let by_bias = || {
        let mut sum = vec![T::zero(); hidden];
        for row in arguments.chunks_exact(hidden) {
            sum.iter_mut().zip(row).for_each(|(sum, &a)| *sum = *sum + a);
        }
        sum
    };
    Gradients {
        x: needs.x.then(|| product(by_row, Matrix::row_major(weights.ih, hidden, input), rows * input)),
        h_0: needs.h_0.then(|| product(Matrix::row_major(&arguments, batch, hidden), w_hh(), step)),
        ih: needs.ih.then(|| product(by_row.transposed(), Matrix::row_major(x, rows, input), hidden * input)),
        hh: needs.hh.then(by_hidden_weight),
        bias: needs.bias.then(by_bias),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of one number, by hand: h = tanh(2 x + 0.5 + 3 h_0).
    #[test]
    fn one_number_one_step() {
        let sizes = Sizes { steps: 1, batch: 1, input: 1, hidden: 1 };
        let weights = Weights { ih: &[2.0], hh: &[3.0], bias_ih: &[0.25], bias_hh: &[0.25] };
        let (x, h_0) = ([0.5], [-0.4]);
        let states = forward(sizes, weights, Nonlinearity::Tanh, &x, &h_0);
        let (h, argument) = (0.3f64.tanh(), 1.0 - 0.3f64.tanh().powi(2));
        assert!((states[0] - h).abs() < 1e-15);
        let needs = Needs { x: true, h_0: true, ih: true, hh: true, bias: true };
        let back = backward(sizes, weights, Nonlinearity::Tanh, (&x, &h_0, &states), &[1.0], needs);
        let close = |got: Option<Vec<f64>>, want: f64| assert!((got.unwrap()[0] - want).abs() < 1e-15);
        close(back.x, argument * 2.0);
        close(back.h_0, argument * 3.0);
        close(back.ih, argument * 0.5);
        close(back.hh, argument * -0.4);
        close(back.bias, argument);
    }
}
