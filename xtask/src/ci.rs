//! `cargo xtask ci`: all that a change must pass, cheapest first.

use std::time::Instant;

use crate::step::{self, Chore, Failure, Outcome};
use crate::{build_report, crash, examples, lint, test};

/// Runs lint, test, examples, a few kills of crash, and build-report: the chores themselves, each as if called by name.
///
/// # Errors
///
/// The first step that fails, or an argument, which this chore does not take.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("error: ci takes no arguments, and got `{argument}`")));
    }
    let chores: [(&str, Chore, &[&str]); 5] = [
        ("lint", lint::run, &[]),
        ("test", test::run, &[]),
        ("examples", examples::run, &[]),
        ("crash", crash::run, &["--kills", "3"]),
        ("build-report", build_report::run, &[]),
    ];
    let start = Instant::now();
    for (name, run, arguments) in chores {
        let words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        println!("==== cargo xtask {}", [&[name], arguments].concat().join(" "));
        run(&words)?;
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
