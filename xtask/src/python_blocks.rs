//! The Python blocks of the documents, where there is a Python with what they need.

use std::process::{Command, Stdio};

use crate::house;
use crate::step::{self, Outcome, quoted};

/// The environment variable that names the interpreter.
const VARIABLE: &str = "REFRAIN_PYTHON";
const SCRIPT: &str = "docs/run_python.py";
const PACKAGES: &str = "torch safetensors";

/// Runs the blocks with the interpreter `named`, or that of `REFRAIN_PYTHON`, or `python3`. Where nobody
/// named one and it lacks the packages, a line says that the blocks are skipped.
///
/// # Errors
///
/// A block that fails; packages that an interpreter lacks that was named.
pub(crate) fn run(named: Option<&str>) -> Outcome {
    let variable = std::env::var(VARIABLE).ok().filter(|path| !path.is_empty());
    let is_named = named.is_some() || variable.is_some();
    let python = named.map(str::to_owned).or(variable).unwrap_or_else(|| "python3".to_owned());
    let title = "Python blocks of the documents";
    let has_packages = has_packages(&python);
    if !has_packages && !is_named {
        println!("== {title}: skipped, for {}", advice(&python));
        return Ok(());
    }
    step::timed(title, &format!("{} {SCRIPT}", quoted(&python)), || {
        if !has_packages {
            return Err(advice(&python));
        }
        let status = Command::new(&python).arg(SCRIPT).current_dir(house::root()).status();
        let status = status.map_err(|error| format!("cannot start {python}: {error}"))?;
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    })
}

fn advice(python: &str) -> String {
    let python = quoted(python);
    format!(
        "{python} cannot import {PACKAGES}: `{python} -m pip install {PACKAGES}`, or name another with --python PATH or {VARIABLE}"
    )
}

fn has_packages(python: &str) -> bool {
    let import = format!("import {}", PACKAGES.replace(' ', ", "));
    let mut command = Command::new(python);
    command.args(["-c", &import]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_interpreter_that_is_none_is_a_failure_that_says_what_to_install() {
        let failure = run(Some("no-such-python-as-this")).expect_err("there is no such program");
        let text = failure.to_string();
        assert!(text.contains("no-such-python-as-this -m pip install torch safetensors"), "{text}");
        assert_eq!(text.lines().last(), Some("no-such-python-as-this docs/run_python.py"));
    }
}
