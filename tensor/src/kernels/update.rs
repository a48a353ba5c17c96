//! One pass over several vectors of one length, as an optimizer's step makes it.

use super::simd::{Path, Simd, Work};
use crate::{Real, parallel};

/// Numbers that are worth a thread's attention, and a chunk of the pass.
const CHUNK: usize = 1 << 15;

/// Calls `pass` on chunks of `states` and `gradient` that belong together; large ones are shared by
/// the threads. `pass` is compiled for the widest vectors that the machine has, so a plain loop in
/// it becomes a fast one. It must treat each element alike, or the result would depend on chunks.
///
/// ```
/// use refrain_tensor::kernels::update::update;
/// let (mut p, mut v) = ([1.0, 2.0], [0.0, 0.0]);
/// update([&mut p, &mut v], &[0.5, -0.5], |[p, v], g| {
///     for ((p, v), g) in p.iter_mut().zip(v).zip(g) {
///         *v = 0.9 * *v + g;
///         *p -= 0.1 * *v;
///     }
/// });
/// assert_eq!(p, [0.95, 2.05]);
/// ```
///
/// # Panics
/// Where the lengths differ.
pub fn update<T: Real, const N: usize>(
    states: [&mut [T]; N],
    gradient: &[T],
    pass: impl Fn([&mut [T]; N], &[T]) + Sync,
) {
    for state in &states {
        assert_eq!(state.len(), gradient.len(), "the length of a vector in an update");
    }
    parallel::fill_pieces_of(states, CHUNK, |piece, states| {
        let gradient = &gradient[piece * CHUNK..][..states.first().map_or(0, |state| state.len())];
        T::dispatch(Path::of_this_machine(), Pass { states, gradient, pass: &pass });
    });
}

/// [`update`] of one vector by itself.
pub fn change<T: Real>(values: &mut [T], pass: impl Fn(&mut [T]) + Sync) {
    parallel::fill_pieces(values, CHUNK, |_, values| {
        let pass = |[values]: [&mut [T]; 1], _: &[T]| pass(values);
        T::dispatch(Path::of_this_machine(), Pass { states: [values], gradient: &[], pass: &pass });
    });
}

struct Pass<'a, T, F, const N: usize> {
    states: [&'a mut [T]; N],
    gradient: &'a [T],
    pass: &'a F,
}

impl<T: Real, F: Fn([&mut [T]; N], &[T]), const N: usize> Work<T> for Pass<'_, T, F, N> {
    type Output = ();

    fn run<S: Simd<T = T>>(self, s: S) {
        s.vectorize(
            #[inline(always)]
            || (self.pass)(self.states, self.gradient),
        );
    }
}

/// `fold` of consecutive chunks of `values`, whose length does not depend on the threads, in their
/// order. Like the pass of [`update`], `fold` is compiled for the widest vectors.
pub fn fold_chunks<T: Real, U: Send + Default + Clone>(
    values: &[T],
    fold: impl Fn(&[T]) -> U + Sync,
) -> Vec<U> {
    let mut folded = vec![U::default(); values.len().div_ceil(CHUNK)];
    parallel::fill_pieces(&mut folded, 1, |piece, to| {
        let chunk = &values[piece * CHUNK..values.len().min((piece + 1) * CHUNK)];
        to[0] = T::dispatch(Path::of_this_machine(), Fold { chunk, fold: &fold });
    });
    folded
}

struct Fold<'a, T, F> {
    chunk: &'a [T],
    fold: &'a F,
}

impl<T: Real, U, F: Fn(&[T]) -> U> Work<T> for Fold<'_, T, F> {
    type Output = U;

    fn run<S: Simd<T = T>>(self, s: S) -> U {
        s.vectorize(
            #[inline(always)]
            || (self.fold)(self.chunk),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_updated_once() {
        for length in [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK - 3] {
            let (mut a, mut b) = (vec![0.0f64; length], vec![1.0; length]);
            let g: Vec<f64> = (0..length).map(|k| k as f64).collect();
            update([&mut a, &mut b], &g, |[a, b], g| {
                for ((a, b), g) in a.iter_mut().zip(b).zip(g) {
                    (*a, *b) = (*a + g, *b * 2.0);
                }
            });
            assert_eq!((a, b), (g, vec![2.0; length]));
        }
    }

    #[test]
    fn chunks_are_folded_in_order() {
        let values: Vec<f32> = (0..3 * CHUNK + 5).map(|k| k as f32).collect();
        let firsts = fold_chunks(&values, |chunk| chunk[0]);
        assert_eq!(firsts, [0.0, CHUNK as f32, 2.0 * CHUNK as f32, 3.0 * CHUNK as f32]);
    }
}
