//! Hash maps, whose order is another one on each run.

use super::{Found, Workspace};
use crate::house;
use crate::source::{Line, mentions};

/// What a comment says to vouch for a hash map.
const VOUCHED: &str = "// order never observed:";

/// Same seed, same bits: no result, file or screen may depend on the order of a hash map.
///
/// The examples count as well, for they write the files and screens.
pub(super) fn hash_order_is_never_observed(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        if house::crate_of(path).is_none_or(|member| member.kind == house::Kind::Chores) {
            continue;
        }
        for (number, line) in source.numbered() {
            let name = ["HashMap", "HashSet"].into_iter().find(|name| mentions(&line.code, name));
            let above = number.checked_sub(2).and_then(|index| source.lines.get(index));
            if let Some(name) = name
                && !vouches(line)
                && !above.is_some_and(vouches)
            {
                let advice = format!(
                    "{name} has no fixed order; use a BTreeMap, BTreeSet or Vec, or say `{VOUCHED} <why>`"
                );
                found.push((path.clone(), number, advice));
            }
        }
    }
    found
}

fn vouches(line: &Line) -> bool {
    line.comment.trim().strip_prefix(VOUCHED).is_some_and(|why| !why.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_maps_without_a_word_for_them_are_found() {
        let cases = [
            ("nn/src/lib.rs", "use std::collections::HashMap;\n", 1),
            ("examples/src/table.rs", "let seen = HashSet::new();\n", 1),
            ("nn/src/lib.rs", "let m = HashMap::new(); // order never observed: only looked up\n", 0),
            ("nn/src/lib.rs", "// order never observed: only looked up\nlet m = HashMap::new();\n", 0),
            ("nn/src/lib.rs", "let m = HashMap::new(); // order never observed:\n", 1),
            ("nn/src/lib.rs", "// A HashMap would do.\nlet m = BTreeMap::new();\n", 0),
            ("xtask/src/main.rs", "use std::collections::HashMap;\n", 0),
        ];
        for (path, text, violations) in cases {
            let found = hash_order_is_never_observed(&Workspace::from_files(&[(path, text)]));
            assert_eq!(found.len(), violations, "{path}: {text}");
        }
    }
}
