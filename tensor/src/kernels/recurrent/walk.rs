//! Going through the vectors of units of a tile.
//!
//! A cell takes some twenty operations for each function of a vector. To compute the places of its
//! numbers anew would take about as many, and a processor sees only so many instructions ahead: what
//! places take of them, the functions of the next vectors lack. So the places are computed once a
//! tile, and move on together.

/// Where P kinds of numbers of a tile's units lie. What is not there is null, and goes no
/// [`step`] further.
#[derive(Clone, Copy)]
pub(super) struct Walk<T, const P: usize> {
    /// Those of the first vector of the first row.
    pub(super) start: [*mut T; P],
    /// From one row to the next, and from one vector of a row to the next.
    pub(super) down: [usize; P],
    pub(super) right: [usize; P],
}

impl<T, const P: usize> Walk<T, P> {
    /// Calls `work(places, vector)` for N vectors at a time of `rows` rows of `vectors` vectors, row
    /// after row, from the last one if `descending`; where fewer are left, the last one stands for the
    /// others as well. `vector` is the place of the first of them in its row.
    #[inline(always)]
    pub(super) fn together<const N: usize>(
        self,
        (rows, vectors): (usize, usize),
        descending: bool,
        mut work: impl FnMut([[*mut T; P]; N], usize),
    ) {
        let Self { start: mut line, mut down, right } = self;
        if descending {
            for (place, down) in line.iter_mut().zip(&mut down) {
                *place = place.wrapping_add((rows - 1).wrapping_mul(*down));
                *down = down.wrapping_neg();
            }
        }
        // Vectors go together with those beside them, or below them if they are alone in their row.
        let alone = vectors == 1;
        let (lines, length) = if alone { (1, rows) } else { (rows, vectors) };
        let next = if alone { down } else { right };
        for _ in 0..lines {
            let (mut place, mut first) = (line, 0);
            while first < length {
                let mut places = [place; N];
                for k in 1..N {
                    places[k] = if first + k < length { moved(places[k - 1], &next) } else { places[k - 1] };
                }
                work(places, if alone { 0 } else { first });
                place = moved(places[N - 1], &next);
                first += N;
            }
            line = moved(line, &down);
        }
    }
}

/// The step of a place that may be null.
#[inline(always)]
pub(super) fn step<T>(place: *const T, step: usize) -> usize {
    if place.is_null() { 0 } else { step }
}

/// All places, so much further.
#[inline(always)]
fn moved<T, const P: usize>(mut places: [*mut T; P], by: &[usize; P]) -> [*mut T; P] {
    for (place, by) in places.iter_mut().zip(by) {
        *place = place.wrapping_add(*by);
    }
    places
}
