//! [`Text`]: a text as numbers, one for each character.

use std::{collections::BTreeSet, fs, path::Path};

use refrain_data::Vocabulary;
use refrain_tensor::Tensor;

use crate::program::Fallible;

/// A text as the indices of its characters. Its last tenth is for validation.
#[derive(Clone, Debug)]
pub struct Text {
    /// What it is called.
    pub name: String,
    /// The characters, each once.
    pub vocabulary: Vocabulary,
    /// Two bytes for each character, `[characters]`: a text needs little more memory than its file.
    indices: Tensor<u16>,
    /// A checksum of the indices.
    checksum: u32,
}

impl Text {
    /// A file, or the sources and documents of the workspace. Without a vocabulary, it has its own.
    ///
    /// # Errors
    /// A sentence for a file that cannot be read, is empty, is not UTF-8, or has a character that the vocabulary
    /// has not.
    pub fn read(path: Option<&Path>, vocabulary: Option<Vocabulary>) -> Fallible<Self> {
        let (name, text) = match path {
            Some(path) => (path.display().to_string(), file(path)?),
            None => ("the workspace".to_owned(), workspace()?),
        };
        if text.is_empty() {
            return Err(format!("{name} is empty: there is nothing to learn from").into());
        }
        let vocabulary = match vocabulary {
            Some(vocabulary) => vocabulary,
            None => Vocabulary::new(text.chars().collect::<Alphabet>().0)?,
        };
        if vocabulary.len() > usize::from(u16::MAX) {
            let most = u16::MAX;
            return Err(
                format!("{name} has {} characters, at most {most} are possible", vocabulary.len()).into()
            );
        }
        let mut indices = Vec::with_capacity(text.chars().count());
        for (position, letter) in text.chars().enumerate() {
            let unknown = |_| {
                format!(
                    "{name}: {letter:?} at position {position} is not a character of the model; name a text without it, or train on one that has it"
                )
            };
            indices.push(vocabulary.index(&letter).map_err(unknown)? as u16);
        }
        let mut crc = crc32fast::Hasher::new();
        indices.iter().for_each(|index| crc.update(&index.to_le_bytes()));
        let length = indices.len();
        let indices = Tensor::from_vec(indices, [length])?;
        Ok(Self { name, vocabulary, indices, checksum: crc.finalize() })
    }

    /// All of it.
    pub fn all(&self) -> Tensor<u16> {
        self.indices.clone()
    }

    /// The first nine tenths.
    ///
    /// # Errors
    /// None: they are there.
    pub fn training(&self) -> Fallible<Tensor<u16>> {
        Ok(self.indices.narrow(0, 0, self.boundary())?)
    }

    /// The last tenth.
    ///
    /// # Errors
    /// None: it is there.
    pub fn validation(&self) -> Fallible<Tensor<u16>> {
        let boundary = self.boundary();
        Ok(self.indices.narrow(0, boundary, self.indices.numel() - boundary)?)
    }

    fn boundary(&self) -> usize {
        self.indices.numel() - self.indices.numel() / 10
    }

    /// Tells the text from others.
    pub fn fingerprint(&self) -> String {
        format!("{} characters, checksum {:08x}", self.indices.numel(), self.checksum)
    }
}

/// Each character once. Collecting into a standard set would first hold the whole text, at four bytes
/// a character.
struct Alphabet(BTreeSet<char>);

impl FromIterator<char> for Alphabet {
    fn from_iter<I: IntoIterator<Item = char>>(letters: I) -> Self {
        let mut alphabet = BTreeSet::new();
        letters.into_iter().for_each(|letter| {
            alphabet.insert(letter);
        });
        Self(alphabet)
    }
}

fn file(path: &Path) -> Fallible<String> {
    let bytes = fs::read(path)
        .map_err(|error| format!("cannot read {}: {error}; name a text with --text", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        format!("{} is not UTF-8 (byte {place} is none); convert it, as with iconv -t UTF-8", path.display())
            .into()
    })
}

/// The sources and documents, in the order of their paths.
fn workspace() -> Fallible<String> {
    // `cargo run` says where this crate is; without cargo it is the folder one is in.
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(|here| Path::new(&here).join(".."));
    let root = root.unwrap_or_else(|| ".".into());
    let mut paths = Vec::new();
    collect(&root, &mut paths)?;
    paths.sort();
    if paths.is_empty() {
        return Err("there are no .rs and .md files here: name a text with --text PATH".into());
    }
    paths.iter().map(|path| file(path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<std::path::PathBuf>) -> Fallible<()> {
    let failed = |error| format!("cannot list {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "out" {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "md") {
            paths.push(path);
        }
    }
    Ok(())
}
