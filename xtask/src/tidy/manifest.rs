//! What the rules need of a `Cargo.toml`, read line by line.

/// The dependencies of a crate, whether it takes the workspace's lints, and which of its examples have tests.
#[derive(Default)]
pub(super) struct Manifest {
    pub(super) dependencies: Vec<Dependency>,
    pub(super) shares_lints: bool,
    examples: Vec<Example>,
}

/// A section `[[example]]`.
#[derive(Default)]
struct Example {
    name: String,
    /// Whether it says `test = true`.
    runs_tests: bool,
}

/// One line of a dependency section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) line: usize,
    /// Whether it stands under `dev-dependencies`.
    pub(super) for_tests: bool,
    /// Whether it says `workspace = true`.
    pub(super) from_workspace: bool,
}

impl Manifest {
    /// Reads a manifest as cargo's users write them: a section a line, an entry a line or a
    /// bracket that spans lines.
    pub(super) fn parse(text: &str) -> Self {
        let mut manifest = Manifest::default();
        let mut section = Vec::new();
        for (line, entry) in entries(text) {
            if let Some(header) = entry.strip_prefix('[') {
                section = key_parts(header.trim_matches(|c| c == '[' || c == ']'));
                // `[dependencies.name]` is an entry that has a section to itself.
                manifest.begin_dependency(&section, line);
                if section == ["example"] {
                    manifest.examples.push(Example::default());
                }
            } else if let Some((key, value)) = entry.split_once('=') {
                let path: Vec<String> = section.iter().cloned().chain(key_parts(key)).collect();
                manifest.add(&path, value.trim(), line);
            }
        }
        manifest
    }

    /// Whether `cargo test` runs the tests in an example.
    pub(super) fn runs_tests_of_example(&self, name: &str) -> bool {
        self.examples.iter().any(|example| example.name == name && example.runs_tests)
    }

    fn add(&mut self, path: &[String], value: &str, line: usize) {
        if path == ["lints", "workspace"] {
            self.shares_lints = value == "true";
        }
        if let ([section, key], Some(example)) = (path, self.examples.last_mut())
            && section == "example"
        {
            match key.as_str() {
                "name" => example.name = value.trim_matches(['"', '\'']).to_owned(),
                "test" => example.runs_tests = value == "true",
                _ => {}
            }
        }
        let Some(dependency) = self.begin_dependency(path, line) else { return };
        let inline: String = value.split_whitespace().collect();
        let says_workspace = inline.starts_with("{workspace=true") || inline.contains(",workspace=true");
        let dotted = value == "true" && path.last().is_some_and(|key| key == "workspace");
        dependency.from_workspace |= says_workspace || dotted;
    }

    /// The dependency that a key path such as `dependencies.name.features` speaks of.
    fn begin_dependency(&mut self, path: &[String], line: usize) -> Option<&mut Dependency> {
        let at = path.iter().position(|part| part.ends_with("dependencies"))?;
        let name = path.get(at + 1)?;
        let for_tests = path[at] == "dev-dependencies";
        let same = |known: &Dependency| known.name == *name && known.for_tests == for_tests;
        if !self.dependencies.last().is_some_and(same) {
            let name = name.clone();
            self.dependencies.push(Dependency { name, line, for_tests, from_workspace: false });
        }
        self.dependencies.last_mut()
    }
}

/// The headers and entries of a manifest without comments, each with the number of its first
/// line; an entry whose brackets span lines is one.
fn entries(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    let mut depth = 0;
    for (index, line) in text.lines().enumerate() {
        let (line, change) = without_comment(line);
        let line = line.trim();
        match entries.last_mut() {
            Some((_, entry)) if depth > 0 => entry.push_str(line),
            _ if line.is_empty() => {}
            _ => entries.push((index + 1, line.to_owned())),
        }
        depth += change;
    }
    entries
}

/// The line up to its comment, and by how much its brackets open or close.
fn without_comment(line: &str) -> (&str, i32) {
    let (mut quote, mut depth) = (None, 0);
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return (&line[..index], depth),
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    (line, depth)
}

/// The parts of a dotted key; dots inside quotes do not divide.
fn key_parts(key: &str) -> Vec<String> {
    let (mut parts, mut quote) = (vec![String::new()], None);
    for c in key.trim().chars() {
        match (quote, c) {
            (None, '.') => parts.push(String::new()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_in_all_their_forms() {
        let text = r#"
[package]
name = "sample" # dependencies.none = "1"
[dependencies]
a.workspace = true
b = { workspace = true, optional = true }
c = "1.0"
d = { version = "1", features = [
    "one", # two
] }
e = { optional = true, workspace = true }
f.version = "1"
f.optional = true
[dev-dependencies]
a = { path = "../a" }
[dependencies.g]
workspace = true
features = ["x"]
[target.'cfg(target_arch = "x86_64")'.dependencies]
h = "1"
[lints]
workspace = true
"#;
        let manifest = Manifest::parse(text);
        let read: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|found| (found.name.as_str(), found.line, found.for_tests, found.from_workspace))
            .collect();
        let expected = [
            ("a", 5, false, true),
            ("b", 6, false, true),
            ("c", 7, false, false),
            ("d", 8, false, false),
            ("e", 11, false, true),
            ("f", 12, false, false),
            ("a", 15, true, false),
            ("g", 16, false, true),
            ("h", 20, false, false),
        ];
        assert_eq!(read, expected);
        assert!(manifest.shares_lints);
    }

    #[test]
    fn examples_with_tests_are_those_that_say_so() {
        let text = "[[example]]\nname = \"a\"\ntest = true # as the others\n[[example]]\ntest = true\nname = 'b'\n\
                    [[example]]\nname = \"c\"\ntest = false\n[[example]]\nname = \"d\"\n\
                    [[bench]]\nname = \"e\"\ntest = true\n";
        let manifest = Manifest::parse(text);
        let named = ["a", "b", "c", "d", "e"].map(|name| manifest.runs_tests_of_example(name));
        assert_eq!(named, [true, true, false, false, false]);
    }

    #[test]
    fn lints_of_its_own_are_not_shared() {
        for text in ["[lints.rust]\nworkspace = true\n", "[lints]\nworkspace = false\n", ""] {
            assert!(!Manifest::parse(text).shares_lints, "{text}");
        }
    }
}
