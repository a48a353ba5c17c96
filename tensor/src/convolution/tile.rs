//! [`Tile`]: the part of a batch that is made into columns at a time.

/// Several whole samples, or a run of positions of one. A position is a place of the kernel,
/// counted row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) sample: usize,
    pub(super) samples: usize,
    pub(super) position: usize,
    pub(super) positions: usize,
}

impl Tile {
    /// The number of columns.
    pub(super) fn width(&self) -> usize {
        self.samples * self.positions
    }
}

/// The bytes of columns that stay in the cache of a core, with room for the other operands.
const CACHE: usize = 1 << 18;
/// The fewest columns that make a product worth its packing.
const NARROW: usize = 64;
/// The number of columns from which wider products are not faster.
const WIDE: usize = 256;

/// How samples of some positions are cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    positions: usize,
    samples_each: usize,
    positions_each: usize,
}

impl Tiling {
    /// Tiles for samples of `positions` columns, of `column_bytes` each.
    pub(super) fn new(positions: usize, column_bytes: usize) -> Self {
        let fitting = (CACHE / column_bytes.max(1)).max(NARROW);
        if fitting < positions {
            let parts = positions.div_ceil(fitting);
            return Self { positions, samples_each: 1, positions_each: positions.div_ceil(parts) };
        }
        let samples_each = (fitting / positions.max(1)).min(WIDE.div_ceil(positions.max(1)));
        Self { positions, samples_each, positions_each: positions }
    }

    /// Tiles for samples that are columns already: as many positions as there are, unless they
    /// make narrow products.
    pub(super) fn of_columns(positions: usize, column_bytes: usize) -> Self {
        if positions < NARROW {
            return Self::new(positions, column_bytes);
        }
        Self { positions, samples_each: 1, positions_each: positions }
    }

    /// The number of columns in the widest tile of so many samples.
    pub(super) fn width(&self, samples: usize) -> usize {
        self.samples_each.min(samples) * self.positions_each
    }

    /// The tiles of so many samples, in order.
    pub(super) fn tiles(self, samples: usize) -> impl Iterator<Item = Tile> {
        (0..samples).step_by(self.samples_each.max(1)).flat_map(move |sample| {
            (0..self.positions).step_by(self.positions_each.max(1)).map(move |position| Tile {
                sample,
                samples: self.samples_each.min(samples - sample),
                position,
                positions: self.positions_each.min(self.positions - position),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_cover_everything_once_and_in_order(
            positions in 1usize..2000, samples in 0usize..40, column_bytes in 1usize..20_000, columns: bool,
        ) {
            let tiling = if columns { Tiling::of_columns } else { Tiling::new }(positions, column_bytes);
            let mut next = 0;
            for tile in tiling.tiles(samples) {
                prop_assert!(tile.samples == 1 || tile.positions == positions);
                prop_assert_eq!(tile.sample * positions + tile.position, next);
                prop_assert!(tile.width() <= tiling.width(samples));
                next += tile.width();
            }
            prop_assert_eq!(next, samples * positions);
        }
    }

    #[test]
    fn small_samples_come_together_and_large_ones_apart() {
        let first = |tiling: Tiling| tiling.tiles(100).next().map(|tile| (tile.samples, tile.positions));
        assert_eq!(first(Tiling::new(100, 600)), Some((3, 100)));
        assert_eq!(first(Tiling::new(784, 2304)), Some((1, 112)));
        assert_eq!(first(Tiling::new(784, 300)), Some((1, 784)));
        assert_eq!(first(Tiling::new(49, 1 << 20)), Some((1, 49)));
        assert_eq!(first(Tiling::of_columns(784, 1 << 20)), Some((1, 784)));
        assert_eq!(first(Tiling::of_columns(1, 256)), Some((100, 1)));
    }
}
