//! Checkpoints: a training goes on with the same bits, and what is not whole is refused.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{GRU, Module, StateDict};
use refrain_optim::{Adam, Optimizer, RMSprop, SGD, Schedule, StepLR};
use refrain_tensor::Tensor;
use refrain_train::{Checkpoint, Error, Progress};

const KIND: &str = "GRU(3, 5)";

fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn gru(seed: u64) -> GRU<f32> {
    GRU::new(3, 5, &mut rng(seed)).unwrap()
}

/// A training whose every step depends on all that a checkpoint holds.
struct Training {
    model: GRU<f32>,
    adam: Adam<f32>,
    rng: Xoshiro256PlusPlus,
    carried: Option<Tensor<f32>>,
    step: usize,
}

impl Training {
    fn new(seed: u64) -> Self {
        let adam = Adam::new(0.05).amsgrad(true);
        Self { model: gru(seed), adam, rng: rng(seed), carried: None, step: 0 }
    }

    fn steps(mut self, count: usize) -> Self {
        let schedule = StepLR::new(0.05, 3).unwrap().gamma(0.7).unwrap();
        for _ in 0..count {
            let tape = Tape::new();
            let x = tape.constant(Tensor::normal([4, 2, 3], 0.0, 1.0, &mut self.rng).unwrap());
            let h = self.carried.take().map(|h| tape.constant(h));
            let (out, last) = self.model.forward(&x, h.as_ref()).unwrap();
            let gradients = out.square().mean(..).unwrap().backward().unwrap();
            self.adam.set_learning_rate(schedule.learning_rate(self.step));
            self.adam.step(self.model.parameters_mut(), &gradients).unwrap();
            self.carried = Some(last.value().clone());
            self.step += 1;
        }
        self
    }

    fn checkpoint(&self) -> Checkpoint<f32> {
        let mut checkpoint = Checkpoint::new(KIND, &self.model);
        checkpoint.progress = Progress { step: self.step as u64, epoch: 1, position: u64::MAX };
        checkpoint.set_optimizer(&self.adam, &self.model).unwrap();
        checkpoint.set_rng("noise", &self.rng).unwrap();
        if let Some(h) = &self.carried {
            checkpoint
                .set_tensors("carried", &StateDict::new(vec![("h".to_owned(), h.clone())]).unwrap())
                .unwrap();
        }
        checkpoint.set_entry("says \"checksum\":\"", "a name with a \"checksum\":\"0\" in it");
        checkpoint
    }

    fn resumed(checkpoint: &Checkpoint<f32>) -> Self {
        let mut training = Self::new(99);
        checkpoint.load_model(KIND, &mut training.model).unwrap();
        checkpoint.load_optimizer(&mut training.adam, &training.model).unwrap();
        training.rng = checkpoint.rng("noise").unwrap();
        training.carried = checkpoint.tensors("carried").ok().map(|group| group.get("h").unwrap().clone());
        training.step = checkpoint.progress.step as usize;
        training
    }
}

/// The same file with another version, and the checksum as it was: who writes other versions may take
/// another one.
fn of_version(bytes: &[u8], version: char) -> Vec<u8> {
    let text = b"\"version\":\"1\"";
    let place = bytes.windows(text.len()).position(|window| window == text).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[place + text.len() - 2] = version as u8;
    bytes
}

