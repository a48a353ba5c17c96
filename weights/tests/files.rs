//! Weights files: there and back, and what is refused.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_nn::{LSTM, Linear, Module, Real, StateDict};
use refrain_weights::{
    Error, Metadata, from_bytes, load, metadata_in, save, save_with, to_bytes, to_bytes_with,
    write_atomically,
};
use safetensors::{Dtype, tensor::TensorView};

fn lstm<T: Real>(seed: u64) -> LSTM<T> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    LSTM::builder(3, 4).num_layers(2).bidirectional(true).proj_size(2).build(&mut rng).unwrap()
}

fn linear(seed: u64) -> Linear<f32> {
    Linear::new(2, 1, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap()
}

/// A file with the given tensors.
fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.to_vec(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// A folder of this test's own, removed at its end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("refrain-weights-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_bit_comes_back() {
    fn check<T: Real>() {
        let (model, mut other) = (lstm::<T>(1), lstm::<T>(2));
        from_bytes(&to_bytes(&StateDict::of(&model)).unwrap()).unwrap().load_into(&mut other).unwrap();
        assert_eq!(StateDict::of(&model), StateDict::of(&other));
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn files_appear_whole_and_leave_nothing_beside_them() {
    let folder = Folder::new("whole");
    let path = folder.0.join("model.safetensors");
    let (model, mut other) = (lstm::<f32>(1), lstm::<f32>(2));
    for _ in 0..2 {
        save(&path, &model).unwrap();
    }
    load(&path, &mut other).unwrap();
    assert_eq!(StateDict::of(&model), StateDict::of(&other));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    let nowhere = folder.0.join("no/such/folder/model.safetensors");
    assert!(matches!(save(&nowhere, &model), Err(Error::File { .. })));
    let message = load(&nowhere, &mut other).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot read ") && message.contains("folder/model.safetensors: "),
        "{message}"
    );
    std::fs::write(&path, &to_bytes(&StateDict::of(&linear(1))).unwrap()[..20]).unwrap();
    let message = load(&path, &mut other).unwrap_err().to_string();
    assert!(message.contains("model.safetensors: not a whole safetensors file: "), "{message}");
}

#[test]
fn other_float_types_are_converted() {
    let half = |x: f32| half::f16::from_f32(x).to_le_bytes().to_vec();
    let brain = |x: f32| half::bf16::from_f32(x).to_le_bytes().to_vec();
    let weight: Vec<u8> = [half(0.5), half(-2.0)].concat();
    let bytes = file(&[("weight", Dtype::F16, &[1, 2], weight), ("bias", Dtype::BF16, &[1], brain(1.5))]);
    let mut layer = linear(1);
    from_bytes::<f32>(&bytes).unwrap().load_into(&mut layer).unwrap();
    assert_eq!(layer.weight.value().to_vec(), [0.5, -2.0]);
    assert_eq!(layer.bias.unwrap().value().to_vec(), [1.5]);
    let wide = file(&[("x", Dtype::F64, &[1], 0.1f64.to_le_bytes().to_vec())]);
    assert_eq!(from_bytes::<f32>(&wide).unwrap().get("x").unwrap().to_vec(), [0.1f32]);
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let mut layer = linear(1);
    let before = StateDict::of(&layer);
    let f32s = |n: usize| vec![0u8; 4 * n];
    let mut fail = |bytes: &[u8]| {
        let result = from_bytes::<f32>(bytes).and_then(|state| Ok(state.load_into(&mut layer)?));
        assert_eq!(StateDict::of(&layer), before);
        result.unwrap_err().to_string()
    };
    let both = |weight: &[usize], bias: &[usize]| {
        let count = |shape: &[usize]| f32s(shape.iter().product());
        file(&[("weight", Dtype::F32, weight, count(weight)), ("bias", Dtype::F32, bias, count(bias))])
    };
    assert_eq!(
        fail(&file(&[("weight", Dtype::F32, &[1, 2], f32s(2))])),
        "load: the model has bias, for which there is no value"
    );
    assert_eq!(
        fail(&both(&[2, 1], &[1])),
        "load: the value for weight has shape [2, 1], the parameter [1, 2]"
    );
    let integers = file(&[("weight", Dtype::I64, &[1, 2], vec![0; 16]), ("bias", Dtype::F32, &[1], f32s(1))]);
    assert_eq!(fail(&integers), "weight: the element type is I64, expected F16, BF16, F32 or F64");
    let deep = file(&[("weight", Dtype::F32, &[1; 9], f32s(1)), ("bias", Dtype::F32, &[1], f32s(1))]);
    assert_eq!(fail(&deep), "weight: shape: 9 axes, but a tensor has at most 6");
    let whole = both(&[1, 2], &[1]);
    for length in [0, 7, 8, 20, whole.len() - 1] {
        assert!(fail(&whole[..length]).starts_with("not a whole safetensors file: "), "{length}");
    }
    let mut hostile = whole.clone();
    hostile[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(fail(&hostile).starts_with("not a whole safetensors file: "));
}

#[test]
fn a_header_that_promises_what_is_not_there_is_refused() {
    let header = br#"{"weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&[0; 8]);
    assert!(matches!(from_bytes::<f32>(&bytes), Err(Error::Format(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..400, to: u8) {
        let _ = from_bytes::<f32>(&bytes);
        let mut spoilt = to_bytes(&StateDict::of(&linear(1))).unwrap();
        let at = at % spoilt.len();
        spoilt[at] = to;
        if let Ok(state) = from_bytes::<f32>(&spoilt) {
            let _ = state.load_into(&mut linear(2));
        }
    }
}

#[test]
fn parameters_are_saved_under_their_names() {
    let bytes = to_bytes(&StateDict::of(&lstm::<f32>(1))).unwrap();
    let state = from_bytes::<f32>(&bytes).unwrap();
    let mut names: Vec<String> =
        lstm::<f32>(1).named_parameters().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(state.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), names);
}

fn about(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn metadata_travel_in_the_header_and_leave_the_weights_as_they_are() {
    let folder = Folder::new("metadata");
    let path = folder.0.join("model.safetensors");
    let (model, mut other) = (lstm::<f64>(1), lstm::<f64>(2));
    for metadata in [about(&[]), about(&[("b", "2"), ("a", "\"quoted\"\n"), ("ü", "ß\u{0}")])] {
        save_with(&path, &model, &metadata).unwrap();
        assert_eq!(refrain_weights::metadata(&path).unwrap(), metadata);
        load(&path, &mut other).unwrap();
        assert_eq!(StateDict::of(&model), StateDict::of(&other));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, to_bytes_with(&StateDict::of(&model), &metadata).unwrap());
        assert_eq!(metadata_in(&bytes).unwrap(), metadata);
        // The library of the format finds the same.
        let (header, found) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let found: Metadata = found.metadata().clone().unwrap().into_iter().collect();
        assert_eq!((found, header % 8), (metadata, 0));
    }
    save(&path, &model).unwrap();
    assert_eq!(refrain_weights::metadata(&path).unwrap(), Metadata::new());
    let nothing = StateDict::<f32>::new(Vec::new()).unwrap();
    let bytes = to_bytes_with(&nothing, &about(&[("a", "1")])).unwrap();
    assert_eq!(from_bytes::<f32>(&bytes).unwrap(), nothing);
}

#[test]
fn a_header_longer_than_the_file_is_not_read() {
    let folder = Folder::new("header");
    let path = folder.0.join("model.safetensors");
    for (bytes, expected) in [
        (&b"short"[..], "5 bytes hold no header"),
        (&[0xff; 9], "the header should have 18446744073709551615 bytes, there is room for 1"),
        (b"\x02\0\0\0\0\0\0\0[]", "invalid type: sequence, expected a map"),
        (b"\x14\0\0\0\0\0\0\0{\"__metadata__\":[1]}", "__metadata__: invalid type"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let message = refrain_weights::metadata(&path).unwrap_err().to_string();
        assert!(message.contains("model.safetensors: not a whole safetensors file: "), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(metadata_in(bytes).unwrap_err().to_string().contains(expected));
    }
    let message = refrain_weights::metadata(folder.0.join("none")).unwrap_err().to_string();
    assert!(message.starts_with("cannot read "), "{message}");
}

#[test]
fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let folder = Folder::new("leftovers");
    let path = folder.0.join("model.safetensors");
    let part = |name: &str| folder.0.join(name);
    let others = ["model.safetensors.part", "model.safetensors.x.part", "other.safetensors.1.part"];
    for name in others.iter().chain(&["model.safetensors.1.part", "model.safetensors.2.part"]) {
        std::fs::write(part(name), "begun").unwrap();
    }
    let writing = std::fs::File::open(part("model.safetensors.2.part")).unwrap();
    writing.lock().unwrap();
    write_atomically(&path, b"whole").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    assert!(!part("model.safetensors.1.part").exists());
    assert!(part("model.safetensors.2.part").exists());
    assert!(others.iter().all(|name| part(name).exists()));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 5);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_leaves_the_file_and_nothing_beside_it() {
    let folder = Folder::new("refused");
    let path = folder.0.join("model.safetensors");
    write_atomically(&path, b"first").unwrap();
    // A folder stands where the file should go; a file where the folder should be; no name at all.
    let taken = folder.0.join("taken");
    std::fs::create_dir(&taken).unwrap();
    for place in [taken.clone(), path.join("below"), folder.0.join("..")] {
        let message = write_atomically(&place, b"second").unwrap_err().to_string();
        assert!(message.starts_with("cannot write "), "{message}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2);
    // A link stays a link, and what it points to is replaced.
    let link = folder.0.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    write_atomically(&link, b"second").unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&path).unwrap(), b"second");
}

#[test]
fn threads_that_write_one_file_leave_it_whole() {
    let path = std::env::temp_dir().join(format!("refrain-threads-{}", std::process::id()));
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..5 {
                    refrain_weights::write_atomically(path, &vec![thread; 100_000]).unwrap();
                }
            });
        }
        for _ in 0..20 {
            if let Ok(bytes) = std::fs::read(&path) {
                assert_eq!(bytes.len(), 100_000);
                assert!(bytes.iter().all(|&byte| byte == bytes[0]));
            }
        }
    });
    std::fs::remove_file(&path).unwrap();
}
