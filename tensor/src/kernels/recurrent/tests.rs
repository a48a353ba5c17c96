//! The sweeps held to a plain loop over steps, rows and units, on every path of this machine.

use proptest::prelude::*;

use super::{backward::backward_on, *};
use crate::{Real, kernels::simd::Path};

mod sizes;

/// Everything that a sweep is about.
#[derive(Clone, Debug)]
struct Case {
    cell: Cell,
    sizes: Sizes,
    lengths: Vec<usize>,
    reverse: bool,
    bias: bool,
    starts: bool,
    seed: u64,
}

/// The numbers of a case.
struct Numbers<T> {
    ih: Vec<T>,
    hh: Vec<T>,
    bias_ih: Vec<T>,
    bias_hh: Vec<T>,
    hr: Vec<T>,
    x: Vec<T>,
    h_0: Vec<T>,
    c_0: Vec<T>,
}

fn case() -> impl Strategy<Value = Case> {
    let cell = prop_oneof![Just(Cell::Tanh), Just(Cell::ReLU), Just(Cell::LSTM), Just(Cell::GRU)];
    let lengths = prop_oneof![
        prop::collection::vec(1usize..6, 1..10),
        (1usize..6, 1usize..30).prop_map(|(steps, batch)| vec![steps; batch]),
    ];
    let hidden = prop_oneof![1usize..20, 30usize..70];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (cell, 1usize..20, hidden, lengths, flags, any::<u64>()).prop_map(
        |(cell, input, hidden, mut lengths, (reverse, bias, starts, projects), seed)| {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            let projects = projects && cell == Cell::LSTM && hidden > 1;
            let state = if projects { hidden.div_ceil(2) } else { hidden };
            Case { cell, sizes: Sizes { input, hidden, state }, lengths, reverse, bias, starts, seed }
        },
    )
}

impl Case {
    fn steps(&self) -> Steps {
        let longest = self.lengths[0];
        Steps::new((0..longest).map(|t| self.lengths.iter().filter(|&&n| n > t).count()).collect())
    }

    fn numbers<T: Real>(&self) -> Numbers<T> {
        let Sizes { input, hidden, state } = self.sizes;
        let (wide, batch) = (self.cell.gates() * hidden, self.lengths.len());
        let mut seed = self.seed | 1;
        let mut draw = |there: bool, count: usize, scale: f64| -> Vec<T> {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                T::from_f64(((seed >> 40) as f64 / f64::from(1 << 23) - 1.0) * scale)
            };
            (0..if there { count } else { 0 }).map(|_| next()).collect()
        };
        let scale = (hidden as f64).sqrt().recip();
        Numbers {
            ih: draw(true, wide * input, scale),
            hh: draw(true, wide * state, scale),
            bias_ih: draw(self.bias, wide, scale),
            bias_hh: draw(self.bias, wide, scale),
            hr: draw(state < hidden, state * hidden, scale),
            x: draw(true, self.lengths.iter().sum::<usize>() * input, 1.0),
            h_0: draw(self.starts, batch * state, 1.0),
            c_0: draw(self.starts && self.cell == Cell::LSTM, batch * hidden, 1.0),
        }
    }
}

impl<T: Real> Numbers<T> {
    fn weights(&self) -> Weights<'_, T> {
        let Self { ih, hh, bias_ih, bias_hh, hr, .. } = self;
        Weights { ih, hh, bias_ih, bias_hh, hr }
    }

    fn start(&self) -> Start<'_, T> {
        Start { h: &self.h_0, c: &self.c_0 }
    }

    fn all_mut(&mut self) -> [&mut Vec<T>; 8] {
        let Self { ih, hh, bias_ih, bias_hh, hr, x, h_0, c_0 } = self;
        [ih, hh, bias_ih, bias_hh, hr, x, h_0, c_0]
    }
}

