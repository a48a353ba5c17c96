//! Patches of an image as the columns of a matrix, and such columns added back into an image.

use super::{
    strided::{zip_from, zip_into},
    tile::Tile,
    window::Window,
};
use crate::Real;

/// The matrix of patches of some channels of an image: row (channel, tap), column (position).
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Channels that make one patch.
    pub(super) channels: usize,
    /// Channels of a whole sample.
    pub(super) all_channels: usize,
    pub(super) windows: [Window; 2],
}

/// Neighbouring positions in one row of one sample.
#[derive(Clone, Copy, Debug)]
struct Segment {
    row: usize,
    first: usize,
    end: usize,
    /// The column of the first position.
    column: usize,
    /// The element at the first position under a tap that shifts by nothing. It may lie in the
    /// padding, before the first element or far behind the last, so it is counted modulo 2⁶⁴.
    element: usize,
}

impl Columns {
    /// The number of rows: elements of a patch.
    pub(super) fn rows(&self) -> usize {
        self.channels * self.windows[0].kernel() * self.windows[1].kernel()
    }

    /// The number of positions in a sample.
    pub(super) fn positions(&self) -> usize {
        self.windows[0].output() * self.windows[1].output()
    }

    /// Whether the columns are the image itself.
    pub(super) fn are_the_image(&self) -> bool {
        self.windows.iter().all(Window::is_identity)
    }

    /// Fills `columns`, `[rows, width of the tile]`, with the patches of the tile. `images` are
    /// whole samples, of which the channels from `first_channel` count.
    pub(super) fn gather<T: Real>(&self, images: &[T], first_channel: usize, tile: Tile, columns: &mut [T]) {
        if !self.windows.iter().all(Window::stays_inside) {
            columns.fill(T::ZERO);
        }
        let stride = self.windows[1].stride();
        self.for_each_run(first_channel, tile, |column, element, length| {
            let run = &mut columns[column..column + length];
            if stride == 1 {
                copy_short(run, &images[element..element + length]);
            } else {
                zip_from(run, &images[element..], stride, |x, from| *x = from);
            }
        });
    }

    /// Adds each element of `columns` to the element of `images` that [`Columns::gather`] would
    /// take it from.
    pub(super) fn scatter<T: Real>(&self, columns: &[T], first_channel: usize, tile: Tile, images: &mut [T]) {
        let stride = self.windows[1].stride();
        self.for_each_run(first_channel, tile, |column, element, length| {
            let run = &columns[column..column + length];
            zip_into(&mut images[element..], run, stride, |x, g| *x = *x + g);
        });
    }

    /// Calls `run(column, element, length)` for all runs of elements of the columns that come from
    /// neighbouring places of one row of an image, a stride apart.
    fn for_each_run(&self, first_channel: usize, tile: Tile, mut run: impl FnMut(usize, usize, usize)) {
        let [rows, across] = &self.windows;
        let (plane, width, stride) = (rows.input() * across.input(), tile.width(), across.stride());
        let segments = self.segments(tile);
        let mut columns = 0;
        for channel in first_channel..first_channel + self.channels {
            for row_tap in 0..rows.kernel() {
                let inside = rows.places(row_tap);
                for tap in 0..across.kernel() {
                    let places = across.places(tap);
                    let row_shift = rows.shift(row_tap).wrapping_mul(across.input());
                    let shift = (channel * plane).wrapping_add(row_shift).wrapping_add(across.shift(tap));
                    for segment in &segments {
                        let (first, end) = (segment.first.max(places.start), segment.end.min(places.end));
                        if inside.contains(&segment.row) && first < end {
                            let skipped = first - segment.first;
                            let element = segment.element.wrapping_add(shift).wrapping_add(skipped * stride);
                            run(columns + segment.column + skipped, element, end - first);
                        }
                    }
                    columns += width;
                }
            }
        }
    }

    fn segments(&self, tile: Tile) -> Vec<Segment> {
        let [rows, across] = &self.windows;
        let sample = self.all_channels * rows.input() * across.input();
        let (positions, end) = (across.output(), tile.position + tile.positions);
        let tile_rows = tile.position / positions..end.div_ceil(positions);
        let mut segments = Vec::with_capacity(tile.samples * tile_rows.len());
        let mut column = 0;
        for image in tile.sample..tile.sample + tile.samples {
            for row in tile_rows.clone() {
                let first = tile.position.saturating_sub(row * positions);
                let end = (end - row * positions).min(positions);
                let row_start = (row * rows.stride()).wrapping_mul(across.input());
                let element = row_start.wrapping_add(image * sample + first * across.stride());
                segments.push(Segment { row, first, end, column, element });
                column += end - first;
            }
        }
        segments
    }
}

/// Copies a slice onto one of the same length. Rows of small images are so short that a call to
/// copy each takes longer than the copying: up to 32 elements are moved as two blocks that overlap.
fn copy_short<T: Real>(to: &mut [T], from: &[T]) {
    match from.len() {
        33.. => to.copy_from_slice(from),
        16.. => copy_ends::<T, 16>(to, from),
        8.. => copy_ends::<T, 8>(to, from),
        4.. => copy_ends::<T, 4>(to, from),
        2.. => copy_ends::<T, 2>(to, from),
        _ => to.copy_from_slice(from),
    }
}

fn copy_ends<T: Real, const N: usize>(to: &mut [T], from: &[T]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}
