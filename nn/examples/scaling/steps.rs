//! Time and memory as the sequence grows.

use std::process::Command;

use crate::{
    Result,
    training_step::{KINDS, Network, Sizes, medians},
};

/// How many steps a sequence has.
const STEPS: [usize; 6] = [64, 256, 1024, 4096, 16_384, 65_536];

/// A table of training steps of one sequence. Each line is measured in a process of its own, so that
/// its peak of memory is its own.
pub(crate) fn table() -> Result<()> {
    println!("Training steps of i64 h128 B1:");
    println!("{:<6}{:>8}{:>12}{:>14}{:>12}", "", "T", "ms", "µs for each T", "peak MB");
    for kind in KINDS {
        for steps in STEPS {
            let program = std::env::current_exe()?;
            let ended = Command::new(program).args(["steps", kind, &steps.to_string()]).status()?;
            if !ended.success() {
                return Err(format!("{kind} of {steps} steps: {ended}").into());
            }
        }
    }
    println!();
    Ok(())
}

/// One line of the table.
pub(crate) fn one(kind: &str, steps: &str) -> Result<()> {
    let steps = steps.parse()?;
    let network = Network::new(kind, Sizes { input: 64, hidden: 128, steps, batch: 1 })?;
    let rounds = (65_536 / steps).clamp(3, 200);
    let [seconds] = medians(rounds, [&|| network.step()])?;
    let (ms, each) = (1e3 * seconds, 1e6 * seconds / steps as f64);
    let peak = peak_megabytes().map_or_else(|| "-".to_owned(), |peak| format!("{peak:.1}"));
    println!("{kind:<6}{steps:>8}{ms:>12.2}{each:>14.2}{peak:>12}");
    Ok(())
}

/// The most memory that this process has had, where the system says so.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}
