//! A convolution of which each group has one input channel, as depthwise ones have: there the products
//! of matrices would be of one row, so rows of the image are added up as they are.
//!
//! The gradient of the input is such a sum too, of the output's gradient under the taps backward. There
//! each remainder of rows and columns by the stride is a sum of its own, for different taps see it.

use std::collections::BTreeMap;

use super::{convolve::Convolution, padded::Padded, strided::weave, window::Window};
use crate::{
    Real, Result, Shape,
    create::filled,
    kernels::{
        counter::count,
        taps::{Column, Places, Products, SLACK, Sums},
    },
};

/// The most numbers in a padded plane: a core's own cache should hold it.
const MOST: usize = 1 << 17;

/// The padded planes of a channel and of its outputs' gradients, and where the taps look in them.
pub(super) struct Depthwise {
    image: Padded,
    /// Where each tap looks in the image.
    offsets: Vec<usize>,
    seen: Seen,
    gradient: Padded,
    /// By rows, and in these by columns.
    remainders: Vec<Remainder>,
}

/// Every stride-th row of the input, and in these every stride-th column.
struct Remainder {
    /// The first row.
    row: usize,
    rows: usize,
    columns: usize,
    /// What sees these elements: among the weights of all output channels of a group, and in the
    /// gradients of these channels.
    seen: Seen,
}

/// Taps by the columns that they make in a padded plane.
struct Seen {
    /// Where the weight of each is.
    taps: Vec<usize>,
    columns: Vec<Column>,
}

impl Seen {
    /// Finds the columns of taps, of which each is given by where it looks and where its weight is. `step`
    /// leads from a row of places to the next.
    fn new(mut taps: BTreeMap<usize, usize>, step: usize) -> Self {
        let mut seen = Self { taps: Vec::new(), columns: Vec::new() };
        while let Some((offset, tap)) = taps.pop_first() {
            seen.taps.push(tap);
            let below = (1..Column::LONGEST).map_while(|k| taps.remove(&(offset + k * step)));
            seen.taps.extend(below);
            let before: usize = seen.columns.iter().map(|column| column.taps).sum();
            seen.columns.push(Column { offset, taps: seen.taps.len() - before });
        }
        seen
    }

    /// The weights in the order of the columns.
    fn weights<'a, T: Real>(&self, of: &[T], room: &'a mut Vec<T>) -> &'a [T] {
        room.clear();
        room.extend(self.taps.iter().map(|&tap| of[tap]));
        room
    }
}

impl Convolution {
    /// How to go without matrices: for more than one group, each of one channel, and planes that fit
    /// into a cache.
    pub(super) fn depthwise(&self) -> Option<Depthwise> {
        if self.in_each != 1 || self.groups < 2 || self.out_each == 0 || self.input_sample() == 0 {
            return None;
        }
        let windows = &self.columns.windows;
        let (image, gradient) = (Padded::of_image(windows)?, Padded::of_gradient(windows)?);
        if image.numel() > MOST || gradient.numel() > MOST / self.out_each {
            return None;
        }
        let [rows, across] = windows;
        let taps = (0..rows.kernel()).flat_map(|y| (0..across.kernel()).map(move |x| (y, x)));
        let offset = |(y, x)| image.position(rows.distance(y), across.distance(x));
        let offsets: Vec<usize> = taps.map(offset).collect();
        let by_offset = offsets.iter().copied().zip(0..).collect();
        let seen = Seen::new(by_offset, rows.stride() * image.width());
        let firsts = |window: &Window| 0..window.stride().min(window.input());
        let remainders = firsts(rows).flat_map(|row| firsts(across).map(move |column| [row, column]));
        let remainders = remainders.map(|first| self.remainder(&gradient, first)).collect();
        Some(Depthwise { image, offsets, seen, gradient, remainders })
    }

