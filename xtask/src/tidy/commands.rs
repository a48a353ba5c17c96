//! The commands that documents tell their readers to type.

use super::{Found, Workspace};
use crate::{COMMANDS, house};

/// Every `cargo` command in a document or a comment names a chore, a package, an example, a bench and a
/// test that are there. What is written in capitals stands for the reader's own.
pub(super) fn commands_can_be_typed(workspace: &Workspace) -> Vec<Found> {
    let documents = workspace.documents.iter().filter(|(path, _)| *path != "CHANGELOG.md");
    let documents = documents
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(index, line)| (path, index + 1, line)));
    let comments = workspace.sources.iter().flat_map(|(path, source)| {
        source.numbered().map(move |(number, line)| (path, number, line.comment.as_str()))
    });
    let complaints = documents.chain(comments).flat_map(|(path, number, line)| {
        let wrong = commands(line).filter_map(|words| complaint(workspace, &words));
        wrong.map(move |advice| (path.clone(), number, advice))
    });
    complaints.collect()
}

/// The words behind `cargo` of each command in a line: up to a backtick, a comment or another command.
fn commands(line: &str) -> impl Iterator<Item = Vec<&str>> {
    let starts = line.match_indices("cargo ").filter(|(at, _)| {
        !line[..*at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.'))
    });
    starts.map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        let end = rest.find(['`', '#', '|', ';', '&', '\\']).unwrap_or(rest.len());
        rest[..end].split_whitespace().collect()
    })
}

/// What is wrong with a command, if anything.
fn complaint(workspace: &Workspace, words: &[&str]) -> Option<String> {
    let words = if words.first()?.starts_with('+') { &words[1..] } else { words };
    let (subcommand, arguments) = words.split_first()?;
    if *subcommand == "xtask" {
        let name = *arguments.first()?;
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name != "help";
        let known = COMMANDS.iter().any(|command| command.name == name);
        return (is_name && !known).then(|| format!("there is no `cargo xtask {name}`"));
    }
    if !["run", "test", "bench", "build"].contains(subcommand) {
        return None;
    }
    let own: Vec<&str> = arguments.iter().copied().take_while(|word| *word != "--").collect();
    let values = |option: &'static str| {
        let after = own.windows(2).filter(move |pair| pair[0] == option).map(|pair| pair[1]);
        after.filter(|value| !value.chars().all(|c| c.is_ascii_uppercase() || "_…".contains(c)))
    };
    let mut folders: Vec<&str> = Vec::new();
    for package in values("-p") {
        let Some(member) = house::CRATES.iter().find(|member| member.package == package) else {
            return Some(format!("there is no package `{package}`"));
        };
        folders.push(member.folder);
    }
    if folders.is_empty() {
        folders = house::CRATES.iter().map(|member| member.folder).collect();
    }
    for (option, place) in [("--example", "examples"), ("--bench", "benches"), ("--test", "tests")] {
        for name in values(option) {
            let is_there = folders.iter().any(|folder| {
                let path = format!("{folder}/{place}/{name}");
                [format!("{path}.rs"), format!("{path}/main.rs")]
                    .iter()
                    .any(|path| workspace.paths.contains(path))
            });
            if !is_there {
                return Some(format!("there is no {} `{name}` in {place}/", option.trim_start_matches('-')));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_name_nothing_are_found() {
        let there = [
            ("examples/examples/hello.rs", "fn main() {}\n"),
            ("nn/examples/scaling/main.rs", "fn main() {}\n"),
            ("nn/benches/recurrent.rs", "fn main() {}\n"),
        ];
        let cases = [
            ("`cargo run --release --example hello -- --example parade` and `cargo xtask lint rules`", 0),
            ("cargo run --example NAME; cargo xtask …; cargo xtask COMMAND; cargo xtask help", 0),
            ("`cargo xtask parade`, `cargo run --example parade`", 2),
            ("cargo run -p refrain-nn --example scaling   # cargo run --example parade", 1),
            ("cargo run -p refrain-optim --example scaling", 1),
            ("cargo bench -p refrain-nn --bench recurrent", 0),
            ("cargo bench -p refrain-nn --bench parade", 1),
            ("PROPTEST_CASES=2 cargo +nightly test -p refrain-parade --lib", 1),
            ("cargo test --test parade", 1),
            ("it drives cargo run by run; cargo add refrain-nn", 0),
        ];
        for (line, count) in cases {
            for (path, text) in [("docs/a.md", line.to_owned()), ("nn/src/a.rs", format!("// {line}"))] {
                let files: Vec<_> = there.iter().copied().chain([(path, text.as_str())]).collect();
                let found = commands_can_be_typed(&Workspace::from_files(&files));
                assert_eq!(found.len(), count, "{path}: {line}: {found:?}");
            }
        }
    }
}
