//! How the cost of a recurrent layer grows: with the steps, at odd sizes, and packed; and where it
//! goes.
//!
//! ```text
//! cargo run --release -p refrain-nn --example scaling
//! cargo run --release -p refrain-nn --example scaling -- steps
//! ```
//!
//! | part | question | what is printed |
//! | --- | --- | --- |
//! | `steps` | does the cost grow linearly in T? | time and peak memory of a training step, T from 64 to 65,536 |
//! | `sizes` | is an odd size slower than the round one beside it? | the throughput of both, and their ratio |
//! | `packed` | what do packed sequences cost beside padded ones? | both times for each useful step, and their ratio |
//! | `phases` | how near to the machine's limit is each phase of a training step? | its share of the peak |
//!
//! A training step is forward and backward to every parameter; times are medians. `RAYON_NUM_THREADS`
//! sets the number of threads.

mod packed;
#[path = "../compare_worker/peak.rs"]
mod peak;
mod phases;
mod sizes;
mod steps;
mod training_step;

use std::process::ExitCode;

/// What can go wrong here; nothing is handled, everything is reported.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => steps::table()
            .and_then(|()| sizes::table())
            .and_then(|()| packed::table())
            .map(|()| phases::table()),
        ["steps"] => steps::table(),
        ["steps", kind, count] => steps::one(kind, count),
        ["sizes"] => sizes::table(),
        ["packed"] => packed::table(),
        ["phases"] => {
            phases::table();
            Ok(())
        }
        _ => {
            Err(format!("expected steps, sizes, packed, phases or nothing, found `{}`", arguments.join(" "))
                .into())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
