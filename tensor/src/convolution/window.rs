//! [`Window`]: where a kernel lies along one axis.

use std::ops::Range;

/// A kernel that slides along one axis of an input.
///
/// The padded axis has `input` + padding elements. The kernel has `kernel` taps, `dilation` apart,
/// so it spans dilation · (kernel − 1) + 1 of them, and moves by `stride`.
///
/// ```
/// use refrain_tensor::convolution::Window;
/// let window = Window::new(28, 5, 2, [2, 2], 1).expect("5 of 32 elements");
/// assert_eq!(window.output(), (28 + 2 * 2 - 5) / 2 + 1);
/// assert_eq!(Window::new(3, 5, 1, [0, 0], 1), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    input: usize,
    kernel: usize,
    stride: usize,
    padding: [usize; 2],
    dilation: usize,
    output: usize,
}

impl Window {
    /// A window over `input` elements with `padding` zeros before and after them. `None` where the
    /// kernel, the stride or the dilation is 0, or the kernel spans more than the padded axis, or
    /// that is beyond `isize::MAX`.
    pub fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
    ) -> Option<Self> {
        let window = Self::unplaced(input, kernel, stride, padding, dilation)?;
        let room = window.padded().checked_sub(window.span())?;
        Some(Self { output: room / stride + 1, ..window })
    }

    /// A window with one place more where the last steps of the axis do not fill a stride: the
    /// kernel may hang over the end by less than a stride, as long as it starts before the padding
    /// there. `None` as for [`Window::new`].
    ///
    /// ```
    /// use refrain_tensor::convolution::Window;
    /// let pairs = Window::rounded_up(5, 2, 2, [0, 0], 1).expect("2 of 5 elements");
    /// assert_eq!(pairs.output(), 3);
    /// ```
    pub fn rounded_up(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
    ) -> Option<Self> {
        let window = Self::unplaced(input, kernel, stride, padding, dilation)?;
        let last = match window.padded().checked_sub(window.span()) {
            Some(room) => room.div_ceil(stride),
            None if window.span() - window.padded() < stride => 0,
            None => return None,
        };
        let starts_too_late = last > 0 && last.saturating_mul(stride) >= input + padding[0];
        Some(Self { output: if starts_too_late { last } else { last + 1 }, ..window })
    }

    /// A window of sizes that can be computed with.
    fn unplaced(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
    ) -> Option<Self> {
        if stride == 0 || dilation == 0 {
            return None;
        }
        let padded = input.checked_add(padding[0])?.checked_add(padding[1])?;
        let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        let addressable = isize::try_from(padded).is_ok() && isize::try_from(span).is_ok();
        addressable.then_some(Self { input, kernel, stride, padding, dilation, output: 0 })
    }

    /// The axis that an image of height 1 has.
    pub fn single() -> Self {
        Self { input: 1, kernel: 1, stride: 1, padding: [0, 0], dilation: 1, output: 1 }
    }

    /// The elements of the input along this axis.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The number of taps.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// The number of places: ⌊(input + padding − span) / stride⌋ + 1, or one more where it is
    /// rounded up.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The distance between places.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The elements of the padding before the first one.
    pub(super) fn before(&self) -> usize {
        self.padding[0]
    }

    /// How far a tap is from the first one.
    pub(super) fn distance(&self, tap: usize) -> usize {
        tap * self.dilation
    }

    /// How far the last tap is from the first one.
    pub(super) fn reach(&self) -> usize {
        self.distance(self.kernel - 1)
    }

    /// Whether every tap lies in the input at every place.
    pub(super) fn stays_inside(&self) -> bool {
        let end = (self.output - 1) * self.stride + self.span();
        self.padding[0] == 0 && end <= self.input
    }

    /// Whether place and element are the same: one tap, no stride, no padding.
    pub(super) fn is_identity(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == [0, 0]
    }

    /// The places at which a tap lies in the input.
    pub(super) fn places(&self, tap: usize) -> Range<usize> {
        let (shift, before) = (tap * self.dilation, self.padding[0]);
        let first = before.saturating_sub(shift).div_ceil(self.stride);
        let end = (before + self.input).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        first.min(end)..end
    }

    /// The taps that lie in the input at a place.
    pub(super) fn taps(&self, place: usize) -> Range<usize> {
        let (start, before) = (place * self.stride, self.padding[0]);
        let first = before.saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        let end = (before + self.input).saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        first.min(end)..end
    }

    /// The element of the input under a tap, at a place where the tap lies in the input.
    pub(super) fn element(&self, place: usize, tap: usize) -> usize {
        place * self.stride + tap * self.dilation - self.padding[0]
    }

    /// How far a tap is from the place it belongs to, modulo 2⁶⁴: it may lie before it.
    pub(super) fn shift(&self, tap: usize) -> usize {
        (tap * self.dilation).wrapping_sub(self.padding[0])
    }

    /// The number of taps at a place that lie in the input or its padding.
    pub(super) fn padded_taps(&self, place: usize) -> usize {
        self.padded().saturating_sub(place * self.stride).div_ceil(self.dilation).min(self.kernel)
    }

    fn padded(&self) -> usize {
        self.input + self.padding[0] + self.padding[1]
    }

    /// The elements from the first tap to the last.
    pub(super) fn span(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }
}

