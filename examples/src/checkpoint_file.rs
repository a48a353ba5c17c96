//! [`CheckpointFile`]: where the checkpoint of a training goes, and how the training goes on from it.

use std::path::{Path, PathBuf};

use clap::Args;
use refrain_train::{Checkpoint, Error};

use crate::{
    apart::{Named, is_same_file, keep_apart},
    program::{self, Fallible, OutputFolder},
};

/// What every training with checkpoints can be asked.
#[derive(Args, Clone, Debug, Default)]
pub struct CheckpointOptions {
    /// Where the checkpoint of the training goes; it appears whole or not at all
    #[arg(long, value_name = "PATH")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, or from the one at PATH, with the bits that an uninterrupted run would
    /// have
    #[arg(long, value_name = "PATH", num_args = 0..=1, conflicts_with = "overwrite")]
    pub resume: Option<Option<PathBuf>>,
    /// Begin anew although there is a checkpoint
    #[arg(long)]
    pub overwrite: bool,
}

/// Where a checkpoint says that its training has come to its end.
const FINISHED: &str = "finished";

/// The checkpoint of a training in its file.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    program: &'static str,
    path: PathBuf,
    /// The checkpoint to go on from.
    source: Option<PathBuf>,
    overwrite: bool,
    /// The arguments of the program, for the line that goes on.
    words: Vec<String>,
    /// Whether the file holds a state of this training.
    is_ours: bool,
}

impl CheckpointFile {
    /// The file that the options name, or `default`. `words` are the arguments of the program. Nothing is
    /// read or written yet.
    pub fn new(
        program: &'static str,
        options: &CheckpointOptions,
        default: &Path,
        words: Vec<String>,
    ) -> Self {
        let path = options.checkpoint.clone().unwrap_or_else(|| default.to_owned());
        let source = options.resume.clone().map(|source| source.unwrap_or_else(|| path.clone()));
        Self { program, source, path, overwrite: options.overwrite, words, is_ours: false }
    }

    /// [`CheckpointFile::new`] with the arguments of this process. A program that is asked for nothing begins
    /// anew whatever checkpoint of its own there is.
    pub fn of_this_run(program: &'static str, options: &CheckpointOptions, default: &Path) -> Self {
        let words = program::arguments();
        let overwrite = options.overwrite || words.is_empty();
        Self { overwrite, ..Self::new(program, options, default, words) }
    }

    /// Where the checkpoint goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a state to go on from.
    pub fn resumes(&self) -> bool {
        self.source.is_some()
    }

