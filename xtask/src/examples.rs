//! `cargo xtask examples`: each example in a mode that takes seconds, and what it must leave.

use std::path::Path;

use crate::step::{self, Failure, Outcome, Step};
use crate::temporary_folder::TemporaryFolder;

/// One example as `ci` runs it.
struct ShortRun {
    name: &'static str,
    /// Its arguments; [`FOLDER`] stands for a fresh folder.
    arguments: &'static [&'static str],
    check: Check,
}

/// What must be true after an example has ended well.
enum Check {
    /// The last line it printed.
    LastLine(&'static str),
    /// It left a file with this extension in its folder.
    LeavesFile(&'static str),
}

/// Stands in the arguments for a fresh temporary folder.
const FOLDER: &str = "{folder}";

/// Every example, once or more. `cargo xtask lint rules` reports one that is missing here.
const SHORT_RUNS: &[ShortRun] = &[
    ShortRun {
        name: "budget",
        arguments: &[
            "--steps",
            "100",
            "--percent",
            "50,5",
            "--rounds",
            "1",
            "--hidden",
            "16",
            "--out",
            FOLDER,
        ],
        check: Check::LeavesFile("svg"),
    },
    ShortRun {
        name: "costs",
        arguments: &["--batch", "2", "--repeats", "2", "--out", FOLDER],
        check: Check::LeavesFile("svg"),
    },
    ShortRun {
        name: "forecast",
        arguments: &["--epochs", "2", "--hidden", "8", "--out", FOLDER],
        check: Check::LeavesFile("svg"),
    },
    ShortRun { name: "hello", arguments: &[], check: Check::LastLine("hello -> ohlol") },
    ShortRun { name: "hello", arguments: &["--trace", "--out", FOLDER], check: Check::LeavesFile("dot") },
    ShortRun {
        name: "gradients",
        arguments: &["--steps", "20", "--updates", "3", "--out", FOLDER],
        check: Check::LeavesFile("svg"),
    },
    ShortRun {
        name: "char_lm",
        arguments: &["train", "--steps", "3", "--checkpoint", "{folder}/run.safetensors"],
        check: Check::LeavesFile("safetensors"),
    },
    ShortRun {
        name: "names",
        arguments: &["--count", "40", "--epochs", "2", "--out", FOLDER],
        check: Check::LeavesFile("svg"),
    },
    ShortRun {
        name: "stream",
        arguments: &["--demo", "--out", FOLDER],
        check: Check::LeavesFile("safetensors"),
    },
    ShortRun {
        name: "weather",
        arguments: &["--epochs", "3", "--seeds", "1", "--out", FOLDER],
        check: Check::LeavesFile("svg"),
    },
];

/// Whether the example of this name has a short run.
pub(crate) fn has_short_run(name: &str) -> bool {
    SHORT_RUNS.iter().any(|example| example.name == name)
}

/// Runs all examples, or those named, in their short mode.
///
/// # Errors
///
/// The first example that fails or does not leave what it must, or a name that is no example.
pub(crate) fn run(names: &[String]) -> Outcome {
    let chosen = chosen(names)?;
    build(&chosen).run()?;
    chosen.into_iter().try_for_each(|example| {
        let title = format!("example {}, short mode", example.name);
        step::timed(&title, &format!("cargo xtask examples {}", example.name), || example.run())
    })
}

/// Builds them together, which leaves no core without work while one is linked.
fn build(chosen: &[&ShortRun]) -> Step {
    let mut names: Vec<&str> = chosen.iter().map(|example| example.name).collect();
    names.dedup();
    let named = names.into_iter().flat_map(|name| ["--example".to_owned(), name.to_owned()]);
    Step::cargo("examples are built", ["build", "--release"]).with(named)
}

fn chosen(names: &[String]) -> Result<Vec<&'static ShortRun>, Failure> {
    if names.is_empty() {
        return Ok(SHORT_RUNS.iter().collect());
    }
    let unknown = names.iter().find(|name| !has_short_run(name));
    if let Some(name) = unknown {
        let mut known: Vec<&str> = SHORT_RUNS.iter().map(|example| example.name).collect();
        known.dedup();
        return Err(Failure::unknown("example", name, known.into_iter()));
    }
    let of = |name| SHORT_RUNS.iter().filter(move |example| example.name == name);
    Ok(names.iter().flat_map(of).collect())
}

impl ShortRun {
    fn run(&self) -> Result<(), String> {
        let folder = TemporaryFolder::new(&format!("example-{}", self.name))?;
        let printed = self.step(folder.path()).output(true)?;
        self.check.holds(&printed, folder.path())
    }

    fn step(&self, folder: &Path) -> Step {
        let folder = folder.display().to_string();
        let step = Step::cargo(self.name, ["run", "--release", "--example", self.name]);
        if self.arguments.is_empty() {
            return step;
        }
        let arguments = self.arguments.iter().map(|argument| argument.replace(FOLDER, &folder));
        step.with(["--".to_owned()]).with(arguments)
    }
}

impl Check {
    fn holds(&self, printed: &str, folder: &Path) -> Result<(), String> {
        match self {
            Check::LastLine(expected) => {
                let last = printed.trim_end().lines().last().unwrap_or("");
                if last.trim_end() == *expected {
                    Ok(())
                } else {
                    Err(format!("its last line should be `{expected}`, and is `{last}`"))
                }
            }
            Check::LeavesFile(extension) => {
                let entries =
                    std::fs::read_dir(folder).map_err(|error| format!("cannot list {folder:?}: {error}"))?;
                let found = entries
                    .flatten()
                    .any(|entry| entry.path().extension().is_some_and(|found| found == *extension));
                if found {
                    Ok(())
                } else {
                    Err(format!("it should leave a .{extension} file, and left none"))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_filled_in() {
        let found = chosen(&["weather".to_owned()]).expect("a known example");
        let shown = found[0].step(Path::new("/somewhere")).shown();
        let expected = "cargo run --release --example weather -- --epochs 3 --seeds 1 --out /somewhere";
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_example_is_built_once() {
        let found = chosen(&["weather".to_owned(), "hello".to_owned()]).expect("known examples");
        assert_eq!(build(&found).shown(), "cargo build --release --example weather --example hello");
    }

    #[test]
    fn an_example_has_all_its_runs() {
        let found = chosen(&["hello".to_owned()]).expect("a known example");
        assert_eq!(found.iter().map(|run| run.arguments.len()).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn an_unknown_example_is_a_usage_failure() {
        let failure = chosen(&["parade".to_owned()]).err().map(|failure| failure.exit_code());
        assert_eq!(failure, Some(2));
    }

    #[test]
    fn the_last_line_is_compared() {
        let check = Check::LastLine("hello -> ohlol");
        let cases = [
            ("epoch 1\nhello -> ohlol\n", true),
            ("hello -> ohlol\n\n", true),
            ("hello -> ohlol\ndone\n", false),
            ("", false),
        ];
        for (printed, good) in cases {
            assert_eq!(check.holds(printed, Path::new(".")).is_ok(), good, "{printed:?}");
        }
    }

    #[test]
    fn a_file_of_the_right_kind_is_looked_for() {
        let folder = TemporaryFolder::new("test-of-checks").expect("a new folder");
        let check = Check::LeavesFile("svg");
        std::fs::write(folder.path().join("plot.csv"), "").expect("a file");
        assert!(check.holds("", folder.path()).is_err());
        std::fs::write(folder.path().join("plot.svg"), "").expect("a file");
        assert_eq!(check.holds("", folder.path()), Ok(()));
    }
}
