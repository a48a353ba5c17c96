//! The crates of the workspace, and which may use which.

use std::path::{Path, PathBuf};

use crate::step::Failure;

/// One crate of the workspace.
pub(crate) struct Crate {
    /// Its folder under the workspace root.
    pub(crate) folder: &'static str,
    /// Its package name.
    pub(crate) package: &'static str,
    /// What it is to the rules.
    pub(crate) kind: Kind,
    /// The packages of this workspace that its code may use.
    pub(crate) uses: &'static [&'static str],
    /// The packages of this workspace that its tests and benches may use besides.
    pub(crate) tests_use: &'static [&'static str],
}

/// What a crate is to the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// One of the four that must build for the browser: no threads, files or clock.
    Core,
    /// A library that may read files where it says so.
    Data,
    /// The shared library of the examples; free to print, plot and read the clock.
    Examples,
    /// The program that holds the libraries to PyTorch's cases. Nothing depends on it.
    Parity,
    /// This program.
    Chores,
}

impl Crate {
    /// Whether others depend on this crate, so that it has a README and a quiet `src`.
    pub(crate) fn is_library(&self) -> bool {
        matches!(self.kind, Kind::Core | Kind::Data)
    }

    /// Whether there is a `src/lib.rs`, so that there can be doc tests.
    pub(crate) fn has_library_target(&self) -> bool {
        !matches!(self.kind, Kind::Parity | Kind::Chores)
    }
}

/// The house, from the bottom up. A crate uses only what stands above it in this list.
pub(crate) const CRATES: &[Crate] = &[
    Crate { folder: "tensor", package: "refrain-tensor", kind: Kind::Core, uses: &[], tests_use: &[] },
    Crate {
        folder: "autograd",
        package: "refrain-autograd",
        kind: Kind::Core,
        uses: &["refrain-tensor"],
        tests_use: &[],
    },
    Crate {
        folder: "nn",
        package: "refrain-nn",
        kind: Kind::Core,
        uses: &["refrain-tensor", "refrain-autograd"],
        tests_use: &["refrain-optim"],
    },
    Crate {
        folder: "optim",
        package: "refrain-optim",
        kind: Kind::Core,
        uses: &["refrain-tensor", "refrain-autograd"],
        tests_use: &["refrain-nn"],
    },
    Crate {
        folder: "data",
        package: "refrain-data",
        kind: Kind::Data,
        uses: &["refrain-tensor"],
        tests_use: &[],
    },
    Crate {
        folder: "weights",
        package: "refrain-weights",
        kind: Kind::Data,
        uses: &["refrain-tensor", "refrain-nn"],
        tests_use: &["refrain-autograd"],
    },
    Crate { folder: "metrics", package: "refrain-metrics", kind: Kind::Data, uses: &[], tests_use: &[] },
    Crate {
        folder: "train",
        package: "refrain-train",
        kind: Kind::Data,
        uses: &[
            "refrain-tensor",
            "refrain-autograd",
            "refrain-nn",
            "refrain-optim",
            "refrain-data",
            "refrain-weights",
        ],
        tests_use: &[],
    },
    Crate {
        folder: "examples",
        package: "refrain-examples",
        kind: Kind::Examples,
        uses: &[
            "refrain-tensor",
            "refrain-autograd",
            "refrain-nn",
            "refrain-optim",
            "refrain-data",
            "refrain-weights",
            "refrain-metrics",
            "refrain-train",
        ],
        tests_use: &[],
    },
    Crate {
        folder: "parity",
        package: "refrain-parity",
        kind: Kind::Parity,
        uses: &["refrain-tensor", "refrain-autograd", "refrain-nn", "refrain-optim", "refrain-data"],
        tests_use: &[],
    },
    Crate { folder: "xtask", package: "xtask", kind: Kind::Chores, uses: &[], tests_use: &[] },
];

/// The crates that others depend on: the core four and the data crate.
pub(crate) fn libraries() -> impl Iterator<Item = &'static Crate> {
    CRATES.iter().filter(|member| member.is_library())
}

/// The crate that a path relative to the workspace root belongs to.
pub(crate) fn crate_of(path: &str) -> Option<&'static Crate> {
    let folder = path.split('/').next()?;
    CRATES.iter().find(|member| member.folder == folder)
}

/// The crates named on a command line, by package or by folder.
///
/// # Errors
///
/// A usage failure that lists the crates, if a name is none of them.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Crate>, Failure> {
    let find = |name: &String| {
        let found = CRATES.iter().find(|member| member.package == name || member.folder == name);
        found.ok_or_else(|| Failure::unknown("crate", name, CRATES.iter().map(|member| member.folder)))
    };
    names.iter().map(find).collect()
}

/// `-p PACKAGE` for each crate.
pub(crate) fn package_arguments<'a>(crates: impl IntoIterator<Item = &'a Crate>) -> Vec<String> {
    crates.into_iter().flat_map(|member| ["-p".to_owned(), member.package.to_owned()]).collect()
}

/// The workspace root: the folder above this crate's.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs us, which stays right if the checkout was moved.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_found_by_folder_and_by_package() {
        let names = ["nn".to_owned(), "refrain-data".to_owned()];
        let found =
            named(&names).map(|crates| crates.iter().map(|member| member.package).collect::<Vec<_>>());
        assert_eq!(found.ok(), Some(vec!["refrain-nn", "refrain-data"]));
    }

    #[test]
    fn an_unknown_crate_is_an_error_that_lists_the_crates() {
        let message =
            named(&["attic".to_owned()]).err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(message.contains("`attic`") && message.contains("autograd"), "{message}");
    }

    #[test]
    fn a_crate_uses_only_what_stands_above_it_in_the_list() {
        for (index, member) in CRATES.iter().enumerate() {
            for used in member.uses {
                let above = CRATES[..index].iter().any(|lower| lower.package == *used);
                assert!(above, "{} uses {used}", member.package);
            }
        }
    }

    #[test]
    fn a_path_belongs_to_the_crate_whose_folder_it_starts_with() {
        let cases = [("nn/src/lib.rs", Some("refrain-nn")), ("README.md", None), ("nnn/src/lib.rs", None)];
        for (path, package) in cases {
            assert_eq!(crate_of(path).map(|member| member.package), package, "{path}");
        }
    }
}
