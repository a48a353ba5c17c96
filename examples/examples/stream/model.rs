//! The models that answer lines: one that somebody names, or a small one that is made for this.

use std::path::{Path, PathBuf};

use refrain_data::Vocabulary;
use refrain_examples::{
    answers::{Answers, Format},
    char_model::{CharModel, LineReader},
    classifier::{self, WordClassifier, WordReader},
    forecaster::{self, Choice, Forecaster, Options, Problem, RowReader, SEATTLE, Series, learn},
    interrupt, model_file,
    program::{Fallible, OutputFolder},
};
use refrain_train::Checkpoint;

/// A model that answers lines.
pub(crate) enum Model {
    Forecaster(Forecaster),
    Characters(CharModel, Vocabulary),
    Words(WordClassifier),
}

const NAME_ONE: &str =
    "name a model that `forecast` or `names` has saved, or a checkpoint of `char_lm`, with --model";

/// Words by the rules of `names`, one of each kind, and one that no model knows.
const SOME_WORDS: &str = "lomipave\nstenkkrart\nharudosan\nkehideris\ndokisahen\nrodanehur\n1999\n";

impl Model {
    /// The model in a file, of whichever kind.
    pub(crate) fn load(path: &Path) -> Fallible<Self> {
        model_file::load(path, NAME_ONE, Self::of)
    }

    fn of(checkpoint: &Checkpoint<f32>) -> Fallible<Self> {
        match checkpoint.kind() {
            forecaster::KIND => Forecaster::from_checkpoint(checkpoint).map(Self::Forecaster),
            classifier::KIND => WordClassifier::from_checkpoint(checkpoint).map(Self::Words),
            kind if kind.starts_with("char_lm ") => CharModel::from_checkpoint(checkpoint)
                .map(|(model, vocabulary)| Self::Characters(model, vocabulary)),
            kind => Err(format!("this is a checkpoint of {kind:?}, which answers no lines").into()),
        }
    }

    /// The model in the folder, or a small one that is trained now and saved there; none where Ctrl-C came
    /// while it was trained.
    pub(crate) fn in_folder(folder: &Path) -> Fallible<Option<Self>> {
        let path = default_place(folder);
        if path.exists() {
            return Ok(Some(Self::Forecaster(Forecaster::load(&path)?)));
        }
        OutputFolder::open(folder)?;
        eprintln!("stream: there is no {}; a small model is trained and saved there", path.display());
        let choice = Choice { target: Some("temp"), others: None, time: None };
        let series = Series::read("seattle-temps.csv", SEATTLE.as_bytes(), &choice)?;
        let (forecaster, _) = learn(&Problem::new(&series, 72, 24, 24, "°F")?, &Options::default(), None)?;
        if interrupt::requested() {
            return Ok(None);
        }
        forecaster.save(&path)?;
        Ok(Some(Self::Forecaster(forecaster)))
    }

    /// The model, ready for its first line.
    pub(crate) fn answers(&self, format: Format) -> Fallible<Answers<'_>> {
        Ok(match self {
            Self::Forecaster(forecaster) => Answers::new(RowReader::new(forecaster)?, format),
            Self::Characters(model, vocabulary) => Answers::new(LineReader::new(model, vocabulary)?, format),
            Self::Words(classifier) => Answers::new(WordReader::new(classifier), format),
        })
    }

    /// Lines to show what it does.
    pub(crate) fn demo(&self) -> String {
        match self {
            Self::Forecaster(_) => seattle(),
            Self::Characters(..) => include_str!("main.rs").to_owned(),
            Self::Words(_) => SOME_WORDS.to_owned(),
        }
    }
}

/// Where the model is that nobody names.
pub(crate) fn default_place(folder: &Path) -> PathBuf {
    folder.join("forecast.safetensors")
}

/// The header and the last 60 days of the temperatures.
fn seattle() -> String {
    let lines: Vec<&str> = SEATTLE.lines().collect();
    let days = &lines[lines.len() - 60 * 24..];
    [&lines[..1], days].concat().join("\n")
}
