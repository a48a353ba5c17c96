//! [`Identity`]: what a training is told from others by.

use refrain_nn::Module;
use refrain_train::{Checkpoint, Error};
use serde_json::{Map, Value};

use crate::program::Fallible;

/// What must not change when a training resumes from its checkpoint.
///
/// ```
/// use refrain_examples::identity::Identity;
/// # use refrain_autograd::Parameter;
/// # use refrain_tensor::Tensor;
/// let model = Parameter::new(Tensor::from([0f32]));
/// let run = |hidden: u64| Identity {
///     kind: "example training".to_owned(),
///     about: vec![("text", "46 characters".to_owned())],
///     settings: [("hidden".to_owned(), hidden.into())].into_iter().collect(),
/// };
/// let checkpoint = run(48).checkpoint(&model);
/// run(48).check(&checkpoint).unwrap();
/// let message = run(32).check(&checkpoint).unwrap_err().to_string();
/// assert!(message.starts_with("the checkpoint is of another run, with --hidden 48, and this one has 32"));
/// ```
#[derive(Clone, Debug)]
pub struct Identity {
    /// The program, and the model with all that decides what it computes beside its parameters.
    pub kind: String,
    /// What the data are, and what a reader of the model must know, under names of their own.
    pub about: Vec<(&'static str, String)>,
    /// The options that decide the rest, under their names.
    pub settings: Settings,
}

/// Options and their values.
pub type Settings = Map<String, Value>;

/// Where a checkpoint keeps the settings.
const SETTINGS: &str = "settings";

impl Identity {
    /// A checkpoint of a model that says all of this.
    pub fn checkpoint(&self, model: &impl Module<f32>) -> Checkpoint<f32> {
        let mut checkpoint = Checkpoint::new(&self.kind, model);
        self.about.iter().for_each(|(name, value)| checkpoint.set_entry(name, value));
        checkpoint.set_entry(SETTINGS, Value::Object(self.settings.clone()));
        checkpoint
    }

    /// That a checkpoint says the same.
    ///
    /// # Errors
    /// A sentence about the first that differs, or is missing.
    pub fn check(&self, checkpoint: &Checkpoint<f32>) -> Fallible<()> {
        let found = checkpoint.kind();
        if found != self.kind {
            let (found, expected) = (found.to_owned(), self.kind.clone());
            return Err(Error::OtherModel { found, expected }.into());
        }
        for (name, expected) in &self.about {
            same(name, &checkpoint.entry::<String>(name)?, expected)?;
        }
        let found: Value = checkpoint.entry(SETTINGS)?;
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (name, expected) in &self.settings {
            same(&format!("--{name}"), &shown(&found[name]), &shown(expected))?;
        }
        Ok(())
    }
}

fn same(name: &str, found: &str, expected: &str) -> Fallible<()> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "the checkpoint is of another run, with {name} {found}, and this one has {expected}; give the options it was made with, or begin anew with --overwrite"
    )
    .into())
}
