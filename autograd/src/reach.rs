//! Which places of a storage a layout reaches.

use refrain_tensor::Layout;

/// Whether the positions of `part` lie between the first and the last of `whole`.
pub(crate) fn lies_in(part: &Layout, whole: &Layout) -> bool {
    let Some((low, high)) = reach(part) else { return true };
    reach(whole).is_some_and(|(first, last)| first <= low && high <= last)
}

/// The first and the last position of a layout in its storage; `None` where it has no elements.
fn reach(layout: &Layout) -> Option<(i128, i128)> {
    let start = layout.offset() as i128;
    layout.shape().iter().zip(layout.strides()).try_fold((start, start), |(low, high), (&size, &stride)| {
        let end = stride as i128 * size.checked_sub(1)? as i128;
        Some((low.saturating_add(end.min(0)), high.saturating_add(end.max(0))))
    })
}
