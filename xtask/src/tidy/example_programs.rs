//! How long an example program may be, and that its tests run.

use std::collections::BTreeMap;

use super::{Found, Workspace};
use crate::source::Line;

/// Fewer lines of code than this has a program: comments, blank lines and tests beside.
const TOO_MANY_LINES: usize = 250;

/// The programs that people take as the start of their own. What two of them share, and what somebody would
/// use with other data, belongs in a crate.
const SHORT_PROGRAMS: [&str; 4] = ["char_lm", "forecast", "names", "stream"];

/// A program that can be read in one sitting, whatever number of files it has.
pub(super) fn programs_are_short(workspace: &Workspace) -> Vec<Found> {
    let mut lengths = BTreeMap::new();
    for (path, source) in &workspace.sources {
        if let Some(("examples", program)) = example_of(path)
            && SHORT_PROGRAMS.contains(&program)
        {
            let is_code = |line: &Line| line.in_string || !line.code.trim().is_empty();
            let length = source.numbered_outside_tests().filter(|(_, line)| is_code(line)).count();
            let (_, whole) = lengths.entry(program).or_insert((path, 0));
            *whole += length;
        }
    }
    let long = lengths.into_values().filter(|(_, length)| *length >= TOO_MANY_LINES);
    long.map(|(first, length)| {
        let advice = format!(
            "the program has {length} lines of code in all its files, and fewer than {TOO_MANY_LINES} are to be; \
             move what others could use to examples/src, or to another crate"
        );
        (first.clone(), 1, advice)
    })
    .collect()
}

/// Cargo runs the tests of an example where its manifest says so, and is silent about all others.
pub(super) fn tests_of_examples_run(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        let Some((folder, example)) = example_of(path) else { continue };
        let manifest = workspace.manifests.get(&format!("{folder}/Cargo.toml"));
        if manifest.is_some_and(|manifest| manifest.runs_tests_of_example(example)) {
            continue;
        }
        if let Some((number, _)) = source.numbered().find(|(_, line)| line.code.trim() == "#[test]") {
            let advice = format!(
                "a test that nobody runs; put `[[example]]`, `name = \"{example}\"` and `test = true` into \
                 {folder}/Cargo.toml"
            );
            found.push((path.clone(), number, advice));
        }
    }
    found
}

/// The folder of the crate and the name of the example that a source belongs to: `examples/NAME.rs`, or a
/// file under `examples/NAME/`.
fn example_of(path: &str) -> Option<(&str, &str)> {
    let (folder, rest) = path.split_once("/examples/")?;
    let name = rest.split_once('/').map_or_else(|| rest.strip_suffix(".rs"), |(name, _)| Some(name))?;
    (!folder.contains('/')).then_some((folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_as_long_as_all_its_files() {
        let code = |lines: usize| "f();\n".repeat(lines);
        let text =
            |lines: usize| format!("const TEXT: &str = \"\\\n{}\";\n", "    words\n".repeat(lines - 2));
        let tests = "#[cfg(test)]\nmod tests {\n    f();\n}\n".to_owned();
        let words = "\n// Words.\n    //! Words.\n".to_owned();
        for (program, main, other, violations) in [
            ("names", code(249), String::new(), 0),
            ("names", code(249) + &words + &tests, words + &tests, 0),
            ("names", code(250), String::new(), 1),
            ("names", code(200), code(50), 1),
            ("names", code(100), text(149), 0),
            ("names", code(100), text(150), 1),
            ("weather", code(200), code(200), 0),
        ] {
            let [main_path, other_path] =
                ["main", "deep/other"].map(|file| format!("examples/examples/{program}/{file}.rs"));
            let files = [(other_path.as_str(), other.as_str()), (main_path.as_str(), main.as_str())];
            let found = programs_are_short(&Workspace::from_files(&files));
            assert_eq!(found.len(), violations, "{program}: {found:?}");
        }
        let elsewhere = code(300);
        let files = [("examples/src/names.rs", elsewhere.as_str()), ("nn/examples/names.rs", &elsewhere)];
        assert_eq!(programs_are_short(&Workspace::from_files(&files)), []);
    }

    #[test]
    fn tests_that_cargo_leaves_out_are_found() {
        let test = "fn f() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn it_is() {}\n}\n";
        let entry = "[[example]]\nname = \"parade\"\ntest = true\n";
        for (path, text, manifest, lines) in [
            ("nn/examples/parade.rs", test, "", vec![4]),
            ("nn/examples/parade/marches.rs", test, "", vec![4]),
            ("nn/examples/parade.rs", test, entry, vec![]),
            ("nn/examples/parade/marches.rs", test, entry, vec![]),
            ("nn/examples/parade.rs", test, "[[example]]\nname = \"parade\"\n", vec![4]),
            ("nn/examples/marches.rs", test, entry, vec![4]),
            ("nn/examples/parade.rs", "// #[test]\nfn f() {}\n", "", vec![]),
            ("nn/src/parade.rs", test, "", vec![]),
            ("nn/tests/examples/parade.rs", test, "", vec![]),
        ] {
            let workspace = Workspace::from_files(&[(path, text), ("nn/Cargo.toml", manifest)]);
            let found: Vec<usize> =
                tests_of_examples_run(&workspace).into_iter().map(|found| found.1).collect();
            assert_eq!(found, lines, "{path}: {manifest:?}");
        }
    }
}
