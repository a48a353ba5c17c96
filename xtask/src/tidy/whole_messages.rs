//! Errors that say everything at once, and once.

use super::{Found, Workspace};
use crate::{house, source::mentions};

/// The message of an error holds that of its cause, so the cause is not given as a source as well: a
/// program that prints the chain would print it twice.
///
/// Of an enum that `thiserror` derives, each variant with a message of its own is looked at. A field
/// `source`, and the attributes `#[source]` and `#[from]`, make a source of a cause.
pub(super) fn messages_are_whole(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        // The program of parity prints its errors as they are, and nobody else sees them.
        if house::crate_of(path).is_none_or(|member| !member.has_library_target()) {
            continue;
        }
        // Whether the variant at hand, if any, passes on another error as it is.
        let mut transparent = None;
        for (number, line) in source.numbered_outside_tests() {
            let code = line.code.trim();
            if code.starts_with("#[error(") {
                transparent = Some(code.starts_with("#[error(transparent"));
            } else if code == "}" {
                transparent = None; // the end of the enum, or of a variant whose fields have been seen
            }
            let is_source = ["source:", "#[source]", "#[from]"].iter().any(|mark| mentions(code, mark));
            if transparent == Some(false) && is_source {
                let advice = "the cause of an error with a message of its own is a source; name the field \
                              `cause`, and give its text in the message";
                found.push((path.clone(), number, advice.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_that_are_sources_are_found() {
        let cases = [
            ("#[error(\"{path}: {source}\")]\nRead { path: String, source: io::Error },\n", 1),
            ("#[error(\"{path}: {cause}\")]\nRead { path: String, cause: io::Error },\n", 0),
            ("#[error(\n\"plot: {0}\"\n)]\nDraw(#[from] io::Error),\n", 1),
            ("#[error(\"plot: {0}\")]\nDraw(#[source] io::Error),\n", 1),
            ("#[error(transparent)]\nDraw(#[from] io::Error),\n", 0),
            ("#[error(\"none\")]\nNone,\n}\nfn f(source: &str) {}\n", 0),
            ("#[error(\"{at}\")]\nRead {\nat: u8,\nsource: io::Error,\n},\n", 1),
            ("#[error(\"a\")]\nA { resource: u8 },\n", 0),
        ];
        for (text, violations) in cases {
            let workspace = Workspace::from_files(&[("nn/src/error.rs", text)]);
            assert_eq!(messages_are_whole(&workspace).len(), violations, "{text}");
        }
    }
}
