//! [`TrainingFiles`]: where a program that trains a model on a table leaves its files.

use std::path::{Path, PathBuf};

use crate::{
    checkpoint_file::{CheckpointFile, CheckpointOptions},
    program::{Fallible, OutputFolder},
};

/// The files of a program that trains a model, in the folder of `--out`.
#[derive(Clone, Debug)]
pub struct TrainingFiles {
    /// The trained model: `PROGRAM.safetensors`.
    pub model: PathBuf,
    /// What it does, as a figure: `PROGRAM.svg`.
    pub figure: PathBuf,
    /// How the training went, as a figure: `PROGRAM_training.svg`.
    pub curve: PathBuf,
    /// The checkpoint of the training: `PROGRAM_training.safetensors`, or where the options say.
    pub checkpoint: CheckpointFile,
}

impl TrainingFiles {
    /// The files of `program` in `folder`, which is made where there is none. None of them takes the place
    /// of another one or of the table `csv`, as [`CheckpointFile::check_places`] says.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn open(
        program: &'static str,
        folder: &Path,
        csv: Option<&Path>,
        options: &CheckpointOptions,
    ) -> Fallible<Self> {
        let folder = OutputFolder::open(folder)?;
        let file = |ending: &str| folder.file(&format!("{program}{ending}"));
        let [model, figure, curve] = [".safetensors", ".svg", "_training.svg"].map(file);
        let checkpoint = CheckpointFile::of_this_run(program, options, &file("_training.safetensors"));
        let inputs = csv.map(|path| (path, "--csv"));
        let outputs = [&model, &figure, &curve].map(|path| (path.as_path(), "--out"));
        checkpoint.check_places(inputs.as_slice(), &outputs)?;
        Ok(Self { model, figure, curve, checkpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_files_are_named_after_the_program_and_kept_apart() {
        let folder = std::env::temp_dir().join(format!("refrain-training-files-{}", std::process::id()));
        let open = |csv: Option<&Path>, options: &CheckpointOptions| {
            TrainingFiles::open("parade", &folder, csv, options)
        };
        let options = CheckpointOptions::default();
        let files = open(None, &options).unwrap();
        assert_eq!(files.model, folder.join("parade.safetensors"));
        assert_eq!(files.figure, folder.join("parade.svg"));
        assert_eq!(files.curve, folder.join("parade_training.svg"));
        assert_eq!(files.checkpoint.path(), folder.join("parade_training.safetensors"));
        let message = open(Some(&files.figure), &options).unwrap_err().to_string();
        assert!(message.ends_with("parade.svg, the file of --csv; name another"), "{message}");
        let options = CheckpointOptions { checkpoint: Some(files.model), ..options };
        let message = open(None, &options).unwrap_err().to_string();
        assert!(message.starts_with("--out would overwrite "), "{message}");
        assert!(message.ends_with("the file of --checkpoint; name another"), "{message}");
        fs::remove_dir_all(folder).unwrap();
    }
}
