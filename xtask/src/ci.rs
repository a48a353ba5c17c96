//! `cargo xtask ci`: all that a change must pass, cheapest first.

use std::time::Instant;

use crate::step::{self, Chore, Failure, Outcome};
use crate::{build_report, examples, lint, test};

/// Runs lint, test, examples and build-report: the chores themselves, each as if called by name.
///
/// # Errors
///
/// The first step that fails, or an argument, which this chore does not take.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("error: ci takes no arguments, and got `{argument}`")));
    }
    let chores: [(&str, Chore); 4] = [
        ("lint", lint::run),
        ("test", test::run),
        ("examples", examples::run),
        ("build-report", build_report::run),
    ];
    let start = Instant::now();
    for (name, run) in chores {
        println!("==== cargo xtask {name}");
        run(&[])?;
    }
    println!("==== cargo xtask ci: ok, {} in all", step::seconds(start.elapsed()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_refused() {
        let failure = run(&["--fast".to_owned()]).expect_err("ci takes no arguments");
        assert_eq!(failure.exit_code(), 2);
    }
}
