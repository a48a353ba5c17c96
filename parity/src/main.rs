//! Runs conformance cases that PyTorch computed, each a safetensors file, against the layers,
//! losses and optimizers of this workspace: `cargo xtask parity DIR`.
//!
//! `make_cases.py`, beside this crate's manifest, writes the cases; its docstring is the format
//! and the pass rule. [`case_file`] reads a case, [`kinds`] finds the code that computes it,
//! [`compare`] holds the result to the rule. To add a kind, write its function in the file of its
//! family and a line in `kinds.rs`.

#![forbid(unsafe_code)]

mod case_file;
mod cells;
mod compare;
mod error;
mod kinds;
mod layers;
mod losses;
mod module_case;
mod options;
mod python_json;
mod recurrent;
mod report;
mod tensors;
mod training;

use std::{
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::ExitCode,
};

use case_file::Case;
use compare::Worst;
use error::{Error, Result};
use report::{Tally, Verdict};

const HELP: &str = "\
Usage: refrain-parity DIR

Runs every case (*.safetensors) of the directory, in the order of their names, and prints a line
for each: ok or FAIL, the file, the worst ratio of error to allowance and the tensor that had it,
or the reason why the case cannot be run. The last line counts them.

Exit code: 0 if all cases passed, 1 if one failed, 2 if the directory cannot be read.
";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [word] if word == "--help" || word == "-h" => print(&HELP.trim_end()),
        [folder] => run(Path::new(folder)),
        _ => {
            eprint!("error: expected one directory\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> ExitCode {
    let files = match case_files(folder) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: cannot read the directory {}: {error}", folder.display());
            return ExitCode::from(2);
        }
    };
    if files.is_empty() {
        eprintln!("warning: there is no *.safetensors file in {}", folder.display());
    }
    let mut tally = Tally::default();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let verdict = Verdict { file: name, outcome: outcome(&file) };
        tally.count(&verdict);
        print(&verdict);
    }
    print(&tally);
    ExitCode::from(u8::from(tally.failed > 0))
}

/// The cases of a directory, in the order of their names.
fn case_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads and runs one case. A panic of the code under test is the failure of that case alone.
fn outcome(file: &Path) -> Result<Worst> {
    let bytes = std::fs::read(file)?;
    let caught = panic::catch_unwind(AssertUnwindSafe(|| kinds::run(Case::parse(&bytes)?)));
    caught.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(Error::Panicked(text.unwrap_or("without a message").to_owned()))
    })
}

/// Prints one line. Whoever reads the lines may have seen enough and gone, which is no failure.
fn print(line: &dyn std::fmt::Display) -> ExitCode {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
