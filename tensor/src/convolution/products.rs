//! The matrix products of a convolution, over some samples on one thread.

use super::{
    convolve::Convolution,
    tile::{Tile, Tiling},
};
use crate::{
    Real, Result, Shape,
    create::filled,
    kernels::product::{Matrix, Product},
};

impl Convolution {
    /// The output of the samples `x`.
    pub(super) fn forward_samples<T: Real>(
        &self,
        x: &[T],
        w: &[T],
        bias: Option<&[T]>,
        out: &mut [T],
    ) -> Result<()> {
        let (positions, samples) = (self.columns.positions(), out.len() / self.output_sample());
        let tiling = self.tiling::<T>();
        let mut patches = self.patches(tiling.width(samples))?;
        let mut staged = self.staged(tiling.width(samples))?;
        for tile in tiling.tiles(samples) {
            for group in 0..self.groups {
                let columns = self.columns_of(x, group, tile, &mut patches);
                let w = self.weight_of(w, group);
                let bias = bias.map(|bias| &bias[group * self.out_each..(group + 1) * self.out_each]);
                if tile.width() == positions {
                    // The product's rows are the rows of the output.
                    let start = self.output_start(tile.sample, group);
                    let c = &mut out[start..start + self.out_each * positions];
                    if let Some(bias) = bias {
                        c.chunks_exact_mut(positions).zip(bias).for_each(|(row, &bias)| row.fill(bias));
                    }
                    Product::new(w, columns, if bias.is_some() { T::ONE } else { T::ZERO }, c).run();
                    continue;
                }
                let c = &mut staged[..self.out_each * tile.width()];
                Product::new(w, columns, T::ZERO, c).run();
                self.for_each_row(group, tile, |channel, start, staged_start| {
                    let shift = bias.map_or(T::ZERO, |bias| bias[channel]);
                    let row = &mut out[start..start + tile.positions];
                    let from = &c[staged_start..staged_start + tile.positions];
                    row.iter_mut().zip(from).for_each(|(x, &y)| *x = y + shift);
                });
            }
        }
        Ok(())
    }

    /// The input's gradient of some samples, from that of their output.
    pub(super) fn input_gradient_of<T: Real>(&self, g: &[T], w: &[T], out: &mut [T]) -> Result<()> {
        let samples = out.len() / self.input_sample();
        let tiling = self.tiling::<T>();
        let mut patches = self.patches(tiling.width(samples))?;
        let mut gathered = self.gathered(tiling.width(samples))?;
        for tile in tiling.tiles(samples) {
            for group in 0..self.groups {
                let g = self.gradient_of(g, group, tile, &mut gathered);
                let w = self.weight_of(w, group).transposed();
                if self.is_plain(tile) {
                    let start = self.input_start(tile.sample, group);
                    let c = &mut out[start..start + self.columns.rows() * tile.positions];
                    Product::new(w, g, T::ZERO, c).run();
                    continue;
                }
                let c = &mut patches[..self.columns.rows() * tile.width()];
                Product::new(w, g, T::ZERO, c).run();
                self.columns.scatter(c, group * self.in_each, tile, out);
            }
        }
        Ok(())
    }

    /// Adds the gradient of the weight by some samples to `out`: for each group
    /// `[channels, patch]`, or its transpose where [`Convolution::sums_patches_first`].
    pub(super) fn weight_gradient_of<T: Real>(&self, g: &[T], x: &[T], out: &mut [T]) -> Result<()> {
        let samples = g.len() / self.output_sample().max(1);
        let tiling = self.tiling::<T>();
        let mut patches = self.patches(tiling.width(samples))?;
        let mut gathered = self.gathered(tiling.width(samples))?;
        let weights = self.out_each * self.columns.rows();
        for tile in tiling.tiles(samples) {
            for group in 0..self.groups {
                let g = self.gradient_of(g, group, tile, &mut gathered);
                let columns = self.columns_of(x, group, tile, &mut patches);
                let out = &mut out[group * weights..(group + 1) * weights];
                let (a, b) = if self.sums_patches_first() {
                    (columns, g.transposed())
                } else {
                    (g, columns.transposed())
                };
                Product::new(a, b, T::ONE, out).run();
            }
        }
        Ok(())
    }

