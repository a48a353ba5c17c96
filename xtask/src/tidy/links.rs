//! Links between the documents, and the pictures that they show.

use super::{Found, Workspace, documents::outside_blocks, workspace::joined};

/// A link inside the workspace leads to a file that is there, and to a heading of it that is there.
pub(super) fn links_lead_somewhere(workspace: &Workspace) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, text) in &workspace.documents {
        for (line, target) in links(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, to)| (file, Some(to)));
            let file = if file.is_empty() { Some(path.clone()) } else { joined(path, file) };
            let Some(file) = file.filter(|file| file.is_empty() || workspace.paths.contains(file)) else {
                found.push((path.clone(), line, format!("the link to `{target}` leads to no file")));
                continue;
            };
            let headings = workspace.documents.get(&file).map(|text| headings(text));
            if let (Some(anchor), Some(headings)) = (anchor, headings)
                && !headings.iter().any(|heading| heading == anchor)
            {
                found.push((path.clone(), line, format!("the link to `{target}` leads to no heading")));
            }
        }
    }
    found
}

/// A picture that no document shows is forgotten when what it shows changes.
pub(super) fn pictures_are_shown(workspace: &Workspace) -> Vec<Found> {
    let shown: Vec<String> = workspace
        .documents
        .iter()
        .flat_map(|(path, text)| links(text).into_iter().filter_map(|(_, target)| joined(path, target)))
        .collect();
    let pictures = workspace.paths.iter().filter(|path| path.starts_with("docs/") && path.ends_with(".svg"));
    let forgotten = pictures.filter(|path| !shown.contains(path));
    forgotten.map(|path| (path.clone(), 1, "no document shows this picture".to_owned())).collect()
}

/// The targets of the links and pictures of a Markdown text, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in outside_blocks(text) {
        // Every second piece stands between backticks; a link around code begins in one piece and ends
        // in another, so that its target is in the piece that begins with `](`.
        for piece in line.split('`').step_by(2) {
            let ends = piece.match_indices("](").map(|(at, mark)| &piece[at + mark.len()..]);
            links.extend(ends.filter_map(|rest| Some((number, rest.split_once(')')?.0))));
        }
    }
    links
}

/// The headings of a Markdown text as links name them: in small letters, with hyphens for spaces, without
/// punctuation; the second of the same name ends in `-1`.
fn headings(text: &str) -> Vec<String> {
    let mut headings: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (_, line) in outside_blocks(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let name = name.replace(' ', "-");
        let before = seen.iter().filter(|other| **other == name).count();
        headings.push(if before == 0 { name.clone() } else { format!("{name}-{before}") });
        seen.push(name);
    }
    headings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_nothing_are_found() {
        let there = [
            ("docs/b.md", "# Carry the *state*: h, c\n## Twice\n## Twice\n```sh\n# no heading\n```\n"),
            ("docs/pictures/a.svg", ""),
            ("nn/src/lib.rs", ""),
        ];
        let cases = [
            ("[b](b.md) ![a](pictures/a.svg) [crate](../nn) [web](https://example.org/x) [up](..)\n", 0),
            ("[b](c.md) and [b](../../b.md)\n", 2),
            ("[b](b.md#carry-the-state-h-c), [b](b.md#twice-1)\n", 0),
            ("[b](b.md#carry), [b](b.md#twice-2), [b](b.md#no-heading)\n", 3),
            ("# Here\n[up](#here) [down](#there)\n", 1),
            ("[`b`](c.md) and `[x](c.md)`\n```rust\n[x](c.md)\n```\n", 1),
        ];
        for (text, count) in cases {
            let files: Vec<_> = there.iter().copied().chain([("docs/a.md", text)]).collect();
            let found = links_lead_somewhere(&Workspace::from_files(&files));
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_picture_that_is_not_shown_is_found() {
        let pictures = [("docs/pictures/a.svg", ""), ("docs/pictures/b.svg", "")];
        let page = ("nn/README.md", "![A](../docs/pictures/a.svg)\n");
        let found = pictures_are_shown(&Workspace::from_files(&[pictures[0], pictures[1], page]));
        assert_eq!(found.iter().map(|found| found.0.as_str()).collect::<Vec<_>>(), ["docs/pictures/b.svg"]);
    }
}
