//! Splits of a dataset into parts, by time or at random.

use std::ops::Range;

use rand::{Rng, seq::SliceRandom};

use crate::{Error, Result};

/// How far the sum of the fractions may lie from 1: enough for fractions that were `f32`.
const TOLERANCE: f64 = 1e-6;

/// `len` items in time order, cut into consecutive parts: the past to train on, the future to
/// test on.
///
/// Each part gets its fraction of `len`, rounded down; the items left over go one each to the
/// parts that lost most by the rounding, the earlier part first where they lost the same. So the
/// parts cover every index once, and no part is off by a whole item.
///
/// # Errors
/// [`Error::Fraction`] for a fraction that is NaN or not between 0 and 1;
/// [`Error::FractionTotal`] where they do not add up to 1 within 10⁻⁶.
///
/// ```
/// use refrain_data::chronological;
/// assert_eq!(chronological(10, &[0.75, 0.25])?, [0..8, 8..10]);
/// let error = chronological(10, &[0.75, 0.5]).unwrap_err();
/// assert_eq!(error.to_string(), "chronological: the fractions add up to 1.25, expected 1");
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn chronological(len: usize, fractions: &[f64]) -> Result<Vec<Range<usize>>> {
    Ok(consecutive(&counts("chronological", len, fractions)?))
}

/// `len` items in time order, cut into consecutive parts of the given sizes.
///
/// # Errors
/// [`Error::CountTotal`] where the counts do not add up to `len`.
///
/// ```
/// use refrain_data::chronological_counts;
/// assert_eq!(chronological_counts(10, &[7, 0, 3])?, [0..7, 7..7, 7..10]);
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn chronological_counts(len: usize, counts: &[usize]) -> Result<Vec<Range<usize>>> {
    let total = counts.iter().fold(0, |total: usize, &count| total.saturating_add(count));
    if total != len {
        return Err(Error::CountTotal { op: "chronological_counts", total, len });
    }
    Ok(consecutive(counts))
}

/// The indices of `len` items, shuffled and dealt out into parts of the sizes that
/// [`chronological`] gives. Every index lands in one part; the state of `rng` alone decides which.
///
/// # Errors
/// Those of [`chronological`]; [`Error::OutOfMemory`].
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_data::{Subset, random_split};
/// let items = vec!["a", "b", "c", "d"];
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let parts = random_split(items.len(), &[0.5, 0.5], &mut rng)?;
/// let train = Subset::new(&items, parts[0].clone())?;
/// assert_eq!(train.indices().len(), 2);
/// # Ok::<(), refrain_data::Error>(())
/// ```
pub fn random_split(len: usize, fractions: &[f64], rng: &mut (impl Rng + ?Sized)) -> Result<Vec<Vec<usize>>> {
    let counts = counts("random_split", len, fractions)?;
    let mut order = in_order("random_split", len)?;
    order.shuffle(rng);
    Ok(consecutive(&counts).into_iter().map(|range| order[range].to_vec()).collect())
}

/// The numbers below `len`, or an error where there is no room for them.
pub(crate) fn in_order(op: &'static str, len: usize) -> Result<Vec<usize>> {
    let mut order = Vec::new();
    order.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { op, len })?;
    order.extend(0..len);
    Ok(order)
}

fn consecutive(counts: &[usize]) -> Vec<Range<usize>> {
    let mut end = 0;
    counts
        .iter()
        .map(|count| {
            end += count;
            end - count..end
        })
        .collect()
}

