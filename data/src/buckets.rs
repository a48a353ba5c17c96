//! Batches of sequences of like length, in an order that stays random.

use rand::{Rng, seq::SliceRandom};

use crate::{Result, split::in_order};

/// An order of all items in which each `batch_size` that follow each other are of like length.
///
/// All items are shuffled. Those that do not fill a batch go to the end as they are. The others are
/// taken a pool of batches at a time; a pool is sorted by length, and cut into batches; then the
/// batches of all pools are shuffled. Items of one length keep their random order, because the sort
/// is stable.
pub(crate) fn order(
    lengths: &[usize],
    batch_size: usize,
    pool: usize,
    rng: &mut (impl Rng + ?Sized),
) -> Result<Vec<usize>> {
    let mut order = in_order("loader", lengths.len())?;
    order.shuffle(rng);
    let full = lengths.len() - lengths.len() % batch_size;
    let (batched, rest) = order.split_at_mut(full);
    for pool in batched.chunks_mut(batch_size.saturating_mul(pool)) {
        pool.sort_by_key(|&item| lengths[item]);
    }
    let mut batches: Vec<&[usize]> = batched.chunks(batch_size).collect();
    batches.shuffle(rng);
    let mut result = batches.concat();
    result.extend(rest.iter());
    Ok(result)
}

/// The share of places that hold padding where each batch is padded to its longest sequence.
pub(crate) fn padding_share(batches: impl IntoIterator<Item = impl Iterator<Item = usize>>) -> f64 {
    let (mut filled, mut places) = (0.0, 0.0);
    for lengths in batches {
        let (mut count, mut longest) = (0.0, 0.0f64);
        for length in lengths.map(|length| length as f64) {
            filled += length;
            count += 1.0;
            longest = longest.max(length);
        }
        places += count * longest;
    }
    if places == 0.0 { 0.0 } else { 1.0 - filled / places }
}

#[cfg(test)]
mod tests {
    use crate::{Loader, Result};
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    fn rng(seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(seed)
    }

    /// The items of each batch; an item is its own place.
    fn batches(lengths: &[usize], batch_size: usize, pool: usize, seed: u64) -> Vec<Vec<usize>> {
        let items: Vec<usize> = (0..lengths.len()).collect();
        let loader = Loader::new(&items, batch_size).unwrap();
        let loader = loader.bucketed(lengths, pool, &mut rng(seed)).unwrap();
        loader.batches().collect::<Result<_>>().unwrap()
    }

    fn range(lengths: &[usize], batch: &[usize]) -> (usize, usize) {
        let of_batch = || batch.iter().map(|&item| lengths[item]);
        (of_batch().min().unwrap_or(0), of_batch().max().unwrap_or(0))
    }

    proptest! {
        #[test]
        fn every_item_comes_once(
            lengths in prop::collection::vec(0usize..30, 0..80),
            batch_size in 1usize..12,
            pool in 1usize..8,
            seed: u64,
        ) {
            let found = batches(&lengths, batch_size, pool, seed);
            prop_assert!(found.iter().rev().skip(1).all(|batch| batch.len() == batch_size));
            prop_assert_eq!(found.len(), lengths.len().div_ceil(batch_size));
            let mut all = found.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        }

        #[test]
        fn with_one_pool_the_full_batches_do_not_overlap_in_length(
            lengths in prop::collection::vec(1usize..30, 1..80),
            batch_size in 1usize..12,
            seed: u64,
        ) {
            let mut found = batches(&lengths, batch_size, usize::MAX, seed);
            found.retain(|batch| batch.len() == batch_size);
            let mut ranges: Vec<_> = found.iter().map(|batch| range(&lengths, batch)).collect();
            ranges.sort_unstable();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ranges:?}");
        }

