//! Going through the vectors of units of a tile.
//!
//! A cell takes some twenty operations for each function of a vector. To compute the places of its
//! numbers anew would take about as many, and a processor sees only so many instructions ahead: what
//! places take of them, the functions of the next vectors lack. So the places are computed once a
//! tile, and move on together.

/// Where P kinds of numbers of a tile's units lie. What is not there is null, and its
/// steps are 0.
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
    /// after row, from the last one if `descending`. They are of one row, or where a row has but one, of
    /// one after the other; where fewer are left of those, the last one stands for the others as well.
    /// `vector` is the place of the first of them in its row.
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
                *place = place.wrapping_add(rows.wrapping_sub(1).wrapping_mul(*down));
                *down = down.wrapping_neg();
            }
        }
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

impl<T> Walk<T, 7> {
    /// From the places of the sums, of the two states before, which may be null, and of what else there
    /// is, each with its step from row to row. The numbers of a vector of units lie `lanes` beside those
    /// of the one before, its sums `sums_lanes`.
    #[inline(always)]
    pub(super) fn of_units(
        (lanes, sums_lanes): (usize, usize),
        (sums, sums_step): (*const T, usize),
        before: [(*const T, usize); 2],
        [a, b, c, d]: [(*mut T, usize); 4],
    ) -> Self {
        let step = |place: *const T, step: usize| if place.is_null() { 0 } else { step };
        let [(h, h_step), (c_before, c_step)] = before;
        Self {
            start: [sums.cast_mut(), h.cast_mut(), c_before.cast_mut(), a.0, b.0, c.0, d.0],
            down: [sums_step, step(h, h_step), step(c_before, c_step), a.1, b.1, c.1, d.1],
            right: [sums_lanes, step(h, lanes), step(c_before, lanes), lanes, lanes, lanes, lanes],
        }
    }
}

/// All places, so much further.
#[inline(always)]
fn moved<T, const P: usize>(mut places: [*mut T; P], by: &[usize; P]) -> [*mut T; P] {
    for (place, by) in places.iter_mut().zip(by) {
        *place = place.wrapping_add(*by);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places that are visited, as numbers of rows and vectors, N at a time.
    fn visited<const N: usize>(rows: usize, vectors: usize, descending: bool) -> Vec<[(usize, usize); N]> {
        let start = 1 << 20;
        let place = std::ptr::without_provenance_mut::<u8>(start);
        let walk = Walk { start: [place, std::ptr::null_mut()], down: [100, 0], right: [7, 0] };
        let mut all = Vec::new();
        walk.together::<N>((rows, vectors), descending, |places, vector| {
            assert!(places.iter().all(|[_, none]| none.is_null()), "what is not there stays so");
            let found =
                places.map(|[place, _]| ((place.addr() - start) / 100, (place.addr() - start) % 100 / 7));
            assert_eq!(found[0].1, vector);
            all.push(found);
        });
        all
    }

    #[test]
    fn rows_are_gone_through_in_their_order() {
        assert_eq!(visited::<1>(2, 2, false), [[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]]);
        assert_eq!(visited::<2>(2, 2, true), [[(1, 0), (1, 1)], [(0, 0), (0, 1)]]);
        assert!(visited::<2>(0, 2, true).is_empty() && visited::<2>(3, 0, false).is_empty());
    }

    #[test]
    fn the_last_one_stands_for_those_that_are_not_there() {
        assert_eq!(visited::<2>(1, 3, false), [[(0, 0), (0, 1)], [(0, 2), (0, 2)]]);
        assert_eq!(visited::<2>(3, 1, false), [[(0, 0), (1, 0)], [(2, 0), (2, 0)]]);
        assert_eq!(visited::<4>(2, 1, true), [[(1, 0), (0, 0), (0, 0), (0, 0)]]);
    }
}
