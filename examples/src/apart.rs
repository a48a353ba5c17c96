//! That no file which a program writes takes the place of another one of its files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::program::Fallible;

/// A file, and the option that names it.
pub type Named<'a> = (&'a Path, &'static str);

/// Those of the files that somebody has named.
pub fn given<'a>(files: &[(&'a Option<PathBuf>, &'static str)]) -> Vec<Named<'a>> {
    files.iter().filter_map(|&(path, option)| Some((path.as_deref()?, option))).collect()
}

/// That what a program will write is none of the files that it reads, and no two outputs are one file,
/// however their paths are spelled.
///
/// # Errors
/// A sentence that names both options and the file.
pub fn keep_apart(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Fallible<()> {
    for (k, (output, option)) in outputs.iter().enumerate() {
        for (other, named) in inputs.iter().chain(&outputs[..k]) {
            if is_same_file(output, other) {
                let path = other.display();
                return Err(
                    format!("{option} would overwrite {path}, the file of {named}; name another").into()
                );
            }
        }
    }
    Ok(())
}

/// Whether two paths are, or would be, one file.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    place(one) == place(other)
}

/// Where a file is, or would be.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(new).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_however_it_is_spelled() {
        let folder = std::env::temp_dir().join(format!("refrain-apart-{}", std::process::id()));
        fs::create_dir_all(folder.join("deep")).unwrap();
        let text = folder.join("text.txt");
        fs::write(&text, "text").unwrap();
        let input = (text.as_path(), "--text");
        let (around, new, new_around) =
            (folder.join("deep/../text.txt"), folder.join("new"), folder.join("deep/../new"));
        let message = keep_apart(&[input], &[(&around, "--plot")]).unwrap_err().to_string();
        assert!(message.starts_with("--plot would overwrite ") && message.contains("the file of --text"));
        keep_apart(&[input], &[(&new, "--plot")]).unwrap();
        let message = keep_apart(&[input], &[(&new, "--export"), (&new_around, "--plot")]).unwrap_err();
        assert!(message.to_string().ends_with("the file of --export; name another"), "{message}");
        fs::remove_dir_all(folder).unwrap();
    }
}
