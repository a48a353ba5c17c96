//! Which crate may use which, and where versions and lints are written.

use super::{Found, Workspace};
use crate::house;

/// A crate that knew of one above it could no longer be used alone.
pub(super) fn arrows_point_down(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, manifest) in &workspace.manifests {
        let Some(member) = house::crate_of(path) else {
            let advice = "a crate that xtask does not know; give it a place in xtask/src/house.rs";
            found.push((path.clone(), 1, advice.to_owned()));
            continue;
        };
        for dependency in &manifest.dependencies {
            let name = dependency.name.as_str();
            let ours = house::CRATES.iter().any(|other| other.package == name);
            let allowed =
                member.uses.contains(&name) || (dependency.for_tests && member.tests_use.contains(&name));
            if ours && !allowed {
                let advice = format!(
                    "{} must not depend on {name}; move the code that needs both to a crate above them",
                    member.package
                );
                found.push((path.clone(), dependency.line, advice));
            }
        }
    }
    found
}

/// Lints written once hold for every crate.
pub(super) fn lints_are_shared(workspace: &Workspace) -> Vec<Found> {
    let strays = workspace.manifests.iter().filter(|(_, manifest)| !manifest.shares_lints);
    let advice = "the workspace's lints are not taken; add `[lints]` with `workspace = true`";
    strays.map(|(path, _)| (path.clone(), 1, advice.to_owned())).collect()
}

/// Versions written once cannot differ between crates.
pub(super) fn versions_are_shared(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, manifest) in &workspace.manifests {
        for dependency in manifest.dependencies.iter().filter(|dependency| !dependency.from_workspace) {
            let name = &dependency.name;
            let advice = format!(
                "a version of its own; write it in [workspace.dependencies] and `{name}.workspace = true` here"
            );
            found.push((path.clone(), dependency.line, advice));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_that_point_up_are_found() {
        let cases = [
            ("tensor", "dependencies", "refrain-autograd", false),
            ("autograd", "dependencies", "refrain-tensor", true),
            ("autograd", "dependencies", "refrain-nn", false),
            ("autograd", "dev-dependencies", "refrain-nn", false),
            ("nn", "dependencies", "refrain-autograd", true),
            ("nn", "dependencies", "refrain-optim", false),
            ("nn", "dev-dependencies", "refrain-optim", true),
            ("optim", "dependencies", "refrain-nn", false),
            ("optim", "dev-dependencies", "refrain-nn", true),
            ("data", "dependencies", "refrain-tensor", true),
            ("data", "dependencies", "refrain-autograd", false),
            ("examples", "dependencies", "refrain-optim", true),
            ("xtask", "dependencies", "refrain-tensor", false),
            ("xtask", "dependencies", "serde_json", true),
        ];
        for (folder, section, name, good) in cases {
            let path = format!("{folder}/Cargo.toml");
            let text = format!("[{section}]\n{name}.workspace = true\n");
            let found = arrows_point_down(&Workspace::from_files(&[(&path, &text)]));
            let lines: Vec<usize> = found.iter().map(|(_, line, _)| *line).collect();
            assert_eq!(lines, if good { vec![] } else { vec![2] }, "{folder}, {section}, {name}");
        }
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = arrows_point_down(&Workspace::from_files(&[("attic/Cargo.toml", "[package]\n")]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn missing_lints_are_found() {
        for (text, violations) in [("[lints]\nworkspace = true\n", 0), ("[package]\n", 1)] {
            let workspace = Workspace::from_files(&[("nn/Cargo.toml", text)]);
            assert_eq!(lints_are_shared(&workspace).len(), violations, "{text}");
        }
    }

    #[test]
    fn versions_outside_the_workspace_are_found() {
        let text =
            "[dependencies]\nrand.workspace = true\ncsv = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        let found = versions_are_shared(&Workspace::from_files(&[("data/Cargo.toml", text)]));
        let lines: Vec<usize> = found.iter().map(|(_, line, _)| *line).collect();
        assert_eq!(lines, [3, 5]);
    }
}
