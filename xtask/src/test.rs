//! `cargo xtask test`: unit, property, integration and doc tests, and the Python in the documents.

use crate::house::{self, Crate};
use crate::python_blocks;
use crate::step::{Failure, Outcome, Step};

/// Runs the tests of all crates, or of those named.
///
/// The code blocks of each library's README run among its doc tests. The libraries are tested
/// once more without default features, where nothing runs on threads, and their unit tests, the layers
/// and the cases of PyTorch on each other path of the kernels. Last come the Python blocks of the documents, where
/// everything is tested or `--python` names an interpreter for them.
///
/// # Errors
///
/// The first step that fails, or a name that is no crate.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (names, python) = understood(arguments)?;
    let properties = Properties::from_environment();
    steps(&names, &properties)?.iter().try_for_each(Step::run)?;
    if names.is_empty() || python.is_some() { python_blocks::run(python.as_deref()) } else { Ok(()) }
}

/// What proptest reads from the environment. Said to a step, it stands in the repeating command.
struct Properties {
    seed: String,
    cases: Option<String>,
}

impl Properties {
    /// The seed is the same in each run, so that what passed passes again; `cargo test` draws anew.
    const SEED: &str = "1";

    fn from_environment() -> Self {
        let variable = |key| std::env::var(key).ok();
        let seed = variable("PROPTEST_RNG_SEED").unwrap_or_else(|| Self::SEED.to_owned());
        Self { seed, cases: variable("PROPTEST_CASES") }
    }

    fn step(&self, name: &str, arguments: &[&str]) -> Step {
        let name = match &self.cases {
            Some(cases) => format!("{name}, PROPTEST_CASES={cases}"),
            None => name.to_owned(),
        };
        let step = Step::cargo(name, arguments.iter().copied()).env("PROPTEST_RNG_SEED", &self.seed);
        match &self.cases {
            Some(cases) => step.env("PROPTEST_CASES", cases),
            None => step,
        }
    }
}

/// The names of crates, and the interpreter behind `--python`.
fn understood(arguments: &[String]) -> Result<(Vec<String>, Option<String>), Failure> {
    let (mut names, mut python) = (Vec::new(), None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--python") {
            Some("") => words.next().map(String::as_str),
            Some(rest) if rest.starts_with('=') => Some(&rest[1..]),
            _ => {
                names.push(word.clone());
                continue;
            }
        };
        let missing = || Failure::Usage("error: --python takes the path of an interpreter".to_owned());
        python = Some(value.filter(|path| !path.is_empty()).ok_or_else(missing)?.to_owned());
    }
    Ok((names, python))
}

fn steps(names: &[String], properties: &Properties) -> Result<Vec<Step>, Failure> {
    let chosen: Vec<&Crate> =
        if names.is_empty() { house::CRATES.iter().collect() } else { house::named(names)? };
    let packages = || {
        if names.is_empty() {
            vec!["--workspace".to_owned()]
        } else {
            house::package_arguments(chosen.iter().copied())
        }
    };
    let step = |name: &str, arguments: &[&str]| properties.step(name, arguments);
    let mut steps = vec![step("unit and property tests", &["test", "--tests"]).with(packages())];
    // Cargo refuses `--doc` for packages of which none has a library.
    let documented: Vec<&Crate> =
        chosen.iter().copied().filter(|member| member.has_library_target()).collect();
    if !documented.is_empty() {
        steps.push(step("doc tests", &["test", "--doc"]).with(house::package_arguments(documented)));
    }
    let libraries: Vec<&Crate> = chosen.iter().copied().filter(|member| member.is_library()).collect();
    if !libraries.is_empty() {
        // All crates, where all are tested: for fewer, cargo finds other features of the dependencies,
        // and compiles them once more.
        let packages = if names.is_empty() { packages() } else { house::package_arguments(libraries) };
        let serial = step("unit and property tests without default features", &["test", "--lib"])
            .with(["--no-default-features".to_owned()])
            .with(packages);
        steps.push(serial);
    }
    if names.is_empty() {
        steps.extend(OTHER_PATHS.iter().map(|path| {
            let tests = ["test", "--workspace", "--lib", "--bin", "refrain-parity"];
            let named = ON_OTHER_PATHS.iter().flat_map(|name| ["--test".to_owned(), (*name).to_owned()]);
            step(&format!("units, layers and parity on {path} vectors"), &tests)
                .with(named)
                .env("REFRAIN_SIMD", path)
        }));
    }
    Ok(steps)
}

