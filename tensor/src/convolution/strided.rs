//! Walks along two slices at once, one of them in steps. Steps of 1 and 2, which nearly all layers
//! have, are loops that the compiler turns into vectors.

/// Calls `f` with each element of `near` and every `step`-th of `far`.
pub(super) fn zip_from<A, B: Copy>(near: &mut [A], far: &[B], step: usize, mut f: impl FnMut(&mut A, B)) {
    match step {
        1 => near.iter_mut().zip(far).for_each(|(a, &b)| f(a, b)),
        2 => {
            let (pairs, rest) = far.as_chunks::<2>();
            near.iter_mut().zip(pairs).for_each(|(a, &[b, _])| f(a, b));
            if let (Some(a), [b]) = (near.get_mut(pairs.len()), rest) {
                f(a, *b);
            }
        }
        _ => near.iter_mut().zip(far.iter().step_by(step)).for_each(|(a, &b)| f(a, b)),
    }
}

/// Calls `f` with every `step`-th element of `far` and each of `near`.
pub(super) fn zip_into<A, B: Copy>(far: &mut [A], near: &[B], step: usize, mut f: impl FnMut(&mut A, B)) {
    match step {
        1 => far.iter_mut().zip(near).for_each(|(a, &b)| f(a, b)),
        2 => {
            let (pairs, rest) = far.as_chunks_mut::<2>();
            let count = pairs.len();
            pairs.iter_mut().zip(near).for_each(|([a, _], &b)| f(a, b));
            if let ([a], Some(&b)) = (rest, near.get(count)) {
                f(a, b);
            }
        }
        _ => far.iter_mut().step_by(step).zip(near).for_each(|(a, &b)| f(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_meets_once() {
        for step in 1..4 {
            for count in 0..6 {
                for beyond in 0..step {
                    let far: Vec<usize> = (0..(count.max(1) - 1) * step + 1 + beyond).collect();
                    let mut near = vec![0; count];
                    zip_from(&mut near, &far, step, |a, b| *a += b + 1);
                    assert!(near.iter().enumerate().all(|(k, &a)| a == k * step + 1), "{near:?}");
                    let mut marked = far.clone();
                    zip_into(&mut marked, &near, step, |a, b| *a += b);
                    let expected =
                        |k: usize| k + if k.is_multiple_of(step) && k / step < count { k + 1 } else { 0 };
                    assert!(marked.iter().enumerate().all(|(k, &a)| a == expected(k)), "{marked:?}");
                }
            }
        }
    }
}
