//! The rules of ARCHITECTURE.md that the compiler does not hold.
//!
//! A rule is a function from the [`Workspace`] to its [`Violation`]s and a line in [`RULES`].

mod clean_libraries;
mod commands;
mod dependencies;
mod documents;
mod example_programs;
mod file_shape;
mod hash_order;
mod links;
mod manifest;
mod unsafe_places;
mod whole_messages;
mod workspace;

use std::fmt;

pub(crate) use workspace::Workspace;

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    advice: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// A rule: its name, and the function that finds where and how it is broken.
struct Rule {
    name: &'static str,
    check: fn(&Workspace) -> Vec<Found>,
}

/// What a rule found: path, line, and what is wrong and what to do.
type Found = (String, usize, String);

const RULES: &[Rule] = &[
    Rule { name: "arrows-point-down", check: dependencies::arrows_point_down },
    Rule { name: "shared-lints", check: dependencies::lints_are_shared },
    Rule { name: "shared-versions", check: dependencies::versions_are_shared },
    Rule { name: "forbid-unsafe", check: unsafe_places::roots_forbid_unsafe },
    Rule { name: "unsafe-in-kernels", check: unsafe_places::unsafe_lives_in_kernels },
    Rule { name: "safety-comments", check: unsafe_places::unsafe_says_why_it_is_sound },
    Rule { name: "file-length", check: file_shape::files_are_short },
    Rule { name: "file-names", check: file_shape::files_are_named_after_an_idea },
    Rule { name: "hash-order", check: hash_order::hash_order_is_never_observed },
    Rule { name: "clean-libraries", check: clean_libraries::libraries_assume_no_system },
    Rule { name: "rayon-in-tensor", check: clean_libraries::rayon_is_named_in_tensor_alone },
    Rule { name: "whole-messages", check: whole_messages::messages_are_whole },
    Rule { name: "documents", check: documents::documents_are_there },
    Rule { name: "documents-run", check: documents::code_in_documents_runs },
    Rule { name: "commands", check: commands::commands_can_be_typed },
    Rule { name: "links", check: links::links_lead_somewhere },
    Rule { name: "pictures", check: links::pictures_are_shown },
    Rule { name: "changelog", check: documents::changelog_has_an_unreleased_section },
    Rule { name: "examples-run", check: documents::examples_have_a_short_run },
    Rule { name: "examples-short", check: example_programs::programs_are_short },
    Rule { name: "examples-tested", check: example_programs::tests_of_examples_run },
];

/// All violations of all rules, in the order of their places.
pub(crate) fn violations(workspace: &Workspace) -> Vec<Violation> {
    let broken = |rule: &Rule| {
        let name = rule.name;
        let found = (rule.check)(workspace).into_iter();
        found
            .map(move |(path, line, advice)| Violation { path, line, rule: name, advice })
            .collect::<Vec<_>>()
    };
    let mut all: Vec<Violation> = RULES.iter().flat_map(broken).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_reports_and_every_violation_names_its_place() {
        let workspace = Workspace::from_files(&[
            ("CHANGELOG.md", "# Changelog\n"),
            ("attic/Cargo.toml", "[package]\n"),
            ("docs/untested.md", "```rust\nf();\n```\n[x](nowhere.md) `cargo xtask parade`\n"),
            ("docs/pictures/forgotten.svg", "<svg/>\n"),
            ("nn/Cargo.toml", "[dependencies]\nrefrain-data = \"0.1\"\n"),
            ("nn/src/lib.rs", "use std::fs;\nuse std::collections::HashMap;\nuse rayon::prelude::*;\n"),
            ("nn/src/utils.rs", &"//\n".repeat(401)),
            ("tensor/src/view.rs", "unsafe { f() }\n"),
            ("tensor/src/kernels.rs", "unsafe { f() }\n"),
            ("train/src/error.rs", "#[error(\"{0}\")]\nRead(#[from] Error),\n"),
            ("examples/examples/parade.rs", "#[test]\nfn f() {}\n"),
            ("examples/examples/names/main.rs", &"f();\n".repeat(250)),
        ]);
        let violations = violations(&workspace);
        for rule in RULES {
            let found = violations.iter().any(|violation| violation.rule == rule.name);
            assert!(found, "{} found nothing", rule.name);
        }
        let line =
            violations.iter().find(|violation| violation.rule == "hash-order").map(ToString::to_string);
        assert!(line.is_some_and(|line| line.starts_with("nn/src/lib.rs:2: hash-order: HashMap")));
    }

    #[test]
    fn rule_names_are_unique() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{}", rule.name);
        }
    }
}
