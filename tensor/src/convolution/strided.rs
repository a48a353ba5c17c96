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

/// Fills `to` with the elements of `count` slices in turn, the first of each, the second of each.
pub(super) fn weave<'a, T: Copy + 'a>(to: &mut [T], count: usize, part: impl Fn(usize) -> &'a [T]) {
    if count == 2 {
        let (even, odd) = (part(0), part(1));
        let (pairs, rest) = to.as_chunks_mut::<2>();
        for ((pair, &a), &b) in pairs.iter_mut().zip(even).zip(odd) {
            *pair = [a, b];
        }
        if let ([last], Some(&a)) = (rest, even.last()) {
            *last = a;
        }
        return;
    }
    for k in 0..count {
        zip_into(&mut to[k..], part(k), count, |to, from| *to = from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_woven_together() {
        for (count, length) in (1..5).flat_map(|count| (count..12).map(move |length| (count, length))) {
            let parts: Vec<Vec<usize>> = (0..count).map(|k| (k..length).step_by(count).collect()).collect();
            let mut woven = vec![usize::MAX; length];
            weave(&mut woven, count, |k| &parts[k]);
            assert_eq!(woven, (0..length).collect::<Vec<_>>(), "{count} parts");
        }
    }

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
