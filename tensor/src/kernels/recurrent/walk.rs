//! Going through the vectors of units of a tile.
//!
//! A cell takes some twenty operations for each function of a vector. To compute the places of its
//! numbers anew would take about as many, and a processor sees only so many instructions ahead: what
//! places take of them, the functions of the next vectors lack. So the places are computed once
//! for some tiles, and move on together.

/// A kind of numbers: where those of the first vector of the first row lie, or null where there are none,
/// and how far it is from one row to the next, and from one vector of a row to the next.
pub(super) type Place<T> = (*mut T, usize, usize);

/// Where P kinds of numbers of a tile's units lie. The steps of what is not there are 0.
#[derive(Clone, Copy)]
pub(super) struct Walk<T, const P: usize> {
    start: [*mut T; P],
    down: [usize; P],
    right: [usize; P],
}

impl<T, const P: usize> Walk<T, P> {
    #[inline(always)]
    pub(super) fn of(places: [Place<T>; P]) -> Self {
        let there = |(start, ..): Place<T>, step: usize| if start.is_null() { 0 } else { step };
        Self {
            start: places.map(|(start, ..)| start),
            down: places.map(|place| there(place, place.1)),
            right: places.map(|place| there(place, place.2)),
        }
    }

    /// Calls `work(places, vector)` for N vectors at a time of `rows` rows of `vectors` vectors, row after
    /// row: the first half in their order, the others from the last one back, as
    /// [`inward`](crate::kernels::soon::inward) says. They are of one row, or where a row has but one, of one
    /// after the other; where fewer are left of those, the last one stands for the others as well. `vector`
    /// is the place of the first of them in its row.
    #[inline(always)]
    pub(super) fn together<const N: usize>(
        self,
        (rows, vectors): (usize, usize),
        mut work: impl FnMut([[*mut T; P]; N], usize),
    ) {
        let alone = vectors == 1;
        // As many as go together, so that none stands for others in the first half.
        let half = if alone { rows.div_ceil(2).next_multiple_of(N).min(rows) } else { rows.div_ceil(2) };
        let (mut line, mut down, mut count, mut left) = (self.start, self.down, half, rows - half);
        while count > 0 {
            let (lines, length) = if alone { (1, count) } else { (count, vectors) };
            let next = if alone { down } else { self.right };
            for _ in 0..lines {
                let (mut place, mut first) = (line, 0);
                while first < length {
                    let mut places = [place; N];
                    for k in 1..N {
                        places[k] =
                            if first + k < length { moved(places[k - 1], &next) } else { places[k - 1] };
                    }
                    work(places, if alone { 0 } else { first });
                    place = moved(places[N - 1], &next);
                    first += N;
                }
                line = moved(line, &down);
            }
            line = moved(self.start, &self.down.map(|down| down.wrapping_mul(rows - 1)));
            down = self.down.map(usize::wrapping_neg);
            (count, left) = (left, 0);
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
    fn visited<const N: usize>(rows: usize, vectors: usize) -> Vec<[(usize, usize); N]> {
        let start = 1 << 20;
        let place = std::ptr::without_provenance_mut::<u8>(start);
        let walk = Walk::of([(place, 100, 7), (std::ptr::null_mut(), 100, 7)]);
        let mut all = Vec::new();
        walk.together::<N>((rows, vectors), |places, vector| {
            assert!(places.iter().all(|[_, none]| none.is_null()), "what is not there stays so");
            let found =
                places.map(|[place, _]| ((place.addr() - start) / 100, (place.addr() - start) % 100 / 7));
            assert_eq!(found[0].1, vector);
            all.push(found);
        });
        all
    }

    #[test]
    fn rows_are_gone_through_from_both_ends() {
        assert_eq!(visited::<1>(2, 2), [[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]]);
        let rows = [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(2, 0), (2, 1)], [(4, 0), (4, 1)], [(3, 0), (3, 1)]];
        assert_eq!(visited::<2>(5, 2), rows);
        assert!(visited::<2>(0, 2).is_empty() && visited::<2>(3, 0).is_empty());
    }

    #[test]
    fn the_last_one_stands_for_those_that_are_not_there() {
        assert_eq!(visited::<2>(1, 3), [[(0, 0), (0, 1)], [(0, 2), (0, 2)]]);
        assert_eq!(visited::<2>(3, 1), [[(0, 0), (1, 0)], [(2, 0), (2, 0)]]);
        assert_eq!(visited::<4>(3, 1), [[(0, 0), (1, 0), (2, 0), (2, 0)]]);
        assert_eq!(visited::<2>(5, 1), [[(0, 0), (1, 0)], [(2, 0), (3, 0)], [(4, 0), (4, 0)]]);
    }
}
