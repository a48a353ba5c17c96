//! The workspace chores: `cargo xtask test`, `lint`, `bench`, `compare`, `crash`, `examples`,
//! `parity`, `build-report` and `ci`.
//!
//! This crate uses none of the library crates and no dependency: it drives cargo. A chore is a
//! list of [`step::Step`]s. Each prints its name and its time, and a failure ends with the one
//! command that repeats it.
//!
//! A new chore is a module with a `run` function and a line in [`COMMANDS`].

#![forbid(unsafe_code)]

mod bench;
mod build_report;
mod ci;
mod compare;
mod crash;
mod examples;
mod house;
mod lint;
mod parity;
mod python_blocks;
mod source;
mod step;
mod temporary_folder;
mod test;
mod tidy;

use std::process::ExitCode;

use step::Chore;

/// One chore: how it is called, what `--help` says of it, and what it does.
struct Command {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: Chore,
}

/// Every chore, in the order `--help` lists them.
const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[CRATE…] [--python PATH]",
        summary: "run unit, property (PROPTEST_CASES=N) and doc tests of all crates or of those named, and Python blocks",
        run: test::run,
    },
    Command {
        name: "lint",
        arguments: "[STEP…]",
        summary: "run format, rules (of ARCHITECTURE.md), clippy and docs, or the steps named",
        run: lint::run,
    },
    Command {
        name: "bench",
        arguments: "[FILTER…]",
        summary: "run the criterion benches of all crates; what follows goes to criterion",
        run: bench::run,
    },
    Command {
        name: "compare",
        arguments: "[OPTION…]",
        summary: "time this library, PyTorch and onnxruntime in turn: --workload W, --python PATH, --threads N, …",
        run: compare::run,
    },
    Command {
        name: "examples",
        arguments: "[NAME…]",
        summary: "run the examples in a short mode and check what they leave",
        run: examples::run,
    },
    Command {
        name: "crash",
        arguments: "[--kills N] [--seed N]",
        summary: "kill a training with SIGKILL at random moments, resume it, and compare the final weights",
        run: crash::run,
    },
    Command {
        name: "parity",
        arguments: "DIR",
        summary: "run the cases of a directory, which PyTorch computed, in release",
        run: parity::run,
    },
    Command {
        name: "build-report",
        arguments: "[--enforce]",
        summary: "time a clean release build of the library crates and count the crates in it",
        run: build_report::run,
    },
    Command {
        name: "ci",
        arguments: "",
        summary: "lint, test, examples, crash and build-report: all that a change must pass, cheapest first",
        run: ci::run,
    },
];

/// What a command line asks for.
enum Request<'a> {
    Help,
    Run(&'static Command, &'a [String]),
    Unknown(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match understand(&arguments) {
        Request::Help => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        Request::Unknown(complaint) => {
            eprint!("{complaint}\n\n{}", help());
            ExitCode::from(2)
        }
        Request::Run(command, rest) => match (command.run)(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("{failure}");
                ExitCode::from(failure.exit_code())
            }
        },
    }
}

fn understand(arguments: &[String]) -> Request<'_> {
    let Some((name, rest)) = arguments.split_first() else {
        return Request::Unknown("error: no command given".to_owned());
    };
    let asks_for_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
    if name == "help" || asks_for_help(name) || rest.first().is_some_and(asks_for_help) {
        return Request::Help;
    }
    // `cargo xtask bench -- lstm` is what a cargo user may well type.
    let rest = match rest {
        [dashes, rest @ ..] if dashes == "--" => rest,
        _ => rest,
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => Request::Run(command, rest),
        None => Request::Unknown(format!("error: there is no command `{name}`")),
    }
}

fn help() -> String {
    let calls: Vec<String> =
        COMMANDS.iter().map(|command| format!("{} {}", command.name, command.arguments)).collect();
    let width = calls.iter().map(|call| call.chars().count()).max().unwrap_or(0);
    let mut text = String::from("Usage: cargo xtask COMMAND\n\n");
    for (call, command) in calls.iter().zip(COMMANDS) {
        text.push_str(&format!("  {call:width$}  {}\n", command.summary));
    }
    text.push_str(&format!("  {:width$}  {}\n", "help", "show this list (also --help, -h)"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_command_line_is_understood() {
        let cases = [
            ("", "unknown"),
            ("help", "help"),
            ("--help", "help"),
            ("-h", "help"),
            ("test --help", "help"),
            ("test tensor", "test [\"tensor\"]"),
            ("bench", "bench []"),
            ("bench -- lstm --help", "bench [\"lstm\", \"--help\"]"),
            ("parade", "unknown"),
            ("--parade", "unknown"),
        ];
        for (line, expected) in cases {
            let arguments = words(line);
            let got = match understand(&arguments) {
                Request::Help => "help".to_owned(),
                Request::Unknown(_) => "unknown".to_owned(),
                Request::Run(command, rest) => format!("{} {rest:?}", command.name),
            };
            assert_eq!(got, expected, "cargo xtask {line}");
        }
    }

    #[test]
    fn an_unknown_command_is_named() {
        let arguments = words("parade");
        let Request::Unknown(complaint) = understand(&arguments) else { panic!("parade was accepted") };
        assert!(complaint.contains("`parade`"), "{complaint}");
    }

    #[test]
    fn help_gives_each_command_one_line() {
        let help = help();
        for command in COMMANDS {
            let lines =
                help.lines().filter(|line| line.trim_start().starts_with(&format!("{} ", command.name)));
            assert_eq!(lines.count(), 1, "{} in\n{help}", command.name);
        }
    }
}