    /// Whether the gradient of the weight is summed as `[patch, channels]`: a product rearranges
    /// its right operand, so the smaller one is there.
    pub(super) fn sums_patches_first(&self) -> bool {
        self.columns.rows() > self.out_each
    }

    /// The columns of a tile, `[patch, positions]`.
    fn columns_of<'a, T: Real>(
        &self,
        x: &'a [T],
        group: usize,
        tile: Tile,
        patches: &'a mut [T],
    ) -> Matrix<'a, T> {
        let rows = self.columns.rows();
        if self.is_plain(tile) {
            let start = self.input_start(tile.sample, group);
            return Matrix::row_major(&x[start..start + rows * tile.positions], rows, tile.positions);
        }
        let patches = &mut patches[..rows * tile.width()];
        self.columns.gather(x, group * self.in_each, tile, patches);
        Matrix::row_major(patches, rows, tile.width())
    }

    /// The gradient of a tile's outputs, `[channels, positions]`.
    fn gradient_of<'a, T: Real>(
        &self,
        g: &'a [T],
        group: usize,
        tile: Tile,
        gathered: &'a mut [T],
    ) -> Matrix<'a, T> {
        if tile.samples == 1 {
            let start = self.output_start(tile.sample, group) + tile.position;
            let stride = self.columns.positions() as isize;
            return Matrix::strided(g, start, [self.out_each, tile.positions], [stride, 1]);
        }
        let gathered = &mut gathered[..self.out_each * tile.width()];
        self.for_each_row(group, tile, |_, start, gathered_start| {
            let row = &g[start..start + tile.positions];
            gathered[gathered_start..gathered_start + tile.positions].copy_from_slice(row);
        });
        Matrix::row_major(gathered, self.out_each, tile.width())
    }

    /// Calls `f(channel, in the output, in the matrix)` for the rows of a tile's outputs: where each
    /// starts in the output, and where in a matrix `[channels, width]`.
    fn for_each_row(&self, group: usize, tile: Tile, mut f: impl FnMut(usize, usize, usize)) {
        let positions = self.columns.positions();
        for sample in 0..tile.samples {
            let start = self.output_start(tile.sample + sample, group) + tile.position;
            for channel in 0..self.out_each {
                f(channel, start + channel * positions, channel * tile.width() + sample * tile.positions);
            }
        }
    }

    fn weight_of<'a, T: Real>(&self, w: &'a [T], group: usize) -> Matrix<'a, T> {
        let rows = self.columns.rows();
        let start = group * self.out_each * rows;
        Matrix::row_major(&w[start..start + self.out_each * rows], self.out_each, rows)
    }

    /// Whether a tile is one sample whose columns are the image itself.
    fn is_plain(&self, tile: Tile) -> bool {
        self.columns.are_the_image() && tile.width() == self.columns.positions()
    }

    fn tiling<T>(&self) -> Tiling {
        let bytes = self.columns.rows().saturating_mul(size_of::<T>());
        let make = if self.columns.are_the_image() { Tiling::of_columns } else { Tiling::new };
        make(self.columns.positions(), bytes)
    }

    /// Room for the columns of a tile.
    fn patches<T: Real>(&self, width: usize) -> Result<Vec<T>> {
        let plain = self.columns.are_the_image() && width == self.columns.positions();
        filled(self.op, Shape::from([if plain { 0 } else { self.columns.rows() }, width]), T::ZERO)
    }

    /// Room for the outputs of a tile that is not one whole sample.
    fn staged<T: Real>(&self, width: usize) -> Result<Vec<T>> {
        let rows = if width == self.columns.positions() { 0 } else { self.out_each };
        filled(self.op, Shape::from([rows, width]), T::ZERO)
    }

    /// Room for the gradient of a tile of several samples.
    fn gathered<T: Real>(&self, width: usize) -> Result<Vec<T>> {
        let rows = if width <= self.columns.positions() { 0 } else { self.out_each };
        filled(self.op, Shape::from([rows, width]), T::ZERO)
    }

    fn input_start(&self, sample: usize, group: usize) -> usize {
        let [rows, across] = self.columns.windows.map(|window| window.input());
        (sample * self.groups + group) * self.in_each * rows * across
    }

    fn output_start(&self, sample: usize, group: usize) -> usize {
        (sample * self.groups + group) * self.out_each * self.columns.positions()
    }
}