    /// That the program may write its checkpoint and its other files: each folder is there or can be made,
    /// no file takes the place of another one or of what is read, and no checkpoint is lost but one that
    /// the user gives up, or one of a training that has come to its end.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn check_places(&self, inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Fallible<()> {
        let of_checkpoint = [(self.path.as_path(), "--checkpoint")];
        for (path, option) in of_checkpoint.iter().chain(outputs) {
            OutputFolder::of_file(path, option)?;
        }
        let elsewhere = self.source.as_deref().filter(|source| !is_same_file(source, &self.path));
        let inputs: Vec<Named<'_>> =
            inputs.iter().copied().chain(elsewhere.map(|path| (path, "--resume"))).collect();
        let outputs: Vec<Named<'_>> = of_checkpoint.iter().chain(outputs).copied().collect();
        keep_apart(&inputs, &outputs)?;
        let resumes_here = self.source.is_some() && elsewhere.is_none();
        if resumes_here || !self.path.exists() {
            return Ok(());
        }
        let (place, program) = (self.path.display(), self.program);
        let Some(there) = Checkpoint::<f32>::load(&self.path).ok().filter(|there| is_of(there, program))
        else {
            return Err(format!(
                "{place} is there and is no checkpoint of {program} that is whole: remove it, or name another place with --checkpoint"
            )
            .into());
        };
        if self.overwrite || there.entry(FINISHED).unwrap_or(false) {
            return Ok(());
        }
        if self.source.is_some() {
            return Err(format!("{place} is there already: go on from it with --resume alone, or name another place with --checkpoint").into());
        }
        Err(format!("{place} is there already: go on from it with --resume, or begin anew with --overwrite")
            .into())
    }

    /// The checkpoint to go on from, where the user wants to go on.
    ///
    /// # Errors
    /// A sentence for a file that is not there, is damaged, or holds something else.
    pub fn load(&self) -> Fallible<Option<Checkpoint<f32>>> {
        let Some(source) = &self.source else { return Ok(None) };
        Checkpoint::load(source)
            .map(Some)
            .map_err(|error| cannot_resume(format!("{error}{}", instead(&error)).into()))
    }

    /// Writes the first checkpoint, so that what cannot be saved after a night of work is known at once.
    ///
    /// # Errors
    /// As for [`CheckpointFile::save`].
    pub fn begin(&mut self, checkpoint: &Checkpoint<f32>) -> Fallible<()> {
        self.is_ours = self.source.as_deref().is_some_and(|source| is_same_file(source, &self.path));
        self.save(checkpoint)?;
        self.is_ours = true;
        Ok(())
    }

    /// Writes a checkpoint in the place of the one before.
    ///
    /// # Errors
    /// A sentence that says how to go on; the file is as it was.
    pub fn save(&self, checkpoint: &Checkpoint<f32>) -> Fallible<()> {
        checkpoint.save(&self.path).map_err(|error| {
            let room = match program::advice(&error) {
                Some(_) => "make room there",
                None => "make it a place that you may write to",
            };
            if !self.is_ours {
                return format!("{error}; {room}, or name another place with --checkpoint").into();
            }
            let (here, elsewhere) = (self.go_on(&[]), self.go_on_elsewhere());
            format!(
                "{error}; the checkpoint before it is whole: {room}, and go on with: {here}. To go on in another place: {elsewhere}"
            )
            .into()
        })
    }

    /// The error of a program that cannot write what came of the training: that is not lost.
    pub fn is_whole(&self, error: impl std::fmt::Display) -> Box<dyn std::error::Error + Send + Sync> {
        let path = self.path.display();
        format!("{error}; the training is not lost: --resume {path} goes on from its end").into()
    }

    /// The line that goes on with this training from its checkpoint, with other values of some options.
    pub fn go_on(&self, changes: &[(&str, String)]) -> String {
        let mut without = vec!["--resume"];
        without.extend(changes.iter().map(|(option, _)| *option));
        let mut more = vec!["--resume".to_owned()];
        more.extend(changes.iter().flat_map(|(option, value)| [(*option).to_owned(), value.clone()]));
        self.line(&without, more)
    }

    fn go_on_elsewhere(&self) -> String {
        let here = self.path.display().to_string();
        let more = ["--resume".to_owned(), here, "--checkpoint".to_owned(), "NEW".to_owned()];
        self.line(&["--resume", "--checkpoint"], more.to_vec())
    }

    /// The line of this run without some options and their values, and with more words at the end of its
    /// options.
    fn line(&self, without: &[&str], more: Vec<String>) -> String {
        let end = self.words.iter().position(|word| word == "--").unwrap_or(self.words.len());
        let (options, rest) = self.words.split_at(end);
        let mut kept: Vec<String> = Vec::new();
        let mut skipped: Option<&str> = None;
        for word in options {
            let is_value = match skipped.take() {
                // Its value may be left out.
                Some("--resume") => self.source.as_deref() == Some(Path::new(word)),
                Some(_) => true,
                None => false,
            };
            let name = word.split('=').next().unwrap_or_default();
            if is_value || name == "--overwrite" {
                continue;
            }
            match without.iter().find(|option| **option == name) {
                Some(option) => skipped = (name == word).then_some(*option),
                None => kept.push(word.clone()),
            }
        }
        kept.extend(more);
        kept.extend_from_slice(rest);
        program::command_line(self.program, &kept)
    }
}

/// Whether a checkpoint is of a training of a program: its kind begins with the program's name.
fn is_of(checkpoint: &Checkpoint<f32>, program: &str) -> bool {
    checkpoint.kind().strip_prefix(program).is_some_and(|rest| rest.starts_with(' '))
}