/// Windows with sizes in these ranges, for the tests of what looks through them; none where the kernel
/// does not fit.
#[cfg(test)]
pub(super) fn windows(
    [input, kernel, stride, padding, dilation]: [std::ops::Range<usize>; 5],
) -> impl proptest::strategy::Strategy<Value = Option<Window>> {
    use proptest::strategy::Strategy;
    (input, kernel, stride, padding.clone(), padding, dilation).prop_map(
        |(input, kernel, stride, before, after, dilation)| {
            Window::new(input, kernel, stride, [before, after], dilation)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn output_sizes() {
        // input, kernel, stride, padding, dilation → output, output rounded up
        let cases = [
            ((7, 3, 1, [0, 0], 1), (Some(5), Some(5))),
            ((7, 3, 2, [1, 1], 1), (Some(4), Some(4))),
            ((8, 3, 2, [0, 0], 1), (Some(3), Some(4))),
            ((6, 3, 2, [1, 1], 1), (Some(3), Some(4))),
            ((7, 3, 1, [1, 0], 2), (Some(4), Some(4))),
            ((4, 1, 3, [0, 0], 1), (Some(2), Some(2))),
            ((4, 2, 5, [1, 1], 1), (Some(1), Some(1))),
            ((0, 1, 1, [1, 0], 1), (Some(1), Some(1))),
            ((3, 2, usize::MAX, [0, 0], 1), (Some(1), Some(1))),
            ((2, 3, 1, [0, 0], 1), (None, None)),
            ((1, 2, 2, [0, 0], 1), (None, Some(1))),
            ((1, 4, 2, [0, 0], 1), (None, None)),
            ((9, 0, 1, [0, 0], 1), (None, None)),
            ((9, 3, 0, [0, 0], 1), (None, None)),
            ((9, 3, 1, [0, 0], 0), (None, None)),
            ((9, 3, 1, [0, 0], usize::MAX), (None, None)),
            ((9, 3, 1, [usize::MAX, 1], 1), (None, None)),
            ((9, 3, 1, [isize::MAX as usize, 1], 1), (None, None)),
        ];
        for ((input, kernel, stride, padding, dilation), expected) in cases {
            let window = Window::new(input, kernel, stride, padding, dilation);
            let window_up = Window::rounded_up(input, kernel, stride, padding, dilation);
            let found = (window.map(|window| window.output()), window_up.map(|window| window.output()));
            assert_eq!(found, expected, "{input} {kernel} {stride} {padding:?} {dilation}");
        }
    }

    proptest! {
        #[test]
        fn taps_and_places_agree(
            input in 1usize..12, kernel in 1usize..5, stride in 1usize..5,
            before in 0usize..4, after in 0usize..4, dilation in 1usize..4, up: bool,
        ) {
            let make = if up { Window::rounded_up } else { Window::new };
            let Some(window) = make(input, kernel, stride, [before, after], dilation) else { return Ok(()) };
            let mut all_inside = true;
            for place in 0..window.output() {
                let position = |tap: usize| place * stride + tap * dilation;
                let padded = (0..kernel).filter(|&tap| position(tap) < before + input + after).count();
                prop_assert_eq!(window.padded_taps(place), padded);
                for tap in 0..kernel {
                    let inside = (before..before + input).contains(&position(tap));
                    prop_assert_eq!(window.places(tap).contains(&place), inside);
                    prop_assert_eq!(window.taps(place).contains(&tap), inside);
                    if inside {
                        prop_assert_eq!(window.element(place, tap), position(tap) - before);
                    }
                    all_inside &= inside;
                }
            }
            // Padding that no tap reaches may still count as leaving the input.
            prop_assert!(all_inside || !window.stays_inside());
            prop_assert!(!all_inside || window.stays_inside() || before > 0);
        }
    }
}
