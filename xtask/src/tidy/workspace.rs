//! The files that the rules look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest::Manifest;
use crate::source::Source;

/// What the rules see of the workspace. Paths are relative to its root, with `/` between names.
pub(crate) struct Workspace {
    /// The manifests of the member crates, by path.
    pub(super) manifests: BTreeMap<String, Manifest>,
    /// The Rust sources, by path.
    pub(super) sources: BTreeMap<String, Source>,
    /// The Markdown files and licences, by path.
    pub(super) documents: BTreeMap<String, String>,
    /// The paths of all files and folders, of any kind.
    pub(super) paths: BTreeSet<String>,
    /// The documents that are the documentation of an item, so that their code runs among the doc
    /// tests of its crate.
    pub(super) doc_tested: BTreeSet<String>,
}

/// The folder of documents beside the crates.
const DOCS: &str = "docs";

impl Workspace {
    /// Reads the workspace under `root`: the files there, and all under its member folders and `docs`.
    ///
    /// # Errors
    ///
    /// The path that could not be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut workspace = Workspace::empty();
        for (name, is_folder) in list(root)? {
            let path = root.join(&name);
            workspace.paths.insert(name.clone());
            if !is_folder {
                workspace.read_file(&path, &name)?;
            } else if name == DOCS || path.join("Cargo.toml").is_file() {
                workspace.read_folder(&path, &name)?;
            }
        }
        Ok(workspace)
    }

    /// A workspace of these files, each a path and a text.
    #[cfg(test)]
    pub(super) fn from_files(files: &[(&str, &str)]) -> Self {
        let mut workspace = Workspace::empty();
        for (path, text) in files {
            let folders = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
            workspace.paths.extend(folders);
            workspace.paths.insert((*path).to_owned());
            workspace.add(path, text);
        }
        workspace
    }

    fn empty() -> Self {
        Workspace {
            manifests: BTreeMap::new(),
            sources: BTreeMap::new(),
            documents: BTreeMap::new(),
            doc_tested: BTreeSet::new(),
            paths: BTreeSet::new(),
        }
    }

    fn read_folder(&mut self, folder: &Path, relative: &str) -> Result<(), String> {
        for (name, is_folder) in list(folder)? {
            let (path, relative) = (folder.join(&name), format!("{relative}/{name}"));
            self.paths.insert(relative.clone());
            if is_folder {
                self.read_folder(&path, &relative)?;
            } else {
                self.read_file(&path, &relative)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, relative: &str) -> Result<(), String> {
        if is_of_interest(relative) {
            let text = std::fs::read_to_string(path);
            self.add(relative, &text.map_err(|error| format!("cannot read {relative}: {error}"))?);
        }
        Ok(())
    }

    fn add(&mut self, path: &str, text: &str) {
        if path.ends_with(".rs") {
            self.sources.insert(path.to_owned(), Source::scan(text));
            self.doc_tested.extend(text.lines().filter_map(|line| included_document(path, line)));
        } else if path.ends_with("/Cargo.toml") {
            self.manifests.insert(path.to_owned(), Manifest::parse(text));
        } else if is_of_interest(path) {
            self.documents.insert(path.to_owned(), text.to_owned());
        }
    }
}

/// The path of the document that a line of the source at `path` makes the documentation of an item:
/// `#[doc = include_str!("../README.md")]`.
fn included_document(path: &str, line: &str) -> Option<String> {
    let line = line.trim_start();
    let rest = ["#[doc = include_str!(\"", "#![doc = include_str!(\""]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    let (relative, _) = rest.split_once('"')?;
    joined(path, relative)
}

/// The path that `relative` leads to from the file at `path`; `None` where it leaves the workspace.
pub(super) fn joined(path: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." | "" => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn is_of_interest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "Cargo.toml" || name.ends_with(".rs") || name.ends_with(".md") || name.starts_with("LICENSE")
}

/// The names in a folder, sorted, each with whether it is a folder; without hidden names and
/// build output.
fn list(folder: &Path) -> Result<Vec<(String, bool)>, String> {
    let cannot_list = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" {
            names.push((name, entry.path().is_dir()));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house;

    #[test]
    fn the_real_workspace_can_be_read() {
        let workspace = Workspace::read(&house::root()).expect("a readable workspace");
        for member in house::CRATES {
            let manifest = format!("{}/Cargo.toml", member.folder);
            assert!(workspace.manifests.contains_key(&manifest), "{manifest}");
        }
        assert!(workspace.sources.contains_key("xtask/src/tidy/workspace.rs"));
        assert!(workspace.documents.contains_key("LICENSE-MIT"));
        assert!(workspace.documents.contains_key("docs/recurrent.md"));
        assert!(workspace.doc_tested.contains("docs/recurrent.md"), "{:?}", workspace.doc_tested);
        assert!(workspace.doc_tested.contains("nn/README.md"), "{:?}", workspace.doc_tested);
        let outside = workspace.sources.keys().find(|path| path.starts_with("target/"));
        assert_eq!(outside, None, "build output is not ours");
    }
    #[test]
    fn included_documents_are_found_from_where_they_are_included() {
        let cases = [
            ("nn/src/lib.rs", "#![doc = include_str!(\"../README.md\")]", Some("nn/README.md")),
            ("a/src/lib.rs", "    #[doc = include_str!(\"../../docs/x.md\")]", Some("docs/x.md")),
            ("a/src/b/c.rs", "#[doc = include_str!(\"./d.md\")]", Some("a/src/b/d.md")),
            ("a/src/lib.rs", "// #[doc = include_str!(\"../README.md\")]", None),
            ("a/src/lib.rs", "const TEXT: &str = include_str!(\"../README.md\");", None),
            ("a/src/lib.rs", "#[doc = include_str!(\"../../../outside.md\")]", None),
        ];
        for (path, line, expected) in cases {
            assert_eq!(included_document(path, line).as_deref(), expected, "{path}: {line}");
        }
    }
}