/// The sizes of the parts, by largest remainder. They add up to `len`.
fn counts(op: &'static str, len: usize, fractions: &[f64]) -> Result<Vec<usize>> {
    if let Some(position) = fractions.iter().position(|fraction| !(0.0..=1.0).contains(fraction)) {
        return Err(Error::Fraction { op, position, fraction: fractions[position] });
    }
    // `sum` of no floats would be -0.
    let total = fractions.iter().fold(0.0, |total, fraction| total + fraction);
    if (total - 1.0).abs() > TOLERANCE {
        return Err(Error::FractionTotal { op, total });
    }
    let mut left = len;
    let mut counts = Vec::with_capacity(fractions.len());
    let mut remainders = Vec::with_capacity(fractions.len());
    for (part, fraction) in fractions.iter().enumerate() {
        let exact = fraction / total * len as f64;
        // Beyond 2⁵³ items `exact` is itself rounded, so the floors could add up to too much.
        let count = (exact as usize).min(left);
        left -= count;
        counts.push(count);
        if *fraction > 0.0 {
            remainders.push((exact.fract(), part));
        }
    }
    // A stable sort keeps the earlier part first among equals.
    remainders.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for &(_, part) in remainders.iter().cycle().take(left) {
        counts[part] += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    proptest! {
        #[test]
        fn every_index_lands_in_one_part(
            len in 0usize..500,
            weights in prop::collection::vec(0u32..100, 1..6),
            seed: u64,
        ) {
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let fractions: Vec<f64> = weights.iter().map(|&w| f64::from(w) / f64::from(total)).collect();
            let ranges = chronological(len, &fractions).unwrap();
            prop_assert_eq!(ranges.iter().cloned().flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            for (range, fraction) in ranges.iter().zip(&fractions) {
                prop_assert!((range.len() as f64 - fraction * len as f64).abs() < 1.0);
            }
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let parts = random_split(len, &fractions, &mut rng).unwrap();
            prop_assert!(parts.iter().map(Vec::len).eq(ranges.iter().map(Range::len)));
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..len).collect::<Vec<_>>());
        }

        #[test]
        fn any_length_is_covered(len: usize, first in 0.0f64..=1.0) {
            let ranges = chronological(len, &[first, 0.0, 1.0 - first]).unwrap();
            prop_assert_eq!((ranges[0].start, ranges[1].len(), ranges[2].end), (0, 0, len));
        }
    }

    #[test]
    fn rounding_is_by_largest_remainder() {
        let sizes = |len, fractions: &[f64]| -> Vec<usize> {
            chronological(len, fractions).unwrap().iter().map(Range::len).collect()
        };
        assert_eq!(sizes(100, &[0.29, 0.71]), [29, 71]);
        assert_eq!(sizes(10, &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]), [4, 3, 3]);
        assert_eq!(sizes(3, &[0.5, 0.5, 0.0]), [2, 1, 0]);
        assert_eq!(sizes(1461, &[0.75, 0.25]), [1096, 365]);
        assert_eq!(sizes(0, &[0.5, 0.5]), [0, 0]);
        assert_eq!(sizes(7, &[f64::from(0.7f32), f64::from(0.3f32)]), [5, 2]);
    }

    #[test]
    fn the_seed_decides_the_parts() {
        let split =
            |seed| random_split(40, &[0.5, 0.5], &mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(0);
        let cases = [
            (
                chronological(9, &[1.5, -0.5]).unwrap_err(),
                "chronological: fraction 0 is 1.5, expected a number from 0 to 1",
            ),
            (
                chronological(9, &[0.5, f64::NAN]).unwrap_err(),
                "chronological: fraction 1 is NaN, expected a number from 0 to 1",
            ),
            (
                random_split(9, &[0.5, 0.25], rng).unwrap_err(),
                "random_split: the fractions add up to 0.75, expected 1",
            ),
            (random_split(9, &[], rng).unwrap_err(), "random_split: the fractions add up to 0, expected 1"),
            (
                random_split(usize::MAX, &[1.0], rng).unwrap_err(),
                &format!("random_split: out of memory for the order of {} items", usize::MAX),
            ),
            (
                chronological_counts(9, &[4, 4]).unwrap_err(),
                "chronological_counts: the counts add up to 8, but there are 9 items",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
