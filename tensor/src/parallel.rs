//! When work is split over threads, and how: always into pieces that do not depend on the number
//! of threads, so that results do not either.

/// The cost of a cheap operation on one element (an addition), the unit of work.
pub(crate) const CHEAP: usize = 1;
/// The cost of a transcendental function on one element.
pub(crate) const COSTLY: usize = 16;
/// Work below this stays on the calling thread: waking another one would cost about as much.
const GRAIN: usize = 1 << 18;

/// Calls `fill(first_row, rows)` on pieces of `out` that together cover it, where a row is
/// `row_length` elements and costs `row_work`. Large outputs are filled by several threads.
pub(crate) fn fill_rows<T: Send>(
    out: &mut [T],
    row_length: usize,
    row_work: usize,
    fill: impl Fn(usize, &mut [T]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let rows = out.len() / row_length;
    if rows.saturating_mul(row_work) < 2 * GRAIN {
        return fill(0, out);
    }
    let rows_a_piece = (GRAIN / row_work.max(1)).max(1);
    fill_pieces(out, rows_a_piece * row_length, |piece, chunk| fill(piece * rows_a_piece, chunk));
}

/// Calls `fill(piece, chunk)` on every piece of `out`, each `length` long but the last, on
/// several threads.
pub(crate) fn fill_pieces<T: Send>(out: &mut [T], length: usize, fill: impl Fn(usize, &mut [T]) + Sync) {
    #[cfg(feature = "rayon")]
    crate::kernels::team::share_chunks(out, length, fill);
    #[cfg(not(feature = "rayon"))]
    out.chunks_mut(length).enumerate().for_each(|(piece, chunk)| fill(piece, chunk));
}

/// [`fill_pieces`] of several slices of one length at once.
pub(crate) fn fill_pieces_of<T: Send, const N: usize>(
    out: [&mut [T]; N],
    length: usize,
    fill: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    #[cfg(feature = "rayon")]
    crate::kernels::team::share_chunks_of(out, length, fill);
    #[cfg(not(feature = "rayon"))]
    {
        let count = out.first().map_or(0, |out| out.len()).div_ceil(length);
        let mut rest = out.map(|out| out.chunks_mut(length));
        for piece in 0..count {
            fill(piece, rest.each_mut().map(|chunks| chunks.next().unwrap_or_default()));
        }
    }
}

/// Calls `work(piece)` once for each piece below `pieces`, on several threads.
pub(crate) fn share(pieces: usize, work: impl Fn(usize) + Sync) {
    #[cfg(feature = "rayon")]
    crate::kernels::team::share(pieces, work);
    #[cfg(not(feature = "rayon"))]
    (0..pieces).for_each(work);
}

/// Runs both closures, on two threads where `work` is large, and returns both results.
pub(crate) fn join<A: Send, B: Send>(
    work: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    #[cfg(feature = "rayon")]
    if work >= 2 * GRAIN {
        return rayon::join(a, b);
    }
    let _ = work;
    (a(), b())
}

/// How many threads share large work.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    return 1;
}

/// Whether it takes long until a thread sees what another one has written. It may change at any time.
pub(crate) fn cores_are_far_apart() -> bool {
    #[cfg(all(test, feature = "rayon"))]
    if let Some(far) = PRETENDED.get() {
        return far;
    }
    #[cfg(feature = "rayon")]
    return crate::kernels::distance::cores_are_far_apart();
    #[cfg(not(feature = "rayon"))]
    return false;
}

#[cfg(all(test, feature = "rayon"))]
thread_local! {
    static PRETENDED: std::cell::Cell<Option<bool>> = const { std::cell::Cell::new(None) };
}

/// Lets the cores be far apart, or near each other, for this thread.
#[cfg(all(test, feature = "rayon"))]
pub(crate) fn pretend(far: bool) {
    PRETENDED.set(Some(far));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_filled_once() {
        for (rows, row_length, row_work) in
            [(0, 3, 1), (5, 3, 1), (7, 2, GRAIN), (1000, 1, GRAIN / 3), (3, 5, usize::MAX)]
        {
            let mut out = vec![0usize; rows * row_length];
            fill_rows(&mut out, row_length, row_work, |first, chunk| {
                for (i, x) in chunk.iter_mut().enumerate() {
                    *x += first * row_length + i + 1;
                }
            });
            assert!(out.iter().enumerate().all(|(i, &x)| x == i + 1), "{rows} rows of {row_length}");
        }
    }
}
