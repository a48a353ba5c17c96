//! [`each`]: the rule of a step on one element, applied to all.

use refrain_tensor::{Real, kernels::update::update};

/// Below this, the way to threads and wide vectors would cost more than they save.
pub(crate) const FEW: usize = 128;

/// Replaces the elements of `states` at each place by `rule` of them and of the gradient there, in
/// one pass that large vectors share between threads. All have one length.
#[inline(always)] // a call would show in a step of few elements
pub(crate) fn each<T: Real, const N: usize>(
    states: [&mut [T]; N],
    gradient: &[T],
    rule: impl Fn([T; N], T) -> [T; N] + Copy + Sync,
) {
    if gradient.len() < FEW {
        return pass(states, gradient, rule);
    }
    update(
        states,
        gradient,
        #[inline(always)] // into code for the widest vectors
        |states, gradient| pass(states, gradient, rule),
    );
}

/// [`each`] on one chunk. The rule comes by value, so that its constants stay in registers: no
/// write to a state could change them.
#[inline(always)]
fn pass<T: Real, const N: usize>(states: [&mut [T]; N], gradient: &[T], rule: impl Fn([T; N], T) -> [T; N]) {
    // Slices of the gradient's length leave no bound to check in the loop.
    let states = states.map(|state| &mut state[..gradient.len()]);
    for (i, &g) in gradient.iter().enumerate() {
        let new = rule(states.each_ref().map(|state| state[i]), g);
        for k in 0..N {
            states[k][i] = new[k];
        }
    }
}
