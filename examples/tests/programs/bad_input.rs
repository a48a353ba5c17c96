//! The examples as a user runs them, with input that is no good: a sentence that says what is wrong and
//! what to do, exit code 2, and nothing overwritten.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::built::{Folder, program};

/// Runs an example on a standard input without lines.
fn run(example: &str, arguments: &[&str]) -> Output {
    let program = program(example);
    let mut command = Command::new(&program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// That a run refuses its input with a sentence that holds all `parts`, and says nothing else.
fn assert_refused(example: &str, arguments: &[&str], parts: &[&str]) {
    let Output { status, stdout, stderr } = run(example, arguments);
    let sentence = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{example} {arguments:?}: {sentence}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{example} {arguments:?}");
    assert!(sentence.starts_with(&format!("{example}: ")), "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    for part in parts {
        assert!(sentence.contains(part), "{example} {arguments:?}: {sentence:?} does not say {part:?}");
    }
}

#[test]
fn files_that_are_missing_empty_or_without_the_column() {
    let folder = Folder::new("files");
    let (out, none) = (folder.path("out"), folder.path("none.csv"));
    let (empty, other) = (folder.file("empty.csv", ""), folder.file("other.csv", "a,b\nx,1\ny,2\n"));
    for (example, column) in [("weather", "date"), ("forecast", "temp"), ("names", "word")] {
        let mut arguments = vec!["--out", &out];
        if example == "forecast" {
            arguments.extend(["--target", "temp"]);
        }
        let with = |file| [&arguments[..], &["--csv", file]].concat();
        assert_refused(example, &with(&none), &["cannot read", &none, "--csv"]);
        assert_refused(example, &with(&empty), &[&empty, "no header row", "--help"]);
        let missing = format!("no column {column:?}; the columns are a, b");
        assert_refused(example, &with(&other), &[&other, &missing, "--help"]);
    }
    assert!(!Path::new(&out).exists(), "nothing was written");
}

/// A reader who leaves is no failure; a full disk is one.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_is_closed_or_full() {
    for arguments in [&[][..], &["--trace"]] {
        let hello = || {
            let mut command = Command::new(program("hello"));
            command.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
            command
        };
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let Output { status, stderr, .. } = hello().stdout(full).output().unwrap();
        let sentence = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{sentence}");
        assert!(sentence.starts_with("hello: ") && sentence.lines().count() == 1, "{sentence}");

        let mut child = hello().stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    }
}

#[test]
fn no_file_takes_the_place_of_another_one() {
    let folder = Folder::new("apart");
    let out = folder.path("out");
    fs::create_dir_all(&out).unwrap();
    for (example, file) in [("forecast", "forecast.svg"), ("names", "names.svg"), ("weather", "weather.svg")]
    {
        let csv = format!("{out}/{file}");
        let source = match example {
            "names" => "word,label\n".to_owned() + &"ab,x\nba,y\n".repeat(200),
            "forecast" => "t\n".to_owned() + &"1\n2\n".repeat(400),
            _ => include_str!("../../data/seattle-weather.csv").to_owned(),
        };
        fs::write(&csv, &source).unwrap();
        let spelled = format!("{out}/./{file}");
        assert_refused(example, &["--csv", &spelled, "--out", &out], &["--out would overwrite", "--csv"]);
        assert_eq!(fs::read_to_string(&csv).unwrap(), source);
    }
    let model = folder.file("model", "a model");
    assert_refused("stream", &["--model", &model, "--plot", &model], &["--plot would overwrite", "--model"]);
}

#[test]
fn a_column_of_times_that_was_named_must_be_there() {
    let out = Folder::new("times").path("out");
    assert_refused("forecast", &["--time", "nope", "--out", &out], &["no column \"nope\"", "date, temp"]);
}

#[test]
fn rows_that_are_too_few_or_out_of_order() {
    let folder = Folder::new("rows");
    let out = folder.path("out");
    let few = folder.file("few.csv", "word,label\nab,x\nba,y\n");
    assert_refused(
        "names",
        &["--csv", &few, "--out", &out],
        &["2 words with 2 labels are too few", "at least 20"],
    );
    let few = folder.file("few-rows.csv", "t\n1\n2\n");
    assert_refused("forecast", &["--csv", &few, "--out", &out], &["2 rows are too few", "--window"]);
    assert_refused(
        "names",
        &["--out", &out, "lomi", "lomö"],
        &["the word \"lomö\" has 'ö'", "their letters are a"],
    );
    let back = folder.file("back.csv", "date,t\n2010-01-02,1\n2010-01-01,2\n2010-01-03,2\n");
    assert_refused("forecast", &["--csv", &back, "--out", &out], &[&back, ":3:", "sort the rows by time"]);
    assert_refused(
        "forecast",
        &["--season", "72", "--out", &out],
        &["--season 72 must be below --window 72"],
    );
}

#[test]
fn places_that_cannot_be_written_to() {
    let folder = Folder::new("places");
    let below = format!("{}/out", folder.file("a-file", "kept"));
    for example in ["weather", "forecast", "names", "stream"] {
        assert_refused(example, &["--out", &below], &["cannot write to", &below, "name a folder", "--out"]);
    }
    assert_eq!(fs::read_to_string(folder.path("a-file")).unwrap(), "kept");
}

/// A folder in which even root can make nothing, and a disk that is full after some kilobytes: a limit on the
/// size of files, whose signal is ignored.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_read_only_and_a_disk_that_is_full() {
    for example in ["weather", "forecast", "names", "stream"] {
        assert_refused(
            example,
            &["--out", "/proc/out"],
            &["cannot write to /proc/out", "name a folder", "--out"],
        );
    }
    let folder = Folder::new("full");
    for (example, options) in
        [("forecast", "--epochs 1 --hidden 64"), ("names", "--epochs 1 --hidden 64 --count 40")]
    {
        let out = folder.path(example);
        fs::create_dir(&out).unwrap();
        let model = folder.file(&format!("{example}/{example}.safetensors"), "kept");
        let command = format!("trap '' 25; ulimit -f 8; exec \"$0\" {options} --out {out}");
        let limited = Command::new("sh").arg("-c").arg(command).arg(program(example)).output().unwrap();
        let said = String::from_utf8_lossy(&limited.stderr);
        assert_eq!(limited.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("{example}: cannot write {out}/{example}_training")), "{said}");
        assert!(said.ends_with("make room there, or name another place with --checkpoint\n"), "{said}");
        assert_eq!(fs::read_to_string(&model).unwrap(), "kept");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "a part of the checkpoint is left");
    }
}

