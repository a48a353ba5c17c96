//! Sizes that random cases do not have.

use super::*;
#[cfg(feature = "rayon")]
use crate::parallel;

fn holds(checked: Checked, case: &Case) {
    assert!(checked.is_ok(), "{case:?}: {checked:?}");
}

/// Both directions of a case.
fn both_ways(cell: Cell, sizes: Sizes, lengths: &[usize]) -> [Case; 2] {
    [false, true].map(|reverse| Case {
        cell,
        sizes,
        lengths: lengths.to_vec(),
        reverse,
        bias: true,
        starts: true,
        seed: 5,
    })
}

/// Weights that fill the second cache, so that W_ih x is computed before the steps.
#[test]
fn a_wide_input() {
    for cell in [Cell::LSTM, Cell::GRU] {
        for lengths in [vec![3; 13], vec![5, 4, 4, 3, 3, 3, 2, 1]] {
            for case in both_ways(cell, Sizes { input: 3000, hidden: 37, state: 37 }, &lengths) {
                holds(forward_is_plain(&case), &case);
                holds(backward_is_the_derivative(&case), &case);
                if lengths[0] == lengths[lengths.len() - 1] && !case.reverse {
                    holds(bits_of_single_steps_are_the_same(&case), &case);
                }
            }
        }
    }
}

/// Enough steps that a tile asks ahead for what is far away.
#[test]
fn many_steps() {
    let lengths: Vec<usize> = (0..20).map(|sequence| 60 - sequence).collect();
    let sizes = |state| Sizes { input: 3, hidden: 70, state };
    let cases = [Cell::Tanh, Cell::ReLU, Cell::LSTM, Cell::GRU].map(|cell| (cell, sizes(70)));
    for (cell, sizes) in cases.into_iter().chain([(Cell::LSTM, sizes(35))]) {
        for case in both_ways(cell, sizes, &lengths) {
            holds(forward_is_plain(&case), &case);
            holds(backward_is_the_derivative(&case), &case);
        }
    }
}

/// Steps that end with a single sequence, whose row takes several blocks of units at once.
#[test]
fn a_last_sequence_alone() {
    for cell in [Cell::Tanh, Cell::LSTM, Cell::GRU] {
        for case in both_ways(cell, Sizes { input: 9, hidden: 150, state: 150 }, &[5, 4, 4, 4, 1]) {
            holds(forward_is_plain(&case), &case);
            holds(backward_is_the_derivative(&case), &case);
        }
    }
}

/// Sizes for which the threads split sequences, and for which they split units.
#[cfg(feature = "rayon")]
#[test]
fn the_number_of_threads_does_not_change_the_bits() {
    let batches: [(_, Vec<usize>); 3] = [(96, vec![9; 23]), (70, (1..40).rev().collect()), (400, vec![3; 2])];
    let cells = [Cell::Tanh, Cell::LSTM, Cell::GRU].into_iter();
    let cases = cells.flat_map(|cell| batches.clone().map(|(hidden, batch)| (cell, hidden, hidden, batch)));
    let cases =
        cases.map(|(cell, hidden, state, lengths)| (cell, Sizes { input: 50, hidden, state }, lengths));
    let cases = cases.chain([
        // Forward, threads split the units where the cores are near each other, and the sequences elsewhere.
        (Cell::GRU, Sizes { input: 50, hidden: 260, state: 260 }, vec![2; 23]),
        // With a projection, threads split the units of each of its two products.
        (Cell::LSTM, Sizes { input: 50, hidden: 256, state: 128 }, vec![4; 5]),
        // W_ih x is computed before, by each thread for its sequences.
        (Cell::GRU, Sizes { input: 1500, hidden: 40, state: 40 }, vec![3; 23]),
    ]);
    for ((cell, sizes, lengths), (reverse, starts)) in cases.flat_map(|case| {
        [(false, true), (false, false), (true, true), (true, false)].map(|how| (case.clone(), how))
    }) {
        let state = sizes.state;
        let case = Case { cell, sizes, lengths, reverse, bias: true, starts, seed: 5 };
        let numbers = case.numbers::<f32>();
        let run = |threads, far| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                parallel::pretend(far);
                let path = Path::of_this_machine();
                let mut all = Vec::new();
                for keep in [true, false] {
                    let (h, columns, kept) = swept(&case, &numbers, path, keep);
                    all.extend(of_columns(&h, columns, state));
                    all.extend_from_slice(kept.c());
                }
                all.extend(in_order(gradients(&case, &numbers, path)).into_iter().flatten());
                all.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
            })
        };
        let one = run(1, false);
        for (threads, far) in [(2, false), (2, true), (7, false), (7, true)] {
            assert!(run(threads, far) == one, "{case:?} on {threads} threads, far apart: {far}");
        }
    }
}