/// The states of all rows and the last cell states, in plain loops.
fn plainly(case: &Case, numbers: &Numbers<f64>) -> (Vec<f64>, Vec<f64>) {
    let Sizes { input, hidden, state } = case.sizes;
    let (steps, batch) = (case.steps(), case.lengths.len());
    let or_zero = |v: &[f64], size: usize| if v.is_empty() { vec![0.0; size] } else { v.to_vec() };
    let (mut h, mut c) = (or_zero(&numbers.h_0, batch * state), or_zero(&numbers.c_0, batch * hidden));
    let mut all = vec![0.0; steps.rows() * state];
    let product = |w: &[f64], row: usize, v: &[f64]| -> f64 {
        w[row * v.len()..(row + 1) * v.len()].iter().zip(v).map(|(w, v)| w * v).sum()
    };
    let number = |v: &[f64], k: usize| v.get(k).copied().unwrap_or(0.0);
    for range in steps.in_order(case.reverse) {
        for (sequence, row) in range.enumerate() {
            let x = &numbers.x[row * input..(row + 1) * input];
            let before = h[sequence * state..(sequence + 1) * state].to_vec();
            let of_x = |gate: usize, u: usize| {
                let k = gate * hidden + u;
                product(&numbers.ih, k, x) + number(&numbers.bias_ih, k)
            };
            let of_h = |gate: usize, u: usize| {
                let k = gate * hidden + u;
                product(&numbers.hh, k, &before) + number(&numbers.bias_hh, k)
            };
            let sum = |gate: usize, u: usize| of_x(gate, u) + of_h(gate, u);
            let mut new = vec![0.0; hidden];
            for (u, new) in new.iter_mut().enumerate() {
                *new = match case.cell {
                    Cell::Tanh => sum(0, u).tanh(),
                    Cell::ReLU => sum(0, u).max(0.0),
                    Cell::LSTM => {
                        let c = &mut c[sequence * hidden + u];
                        *c = sum(1, u).sigmoid() * *c + sum(0, u).sigmoid() * sum(2, u).tanh();
                        sum(3, u).sigmoid() * c.tanh()
                    }
                    Cell::GRU => {
                        let (r, z) = (sum(0, u).sigmoid(), sum(1, u).sigmoid());
                        let n = (of_x(2, u) + r * of_h(2, u)).tanh();
                        (1.0 - z) * n + z * before[u]
                    }
                };
            }
            if state < hidden {
                new = (0..state).map(|k| product(&numbers.hr, k, &new)).collect();
            }
            h[sequence * state..(sequence + 1) * state].copy_from_slice(&new);
            all[row * state..(row + 1) * state].copy_from_slice(&new);
        }
    }
    (all, c)
}

/// The states of all rows, in a matrix with columns beside, and what was kept.
fn swept<T: Real>(case: &Case, numbers: &Numbers<T>, path: Path, keep: bool) -> (Vec<T>, Columns, Kept<T>) {
    let columns = Columns { width: case.sizes.state + 3, first: 2 };
    let mut h = StateRows::new();
    let layer = Layer::on(path, case.cell, case.sizes, numbers.weights());
    let steps = case.steps();
    let sweep = Forward { steps: &steps, reverse: case.reverse, x: &numbers.x, start: numbers.start(), keep };
    let kept = layer.forward(sweep, &mut h, columns);
    (h.into_vec(), columns, kept)
}

fn of_columns<T: Copy>(h: &[T], columns: Columns, state: usize) -> Vec<T> {
    h.chunks(columns.width).flat_map(|row| row[columns.first..columns.first + state].to_vec()).collect()
}

fn paths() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| path.is_available())
}

/// Numbers of every kind of row, as the cotangents of a sweep.
fn cotangent(count: usize) -> Vec<f64> {
    (0..count).map(|k| ((k * 37 + 11) % 101) as f64 / 50.0 - 1.0).collect()
}

/// Σ cotangent · (h, last h, last c), by the plain loop.
fn loss(case: &Case, numbers: &Numbers<f64>) -> f64 {
    let ((h, c), steps) = (plainly(case, numbers), case.steps());
    let state = case.sizes.state;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let last: Vec<f64> = steps
        .last_rows(case.reverse)
        .into_iter()
        .flat_map(|row| h[row * state..(row + 1) * state].to_vec())
        .collect();
    let of_c = if case.cell == Cell::LSTM { dot(&c, &cotangent(c.len())) } else { 0.0 };
    dot(&h, &cotangent(h.len())) + dot(&last, &cotangent(last.len())) + of_c
}