#[test]
fn models_that_are_missing_damaged_or_of_another_kind() {
    let folder = Folder::new("models");
    let out = folder.path("out");
    let trained = run("forecast", &["--epochs", "1", "--hidden", "4", "--out", &out, "--json"]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let saved = format!("{out}/forecast.safetensors");
    let bytes = fs::read(&saved).unwrap();

    let mut flipped = bytes.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 0x10;
    let none = folder.path("none.safetensors");
    let cases = [
        (none.clone(), "cannot read"),
        (folder.file("empty.safetensors", ""), "not a whole safetensors file"),
        (folder.file("short.safetensors", &bytes[..bytes.len() / 2]), "not a whole safetensors file"),
        (folder.file("flipped.safetensors", flipped), "damaged"),
        (folder.file("text.safetensors", "date,temp\n2010/01/01,4\n"), "not a whole safetensors file"),
        (folder.file("weights.safetensors", plain_weights()), "no checkpoint"),
        (folder.file("other.safetensors", other_model()), "\"a linear layer\""),
    ];
    let make_one = "`cargo run --release --example forecast` makes a model";
    let name_one = "name a model that `forecast` or `names` has saved, or a checkpoint of `char_lm`";
    for (path, what) in cases {
        assert_refused("forecast", &["--load", &path, "--out", &out], &[&path, what, make_one]);
        assert_refused("names", &["--load", &path, "lomi"], &[&path, what, "--example names` makes a model"]);
        assert_refused("stream", &["--model", &path], &[&path, what, name_one]);
    }
    assert!(!Path::new(&none).exists());
    // A model for other columns, and a default model that is damaged.
    let csv = folder.file("other.csv", "t\n1\n2\n");
    assert_refused("forecast", &["--load", &saved, "--csv", &csv], &[&csv, "no column \"temp\""]);
    let other = folder.path("damaged");
    fs::create_dir(&other).unwrap();
    fs::write(format!("{other}/forecast.safetensors"), "x").unwrap();
    assert_refused("stream", &["--out", &other], &["forecast.safetensors", make_one]);
    assert_eq!(fs::read_to_string(format!("{other}/forecast.safetensors")).unwrap(), "x");
    assert_eq!(fs::read(&saved).unwrap(), bytes, "the good model is as it was");
}

/// What a training in epochs refuses to go on from, and what it does not write over.
#[test]
fn checkpoints_of_another_training_or_damaged() {
    let folder = Folder::new("trainings");
    for (example, options, others) in [
        ("forecast", "--epochs 2 --hidden 4", ["--window 48", "--hidden 5", "--seed 1"]),
        ("names", "--epochs 2 --hidden 4 --count 40", ["--count 41", "--hidden 5", "--seed 1"]),
    ] {
        let out = folder.path(example);
        let options: Vec<&str> = options.split(' ').chain(["--out", &out]).collect();
        let trained = run(example, &options);
        assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
        let checkpoint = format!("{out}/{example}_training.safetensors");
        let bytes = fs::read(&checkpoint).unwrap();
        let refused = |more: &[&str], parts: &[&str]| {
            assert_refused(example, &[&options[..], more].concat(), parts);
            assert!(fs::read(&checkpoint).unwrap() == bytes);
        };
        for other in others {
            // Given twice, an option would be refused for that.
            let (option, value) = other.split_once(' ').unwrap();
            let place = options.iter().position(|word| *word == option);
            let mut changed = options.clone();
            match place {
                Some(place) => changed[place + 1] = value,
                None => changed.extend([option, value]),
            }
            changed.push("--resume");
            let differs = ["cannot resume: the checkpoint is of another run, with ", "nothing is changed"];
            assert_refused(example, &changed, &differs);
        }
        let none = folder.path("none.safetensors");
        refused(&["--resume", &none], &["cannot read", &none, "without --resume the training begins anew"]);
        let cut = folder.file("cut.safetensors", &bytes[..bytes.len() / 2]);
        let mut flipped = bytes.clone();
        flipped[bytes.len() - 9] ^= 4;
        let flipped = folder.file("flipped.safetensors", flipped);
        for (damaged, what) in [(&cut, "not a whole safetensors file"), (&flipped, "is damaged")] {
            let advice =
                "no older checkpoint is kept: go on from a copy with --resume COPY, or remove the file";
            refused(&["--resume", damaged], &[damaged, what, advice]);
        }
        let other = folder.file("other.safetensors", other_model());
        refused(&["--resume", &other], &["of another model: a linear layer; expected"]);
        let model = format!("{out}/{example}.safetensors");
        refused(&["--overwrite", "--checkpoint", &model], &["--out would overwrite", "file of --checkpoint"]);
        refused(&["--overwrite", "--checkpoint", &other], &["is there and is no checkpoint of", &other]);
        assert!(fs::read(&other).unwrap() == other_model());
        // A training that has come to its end makes room for the next one.
        assert!(run(example, &options).status.success());
        assert!(fs::read(&checkpoint).unwrap() == bytes);
    }
}

/// A safetensors file without a word on what it is, as PyTorch writes one.
fn plain_weights() -> Vec<u8> {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_nn::{Linear, StateDict};
    let linear = Linear::<f32>::new(2, 3, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
    refrain_weights::to_bytes(&StateDict::of(&linear)).unwrap()
}

/// A checkpoint of another model.
fn other_model() -> Vec<u8> {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    use refrain_nn::Linear;
    let linear = Linear::<f32>::new(2, 3, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
    refrain_train::Checkpoint::new("a linear layer", &linear).to_bytes().unwrap()
}
