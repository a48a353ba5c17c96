//! Packed sequences beside padded ones.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::{
    Result,
    training_step::{KINDS, Network, Sizes, medians},
};

/// A table of times for each useful step.
pub(crate) fn table() -> Result<()> {
    let sizes = Sizes { input: 64, hidden: 128, steps: 100, batch: 64 };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut lengths: Vec<usize> = (0..sizes.batch).map(|_| rng.random_range(10..=sizes.steps)).collect();
    lengths[0] = sizes.steps;
    let useful: usize = lengths.iter().sum();
    println!(
        "Training steps of i64 h128 B64, lengths 10…100, {:.0} % of the padded steps useful, in ns for each \
         step computed:",
        100.0 * useful as f64 / (sizes.steps * sizes.batch) as f64
    );
    println!("{:<6}{:>10}{:>10}{:>8}", "", "packed", "padded", "ratio");
    for kind in KINDS {
        let network = Network::new(kind, sizes)?;
        let [packed, padded] = medians(25, [&|| network.packed_step(&lengths), &|| network.step()])?;
        let (packed, padded) =
            (1e9 * packed / useful as f64, 1e9 * padded / (sizes.steps * sizes.batch) as f64);
        println!("{kind:<6}{packed:>10.0}{padded:>10.0}{:>8.2}", packed / padded);
    }
    println!();
    Ok(())
}
