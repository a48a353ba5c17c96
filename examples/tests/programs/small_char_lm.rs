//! A `char_lm` that is small enough to train in a test.

use std::process::{Command, Output};

use crate::built::{Folder, program};

pub(crate) const SMALL: &str =
    "--text text.txt --hidden 16 --embedding 8 --streams 4 --chunk 8 --checkpoint run.safetensors";
pub(crate) const TEXT: &str = "the same words come back and come back again. ";

/// A folder with a text in it, in which the program runs.
pub(crate) fn folder_with_text(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("text.txt", TEXT.repeat(20));
    folder
}

impl Folder {
    /// The program, as if it had been started without cargo.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program("char_lm"));
        command.current_dir(self.path("")).env_remove("CARGO_MANIFEST_DIR").args(line.split_whitespace());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub(crate) fn train(&self, more: &str) -> Output {
        self.run(&format!("train {SMALL} {more}"))
    }
}

/// What a program that succeeds says.
pub(crate) fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}
