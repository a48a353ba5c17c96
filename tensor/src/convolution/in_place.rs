//! A convolution of stride 1 that reads the image where it lies, instead of making columns of it.
//!
//! With rows of an image one after another, a tap sees at place p the element p + offset, whatever p
//! is. So an output is a sum of the image with itself shifted. Places run over the whole width of the
//! padded image; those at the end of each row, where the kernel hangs over into the next one, are
//! computed and dropped.

use super::{convolve::Convolution, window::Window};
use crate::{
    Real, Result, Shape,
    create::filled,
    kernels::{
        counter::count,
        shifted::{SLACK, Shifted},
    },
};

/// The sizes of a padded image, and where each tap looks.
pub(super) struct InPlace {
    height: usize,
    width: usize,
    /// From the first place to the last one that is wanted.
    places: usize,
    offsets: Vec<usize>,
}

/// The most numbers in the padded image of a group: a core's own cache should hold it.
const MOST: usize = 1 << 18;
/// Multiply-accumulates of a sample that several threads had better share.
const WORTH_THREADS: usize = 1 << 22;

impl Convolution {
    /// How to read the image in place, where that pays: for a stride of 1, kernels of more than one
    /// tap, and not too many places that are dropped.
    pub(super) fn in_place(&self) -> Option<InPlace> {
        let [rows, across] = &self.columns.windows;
        if self.columns.are_the_image() || rows.stride() != 1 || across.stride() != 1 {
            return None;
        }
        let (height, width) = (rows.output() + rows.span() - 1, across.output() + across.span() - 1);
        let plane = height.checked_mul(width).filter(|&plane| plane <= MOST / self.in_each.max(1))?;
        let places = (rows.output() - 1) * width + across.output();
        let dropped = places.next_multiple_of(SLACK) > 2 * self.columns.positions();
        let work = self.output_sample().saturating_mul(self.columns.rows());
        if dropped || (self.batch() == 1 && work > WORTH_THREADS) {
            return None;
        }
        let channels = (0..self.in_each).map(|channel| channel * plane);
        let offset = |window: &Window, tap: usize| window.shift(tap).wrapping_sub(window.shift(0));
        let taps = (0..rows.kernel()).flat_map(|row| {
            let row = offset(rows, row) * width;
            (0..across.kernel()).map(move |tap| row + offset(across, tap))
        });
        let taps: Vec<usize> = taps.collect();
        let offsets = channels.flat_map(|channel| taps.iter().map(move |tap| channel + tap)).collect();
        Some(InPlace { height, width, places, offsets })
    }

    /// The output of the samples `x`.
    pub(super) fn forward_in_place<T: Real>(
        &self,
        way: &InPlace,
        (x, w, bias): (&[T], &[T], Option<&[T]>),
        out: &mut [T],
    ) -> Result<()> {
        let plane = way.height * way.width;
        let mut image = filled(self.op, Shape::from([self.in_each * plane + 2 * SLACK]), T::ZERO)?;
        let step = way.places + SLACK;
        let mut staged = filled(self.op, Shape::from([self.out_each, step]), T::ZERO)?;
        let weights = self.out_each * way.offsets.len();
        let of_group = self.in_each * self.columns.windows.iter().map(Window::input).product::<usize>();
        let positions = self.columns.positions();
        let groups = x.chunks_exact(of_group).zip(out.chunks_exact_mut(self.out_each * positions));
        for (k, (x, out)) in groups.enumerate() {
            let group = k % self.groups;
            self.fill_padded(way, x, &mut image);
            let channels = group * self.out_each..(group + 1) * self.out_each;
            let shifted = Shifted {
                a: &w[group * weights..(group + 1) * weights],
                start: bias.map_or(&[], |bias| &bias[channels]),
                x: &image,
                offsets: &way.offsets,
                places: way.places,
                c: &mut staged,
                step,
            };
            shifted.run();
            count(self.out_each, way.offsets.len(), positions);
            let across = self.columns.windows[1].output();
            for (out, staged) in out.chunks_exact_mut(positions).zip(staged.chunks_exact(step)) {
                // The last row of places ends before its width does.
                for (out, row) in out.chunks_exact_mut(across).zip(staged.chunks(way.width)) {
                    out.copy_from_slice(&row[..across]);
                }
            }
        }
        Ok(())
    }

    /// Puts a group's channels into the middle of the padded image, whose border stays 0.
    fn fill_padded<T: Real>(&self, way: &InPlace, x: &[T], image: &mut [T]) {
        let [rows, across] = &self.columns.windows;
        let [above, before] = [rows, across].map(|window| window.shift(0).wrapping_neg());
        let planes = x.chunks_exact(rows.input() * across.input());
        for (x, plane) in planes.zip(image.chunks_exact_mut(way.height * way.width)) {
            for (x, row) in x.chunks_exact(across.input()).zip(plane.chunks_exact_mut(way.width).skip(above))
            {
                row[before..before + across.input()].copy_from_slice(x);
            }
        }
    }
}
