//! The documents a reader expects, and examples that are seen to work.

use super::{Found, Workspace};
use crate::{examples, house};

const AT_THE_ROOT: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// A library is worth depending on alone, so it is introduced on its own.
pub(super) fn documents_are_there(workspace: &Workspace) -> Vec<Found> {
    let readmes = house::libraries().map(|member| format!("{}/README.md", member.folder));
    let expected = AT_THE_ROOT.into_iter().map(str::to_owned).chain(readmes);
    let missing = expected.filter(|path| !workspace.documents.contains_key(path));
    missing.map(|path| (path, 1, "the file is missing; write it".to_owned())).collect()
}

/// A change is written down when it is made, not when it is released.
pub(super) fn changelog_has_an_unreleased_section(workspace: &Workspace) -> Vec<Found> {
    let Some(text) = workspace.documents.get("CHANGELOG.md") else { return Vec::new() };
    if text.lines().any(|line| line.trim_end() == "## [Unreleased]") {
        return Vec::new();
    }
    let advice = "no section for the next release; add `## [Unreleased]` above the others";
    vec![("CHANGELOG.md".to_owned(), 1, advice.to_owned())]
}

/// Code in a document that nobody compiles soon describes another library.
pub(super) fn code_in_documents_runs(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, text) in &workspace.documents {
        let blocks = rust_blocks(text);
        for (line, attributes) in &blocks {
            if let Some(skips) = ["ignore", "no_run"].iter().find(|&skips| attributes.contains(skips)) {
                found.push((
                    path.clone(),
                    *line,
                    format!("`{skips}` keeps this code from being run; remove it"),
                ));
            }
        }
        if let Some(&(line, _)) = blocks.first().filter(|_| !workspace.doc_tested.contains(path)) {
            let advice = "Rust code that no test runs (a block without a language is Rust too); include the \
                          file in `mod documents` of examples/src/lib.rs";
            found.push((path.clone(), line, advice.to_owned()));
        }
    }
    found
}

/// The blocks of code of a Markdown text that rustdoc takes for Rust: the line of each, and what stands
/// behind its fence.
fn rust_blocks(text: &str) -> Vec<(usize, Vec<&str>)> {
    const OTHER_THAN_LANGUAGES: [&str; 5] = ["ignore", "no_run", "should_panic", "compile_fail", "edition"];
    let mut blocks = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let mark = fence_mark(line);
        match fence {
            Some(open) if mark.starts_with(open) && line.trim_end() == mark => fence = None,
            None if mark.len() >= 3 => {
                fence = Some(mark);
                let separator = |c: char| c == ',' || c.is_whitespace();
                let attributes: Vec<&str> =
                    line[mark.len()..].split(separator).filter(|word| !word.is_empty()).collect();
                let about_rust = |word: &&str| {
                    *word == "rust" || OTHER_THAN_LANGUAGES.iter().any(|start| word.starts_with(start))
                };
                if attributes.iter().all(about_rust) {
                    blocks.push((index + 1, attributes));
                }
            }
            _ => {}
        }
    }
    blocks
}

/// The lines of a Markdown text that stand in no block of code, with their numbers.
pub(super) fn outside_blocks(text: &str) -> Vec<(usize, &str)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mark = fence_mark(line.trim_start());
        match fence {
            Some(open) if mark.starts_with(open) && line.trim() == mark => fence = None,
            None if mark.len() >= 3 => fence = Some(mark),
            None => lines.push((index + 1, line)),
            Some(_) => {}
        }
    }
    lines
}

/// The backticks or tildes that a line begins with.
fn fence_mark(line: &str) -> &str {
    let length = |mark: char| line.len() - line.trim_start_matches(mark).len();
    &line[..length('`').max(length('~'))]
}

/// An example that nobody runs stops working.
pub(super) fn examples_have_a_short_run(workspace: &Workspace) -> Vec<Found> {
    let forgotten = |path: &&String| {
        // An example is a file, or a folder with a main.rs.
        let file = path.strip_prefix("examples/examples/").and_then(|file| file.strip_suffix(".rs"));
        let name = file.map(|file| file.strip_suffix("/main").unwrap_or(file));
        name.is_some_and(|name| !name.contains('/') && !examples::has_short_run(name))
    };
    let advice = "an example that `cargo xtask examples` does not run; add it to xtask/src/examples.rs";
    workspace.sources.keys().filter(forgotten).map(|path| (path.clone(), 1, advice.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_documents_are_found() {
        let all: Vec<String> =
            documents_are_there(&Workspace::from_files(&[])).into_iter().map(|found| found.0).collect();
        assert_eq!(all.len(), AT_THE_ROOT.len() + house::libraries().count(), "{all:?}");
        let files: Vec<(&str, &str)> = all.iter().map(|path| (path.as_str(), "Words.\n")).collect();
        assert_eq!(documents_are_there(&Workspace::from_files(&files)), []);
        let missing = documents_are_there(&Workspace::from_files(&files[1..]));
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].0, all[0]);
    }

    #[test]
    fn a_changelog_without_an_unreleased_section_is_found() {
        let cases = [("# Changelog\n\n## [Unreleased]\n", 0), ("# Changelog\n\n## [0.1.0]\n", 1)];
        for (text, violations) in cases {
            let workspace = Workspace::from_files(&[("CHANGELOG.md", text)]);
            assert_eq!(changelog_has_an_unreleased_section(&workspace).len(), violations, "{text}");
        }
    }

    #[test]
    fn code_that_nobody_runs_is_found() {
        let include = ("examples/src/lib.rs", "#[doc = include_str!(\"../../docs/a.md\")]\nstruct A;\n");
        let cases = [
            ("docs/a.md", "```rust\nf();\n```\n", vec![]),
            ("docs/b.md", "Words.\n\n```rust\nf();\n```\n```rust\n```\n", vec![3]),
            ("docs/b.md", "```\nf();\n```\n", vec![1]),
            ("docs/b.md", "```text\n```rust\n```\n", vec![]),
            ("docs/b.md", "````text\n```\n```rust\n````\n~~~~ rust\n~~~~\n", vec![5]),
            ("nn/README.md", "```sh\nls\n```\n\n```rust,should_panic\n```\n", vec![5]),
            ("docs/a.md", "```rust,no_run\n```\n```rust, ignore\n```\n", vec![1, 3]),
            ("docs/a.md", "Words, `rust` among them.\n", vec![]),
        ];
        for (path, text, lines) in cases {
            let workspace = Workspace::from_files(&[include, (path, text)]);
            let found: Vec<usize> =
                code_in_documents_runs(&workspace).into_iter().map(|found| found.1).collect();
            assert_eq!(found, lines, "{path}: {text:?}");
        }
    }

    #[test]
    fn examples_that_nobody_runs_are_found() {
        let cases = [
            ("examples/examples/hello.rs", 0),
            ("examples/examples/parade.rs", 1),
            ("examples/examples/parade/main.rs", 1),
            ("examples/examples/weather/plot.rs", 0),
            ("examples/src/lib.rs", 0),
            ("examples/src/main.rs", 0),
            ("nn/src/parade.rs", 0),
        ];
        for (path, violations) in cases {
            let workspace = Workspace::from_files(&[(path, "fn main() {}\n")]);
            assert_eq!(examples_have_a_short_run(&workspace).len(), violations, "{path}");
        }
    }
}
