//! Odd sizes beside round ones.

use crate::{
    Result,
    training_step::{KINDS, Network, Sizes, medians},
};

/// An odd number of hidden units or sequences, and the round one beside it.
const HIDDEN: [[usize; 2]; 3] = [[100, 96], [192, 256], [333, 320]];
const BATCH: [[usize; 2]; 3] = [[7, 8], [20, 16], [33, 32]];

/// A table of throughputs.
pub(crate) fn table() -> Result<()> {
    println!("Training steps of T64, in GFLOP/s, an odd size beside a round one:");
    println!("{:<6}{:<18}{:>8}   {:<18}{:>8}{:>8}", "", "odd", "", "round", "", "ratio");
    let mut least = f64::INFINITY;
    for kind in KINDS {
        for [odd, round] in HIDDEN {
            let sizes = |hidden| Sizes { input: hidden, hidden, steps: 64, batch: 32 };
            least = least.min(line(kind, sizes(odd), sizes(round))?);
        }
        for [odd, round] in BATCH {
            let sizes = |batch| Sizes { input: 128, hidden: 256, steps: 64, batch };
            least = least.min(line(kind, sizes(odd), sizes(round))?);
        }
    }
    println!("least ratio {least:.2}\n");
    Ok(())
}

/// One line of the table; its ratio.
fn line(kind: &str, odd: Sizes, round: Sizes) -> Result<f64> {
    let name = |sizes: Sizes| format!("i{} h{} B{}", sizes.input, sizes.hidden, sizes.batch);
    let networks = [Network::new(kind, odd)?, Network::new(kind, round)?];
    let seconds = medians(15, [&|| networks[0].step(), &|| networks[1].step()])?;
    let [of_odd, of_round] = [0, 1].map(|k| networks[k].flops() / seconds[k] / 1e9);
    let ratio = of_odd / of_round;
    println!("{kind:<6}{:<18}{of_odd:>8.0}   {:<18}{of_round:>8.0}{ratio:>8.2}", name(odd), name(round));
    Ok(ratio)
}
