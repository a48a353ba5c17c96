//! What the library crates leave to their users: the screen, files, threads and the clock.

use super::{Found, Workspace};
use crate::house::{self, Kind};
use crate::source::{Source, mentions};

/// A name that library code must not mention, and what to do instead.
struct Forbidden {
    name: &'static str,
    advice: &'static str,
}

const PRINTS: &str = "prints from a library; return the value and let the caller show it";
const UNFINISHED: &str = "is not for finished code; write it, or leave the feature out";
const THREADS: &str = "assumes threads; go through the parallel loops of refrain-tensor";
const CLOCK: &str = "assumes a clock; leave the timing to the caller";
const FILES: &str = "assumes files; take a reader or a writer";

const FORBIDDEN: &[Forbidden] = &[
    Forbidden { name: "todo!", advice: UNFINISHED },
    Forbidden { name: "unimplemented!", advice: UNFINISHED },
    Forbidden { name: "dbg!", advice: UNFINISHED },
    Forbidden { name: "println!", advice: PRINTS },
    Forbidden { name: "print!", advice: PRINTS },
    Forbidden { name: "eprintln!", advice: PRINTS },
    Forbidden { name: "eprint!", advice: PRINTS },
    // The short forms catch a `use std::{fs, thread};` where the name is used.
    Forbidden { name: "std::thread", advice: THREADS },
    Forbidden { name: "thread::", advice: THREADS },
    Forbidden { name: "Instant", advice: CLOCK },
    Forbidden { name: "SystemTime", advice: CLOCK },
    Forbidden { name: "std::fs", advice: FILES },
    Forbidden { name: "fs::", advice: FILES },
];

/// The sources that write files besides: weights, and the checkpoints of a training.
const MAY_WRITE_FILES: &[&str] =
    &["weights/src/atomic.rs", "weights/src/file.rs", "train/src/checkpoint/file.rs"];

/// The sources that start threads or count them: the team of the kernels, and data-parallel steps.
const MAY_KNOW_THREADS: &[&str] = &["tensor/src/kernels/team.rs", "train/src/data_parallel.rs"];

/// The source that looks at the clock: how far apart the cores are shows in nothing else.
const MAY_READ_THE_CLOCK: &[&str] = &["tensor/src/kernels/distance.rs"];

/// The libraries must build and work in a browser, and say nothing on their user's screen.
///
/// The data crate may open files where it reads CSV; the few sources listed above may write files, know
/// threads or look at the clock. Tests may do as they like.
pub(super) fn libraries_assume_no_system(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, member, source) in library_sources(workspace) {
        let may_read_files = member.kind == Kind::Data
            && (file_name(path).starts_with("csv") || MAY_WRITE_FILES.contains(&path.as_str()));
        let may_know_threads = MAY_KNOW_THREADS.contains(&path.as_str());
        let may_read_the_clock = MAY_READ_THE_CLOCK.contains(&path.as_str());
        for (number, line) in source.numbered_outside_tests() {
            let broken = FORBIDDEN.iter().find(|forbidden| {
                let allowed = (may_read_files && forbidden.advice == FILES)
                    || (may_know_threads && forbidden.advice == THREADS)
                    || (may_read_the_clock && forbidden.advice == CLOCK);
                mentions(&line.code, forbidden.name) && !allowed
            });
            if let Some(Forbidden { name, advice }) = broken {
                found.push((path.clone(), number, format!("`{name}` {advice}")));
            }
        }
    }
    found
}

/// One crate knows how work is spread over threads, so that it can be switched off in one place.
pub(super) fn rayon_is_named_in_tensor_alone(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, member, source) in library_sources(workspace) {
        if member.folder == "tensor" {
            continue;
        }
        for (number, line) in source.numbered_outside_tests() {
            if mentions(&line.code, "rayon") {
                let advice = "rayon outside refrain-tensor; go through that crate's parallel loops";
                found.push((path.clone(), number, advice.to_owned()));
            }
        }
    }
    found
}

/// The sources under `src` of the library crates, but for files of tests.
fn library_sources(workspace: &Workspace) -> impl Iterator<Item = (&String, &'static house::Crate, &Source)> {
    workspace.sources.iter().filter_map(|(path, source)| {
        let member = house::crate_of(path).filter(|member| member.is_library())?;
        let in_src = path.strip_prefix(member.folder)?.starts_with("/src/");
        (in_src && !is_test_file(path)).then_some((path, member, source))
    })
}

/// `tests.rs`, `…_tests.rs` and what lies in a folder `tests`, which its parent declares under
/// `#[cfg(test)]`.
fn is_test_file(path: &str) -> bool {
    let name = file_name(path);
    name == "tests.rs" || name.ends_with("_tests.rs") || path.contains("/tests/")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_calls_in_libraries_are_found() {
        let cases = [
            ("nn/src/lstm.rs", "println!(\"loss\");\n", 1),
            ("nn/src/lstm.rs", "/// println!(\"loss\");\nfn f() {}\n", 0),
            ("nn/src/lstm.rs", "#[cfg(test)]\nmod tests {\n    fn f() { println!(); }\n}\n", 0),
            ("nn/src/lstm/tests.rs", "println!();\n", 0),
            ("nn/tests/lstm.rs", "println!();\n", 0),
            ("nn/benches/nn.rs", "use std::time::Instant;\n", 0),
            ("nn/src/lstm.rs", "todo!()\n", 1),
            ("nn/src/lstm.rs", "use std::{fs, thread};\nlet a = fs::read(p);\nthread::spawn(f);\n", 2),
            ("optim/src/sgd.rs", "let start = Instant::now();\n", 1),
            ("tensor/src/view.rs", "std::thread::scope(|s| {});\n", 1),
            ("tensor/src/kernels/team.rs", "std::thread::yield_now();\n", 0),
            ("tensor/src/kernels/team.rs", "let start = Instant::now();\n", 1),
            ("tensor/src/kernels/distance.rs", "let start = Instant::now();\n", 0),
            ("tensor/src/kernels/distance.rs", "std::thread::yield_now();\n", 1),
            ("data/src/csv.rs", "use std::fs::File;\n", 0),
            ("data/src/csv_columns.rs", "use std::fs;\nprintln!();\n", 1),
            ("data/src/windows.rs", "use std::fs;\n", 1),
            ("examples/src/progress.rs", "println!();\n", 0),
            ("xtask/src/main.rs", "println!();\n", 0),
        ];
        for (path, text, violations) in cases {
            let found = libraries_assume_no_system(&Workspace::from_files(&[(path, text)]));
            assert_eq!(found.len(), violations, "{path}: {text}");
        }
    }

    #[test]
    fn rayon_outside_tensor_is_found() {
        let cases = [
            ("tensor/src/parallel.rs", "use rayon::prelude::*;\n", 0),
            ("nn/src/lstm.rs", "rayon::join(f, g);\n", 1),
            ("nn/src/lstm.rs", "#[cfg(feature = \"rayon\")]\nfn f() {}\n", 0),
            ("nn/src/lstm.rs", "//! Runs on rayon.\n", 0),
            ("examples/src/lib.rs", "use rayon::prelude::*;\n", 0),
        ];
        for (path, text, violations) in cases {
            let found = rayon_is_named_in_tensor_alone(&Workspace::from_files(&[(path, text)]));
            assert_eq!(found.len(), violations, "{path}: {text}");
        }
    }
}