    /// The elements from `first` on.
    fn remainder(&self, gradient: &Padded, first: [usize; 2]) -> Remainder {
        let windows = &self.columns.windows;
        // The taps of an axis, and where each looks from the first element.
        let seeing = |axis: usize| {
            let (window, start) = (windows[axis], windows[axis].before() + first[axis]);
            let taps = (0..window.kernel()).map(move |tap| (tap, window.distance(tap)));
            let taps =
                taps.filter(move |(_, distance)| distance % window.stride() == start % window.stride());
            let place = start / window.stride() + gradient.before()[axis];
            taps.map(move |(tap, distance)| (tap, place - distance / window.stride()))
        };
        let mut taps = BTreeMap::new();
        for channel in 0..self.out_each {
            for (y, row) in seeing(0) {
                for (x, column) in seeing(1) {
                    let tap = (channel * windows[0].kernel() + y) * windows[1].kernel() + x;
                    taps.insert(channel * gradient.numel() + gradient.position(row, column), tap);
                }
            }
        }
        let count = |axis: usize| (windows[axis].input() - first[axis]).div_ceil(windows[axis].stride());
        Remainder {
            row: first[0],
            rows: count(0),
            columns: count(1),
            seen: Seen::new(taps, gradient.width()),
        }
    }

    /// The output of all samples.
    pub(super) fn forward_depthwise<T: Real>(
        &self,
        way: &Depthwise,
        (x, w, bias): (&[T], &[T], Option<&[T]>),
        out: &mut [T],
    ) -> Result<()> {
        let (positions, taps, plane) = (self.columns.positions(), way.offsets.len(), self.plane());
        self.by_planes(out, self.out_each * positions, self.work_of_a_plane(), |first, out| {
            let mut image = self.zeros(way.image.numel())?;
            let mut weights = Vec::with_capacity(taps);
            for (k, out) in out.chunks_exact_mut(self.out_each * positions).enumerate() {
                let (k, group) = (first + k, (first + k) % self.groups);
                way.image.fill(&x[k * plane..(k + 1) * plane], self.columns.windows[1].input(), &mut image);
                for (channel, out) in out.chunks_exact_mut(positions).enumerate() {
                    let channel = group * self.out_each + channel;
                    let sums = Sums {
                        places: self.places(way, &image),
                        start: bias.map_or(T::ZERO, |bias| bias[channel]),
                        columns: &way.seen.columns,
                        weights: way.seen.weights(&w[channel * taps..(channel + 1) * taps], &mut weights),
                        c: out,
                        c_step: self.columns.windows[1].output(),
                    };
                    sums.run();
                    count(1, taps, positions);
                }
            }
            Ok(())
        })
    }

    /// The gradient of the weight, added to `out` in the order of the samples.
    pub(super) fn weight_gradient_depthwise<T: Real>(
        &self,
        way: &Depthwise,
        (g, x): (&[T], &[T]),
        out: &mut [T],
    ) -> Result<()> {
        let (positions, taps, plane) = (self.columns.positions(), way.offsets.len(), self.plane());
        let work = self.batch().saturating_mul(self.work_of_a_plane());
        self.by_planes(out, self.out_each * taps, work, |first, out| {
            let mut image = self.zeros(way.image.numel())?;
            for (group, out) in out.chunks_exact_mut(self.out_each * taps).enumerate() {
                for sample in 0..self.batch() {
                    let k = sample * self.groups + first + group;
                    way.image.fill(
                        &x[k * plane..(k + 1) * plane],
                        self.columns.windows[1].input(),
                        &mut image,
                    );
                    for (channel, sums) in out.chunks_exact_mut(taps).enumerate() {
                        let start = (k * self.out_each + channel) * positions;
                        let products = Products {
                            places: self.places(way, &image),
                            offsets: &way.offsets,
                            g: &g[start..start + positions],
                            g_step: self.columns.windows[1].output(),
                            sums,
                        };
                        products.run();
                        count(1, taps, positions);
                    }
                }
            }
            Ok(())
        })
    }

