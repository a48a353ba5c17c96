//! Which tiles a product is computed in.

use super::{simd::Simd, tile};

/// The most rows of a tile with `vectors` vectors in a row.
#[inline(always)]
pub(crate) fn most_rows<S: Simd>(vectors: usize) -> usize {
    S::SUMS / vectors
}

/// How many panels of C vectors a single row takes at once.
#[inline(always)]
pub(crate) const fn panels_a_row(vectors: usize) -> usize {
    match vectors {
        1 => 8,
        2 => 4,
        _ => 3,
    }
}

/// The most rows of a tile whose left operand has rows `step` numbers apart. Rows a multiple of 4 kB
/// apart all want the same few places of the first cache, so that fewer of them fit.
#[inline(always)]
pub(crate) fn rows_that_fit<S: Simd>(vectors: usize, step: usize) -> usize {
    let most = most_rows::<S>(vectors);
    if (step * size_of::<S::T>()).is_multiple_of(4096) { most.min(8) } else { most }
}

/// Tiles of one size, one below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiles {
    /// The first row.
    pub(crate) first: usize,
    /// The rows of each tile, and how many tiles there are.
    pub(crate) rows: usize,
    pub(crate) count: usize,
    /// How many tiles come before them.
    pub(crate) place: usize,
}

impl Tiles {
    /// The rows of all of them.
    #[inline(always)]
    pub(crate) fn all(&self) -> usize {
        self.rows * self.count
    }
}

/// Calls `work(blocks, tiles)` for tiles that together cover `rows` rows and the blocks, each of `panels`
/// panels of `vectors` vectors: a block after the other, each with all rows. Few rows take the panels of a
/// block at once, or even several blocks, for a chain of multiply-adds waits four cycles for each of them.
/// `step` is from one row of the left operand to the next.
#[inline(always)]
pub(crate) fn cover<S: Simd>(
    (vectors, panels): (usize, usize),
    blocks: std::ops::Range<usize>,
    (rows, step): (usize, usize),
    mut work: impl FnMut(std::ops::Range<usize>, Tiles),
) {
    let together = match rows {
        1 => panels_a_row(vectors) / panels,
        2 | 3 if vectors == 2 && panels == 1 && 4 * rows <= S::SUMS => 2,
        _ => 1,
    };
    let mut first = blocks.start;
    while together > 1 && first + together <= blocks.end {
        work(first..first + together, Tiles { first: 0, rows, count: 1, place: 0 });
        first += together;
    }
    let width = vectors * panels;
    debug_assert!(S::SUMS * panels <= tile::ROOM, "room for the sums of a tile");
    let most = if rows * width <= S::SUMS { rows.max(1) } else { rows_that_fit::<S>(vectors, step) };
    for block in first..blocks.end {
        tiles(rows, most, tile::ROOM / width, |tiles| work(block..block + 1, tiles));
    }
}

/// Splits `rows` into tiles of at most `most` rows, as even as can be, for a last tile of one row would cost
/// as much as one of four. Calls `work` for those of one size, for so many of them that all have at most
/// `rows_together` rows, or for one.
#[inline(always)]
pub(crate) fn tiles(rows: usize, most: usize, rows_together: usize, mut work: impl FnMut(Tiles)) {
    let count = rows.div_ceil(most);
    let (mut first, mut place) = (0, 0);
    while place < count {
        // The first ones have a row more where they cannot be even.
        let (size, longer) = (rows / count, rows % count);
        let (rows, left) = if place < longer { (size + 1, longer - place) } else { (size, count - place) };
        let tiles = Tiles { first, rows, count: left.min((rows_together / rows).max(1)), place };
        work(tiles);
        first += tiles.all();
        place += tiles.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_tiles(rows: usize, most: usize, together: usize) -> Vec<[usize; 4]> {
        let mut all = Vec::new();
        tiles(rows, most, together, |tiles| {
            all.push([tiles.first, tiles.rows, tiles.count, tiles.place]);
        });
        all
    }

    #[test]
    fn tiles_of_one_size_are_together() {
        assert_eq!(all_tiles(16, 12, 48), [[0, 8, 2, 0]]);
        assert_eq!(all_tiles(32, 12, 48), [[0, 11, 2, 0], [22, 10, 1, 2]]);
        assert_eq!(all_tiles(32, 8, 24), [[0, 8, 3, 0], [24, 8, 1, 3]]);
        assert_eq!(all_tiles(5, 12, 48), [[0, 5, 1, 0]]);
        assert!(all_tiles(0, 12, 48).is_empty());
    }

    #[test]
    fn tiles_cover_all_rows_once() {
        for rows in 0..60 {
            for (most, together) in [(1, 1), (3, 2), (8, 32), (12, 48), (12, usize::MAX)] {
                let (mut next, mut place) = (0, 0);
                for [first, size, count, before] in all_tiles(rows, most, together) {
                    assert_eq!((first, before), (next, place));
                    assert!((1..=most).contains(&size) && (count == 1 || size * count <= together));
                    next += size * count;
                    place += count;
                }
                assert_eq!((next, place), (rows, rows.div_ceil(most)));
            }
        }
    }
}
