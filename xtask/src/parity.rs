//! `cargo xtask parity DIR`: the cases of a directory, which PyTorch computed.

use std::path::Path;

use crate::step::{Failure, Outcome, Step};

/// Builds refrain-parity in release and runs it on the directory. Its lines are all that goes to
/// standard output.
///
/// # Errors
///
/// With the exit code of the program: 1 where a case failed, 2 where the directory cannot be read.
/// Also if the program does not build, or at anything but one directory.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [folder] = arguments else {
        let count = arguments.len();
        return Err(Failure::Usage(format!("error: parity takes one directory, and got {count}")));
    };
    // Built apart, so that a failure to build is not taken for the program's own.
    build().output(false).map_err(|_| Failure::Step {
        what: "refrain-parity does not build".to_owned(),
        repeat: build().shown(),
    })?;
    // The program runs at the workspace root; the directory is meant from where the user is.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    program(&folder).hand_over()
}

fn build() -> Step {
    Step::cargo("build", ["build", "--quiet", "--release", "-p", "refrain-parity"])
}

fn program(folder: &Path) -> Step {
    Step::cargo("parity", ["run", "--quiet", "--release", "-p", "refrain-parity", "--"])
        .with([folder.display().to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_directory_is_asked_for() {
        for arguments in [&[][..], &["a".to_owned(), "b".to_owned()]] {
            let failure = run(arguments).expect_err("not one directory");
            assert_eq!(failure.exit_code(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn the_program_runs_in_release() {
        let shown = program(Path::new("/some where/cases")).shown();
        assert_eq!(shown, "cargo run --quiet --release -p refrain-parity -- '/some where/cases'");
    }
}
