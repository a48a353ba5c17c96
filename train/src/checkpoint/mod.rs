//! [`Checkpoint`]: all that a training needs to go on as if it had never stopped.

mod file;
mod format;

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use refrain_nn::{Module, Real, StateDict};
use refrain_optim::{Optimizer, OptimizerState};
use refrain_tensor::Tensor;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// All that a training needs to go on as if it had never stopped, in one safetensors file: the
/// model, the state of the optimizer, the random generators, where the training stands, and
/// whatever else the caller puts in. A learning-rate [schedule](refrain_optim::Schedule) is a
/// function of the step and needs nothing more.
///
/// Every number comes back with its bits, so a training that resumes gives what it would have given
/// without the break. [`Checkpoint::save`] writes so that the file is whole whenever the process is
/// killed, and [`Checkpoint::load`] holds it to its checksum, which finds every flipped bit.
///
/// ```
/// use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_nn::GRU;
/// use refrain_optim::Adam;
/// use refrain_train::{Checkpoint, Progress};
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// let gru = GRU::<f32>::new(4, 8, &mut rng)?;
/// let adam = Adam::new(0.002);
/// let mut checkpoint = Checkpoint::new("GRU(4, 8)", &gru);
/// checkpoint.progress = Progress { step: 500, epoch: 2, position: 36 };
/// checkpoint.set_optimizer(&adam, &gru)?;
/// checkpoint.set_rng("shuffle", &rng)?;
/// checkpoint.set_entry("loss so far", 1.25);
/// let path = std::env::temp_dir().join(format!("refrain-doc-check-{}.safetensors", std::process::id()));
/// checkpoint.save(&path)?;
///
/// // Another process builds the same things and fills them.
/// let mut other = GRU::<f32>::new(4, 8, &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// let mut optimizer = Adam::new(0.002);
/// let checkpoint = Checkpoint::load(&path)?;
/// checkpoint.load_model("GRU(4, 8)", &mut other)?;
/// checkpoint.load_optimizer(&mut optimizer, &other)?;
/// let mut generator: Xoshiro256PlusPlus = checkpoint.rng("shuffle")?;
/// assert_eq!(generator.random::<u64>(), rng.random::<u64>());
/// assert_eq!((checkpoint.progress.step, checkpoint.entry::<f64>("loss so far")?), (500, 1.25));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **In the middle of an epoch** the order of the batches must come back as well. It is drawn where
/// the epoch begins, so keep the generator as it was there, and the number of the next batch; a resumed
/// epoch draws the same order and leaves out the batches that were seen. What draws in between, such as
/// dropout, takes a generator of its own, kept as it is now.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use refrain_autograd::Parameter;
/// use refrain_data::Loader;
/// use refrain_tensor::Tensor;
/// use refrain_train::{Checkpoint, Error};
/// # let model = Parameter::new(Tensor::from([0.0f32]));
/// let items: Vec<u32> = (0..12).collect();
/// let mut order = Xoshiro256PlusPlus::seed_from_u64(7);
/// let at_start = order.clone();
/// let batches: Vec<_> = Loader::new(&items, 4)?.shuffled(&mut order)?.batches().collect::<Result<_, _>>()?;
///
/// let mut checkpoint = Checkpoint::new("model", &model); // after the first batch
/// checkpoint.progress.position = 1;
/// checkpoint.set_rng("order at the start of the epoch", &at_start)?;
///
/// let mut order: Xoshiro256PlusPlus = checkpoint.rng("order at the start of the epoch")?;
/// let loader = Loader::new(&items, 4)?.shuffled(&mut order)?;
/// let mut left = loader.batches().skip(checkpoint.progress.position as usize);
/// assert_eq!(left.next().expect("the second of three")?, batches[1]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<T: Real> {
    /// Where the training stands.
    pub progress: Progress,
    model: String,
    optimizer: Option<OptimizerState<T>>,
    tensors: BTreeMap<String, BTreeMap<String, Tensor<T>>>,
    generators: BTreeMap<String, String>,
    entries: BTreeMap<String, String>,
}

/// Where a training stands, in numbers that count from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many steps the optimizer has made.
    pub step: u64,
    /// How many times all the data have been seen.
    pub epoch: u64,
    /// The next batch or chunk of this epoch.
    pub position: u64,
}

/// The group of the model's own tensors.
const MODEL: &str = "model";
/// The group of what the optimizer remembers.
const OPTIMIZER: &str = "optimizer";

impl<T: Real> Checkpoint<T> {
    /// A checkpoint of a model. `kind` says what model it is, with all that decides what it computes
    /// beside its parameters: only a model of the same kind will take them.
    pub fn new(kind: impl Into<String>, model: &impl Module<T>) -> Self {
        Self {
            progress: Progress::default(),
            model: kind.into(),
            optimizer: None,
            tensors: BTreeMap::from([(MODEL.to_owned(), by_name(&StateDict::of(model)))]),
            generators: BTreeMap::new(),
            entries: BTreeMap::new(),
        }
    }

    /// What model it is.
    pub fn kind(&self) -> &str {
        &self.model
    }

    /// Keeps what the optimizer remembers of a model's parameters.
    ///
    /// # Errors
    /// [`Error::Optimizer`].
    pub fn set_optimizer(&mut self, optimizer: &impl Optimizer<T>, model: &impl Module<T>) -> Result<()> {
        self.optimizer = Some(optimizer.state(model.named_parameters())?);
        Ok(())
    }