/// The paths of the kernels beside the one that the machine would take. Where it has not one of
/// these, the tests run once more on the path that they ran on before.
const OTHER_PATHS: [&str; 2] = ["avx2", "portable"];

/// The tests of nn and of parity that run on them, beside the unit tests. They are chosen by their names
/// from the whole workspace, because for some packages alone cargo would find other features, and compile
/// everything once more.
const ON_OTHER_PATHS: [&str; 4] = ["layers", "costs_measured", "within_memory", "committed_cases"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands, without the seed that each of them starts with.
    fn shown(names: &[&str], cases: Option<&str>) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let properties = Properties { seed: "7".to_owned(), cases: cases.map(str::to_owned) };
        let steps = steps(&names, &properties).expect("known crates");
        let without_seed = |step: &Step| {
            let shown = step.shown();
            shown.strip_prefix("PROPTEST_RNG_SEED=7 ").expect("each step has a seed").to_owned()
        };
        steps.iter().map(without_seed).collect()
    }

    #[test]
    fn an_interpreter_can_be_named_anywhere() {
        type Case<'a> = (&'a [&'a str], Option<(&'a [&'a str], Option<&'a str>)>);
        let cases: [Case<'_>; 5] = [
            (&[], Some((&[], None))),
            (&["nn", "--python", "py", "data"], Some((&["nn", "data"], Some("py")))),
            (&["--python=/a b/py"], Some((&[], Some("/a b/py")))),
            (&["--python"], None),
            (&["--python="], None),
        ];
        for (words, expected) in cases {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let expected = expected.map(|(names, python)| {
                (names.iter().map(|&name| name.to_owned()).collect(), python.map(str::to_owned))
            });
            assert_eq!(understood(&words).ok(), expected, "{words:?}");
        }
        assert!(steps(&["--pythn".to_owned()], &Properties::from_environment()).is_err());
    }

    #[test]
    fn without_names_everything_is_tested() {
        let shown = shown(&[], None);
        assert_eq!(shown.len(), 5);
        assert_eq!(shown[0], "cargo test --tests --workspace");
        assert!(shown[1].starts_with("cargo test --doc -p refrain-tensor"), "{}", shown[1]);
        assert_eq!(shown[2], "cargo test --lib --no-default-features --workspace");
        let portable =
            "REFRAIN_SIMD=portable cargo test --workspace --lib --bin refrain-parity --test layers ";
        assert!(shown[4].starts_with(portable), "{}", shown[4]);
    }

    #[test]
    fn names_restrict_the_crates() {
        let expected = [
            "cargo test --tests -p refrain-nn",
            "cargo test --doc -p refrain-nn",
            "cargo test --lib --no-default-features -p refrain-nn",
        ];
        assert_eq!(shown(&["nn"], None), expected);
    }

    #[test]
    fn a_crate_without_a_library_has_no_doc_tests() {
        assert_eq!(shown(&["xtask"], None), ["cargo test --tests -p xtask"]);
        assert_eq!(shown(&["parity"], None), ["cargo test --tests -p refrain-parity"]);
        assert!(!shown(&[], None)[1].contains("refrain-parity"), "{}", shown(&[], None)[1]);
    }

    #[test]
    fn the_number_of_cases_stands_in_the_repeating_command() {
        for command in shown(&["tensor"], Some("10000")) {
            assert!(command.starts_with("PROPTEST_CASES=10000 cargo test"), "{command}");
        }
    }
}
