//! The files that the rules look at.

use std::collections::BTreeMap;
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
}

impl Workspace {
    /// Reads the workspace under `root`: the files there, and all under its member folders.
    ///
    /// # Errors
    ///
    /// The path that could not be read.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut workspace = Workspace::empty();
        for (name, is_folder) in list(root)? {
            let path = root.join(&name);
            if !is_folder {
                workspace.read_file(&path, &name)?;
            } else if path.join("Cargo.toml").is_file() {
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
            workspace.add(path, text);
        }
        workspace
    }

    fn empty() -> Self {
        Workspace { manifests: BTreeMap::new(), sources: BTreeMap::new(), documents: BTreeMap::new() }
    }

    fn read_folder(&mut self, folder: &Path, relative: &str) -> Result<(), String> {
        for (name, is_folder) in list(folder)? {
            let (path, relative) = (folder.join(&name), format!("{relative}/{name}"));
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
        } else if path.ends_with("/Cargo.toml") {
            self.manifests.insert(path.to_owned(), Manifest::parse(text));
        } else if is_of_interest(path) {
            self.documents.insert(path.to_owned(), text.to_owned());
        }
    }
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
        let outside = workspace.sources.keys().find(|path| path.starts_with("target/"));
        assert_eq!(outside, None, "build output is not ours");
    }
}
