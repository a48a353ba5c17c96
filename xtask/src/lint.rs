//! `cargo xtask lint`: formatting, the rules of ARCHITECTURE.md, clippy and docs.

use crate::house;
use crate::step::{self, Failure, Outcome, Step};
use crate::tidy;

/// A part of the lint, by the name that runs it alone.
struct Part {
    name: &'static str,
    run: fn() -> Outcome,
}

/// The parts, cheapest first.
const PARTS: &[Part] = &[
    Part { name: "format", run: format },
    Part { name: "rules", run: rules },
    Part { name: "clippy", run: clippy },
    Part { name: "docs", run: docs },
];

/// Runs all parts, or those named.
///
/// # Errors
///
/// The first part that fails, or a name that is no part.
pub(crate) fn run(names: &[String]) -> Outcome {
    chosen(names)?.iter().try_for_each(|part| (part.run)())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Part>, Failure> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let find = |name: &String| {
        let found = PARTS.iter().find(|part| part.name == name);
        found.ok_or_else(|| Failure::unknown("lint step", name, PARTS.iter().map(|part| part.name)))
    };
    names.iter().map(find).collect()
}

fn format() -> Outcome {
    Step::cargo("formatting", ["fmt", "--all", "--check"]).run()
}

fn rules() -> Outcome {
    step::timed("the rules of ARCHITECTURE.md", "cargo xtask lint rules", || {
        let workspace = tidy::Workspace::read(&house::root())?;
        let violations = tidy::violations(&workspace);
        for violation in &violations {
            println!("{violation}");
        }
        match violations.len() {
            0 => Ok(()),
            1 => Err("1 violation".to_owned()),
            many => Err(format!("{many} violations")),
        }
    })
}

fn clippy() -> Outcome {
    let deny = || ["--", "-D", "warnings"].map(str::to_owned);
    Step::cargo("clippy", ["clippy", "--workspace", "--all-targets"]).with(deny()).run()?;
    // Without the default features other code is unused, and other imports.
    Step::cargo("clippy without default features", ["clippy", "--workspace", "--no-default-features"])
        .with(deny())
        .run()
}

fn docs() -> Outcome {
    Step::cargo("docs", ["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let arguments: Vec<String> = arguments.iter().map(|&name| name.to_owned()).collect();
        Ok(chosen(&arguments)?.iter().map(|part| part.name).collect())
    }

    #[test]
    fn all_parts_run_unless_some_are_named() {
        assert_eq!(names(&[]), Ok(vec!["format", "rules", "clippy", "docs"]));
        assert_eq!(names(&["docs"]), Ok(vec!["docs"]));
    }

    #[test]
    fn an_unknown_part_is_a_usage_failure() {
        let failure = names(&["spelling"]).expect_err("no such part");
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("`spelling`"), "{failure}");
    }
}