        #[test]
        fn the_share_is_what_padding_adds(
            lengths in prop::collection::vec(1usize..30, 1..60),
            batch_size in 1usize..12,
            seed: u64,
        ) {
            let items: Vec<usize> = (0..lengths.len()).collect();
            let loader = Loader::new(&items, batch_size).unwrap().bucketed(&lengths, 2, &mut rng(seed)).unwrap();
            let padded: usize = loader.batches().map(|batch| {
                let batch = batch.unwrap();
                batch.len() * range(&lengths, &batch).1
            }).sum();
            let expected = 1.0 - lengths.iter().sum::<usize>() as f64 / padded as f64;
            prop_assert!((loader.padding_share(&lengths).unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn buckets_save_most_of_the_padding() {
        // 2,000 lengths from 1 to 60, in batches of 32.
        let lengths: Vec<usize> = (0..2000).map(|k| 1 + k * 37 % 60).collect();
        let items: Vec<usize> = (0..lengths.len()).collect();
        let loader = || Loader::new(&items, 32).unwrap();
        let shuffled = loader().shuffled(&mut rng(1)).unwrap().padding_share(&lengths).unwrap();
        let bucketed = |pool| {
            let loader = loader().bucketed(&lengths, pool, &mut rng(1)).unwrap();
            loader.padding_share(&lengths).unwrap()
        };
        let (one, ten, all) = (bucketed(1), bucketed(10), bucketed(usize::MAX));
        assert!(0.4 < shuffled && (one - shuffled).abs() < 0.03, "{shuffled} {one}");
        assert!(ten < 0.25 * shuffled && all < 0.25 * ten, "{shuffled} {ten} {all}");
    }

    #[test]
    fn the_order_is_random_and_the_seed_decides_it() {
        let lengths: Vec<usize> = (0..400).map(|k| 1 + k % 20).collect();
        assert_eq!(batches(&lengths, 10, 8, 3), batches(&lengths, 10, 8, 3));
        let (a, b) = (batches(&lengths, 10, 8, 3), batches(&lengths, 10, 8, 4));
        // Neither the order of the batches nor who shares a batch is the same with another seed.
        let sorted = |batches: &[Vec<usize>]| {
            let mut sorted = batches.to_vec();
            sorted.iter_mut().for_each(|batch| batch.sort_unstable());
            sorted.sort_unstable();
            sorted
        };
        assert_ne!(sorted(&a), sorted(&b));
        // Short batches come as early as long ones: over many seeds, the mean place of a length
        // does not depend on it.
        let mut mean = [0.0; 20];
        for seed in 0..200 {
            for (place, item) in batches(&lengths, 10, 8, seed).concat().into_iter().enumerate() {
                mean[lengths[item] - 1] += place as f64 / (200.0 * 20.0);
            }
        }
        assert!(mean.iter().all(|mean| (mean - 199.5).abs() < 20.0), "{mean:?}");
    }

    #[test]
    fn what_is_left_out_is_of_any_length() {
        // 21 items in batches of 4: one is left, and over many seeds it is a long one as often as not.
        let lengths: Vec<usize> = (0..21).collect();
        let left = |seed| batches(&lengths, 4, 5, seed).pop().unwrap();
        let long = (0..400).filter(|&seed| left(seed)[0] > 10).count();
        assert!((140..240).contains(&long), "{long}"); // 10 of 21 are longer than 10
    }

    #[test]
    fn errors_name_the_counts() {
        let items = [1, 2, 3];
        let loader = || Loader::new(&items[..], 2).unwrap();
        let cases = [
            (
                loader().bucketed(&[1, 2], 5, &mut rng(0)).unwrap_err(),
                "loader: 2 lengths, but the dataset has 3 items",
            ),
            (
                loader().bucketed(&[1, 2, 3], 0, &mut rng(0)).unwrap_err(),
                "loader: the number of batches in a pool is 0, expected at least 1",
            ),
            (loader().padding_share(&[]).unwrap_err(), "loader: 0 lengths, but the dataset has 3 items"),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
        let none: [u8; 0] = [];
        let empty = Loader::new(&none[..], 2).unwrap().bucketed(&[], 1, &mut rng(0)).unwrap();
        assert_eq!((empty.len(), empty.padding_share(&[]).unwrap()), (0, 0.0));
    }
}