fn gradients<T: Real>(case: &Case, numbers: &Numbers<T>, path: Path) -> Gradients<T> {
    let (h, columns, kept) = swept(case, numbers, path, true);
    let Sizes { hidden, state, .. } = case.sizes;
    let (steps, batch) = (case.steps(), case.lengths.len());
    let of = |count: usize| -> Vec<T> { cotangent(count).into_iter().map(T::from_f64).collect() };
    let mut dh = vec![T::from_f64(f64::NAN); h.len()];
    for (row, from) in dh.chunks_mut(columns.width).zip(of(steps.rows() * state).chunks(state)) {
        row[columns.first..columns.first + state].copy_from_slice(from);
    }
    let of_c = if case.cell == Cell::LSTM { batch * hidden } else { 0 };
    let (last_h, last_c) = (of(batch * state), of(of_c));
    let sweep = Backward {
        cell: case.cell,
        sizes: case.sizes,
        weights: numbers.weights(),
        steps: &steps,
        reverse: case.reverse,
        x: &numbers.x,
        start: numbers.start(),
        h: &h,
        dh: &dh,
        columns,
        last: Start { h: &last_h, c: &last_c },
    };
    let needs = Needs { x: true, ih: true, hh: true, bias: case.bias, hr: true };
    backward_on(path, &sweep, kept, needs)
}

fn in_order<T>(gradients: Gradients<T>) -> [Vec<T>; 8] {
    let Gradients { x, ih, hh, bias_ih, bias_hh, hr, h_0, c_0 } = gradients;
    [ih, hh, bias_ih, bias_hh, hr, x, h_0, c_0]
}

type Checked = Result<(), TestCaseError>;

fn forward_is_plain(case: &Case) -> Checked {
    let numbers = case.numbers::<f64>();
    let (expected, last_c) = plainly(case, &numbers);
    for path in paths() {
        for keep in [false, true] {
            let (h, columns, kept) = swept(case, &numbers, path, keep);
            for (found, expected) in of_columns(&h, columns, case.sizes.state).iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-12, "{path:?}: {found} {expected}");
            }
            if case.cell == Cell::LSTM && !keep {
                for (found, expected) in kept.c().iter().zip(&last_c) {
                    prop_assert!((found - expected).abs() < 1e-12, "{path:?}: c {found} {expected}");
                }
            }
        }
    }
    Ok(())
}

/// Along a random direction of all parameters and inputs, the gradients predict the change.
fn backward_is_the_derivative(case: &Case) -> Checked {
    if case.cell == Cell::ReLU {
        return Ok(()); // its kinks may lie within the difference; nn's gradcheck avoids them
    }
    let direction = || Case { seed: case.seed ^ 0xabcd, ..case.clone() }.numbers::<f64>();
    let step = 1e-5;
    let moved = |sign: f64| {
        let (mut numbers, mut direction) = (case.numbers::<f64>(), direction());
        for (values, along) in numbers.all_mut().into_iter().zip(direction.all_mut()) {
            values.iter_mut().zip(along).for_each(|(x, d)| *x += sign * step * *d);
        }
        loss(case, &numbers)
    };
    let expected = (moved(1.0) - moved(-1.0)) / (2.0 * step);
    let mut direction = direction();
    for path in paths() {
        let found = in_order(gradients(case, &case.numbers(), path));
        let dot = |(g, d): (&Vec<f64>, &mut Vec<f64>)| g.iter().zip(d).map(|(g, d)| g * *d).sum::<f64>();
        let pairs: Vec<_> = found.iter().zip(direction.all_mut()).collect();
        let size = 1.0 + found.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
        let found: f64 = pairs.into_iter().filter(|(g, _)| !g.is_empty()).map(dot).sum();
        prop_assert!((found - expected).abs() < 1e-6 * size, "{path:?}: {found} {expected}");
    }
    Ok(())
}

