//! `cargo xtask bench`: the criterion benches of all crates.

use crate::step::{Outcome, Step};

/// Runs every bench, or those that match the filter; all arguments go to criterion, so
/// `cargo xtask bench lstm --save-baseline before` works too.
///
/// # Errors
///
/// If a bench does not build or run.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    step(arguments).run()
}

fn step(arguments: &[String]) -> Step {
    // `--bench '*'` takes the bench targets alone. `--benches` would take the libraries' test
    // harnesses as well, and those refuse criterion's options.
    let step = Step::cargo("benches", ["bench", "--workspace", "--bench", "*"]);
    if arguments.is_empty() { step } else { step.with(["--".to_owned()]).with(arguments.iter().cloned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_to_criterion() {
        let arguments = ["lstm".to_owned(), "--quick".to_owned()];
        assert_eq!(step(&[]).shown(), "cargo bench --workspace --bench '*'");
        assert_eq!(step(&arguments).shown(), "cargo bench --workspace --bench '*' -- lstm --quick");
    }
}
