//! How long a file may be, and what it may not be called.

use super::{Found, Workspace};
use crate::source::Line;

/// The most lines of a file, without the tests at its foot.
const MOST_LINES: usize = 400;

/// Names that say nothing of what is inside.
const VAGUE_NAMES: [&str; 6] = ["utils", "util", "common", "base", "helpers", "misc"];

/// A file that tells one story can be read in one sitting.
pub(super) fn files_are_short(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        let is_counted = |line: &Line| !(line.in_test || line.is_blank());
        let length = source.lines.iter().rposition(is_counted).map_or(0, |last| last + 1);
        if length > MOST_LINES {
            let advice = format!(
                "{length} lines without the tests at its foot, and {MOST_LINES} are the most; divide it"
            );
            found.push((path.clone(), MOST_LINES + 1, advice));
        }
    }
    found
}

/// A file with a vague name collects what belongs elsewhere.
pub(super) fn files_are_named_after_an_idea(workspace: &Workspace) -> Vec<Found> {
    let vague =
        |path: &&String| path.trim_end_matches(".rs").split('/').any(|part| VAGUE_NAMES.contains(&part));
    let advice = "a name that says nothing; name the file after the type or idea it holds";
    workspace.sources.keys().filter(vague).map(|path| (path.clone(), 1, advice.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_found() {
        let tests =
            |lines: usize| format!("\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // test\n".repeat(lines));
        let code = |lines: usize| "fn f() {}\n".repeat(lines);
        let cases = [
            (code(400), 0),
            (code(401), 1),
            (code(400) + &tests(300), 0),
            (code(401) + &tests(300), 1),
            // Tests in the middle are no foot.
            (code(100) + &tests(300) + &code(100), 1),
            ("//! Words.\n".repeat(401), 1),
        ];
        for (index, (text, violations)) in cases.iter().enumerate() {
            let found = files_are_short(&Workspace::from_files(&[("nn/src/lstm.rs", text)]));
            assert_eq!(found.len(), *violations, "case {index}");
        }
    }

    #[test]
    fn vague_names_are_found() {
        let cases = [
            ("nn/src/utils.rs", 1),
            ("nn/src/misc/mod.rs", 1),
            ("nn/tests/common/mod.rs", 1),
            ("nn/src/database.rs", 0),
            ("nn/src/lstm.rs", 0),
        ];
        for (path, violations) in cases {
            let workspace = Workspace::from_files(&[(path, "")]);
            assert_eq!(files_are_named_after_an_idea(&workspace).len(), violations, "{path}");
        }
    }
}