    /// The gradient of the input of all samples.
    pub(super) fn input_gradient_depthwise<T: Real>(
        &self,
        way: &Depthwise,
        (g, w): (&[T], &[T]),
        out: &mut [T],
    ) -> Result<()> {
        let (positions, taps, plane) = (self.columns.positions(), way.offsets.len(), self.plane());
        let [rows, across] = &self.columns.windows;
        let (padded, width) = (way.gradient.numel(), across.input());
        let together = across.stride().min(width);
        let part = way.remainders.iter().map(|part| part.rows * part.columns).max().unwrap_or(0);
        self.by_planes(out, plane, self.work_of_a_plane(), |first, out| {
            let mut gradients = self.zeros(self.out_each * padded)?;
            let mut staged =
                filled(self.op, Shape::from([if together == 1 { 0 } else { together }, part]), T::ZERO)?;
            let mut weights = Vec::with_capacity(self.out_each * taps);
            for (k, out) in out.chunks_exact_mut(plane).enumerate() {
                let (k, group) = (first + k, (first + k) % self.groups);
                let w = &w[group * self.out_each * taps..][..self.out_each * taps];
                let g = g[k * self.out_each * positions..].chunks_exact(positions);
                for (g, gradient) in g.zip(gradients.chunks_exact_mut(padded)) {
                    way.gradient.fill(g, across.output(), gradient);
                }
                for remainders in way.remainders.chunks_exact(together) {
                    let c_rows = &mut out[remainders[0].row * width..];
                    for (k, remainder) in remainders.iter().enumerate() {
                        let weights = remainder.seen.weights(w, &mut weights);
                        let places = Places {
                            rows: remainder.rows,
                            width: remainder.columns,
                            x: &gradients,
                            x_step: way.gradient.width(),
                        };
                        let (c, c_step) = if together == 1 {
                            (&mut *c_rows, rows.stride() * width)
                        } else {
                            (&mut staged[k * part..(k + 1) * part], remainder.columns)
                        };
                        Sums { places, start: T::ZERO, columns: &remainder.seen.columns, weights, c, c_step }
                            .run();
                    }
                    if together > 1 {
                        let rows = c_rows.chunks_mut(width).step_by(rows.stride());
                        for (row, out) in rows.enumerate() {
                            weave(out, together, |k| {
                                let columns = remainders[k].columns;
                                &staged[k * part + row * columns..][..columns]
                            });
                        }
                    }
                }
                count(self.out_each, taps, positions);
            }
            Ok(())
        })
    }

    /// Where each place of the output finds its taps in a padded plane.
    fn places<'a, T>(&self, way: &'a Depthwise, image: &'a [T]) -> Places<'a, T> {
        let [rows, across] = &self.columns.windows;
        let x_step = rows.stride() * way.image.width();
        Places { rows: rows.output(), width: across.output(), x: image, x_step }
    }

    /// The elements of a channel of the input.
    fn plane(&self) -> usize {
        self.columns.windows.iter().map(Window::input).product()
    }

    /// A part of the work for one sample.
    fn work_of_a_plane(&self) -> usize {
        self.work() / self.groups
    }