#[test]
fn a_training_goes_on_with_the_same_bits() {
    for before in [0, 1, 4] {
        let whole = Training::new(7).steps(before + 5);
        let first = Training::new(7).steps(before);
        let bytes = first.checkpoint().to_bytes().unwrap();
        assert_eq!(bytes, first.checkpoint().to_bytes().unwrap(), "the same checkpoint, the same bytes");
        let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(bytes, checkpoint.to_bytes().unwrap());
        let resumed = Training::resumed(&checkpoint).steps(5);
        assert_eq!(resumed.checkpoint(), whole.checkpoint());
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let bytes = Training::new(7).steps(1).checkpoint().to_bytes().unwrap();
    // All bits of the header, and some of the numbers, which the checksum treats alike.
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut rng = rng(1);
    let numbers: Vec<usize> = (0..200).map(|_| rng.random_range(header..bytes.len())).collect();
    for place in (0..header).chain(numbers) {
        for bit in 0..8 {
            let mut spoilt = bytes.clone();
            spoilt[place] ^= 1 << bit;
            assert!(Checkpoint::<f32>::from_bytes(&spoilt).is_err(), "bit {bit} of byte {place}");
        }
    }
    for length in (0..bytes.len()).step_by(7) {
        assert!(Checkpoint::<f32>::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut spoilt = bytes.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let message = Checkpoint::<f32>::from_bytes(&spoilt).unwrap_err().to_string();
    assert!(message.starts_with("the checkpoint is damaged (its checksum is "), "{message}");
}

#[test]
fn what_is_of_another_kind_says_so() {
    let checkpoint = Training::new(7).steps(1).checkpoint();
    let bytes = checkpoint.to_bytes().unwrap();
    assert_eq!(
        Checkpoint::<f64>::from_bytes(&bytes).unwrap_err().to_string(),
        "the checkpoint holds numbers of type f32, expected f64"
    );
    assert_eq!(
        Checkpoint::<f32>::from_bytes(&of_version(&bytes, '2')).unwrap_err().to_string(),
        "the checkpoint has format version 2, this program reads version 1; resume with the program that wrote it"
    );
    let weights = refrain_weights::to_bytes(&StateDict::of(&gru(1))).unwrap();
    let error = Checkpoint::<f32>::from_bytes(&weights).unwrap_err();
    assert!(matches!(error, Error::NotACheckpoint) && error.to_string().contains("refrain_weights::load"));
    let path = std::env::temp_dir().join(format!("refrain-not-weights-{}.safetensors", std::process::id()));
    checkpoint.save(&path).unwrap();
    let message = refrain_weights::load(&path, &mut gru(1)).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(
        message.contains(".safetensors: this is a checkpoint of a training, which holds more")
            && message.contains("Checkpoint::load of refrain-train"),
        "{message}"
    );

    let mut model = gru(1);
    let before = StateDict::of(&model);
    assert_eq!(
        checkpoint.load_model("GRU(3, 6)", &mut model).unwrap_err().to_string(),
        "the checkpoint is of another model: GRU(3, 5); expected GRU(3, 6)"
    );
    let mut larger = GRU::<f32>::new(3, 6, &mut rng(1)).unwrap();
    assert!(matches!(checkpoint.load_model(KIND, &mut larger), Err(Error::Model(_))));
    assert_eq!(
        checkpoint.load_optimizer(&mut RMSprop::new(0.1), &model).unwrap_err().to_string(),
        "load_state: the state is that of adam, expected that of rmsprop"
    );
    assert_eq!(StateDict::of(&model), before);
    let bare = Checkpoint::new(KIND, &model);
    assert_eq!(
        bare.load_optimizer(&mut SGD::new(0.1), &model).unwrap_err().to_string(),
        "the checkpoint has no state of \"optimizer\""
    );
    assert_eq!(
        bare.rng::<Xoshiro256PlusPlus>("noise").unwrap_err().to_string(),
        "the checkpoint has no random generator \"noise\""
    );
    let mut odd = bare.clone();
    odd.set_rng("noise", &"a sentence").unwrap();
    odd.set_entry("loss", "low");
    assert_eq!(
        odd.rng::<Xoshiro256PlusPlus>("noise").unwrap_err().to_string(),
        "the checkpoint's random generator \"noise\" is \"\\\"a sentence\\\"\", expected the state of a generator of this type"
    );
    assert_eq!(
        odd.entry::<f64>("loss").unwrap_err().to_string(),
        "the checkpoint's entry \"loss\" is \"low\", expected f64"
    );
}

#[test]
fn a_group_has_a_name_that_the_file_can_tell_from_others() {
    let mut checkpoint = Training::new(7).steps(1).checkpoint();
    let before = checkpoint.clone();
    let tensors = StateDict::of(&gru(1));
    for name in ["", "/", "a/b", "model", "optimizer", "optimizer/x"] {
        let message = checkpoint.set_tensors(name, &tensors).unwrap_err().to_string();
        assert!(message.starts_with(&format!("set_tensors: {name:?} cannot name a group")), "{message}");
        assert_eq!(checkpoint, before);
    }
    for name in ["models", "steps", "the best of them", "ö"] {
        checkpoint.set_tensors(name, &tensors).unwrap();
    }
    assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap(), checkpoint);
}

#[test]
fn files_keep_the_old_checkpoint_until_the_new_one_is_whole() {
    let folder = std::env::temp_dir().join(format!("refrain-train-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("run.safetensors");
    for steps in [1, 2] {
        let checkpoint = Training::new(7).steps(steps).checkpoint();
        checkpoint.save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint);
    }
    // No file can be written below a file; what is there stays.
    let below = path.join("run.safetensors");
    let message = Training::new(7).checkpoint().save(&below).unwrap_err().to_string();
    assert!(message.starts_with("cannot write "), "{message}");
    assert_eq!(Checkpoint::<f32>::load(&path).unwrap().progress.step, 2);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::write(&path, "no checkpoint at all").unwrap();
    let message = Checkpoint::<f32>::load(&path).unwrap_err().to_string();
    assert!(message.contains("run.safetensors: not a whole safetensors file: "), "{message}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(Checkpoint::<f32>::load(&path).unwrap_err().to_string().starts_with("cannot read "));
}

/// Whoever prints an error and then what it comes from reads nothing twice.
#[test]
fn a_message_is_whole_and_its_sources_do_not_repeat_it() {
    let path = std::env::temp_dir().join(format!("refrain-cut-off-{}.safetensors", std::process::id()));
    std::fs::write(&path, b"{}").unwrap();
    let errors = [
        Checkpoint::<f32>::load(&path).unwrap_err(),
        Checkpoint::<f32>::load(path.with_extension("nothing")).unwrap_err(),
        refrain_weights::load(&path, &mut gru(1)).unwrap_err().into(),
    ];
    std::fs::remove_file(&path).unwrap();
    for error in errors {
        let text = error.to_string();
        assert!(text.contains("refrain-cut-off") && text.matches(": ").count() >= 1, "{text}");
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            assert!(!text.contains(&inner.to_string()), "{text} repeats {inner}");
            source = inner.source();
        }
    }
}
