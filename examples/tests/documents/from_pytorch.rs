//! Every name that a table of docs/from-pytorch.md gives as "here" stands in the code of that
//! document, which runs among the doc tests: so a name that is not there fails to compile.

use std::collections::BTreeSet;

const GUIDE: &str = include_str!("../../../docs/from-pytorch.md");

/// The words of a text that could be names of Rust.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_a_name = |word: &&str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    text.split(move |c| !is_word(c)).filter(starts_a_name)
}

/// What stands between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of the second column of each table, with the line that they are on.
fn names_here(guide: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    for (index, line) in guide.lines().enumerate() {
        let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else { continue };
        let cells: Vec<&str> = row.split('|').collect();
        assert_eq!(cells.len(), 2, "line {}: {line}", index + 1);
        // PyTorch's own names are mentioned among ours where there is nothing of the kind here.
        let ours = cells[1].split("there is no").next().unwrap_or_default();
        names.extend(code(ours).flat_map(words).map(|name| (index + 1, name)));
    }
    names
}

fn names_in_code(guide: &str) -> BTreeSet<&str> {
    let blocks = guide.split("```rust\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    blocks
        .flat_map(str::lines)
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(words)
        .collect()
}

#[test]
fn every_name_of_the_tables_is_compiled() {
    // Options of PyTorch's that the second columns speak of.
    const THEIRS: [&str; 2] = ["enforce_sorted", "correction"];
    let compiled = names_in_code(GUIDE);
    let names = names_here(GUIDE);
    assert!(names.len() > 300, "{} names: the tables are not read", names.len());
    let missing: Vec<_> =
        names.iter().filter(|(_, name)| !compiled.contains(name) && !THEIRS.contains(name)).collect();
    assert!(missing.is_empty(), "in a table, but in no code: {missing:?}");
}

#[test]
fn a_name_that_no_code_has_is_found() {
    let guide = "| PyTorch | here |\n| --- | --- |\n| `a` | `b.c(&d)?` and `e` |\n\n```rust\nlet b = c(d); // e\n```\n";
    let compiled = names_in_code(guide);
    let missing: Vec<_> =
        names_here(guide).into_iter().filter(|(_, name)| !compiled.contains(name)).collect();
    assert_eq!(missing, [(3, "e")]);
}
