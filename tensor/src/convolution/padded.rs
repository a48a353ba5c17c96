//! [`Padded`]: a plane with zeros around it, in which what a tap sees at neighbouring places are neighbours.

use super::{strided::zip_from, window::Window};

/// The sizes of a plane with room around what is copied into it.
pub(super) struct Padded {
    rows: Axis,
    across: Axis,
}

/// One axis. Elements that are a stride apart lie side by side, one part for each remainder.
struct Axis {
    /// Zeros before the first element.
    before: usize,
    /// Elements, the zeros before and behind among them; what is beyond is left out.
    length: usize,
    stride: usize,
    part: usize,
}

impl Axis {
    fn new(before: usize, length: usize, stride: usize) -> Self {
        Self { before, length, stride, part: length.div_ceil(stride) }
    }

    /// The elements of the input that the places of a window reach to.
    fn of_image(window: &Window, stride: usize) -> Self {
        let length = (window.output() - 1) * window.stride() + window.span();
        Self::new(window.before(), length, stride)
    }

    /// The places that an element of the input may be seen from, with zeros instead of those that are
    /// none.
    fn of_gradient(window: &Window) -> Self {
        let back = window.reach() / window.stride();
        Self::new(back, (window.before() + window.input() - 1) / window.stride() + 1 + back, 1)
    }

    /// Where an element lies.
    fn position(&self, element: usize) -> usize {
        element % self.stride * self.part + element / self.stride
    }

    /// The numbers that all parts take.
    fn room(&self) -> Option<usize> {
        self.stride.checked_mul(self.part)
    }
}

impl Padded {
    /// The plane of an input of windows. `None` where it has more numbers than can be counted.
    pub(super) fn of_image([rows, across]: &[Window; 2]) -> Option<Self> {
        // Rows stay in their order: one step leads from a place to the one below.
        Self { rows: Axis::of_image(rows, 1), across: Axis::of_image(across, across.stride()) }.checked()
    }

    /// The plane of the gradient of an output of windows, whose inputs have elements. Element i of an
    /// axis is seen by tap k at the place (i + padding − k · dilation) / stride, if that is whole and
    /// there; place p has the position p + `back`.
    pub(super) fn of_gradient([rows, across]: &[Window; 2]) -> Option<Self> {
        Self { rows: Axis::of_gradient(rows), across: Axis::of_gradient(across) }.checked()
    }

    fn checked(self) -> Option<Self> {
        self.rows.length.checked_mul(self.across.room()?)?;
        Some(self)
    }

    /// The numbers in a row.
    pub(super) fn width(&self) -> usize {
        self.across.stride * self.across.part
    }

    /// The numbers in all.
    pub(super) fn numel(&self) -> usize {
        self.rows.length * self.width()
    }

    /// The zeros before the first element of each axis.
    pub(super) fn before(&self) -> [usize; 2] {
        [self.rows.before, self.across.before]
    }

    /// Where an element of the padded plane lies.
    pub(super) fn position(&self, row: usize, column: usize) -> usize {
        row * self.width() + self.across.position(column)
    }

    /// Copies a plane with rows of `columns` numbers into the middle of `to`, whose border stays as it is.
    pub(super) fn fill<T: Copy>(&self, from: &[T], columns: usize, to: &mut [T]) {
        let Axis { before, length, stride, part } = self.across;
        let rows = to[..self.numel()].chunks_exact_mut(self.width()).skip(self.rows.before);
        for (from, row) in from.chunks_exact(columns).zip(rows) {
            // More parts than elements would be empty.
            for remainder in 0..stride.min(length) {
                let first = before.saturating_sub(remainder).div_ceil(stride);
                let end = (length - remainder).div_ceil(stride);
                let element = (first * stride + remainder).wrapping_sub(before);
                if first < end && element < columns {
                    let to = &mut row[remainder * part + first..remainder * part + end];
                    zip_from(to, &from[element..], stride, |to, from| *to = from);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::window::windows;
    use proptest::prelude::*;

    fn window() -> impl Strategy<Value = Option<Window>> {
        windows([1..12, 1..4, 1..5, 0..4, 1..4])
    }

    proptest! {
        #[test]
        fn each_tap_finds_its_element_or_a_zero(rows in window(), across in window()) {
            let (Some(rows), Some(across)) = (rows, across) else { return Ok(()) };
            let windows = [rows, across];
            let image: Vec<usize> = (1..=rows.input() * across.input()).collect();
            let padded = Padded::of_image(&windows).unwrap();
            let mut found = vec![0; padded.numel()];
            padded.fill(&image, across.input(), &mut found);
            let all = |[y, x]: [usize; 2]| (0..y).flat_map(move |y| (0..x).map(move |x| (y, x)));
            for ((y, x), (ky, kx)) in all(windows.map(|window| window.output()))
                .flat_map(|place| all(windows.map(|window| window.kernel())).map(move |tap| (place, tap)))
            {
                let inside = rows.places(ky).contains(&y) && across.places(kx).contains(&x);
                let expected = if inside { image[rows.element(y, ky) * across.input() + across.element(x, kx)] } else { 0 };
                let tap = padded.position(rows.distance(ky), across.distance(kx));
                prop_assert_eq!(found[y * rows.stride() * padded.width() + tap + x], expected);
            }
        }
    }
}