/// What to do in place of going on from a checkpoint that cannot be read.
fn instead(error: &Error) -> &'static str {
    let is_damaged =
        |cause: &Error| matches!(cause, Error::Checksum { .. } | Error::Weights(_) | Error::Missing { .. });
    match error {
        Error::Read { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound => {
            "; without --resume the training begins anew"
        }
        Error::Contents { cause, .. } if is_damaged(cause) => {
            "; no older checkpoint is kept: go on from a copy with --resume COPY, or remove the file and begin anew without --resume"
        }
        _ => "",
    }
}

/// The sentence for a training that cannot go on from a checkpoint.
pub fn cannot_resume(
    error: Box<dyn std::error::Error + Send + Sync>,
) -> Box<dyn std::error::Error + Send + Sync> {
    format!("cannot resume: {error}; nothing is changed").into()
}

/// Says in a checkpoint that its training has come to its end: another one may take its place.
pub fn set_finished(checkpoint: &mut Checkpoint<f32>, finished: bool) {
    checkpoint.set_entry(FINISHED, finished);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::fs;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        place: CheckpointOptions,
        words: Vec<String>,
    }

    fn file(line: &str, folder: &Path) -> CheckpointFile {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Arguments { place, words: _ } =
            Arguments::parse_from(["test"].into_iter().chain(words.iter().map(String::as_str)));
        CheckpointFile::new("test", &place, &folder.join("run"), words)
    }

    #[test]
    fn the_line_that_goes_on_is_the_line_of_this_run() {
        for (line, changes, expected) in [
            ("", None, " --resume"),
            ("--overwrite a", None, " a --resume"),
            ("a --resume", None, " a --resume"),
            ("--resume b --checkpoint c a", None, " --checkpoint c a --resume"),
            ("--resume=b a", None, " a --resume"),
            ("--checkpoint c -- --resume", None, " --checkpoint c --resume -- --resume"),
            ("--overwrite a", Some("2e-4"), " a --resume --lr 2e-4"),
        ] {
            let changes: Vec<_> = changes.map(|rate| ("--lr", rate.to_owned())).into_iter().collect();
            let found = file(line, Path::new("out")).go_on(&changes);
            assert!(found.ends_with(expected), "{line}: {found}");
        }
        let elsewhere = file("--resume --checkpoint c a", Path::new("out")).go_on_elsewhere();
        assert!(elsewhere.ends_with(" a --resume c --checkpoint NEW"), "{elsewhere}");
    }

    #[test]
    fn no_checkpoint_is_lost_but_one_that_is_given_up() {
        let folder = std::env::temp_dir().join(format!("refrain-checkpoint-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let run = folder.join("run");
        let check = |line: &str, others: &[Named<'_>]| {
            file(line, &folder).check_places(&[], others).err().map(|error| error.to_string())
        };
        let model = refrain_autograd::Parameter::new(refrain_tensor::Tensor::from([0f32]));
        let mut ours = Checkpoint::new("test training", &model);
        assert_eq!(check("", &[]), None);
        ours.save(&run).unwrap();
        let other = format!("--resume {} --checkpoint {}", folder.join("old").display(), run.display());
        let plot = [(run.as_path(), "--plot")];
        let old = folder.join("old");
        let old = [(old.as_path(), "--plot")];
        for (line, others, expected) in [
            ("", &[][..], Some("go on from it with --resume, or begin anew with --overwrite")),
            ("--overwrite", &[], None),
            ("--resume", &[], None),
            (&other, &[], Some("is there already: go on from it with --resume alone, or name another")),
            ("--resume", &plot, Some("the file of --checkpoint; name another")),
            (&other, &old, Some("the file of --resume; name another")),
        ] {
            let found = check(line, others);
            assert_eq!(found.is_some(), expected.is_some(), "{line}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{line}");
        }
        set_finished(&mut ours, true);
        ours.save(&run).unwrap();
        assert_eq!((check("", &[]), check(&other, &[])), (None, None));
        Checkpoint::new("testing", &model).save(&run).unwrap();
        for line in ["", "--overwrite", &other] {
            let found = check(line, &[]).unwrap();
            assert!(found.contains("is there and is no checkpoint of test that is whole"), "{line}: {found}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