    /// Padded planes of so many numbers.
    fn zeros<T: Real>(&self, numel: usize) -> Result<Vec<T>> {
        filled(self.op, Shape::from([numel + SLACK]), T::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::convolution::window::windows;
    use proptest::prelude::*;

    fn numbers(shape: Shape, seed: usize) -> Vec<f64> {
        (0..shape.numel()).map(|i| ((i * 7919 + seed * 104_729) % 1013) as f64 / 500.0 - 1.0).collect()
    }

    fn near(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    fn window() -> impl Strategy<Value = Option<Window>> {
        windows([1..40, 1..5, 1..5, 0..4, 1..4])
    }

    proptest! {
        #[test]
        fn equals_the_matrix_products(
            rows in window(), across in window(), batch in 0usize..4, groups in 2usize..5,
            out_each in 1usize..4, biased: bool,
        ) {
            let (Some(rows), Some(across)) = (rows, across) else { return Ok(()) };
            let sizes = Convolution::new("test", batch, groups, [1, out_each], [rows, across]).unwrap();
            let way = sizes.depthwise().expect("one channel in each group, and small planes");
            let shapes = [sizes.input_shape(), sizes.weight_shape(), sizes.output_shape()];
            let [x, w, g] = [(shapes[0], 1), (shapes[1], 2), (shapes[2], 3)].map(|(shape, seed)| numbers(shape, seed));
            let bias = numbers(Shape::from([groups * out_each]), 4);
            let bias = biased.then_some(&bias[..]);
            let [mut by_x, mut by_w, mut y] = shapes.map(|shape| vec![0.0; shape.numel()]);
            let [mut expected_x, mut expected_w, mut expected] = [by_x.clone(), by_w.clone(), y.clone()];
            sizes.forward_depthwise(&way, (&x, &w, bias), &mut y).unwrap();
            sizes.input_gradient_depthwise(&way, (&g, &w), &mut by_x).unwrap();
            sizes.weight_gradient_depthwise(&way, (&g, &x), &mut by_w).unwrap();
            if batch > 0 {
                sizes.forward_samples(&x, &w, bias, &mut expected).unwrap();
                sizes.input_gradient_of(&g, &w, &mut expected_x).unwrap();
                sizes.weight_gradient_of(&g, &x, &mut expected_w).unwrap();
            }
            if sizes.sums_patches_first() {
                let sum = Tensor::from_vec(expected_w, [groups, rows.kernel() * across.kernel(), out_each]).unwrap();
                expected_w = sum.transpose(1, 2).unwrap().to_vec();
            }
            prop_assert!(near(&y, &expected), "output");
            prop_assert!(near(&by_x, &expected_x), "input gradient");
            prop_assert!(near(&by_w, &expected_w), "weight gradient");
        }
    }

    #[test]
    fn groups_of_one_channel_go_this_way_while_their_planes_are_small() {
        let window = |input| Window::new(input, 3, 1, [1, 1], 1).unwrap();
        let goes = |groups, channels, input| {
            Convolution::new("test", 1, groups, channels, [window(input); 2]).unwrap().depthwise().is_some()
        };
        assert!(goes(2, [1, 1], 300) && goes(2, [1, 4], 100));
        assert!(
            !goes(1, [1, 4], 10) && !goes(2, [2, 1], 10) && !goes(2, [1, 1], 400) && !goes(2, [1, 4], 300)
        );
        let far = Window::new(3, 2, usize::MAX, [0, 0], 1).unwrap();
        assert!(Convolution::new("test", 1, 2, [1, 1], [far; 2]).unwrap().depthwise().is_none());
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn the_number_of_threads_does_not_change_the_bits() {
        let windows = [Window::new(60, 3, 1, [1, 1], 1).unwrap(), Window::new(61, 3, 2, [1, 1], 1).unwrap()];
        let sizes = Convolution::new("test", 9, 40, [1, 2], windows).unwrap();
        let tensor = |shape, seed| {
            let values = numbers(shape, seed).into_iter().map(|x| x as f32).collect();
            Tensor::from_vec(values, shape).unwrap()
        };
        let (x, w) = (tensor(sizes.input_shape(), 1), tensor(sizes.weight_shape(), 2));
        let g = tensor(sizes.output_shape(), 3);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let all = [
                    sizes.forward(&x, &w, None).unwrap(),
                    sizes.input_gradient(&g, &w).unwrap(),
                    sizes.weight_gradient(&g, &x).unwrap(),
                ];
                all.map(|t| t.iter().map(f32::to_bits).collect::<Vec<_>>())
            })
        };
        let one = run(1);
        for threads in [2, 3, 7] {
            assert!(run(threads) == one, "{threads} threads");
        }
    }
}
