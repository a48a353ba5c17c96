//! Named, timed steps, and failures that end with the command that repeats them.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::house;

/// What a step or a chore gives back.
pub(crate) type Outcome = Result<(), Failure>;

/// A chore: it gets the arguments after its name.
pub(crate) type Chore = fn(&[String]) -> Outcome;

/// Why a chore stopped. Its text ends with the command to type next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A step ran and failed.
    Step {
        /// The step's name, time and what went wrong, in one line.
        what: String,
        /// The one command, from the workspace root, that runs this step again.
        repeat: String,
    },
    /// The arguments made no sense.
    Usage(String),
    /// A program ended with an exit code that is handed on. It has said why itself.
    Program {
        /// The exit code.
        code: u8,
        /// The one command, from the workspace root, that runs the program again.
        repeat: String,
    },
}

impl Failure {
    /// A usage failure: `name` is no `what`; the known ones are listed.
    pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.collect();
        Failure::Usage(format!("error: there is no {what} `{name}`; there are: {}", known.join(", ")))
    }

    /// 2 for arguments that make no sense, 1 for a step that failed, and a program's own.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Step { .. } => 1,
            Failure::Usage(_) => 2,
            Failure::Program { code, .. } => *code,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Step { what, repeat } => write!(formatter, "== {what}\nTo repeat it:\n{repeat}"),
            Failure::Usage(complaint) => formatter.write_str(complaint),
            Failure::Program { code, repeat } => {
                write!(formatter, "== exit code {code}\nTo repeat it:\n{repeat}")
            }
        }
    }
}

/// Runs `work` as a step: its name before, its name and time after.
///
/// # Errors
///
/// What `work` says went wrong, with `repeat` as the command that runs the step again.
pub(crate) fn timed(name: &str, repeat: &str, work: impl FnOnce() -> Result<(), String>) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    let result = work();
    let time = seconds(start.elapsed());
    match result {
        Ok(()) => {
            println!("== {name}: ok, {time}");
            Ok(())
        }
        Err(reason) => {
            let what = format!("{name}: failed after {time}: {reason}");
            Err(Failure::Step { what, repeat: repeat.to_owned() })
        }
    }
}

/// A time as a person reads it: `3.2 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// One call of cargo from the workspace root.
pub(crate) struct Step {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Step {
    /// A step called `name` that runs `cargo` with these arguments.
    pub(crate) fn cargo<A: Into<String>>(
        name: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Step { name: name.into(), arguments, environment: Vec::new() }
    }

    /// Adds more arguments.
    pub(crate) fn with(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Sets an environment variable, which then stands in the command that repeats the step.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The step as a line for a POSIX shell.
    pub(crate) fn shown(&self) -> String {
        let environment = self.environment.iter().map(|(key, value)| format!("{key}={}", quoted(value)));
        let arguments = self.arguments.iter().map(|argument| quoted(argument));
        let words: Vec<String> = environment.chain(["cargo".to_owned()]).chain(arguments).collect();
        words.join(" ")
    }

    /// Runs the step; its output goes straight to the screen.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or does not succeed.
    pub(crate) fn run(&self) -> Outcome {
        timed(&self.name, &self.shown(), || {
            let status = self.command().status().map_err(cannot_start)?;
            if status.success() { Ok(()) } else { Err(status.to_string()) }
        })
    }

    /// Runs a program whose standard output is its own: without a heading, and with its exit code.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or the exit code is not 0.
    pub(crate) fn hand_over(&self) -> Outcome {
        let fail = |code| Err(Failure::Program { code, repeat: self.shown() });
        match self.command().status() {
            Ok(status) if status.success() => Ok(()),
            // A signal leaves no code.
            Ok(status) => fail(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
            Err(error) => {
                eprintln!("{}", cannot_start(error));
                fail(1)
            }
        }
    }

    /// Runs the command without a heading and gives back its standard output, which is shown
    /// as it comes if `echo` is set.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or does not succeed.
    pub(crate) fn output(&self, echo: bool) -> Result<String, String> {
        let mut child = self.command().stdout(Stdio::piped()).spawn().map_err(cannot_start)?;
        let mut text = String::new();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.map_err(|error| format!("cannot read its output: {error}"))?;
                let line = String::from_utf8_lossy(&line);
                if echo {
                    println!("{line}");
                }
                text.push_str(&line);
                text.push('\n');
            }
        }
        let status = child.wait().map_err(|error| format!("cannot wait for it: {error}"))?;
        if status.success() { Ok(text) } else { Err(status.to_string()) }
    }

    /// The call itself, for a caller that talks to what it starts.
    pub(crate) fn command(&self) -> Command {
        // Cargo names itself to what it runs, so that a toolchain chosen with `cargo +nightly`
        // holds for the steps as well.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args(&self.arguments).current_dir(house::root());
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }
}

fn cannot_start(error: std::io::Error) -> String {
    format!("cannot start cargo: {error}")
}

/// A word as a POSIX shell must read it: bare if it is harmless, else in single quotes.
pub(crate) fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let cases = [
            ("--workspace", "--workspace"),
            ("a=b/c.rs", "a=b/c.rs"),
            ("", "''"),
            ("-D warnings", "'-D warnings'"),
            ("*", "'*'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected, "{word}");
        }
    }

    #[test]
    fn the_shown_command_carries_its_environment() {
        let step = Step::cargo("docs", ["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.shown(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_failing_step_ends_with_the_command_that_repeats_it() {
        let step = Step::cargo("parade", ["no-such-command-as-this", "two words"]);
        let failure = step.run().expect_err("cargo has no such command");
        let text = failure.to_string();
        assert!(text.starts_with("== parade: failed after "), "{text}");
        assert_eq!(text.lines().last(), Some("cargo no-such-command-as-this 'two words'"));
        assert_eq!(failure.exit_code(), 1);
    }

    #[test]
    fn the_exit_code_of_a_program_is_handed_on() {
        // Cargo's own code where it is given what it does not know.
        let failure = Step::cargo("parade", ["no-such-command-as-this"]).hand_over().expect_err("no command");
        assert_eq!(failure.exit_code(), 101);
        assert_eq!(failure.to_string().lines().last(), Some("cargo no-such-command-as-this"));
        assert_eq!(Step::cargo("version", ["--version"]).hand_over(), Ok(()));
    }

    #[test]
    fn a_step_that_succeeds_is_ok_and_its_output_can_be_had() {
        let step = Step::cargo("version", ["--version"]);
        assert_eq!(step.run(), Ok(()));
        let output = step.output(false).expect("cargo gives its version");
        assert!(output.starts_with("cargo "), "{output}");
    }

    #[test]
    fn times_have_one_decimal() {
        assert_eq!(seconds(Duration::from_millis(3240)), "3.2 s");
    }
}
