//! Where `unsafe` may stand. Tests are not exempt: unsound test code proves nothing.

use super::{Found, Workspace};
use crate::source::{Line, mentions};

/// A crate without unsafe code says so where readers and the compiler look first.
pub(super) fn roots_forbid_unsafe(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        let is_root = matches!(path.split('/').collect::<Vec<_>>()[..], [_, "src", "lib.rs" | "main.rs"]);
        if !is_root || path.starts_with("tensor/") {
            continue;
        }
        if !source.lines.iter().any(|line| line.code.contains("#![forbid(unsafe_code)]")) {
            let advice = "a crate root that allows unsafe code; add `#![forbid(unsafe_code)]`";
            found.push((path.clone(), 1, advice.to_owned()));
        }
    }
    found
}

/// Unsafe code in one place can be read as a whole.
pub(super) fn unsafe_lives_in_kernels(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        if is_kernel(path) {
            continue;
        }
        for (number, line) in source.numbered() {
            let code = line.code.as_str();
            let lifts = (code.contains("allow(") || code.contains("expect(") || code.contains("warn("))
                && mentions(code, "unsafe_code");
            if mentions(code, "unsafe") || lifts {
                let advice =
                    "unsafe code outside the kernels; move it behind a safe function in tensor/src/kernels";
                found.push((path.clone(), number, advice.to_owned()));
            }
        }
    }
    found
}

/// An unsafe block without its reason cannot be checked by a reader.
pub(super) fn unsafe_says_why_it_is_sound(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, source) in &workspace.sources {
        for (number, line) in source.numbered() {
            if needs_reason(&line.code) && !has_reason(&source.lines[..number - 1]) {
                let advice =
                    "an unsafe block without its reason; say above it `// SAFETY: …` why it is sound";
                found.push((path.clone(), number, advice.to_owned()));
            }
        }
    }
    found
}

fn is_kernel(path: &str) -> bool {
    path == "tensor/src/kernels.rs" || path.starts_with("tensor/src/kernels/")
}

fn needs_reason(code: &str) -> bool {
    ["unsafe {", "unsafe impl"].into_iter().any(|form| mentions(code, form))
}

/// Whether the comment directly above the statement, its attributes passed over, says SAFETY.
fn has_reason(above: &[Line]) -> bool {
    let comments = above
        .iter()
        .rev()
        .skip_while(|line| {
            let code = line.code.trim();
            // An attribute, or a line that the statement began on: `let x =`.
            let within_statement = !code.is_empty() && !code.ends_with([';', '{', '}', ',']);
            code.starts_with("#[") || within_statement
        })
        .take_while(|line| line.code.trim().is_empty() && !line.comment.is_empty());
    comments.into_iter().any(|line| line.comment.contains("SAFETY:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_must_forbid_unsafe_code() {
        let cases = [
            ("nn/src/lib.rs", "//! Docs.\n#![forbid(unsafe_code)]\n", 0),
            ("nn/src/lib.rs", "// #![forbid(unsafe_code)]\n", 1),
            ("xtask/src/main.rs", "fn main() {}\n", 1),
            ("tensor/src/lib.rs", "mod kernels;\n", 0),
            ("nn/src/lstm.rs", "fn f() {}\n", 0),
        ];
        for (path, text, violations) in cases {
            let found = roots_forbid_unsafe(&Workspace::from_files(&[(path, text)]));
            assert_eq!(found.len(), violations, "{path}: {text}");
        }
    }

    #[test]
    fn unsafe_code_outside_the_kernels_is_found() {
        let block = "// SAFETY: sound.\nunsafe { f() }\n";
        let cases = [
            ("tensor/src/kernels.rs", block, 0),
            ("tensor/src/kernels/dot.rs", block, 0),
            ("tensor/src/kernels/dot.rs", "#![allow(unsafe_code)]\n", 0),
            ("tensor/src/kernels_of_truth.rs", block, 1),
            ("tensor/src/lib.rs", "#[allow(unsafe_code)]\nmod kernels;\n", 1),
            ("tensor/src/lib.rs", "#![deny(unsafe_code)]\n", 0),
            ("tensor/tests/views.rs", block, 1),
            ("nn/src/kernels/lstm.rs", block, 1),
            ("nn/src/lib.rs", "//! Nothing unsafe.\nlet a = \"unsafe\";\n", 0),
            ("nn/src/lib.rs", "#[cfg(test)]\nmod tests {\n    fn f() { unsafe { g() } }\n}\n", 1),
        ];
        for (path, text, violations) in cases {
            let found = unsafe_lives_in_kernels(&Workspace::from_files(&[(path, text)]));
            assert_eq!(found.len(), violations, "{path}: {text}");
        }
    }

    #[test]
    fn unsafe_blocks_must_say_why_they_are_sound() {
        let cases = [
            ("// SAFETY: in bounds.\nunsafe { f() }\n", true),
            ("// SAFETY: in bounds,\n// as checked above.\nlet x =\n    unsafe { f() };\n", true),
            ("// SAFETY: no pointers.\n#[cfg(unix)]\nunsafe impl Send for A {}\n", true),
            ("unsafe fn f() {}\n", true),
            ("unsafe { f() }\n", false),
            ("// Fast.\nunsafe { f() }\n", false),
            ("unsafe impl Send for A {}\n", false),
            ("// SAFETY: in bounds.\ng();\nunsafe { f() }\n", false),
            ("// SAFETY: in bounds.\n\nunsafe { f() }\n", false),
        ];
        for (text, good) in cases {
            let workspace = Workspace::from_files(&[("tensor/src/kernels.rs", text)]);
            assert_eq!(unsafe_says_why_it_is_sound(&workspace).is_empty(), good, "{text}");
        }
    }
}