    /// Keeps the state of a random generator under a name, replacing the one before. The generators of
    /// `rand` can be written with its feature `serde`.
    ///
    /// # Errors
    /// [`Error::Generator`].
    pub fn set_rng(&mut self, name: &str, rng: &impl Serialize) -> Result<()> {
        let state = serde_json::to_string(rng);
        let state = state.map_err(|cause| Error::Generator { name: name.to_owned(), cause })?;
        self.generators.insert(name.to_owned(), state);
        Ok(())
    }

    /// Keeps tensors under the name of a group, replacing those before: the state of a recurrent
    /// layer at the end of a chunk, the best weights so far, an average of weights.
    ///
    /// In the file a tensor is called `GROUP/NAME`, and the groups `model` and `optimizer` are the
    /// checkpoint's own.
    ///
    /// # Errors
    /// [`Error::GroupName`] for a name that is empty, has a `/` in it, or is one of those two. The
    /// checkpoint is then as it was.
    ///
    /// ```
    /// # use refrain_autograd::Parameter;
    /// use refrain_nn::StateDict;
    /// # use refrain_tensor::Tensor;
    /// # use refrain_train::Checkpoint;
    /// # let model = Parameter::new(Tensor::from([1.0, 2.0]));
    /// let mut checkpoint = Checkpoint::new("two numbers", &model);
    /// checkpoint.set_tensors("average", &StateDict::of(&model))?;
    /// assert_eq!(checkpoint.tensors("average")?, StateDict::of(&model));
    /// assert!(checkpoint.set_tensors("model", &StateDict::of(&model)).is_err());
    /// # Ok::<(), refrain_train::Error>(())
    /// ```
    pub fn set_tensors(&mut self, group: &str, tensors: &StateDict<T>) -> Result<()> {
        if group.is_empty() || group.contains('/') || [MODEL, OPTIMIZER].contains(&group) {
            return Err(Error::GroupName { name: group.to_owned() });
        }
        self.tensors.insert(group.to_owned(), by_name(tensors));
        Ok(())
    }

    /// Keeps a value as text under a name, replacing the one before. Numbers come back with their bits.
    pub fn set_entry(&mut self, name: &str, value: impl Display) {
        self.entries.insert(name.to_owned(), value.to_string());
    }

    /// Sets the parameters of a model of the same kind.
    ///
    /// # Errors
    /// [`Error::OtherModel`] where the kind is another one; [`Error::Model`] where the parameters do
    /// not fit. The model is then as it was.
    pub fn load_model(&self, kind: &str, model: &mut impl Module<T>) -> Result<()> {
        if self.model != kind {
            return Err(Error::OtherModel { found: self.model.clone(), expected: kind.to_owned() });
        }
        Ok(self.tensors(MODEL)?.load_into(model)?)
    }

    /// Sets what an optimizer remembers of a model's parameters, and its learning rate.
    ///
    /// # Errors
    /// [`Error::Missing`] where the checkpoint has no optimizer; [`Error::Optimizer`] where its state
    /// does not fit.
    pub fn load_optimizer(&self, optimizer: &mut impl Optimizer<T>, model: &impl Module<T>) -> Result<()> {
        let missing = || Error::Missing { what: "state of", name: "optimizer".to_owned() };
        let state = self.optimizer.as_ref().ok_or_else(missing)?;
        Ok(optimizer.load_state(model.named_parameters(), state)?)
    }

    /// The random generator under a name, in the state in which it was kept.
    ///
    /// # Errors
    /// [`Error::Missing`], or [`Error::Entry`] where it is another kind of generator.
    pub fn rng<R: DeserializeOwned>(&self, name: &str) -> Result<R> {
        let (what, expected) = ("random generator", "the state of a generator of this type");
        let text = find(&self.generators, what, name)?;
        serde_json::from_str(text).map_err(|_| entry(what, name, text, expected))
    }

    /// The tensors of a group, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Missing`]. A group without tensors is not kept in a file.
    pub fn tensors(&self, group: &str) -> Result<StateDict<T>> {
        let tensors = find(&self.tensors, "group of tensors", group)?.iter();
        Ok(StateDict::new(tensors.map(|(name, value)| (name.clone(), value.clone())).collect())?)
    }

    /// The value under a name.
    ///
    /// # Errors
    /// [`Error::Missing`], or [`Error::Entry`] where it is no `V`.
    pub fn entry<V: FromStr>(&self, name: &str) -> Result<V> {
        let text = find(&self.entries, "entry", name)?;
        text.parse().map_err(|_| entry("entry", name, text, std::any::type_name::<V>()))
    }
}

fn by_name<T: Real>(tensors: &StateDict<T>) -> BTreeMap<String, Tensor<T>> {
    tensors.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn find<'m, V>(map: &'m BTreeMap<String, V>, what: &'static str, name: &str) -> Result<&'m V> {
    map.get(name).ok_or_else(|| Error::Missing { what, name: name.to_owned() })
}

fn entry(what: &'static str, name: &str, text: &str, expected: &'static str) -> Error {
    Error::Entry { what, name: name.to_owned(), text: text.to_owned(), expected }
}