fn bits_of_single_steps_are_the_same(case: &Case) -> Checked {
    let numbers = case.numbers::<f32>();
    let Sizes { input, hidden, state } = case.sizes;
    let batch = case.lengths.len();
    for path in paths() {
        let (h, columns, _) = swept(case, &numbers, path, false);
        let layer = Layer::on(path, case.cell, case.sizes, numbers.weights());
        let mut scratch = layer.scratch(batch);
        let or_zero = |v: &[f32], size: usize| if v.is_empty() { vec![0.0; size] } else { v.to_vec() };
        let of_c = if case.cell == Cell::LSTM { batch * hidden } else { 0 };
        let (mut before, mut c) = (or_zero(&numbers.h_0, batch * state), or_zero(&numbers.c_0, of_c));
        let mut next = vec![0.0; batch * state];
        let expected = of_columns(&h, columns, state);
        for (x, expected) in numbers.x.chunks(batch * input).zip(expected.chunks(batch * state)) {
            layer.step(&mut scratch, x, &before, &mut next, &mut c);
            prop_assert_eq!(&next, expected, "{:?}", path);
            std::mem::swap(&mut before, &mut next);
        }
    }
    Ok(())
}

/// Sizes at which the rows that a sweep has for itself would be a multiple of 4 kB apart: those that
/// it keeps, and those of W_ih x that it computes before.
#[test]
fn rows_moved_apart_hold_the_same_numbers() {
    let (many, few) = (vec![3, 2, 2, 1], vec![3, 2]);
    let sizes = |hidden| Sizes { input: 3, hidden, state: hidden };
    let case = |cell, hidden, lengths: &[usize], reverse| {
        let lengths = lengths.to_vec();
        Case { cell, sizes: sizes(hidden), lengths, reverse, bias: true, starts: true, seed: 3 }
    };
    for reverse in [false, true] {
        for (cell, hidden, lengths) in [
            (Cell::Tanh, 512, &many),
            (Cell::LSTM, 128, &many),
            (Cell::GRU, 128, &many),
            (Cell::LSTM, 128, &few),
        ] {
            let case = case(cell, hidden, lengths, reverse);
            forward_is_plain(&case).unwrap();
            backward_is_the_derivative(&case).unwrap();
        }
    }
    forward_is_plain(&case(Cell::GRU, 512, &few, false)).unwrap();
    for (cell, hidden) in [(Cell::LSTM, 256), (Cell::GRU, 1024)] {
        bits_of_single_steps_are_the_same(&case(cell, hidden, &[2, 2], false)).unwrap();
    }
}

/// The way back of an LSTM finds tanh c in h, which is o tanh c; here o is 0, or subnormal.
#[test]
fn a_closed_output_gate_leaves_gradients_finite() {
    let hidden = 37;
    let sizes = Sizes { input: 5, hidden, state: hidden };
    let case = Case {
        cell: Cell::LSTM,
        sizes,
        lengths: vec![4; 3],
        reverse: false,
        bias: true,
        starts: true,
        seed: 7,
    };
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        for bias in [-200.0, -95.0] {
            let mut numbers = case.numbers::<f32>();
            numbers.bias_ih[3 * hidden..].fill(bias);
            let mut wide = case.numbers::<f64>();
            wide.bias_ih[3 * hidden..].fill(f64::from(bias));
            let found = in_order(gradients(&case, &numbers, path));
            let expected = in_order(gradients(&case, &wide, path));
            for (x, y) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((f64::from(*x) - y).abs() <= 1e-4 * y.abs().max(1.0), "{path:?} {bias}: {x} {y}");
            }
            // The gradient of the last cell state passes by the gate.
            assert!(found[7].iter().any(|&x| x != 0.0), "{path:?} {bias}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn forward_is_the_plain_loop(case in case()) {
        forward_is_plain(&case)?;
    }

    #[test]
    fn backward_is_the_derivative_of_the_plain_loop(case in case()) {
        backward_is_the_derivative(&case)?;
    }

    #[test]
    fn a_step_at_a_time_has_the_same_bits(case in case()) {
        let case = Case { lengths: vec![case.lengths[0]; case.lengths.len()], reverse: false, ..case };
        bits_of_single_steps_are_the_same(&case)?;
    }
}
