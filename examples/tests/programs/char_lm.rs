//! `char_lm` as a user meets it: what it refuses, with which sentence, and that nothing is lost by it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use refrain_train::{Checkpoint, Error};
use serde_json::Value;

use crate::{
    built::{Folder, program},
    small_char_lm::{SMALL, TEXT, folder_with_text, succeeds},
};

impl Folder {
    /// Every file and its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// The program ends with code 2 and a sentence, and leaves every file as it was.
    fn refuses(&self, line: &str, sentence: &str) {
        let before = self.files();
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(sentence), "{line}: {said}");
        assert!(self.files() == before, "{line} changed a file");
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&succeeds(output)).unwrap()
}

#[test]
fn texts_that_cannot_be_learned_from_are_refused() {
    let folder = folder_with_text("texts");
    fs::write(folder.path("empty.txt"), "").unwrap();
    fs::write(folder.path("short.txt"), "a few words").unwrap();
    fs::write(folder.path("latin.txt"), b"caf\xe9 au lait").unwrap();
    for (line, sentence) in [
        ("train --text none.txt", "char_lm: cannot read none.txt: No such file"),
        ("train --text empty.txt", "char_lm: empty.txt is empty: there is nothing to learn from"),
        (
            "train --text short.txt",
            "char_lm: short.txt has 10 characters to learn from and 1 for validation; 32 streams in chunks of 64 need 2049 and 2: use a longer text",
        ),
        ("train --text latin.txt", "char_lm: latin.txt is not UTF-8 (byte 3 is none); convert it"),
        (
            "train --text text.txt --streams 4 --chunk 8 --lr -1",
            "char_lm: --lr is -1, expected a finite number of at least 0",
        ),
        ("train --text text.txt --streams 4 --chunk 8 --dropout 2", "dropout"),
        ("train --hidden 0", "expected at least 1"),
        ("sample --checkpoint none.safetensors", "char_lm: cannot read none.safetensors: No such file"),
        (
            "eval --checkpoint none.safetensors",
            "`cargo run --release --example char_lm -- train` makes a checkpoint",
        ),
        (
            "train --text text.txt --streams 4 --chunk 8 --resume --checkpoint none.safetensors",
            "(os error 2); without --resume the training begins anew; nothing is changed",
        ),
        ("eval --checkpoint text.txt", "char_lm: text.txt: not a whole safetensors file"),
    ] {
        folder.refuses(line, sentence);
    }
}

#[test]
fn checkpoints_that_are_not_whole_or_of_another_run_are_refused() {
    let folder = folder_with_text("checkpoints");
    succeeds(&folder.train("--steps 3"));
    let train = format!("train {SMALL}");
    folder.refuses(
        &train,
        "run.safetensors is there already: go on from it with --resume, or begin anew with --overwrite",
    );
    for (more, sentence) in [
        ("--cell lstm", "the checkpoint is of another model: char_lm --cell gru"),
        ("--layers 2", "the checkpoint is of another model"),
        ("--eval-every 9", "the checkpoint is of another run, with --eval-every 200, and this one has 9"),
        ("--seed 8", "the checkpoint is of another run, with --seed 7, and this one has 8"),
    ] {
        folder.refuses(&format!("{train} --resume {more}"), sentence);
    }
    let whole = fs::read(folder.path("run.safetensors")).unwrap();
    fs::write(
        folder.path("text.txt"),
        "another text of the same letters, come and see that it is. ".repeat(20),
    )
    .unwrap();
    folder.refuses(&format!("{train} --resume"), "char_lm: cannot resume: the checkpoint is of another ");

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let weights = b"\x02\0\0\0\0\0\0\0{}".to_vec();
    for (bytes, sentence) in [
        (whole[..whole.len() - 1].to_vec(), "run.safetensors: not a whole safetensors file"),
        (whole[..100].to_vec(), "run.safetensors: not a whole safetensors file"),
        (flipped, "run.safetensors: the checkpoint is damaged (its checksum is "),
        (weights, "run.safetensors: this is no checkpoint of a training"),
    ] {
        fs::write(folder.path("run.safetensors"), bytes).unwrap();
        folder.refuses(&format!("{train} --resume"), sentence);
        folder.refuses("sample --checkpoint run.safetensors", sentence);
        folder.refuses("eval --checkpoint run.safetensors --text text.txt", sentence);
    }
}

#[test]
fn a_training_writes_over_none_of_its_other_files() {
    let folder = folder_with_text("over");
    let train = "train --text text.txt --streams 4 --chunk 8 --overwrite";
    for (more, sentence) in [
        ("--checkpoint ./text.txt", "--checkpoint would overwrite text.txt, the file of --text"),
        ("--checkpoint new --plot text.txt", "--plot would overwrite text.txt, the file of --text"),
        ("--checkpoint new --export ./new", "--export would overwrite new, the file of --checkpoint"),
        ("--checkpoint new --export a --plot ./a", "--plot would overwrite a, the file of --export"),
    ] {
        folder.refuses(&format!("{train} {more}"), sentence);
    }
    fs::write(folder.path("other"), "a letter").unwrap();
    folder.refuses(
        &format!("{train} --checkpoint other"),
        "other is there and is no checkpoint of char_lm that is whole: remove it, or name another place",
    );
}

#[test]
fn what_cannot_be_saved_is_said_at_once_and_leaves_the_old_checkpoint() {
    let folder = folder_with_text("saving");
    succeeds(&folder.train("--steps 3"));
    // Root may write in a read-only folder, so the places here are such that nobody can.
    let train = "train --text text.txt --streams 4 --chunk 8";
    folder.refuses(
        &format!("{train} --checkpoint text.txt/run.safetensors"),
        "char_lm: cannot write to text.txt: ",
    );
    folder.refuses(
        &format!("{train} --overwrite --checkpoint ."),
        "char_lm: . is a folder; name a file with --checkpoint",
    );
    for (option, more) in
        [("--export", "--export text.txt/w.safetensors"), ("--plot", "--plot text.txt/p.svg")]
    {
        let sentence = format!("name a folder that you may write to with {option}");
        folder.refuses(&format!("{train} --checkpoint new.safetensors {more}"), &sentence);
    }
    folder.refuses(
        &format!("{train} --checkpoint new.safetensors --export new.safetensors"),
        "--export would overwrite new.safetensors, the file of --checkpoint; name another",
    );
    // A disk that is full after four kilobytes: a limit on the size of files, whose signal is ignored.
    let before = folder.files();
    let command =
        format!("trap '' 25; ulimit -f 8; exec \"$0\" {train} --overwrite --checkpoint run.safetensors");
    let mut limited = Command::new("sh");
    let limited =
        limited.current_dir(folder.path("")).arg("-c").arg(command).arg(program("char_lm")).output().unwrap();
    let said = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(2), "{said}");
    assert!(said.contains("char_lm: cannot write run.safetensors: File too large"), "{said}");
    assert!(said.ends_with("; make room there, or name another place with --checkpoint\n"), "{said}");
    assert!(folder.files() == before, "the old checkpoint has changed, or a part of the new one is left");
}

#[test]
fn a_training_in_parts_ends_as_one_without_a_break() {
    let folder = folder_with_text("parts");
    let steps = "--cell lstm --layers 2 --dropout 0.3 --eval-every 4";
    succeeds(&folder.train(&format!("{steps} --steps 15")));
    let whole = fs::read(folder.path("run.safetensors")).unwrap();
    succeeds(&folder.train(&format!("{steps} --steps 6 --overwrite")));
    let summary = json(&folder.train(&format!("{steps} --steps 15 --resume --json")));
    assert!(fs::read(folder.path("run.safetensors")).unwrap() == whole);
    assert_eq!((&summary["steps"], &summary["interrupted"]), (&15.into(), &false.into()));
    assert!(summary["bits_per_character"].as_f64().is_some_and(|bits| bits > 0.0 && bits < 8.0));
    let sample = json(&folder.run("sample --checkpoint run.safetensors --prompt the --length 40 --json"));
    let text = sample["text"].as_str().unwrap();
    assert!(text.starts_with("the") && text.chars().count() == 43, "{text}");
    // The text is one line, so the sample begins with the first character.
    let sample = succeeds(&folder.run("sample --checkpoint run.safetensors --length 5"));
    assert_eq!(sample.trim_end_matches('\n').chars().count(), 6, "{sample}");
    let eval = json(&folder.run("eval --checkpoint run.safetensors --text text.txt --all --json"));
    let characters = fs::read_to_string(folder.path("text.txt")).unwrap().chars().count() as u64;
    assert!(eval["characters"].as_u64().is_some_and(|count| count > 0 && count < characters), "{eval}");
    folder.refuses(
        "sample --checkpoint run.safetensors --prompt ß",
        "--prompt: 'ß' is not a character of the model, which knows \" .abcdeghikmnorstw\"",
    );
    folder.file("other.txt", "the sum");
    folder.refuses(
        "eval --checkpoint run.safetensors --text other.txt --all",
        "other.txt: 'u' at position 5 is not a character of the model; name a text without it, or train on one",
    );
}

/// Where the old place has no room, a training goes on in a new one.
#[test]
fn a_training_goes_on_in_another_place() {
    let folder = folder_with_text("elsewhere");
    succeeds(&folder.train("--steps 9"));
    let whole = fs::read(folder.path("run.safetensors")).unwrap();
    succeeds(&folder.train("--steps 4 --overwrite"));
    let half = fs::read(folder.path("run.safetensors")).unwrap();
    let command = "trap '' 25; ulimit -f 8; exec \"$0\" ";
    let mut limited = Command::new("sh");
    limited.current_dir(folder.path("")).env_remove("CARGO_MANIFEST_DIR").arg("-c");
    let line = format!("train {SMALL} --steps 9 --resume");
    let limited = limited.arg(format!("{command}{line}")).arg(program("char_lm")).output().unwrap();
    let said = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(2), "{said}");
    assert!(said.contains("the checkpoint before it is whole: make room there, and go on with: "), "{said}");
    let (_, elsewhere) = said.trim_end().split_once("To go on in another place: ").unwrap();
    let elsewhere = elsewhere.replace("NEW", "new.safetensors");
    let status = Command::new("sh").current_dir(folder.path("")).arg("-c").arg(elsewhere).output().unwrap();
    succeeds(&status);
    assert!(fs::read(folder.path("new.safetensors")).unwrap() == whole);
    assert!(fs::read(folder.path("run.safetensors")).unwrap() == half);
}

#[test]
fn a_picture_without_a_validation_is_not_drawn() {
    let folder = folder_with_text("empty-plot");
    let output = folder.train("--steps 3 --plot curve.svg");
    succeeds(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("curve.svg is not written: there was no validation to draw"), "{said}");
    assert!(fs::metadata(folder.path("curve.svg")).is_err());
    succeeds(&folder.train("--steps 4 --overwrite --eval-every 2 --plot curve.svg"));
    assert!(fs::metadata(folder.path("curve.svg")).is_ok());
}

#[test]
fn a_training_that_has_stopped_early_stays_stopped() {
    let folder = folder_with_text("patience");
    // Without a learning rate nothing improves after the first look.
    let options = "--lr 0 --eval-every 5 --patience 1";
    let first = json(&folder.train(&format!("{options} --steps 100 --json")));
    assert_eq!((&first["steps"], &first["stopped_early"]), (&10.into(), &true.into()));
    let before = folder.files();
    let again = json(&folder.train(&format!("{options} --steps 200 --resume --json")));
    assert_eq!((&again["steps"], &again["stopped_early"]), (&10.into(), &true.into()));
    assert!(folder.files() == before);
    // With more patience it goes on.
    let more = json(&folder.train("--lr 0 --eval-every 5 --patience 2 --steps 200 --resume --json"));
    assert_eq!((&more["steps"], &more["stopped_early"]), (&15.into(), &true.into()));
}

#[test]
fn the_learning_rate_and_the_clip_may_change_on_the_way() {
    let folder = folder_with_text("rates");
    succeeds(&folder.train("--steps 5 --lr 0.1 --clip 0.7"));
    let half = fs::read(folder.path("run.safetensors")).unwrap();
    // What is not given stays as it was.
    succeeds(&folder.train("--steps 10 --resume"));
    let same = fs::read(folder.path("run.safetensors")).unwrap();
    succeeds(&folder.train("--steps 10 --overwrite --lr 0.1 --clip 0.7"));
    assert!(fs::read(folder.path("run.safetensors")).unwrap() == same);
    // What is given holds from there on, also after the next break.
    folder.file("run.safetensors", &half);
    let said = succeeds(&folder.train("--steps 8 --resume --lr 0.01"));
    assert!(
        said.contains("\n--lr is 0.01 from here on, and was 0.1\n") && !said.contains("--clip"),
        "{said}"
    );
    succeeds(&folder.train("--steps 10 --resume"));
    let lower = fs::read(folder.path("run.safetensors")).unwrap();
    assert!(lower != same);
    folder.file("run.safetensors", &half);
    let summary = json(&folder.train("--steps 10 --resume --lr 0.01 --json"));
    assert_eq!(summary["changed"], serde_json::json!(["--lr is 0.01 from here on, and was 0.1"]));
    assert!(fs::read(folder.path("run.safetensors")).unwrap() == lower);
}

/// Makes the embedding of a letter infinite in a checkpoint whose embedding has 8 numbers a letter.
fn spoil(checkpoint: &str, letter: char) {
    let mut bytes = fs::read(checkpoint).unwrap();
    let data = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..data]).unwrap();
    let row = header["__metadata__"]["entry/vocabulary"].as_str().unwrap().chars().position(|c| c == letter);
    let start = header["model/embedding.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    let start = data + start + row.unwrap() * 8 * size_of::<f32>();
    for number in bytes[start..start + 8 * size_of::<f32>()].chunks_exact_mut(4) {
        number.copy_from_slice(&f32::INFINITY.to_le_bytes());
    }
    let Err(Error::Checksum { found, expected }) = Checkpoint::<f32>::from_bytes(&bytes) else {
        panic!("other numbers have another checksum")
    };
    let place = bytes.windows(8).position(|window| window == found.as_bytes()).unwrap();
    bytes[place..place + 8].copy_from_slice(expected.as_bytes());
    fs::write(checkpoint, bytes).unwrap();
}

#[test]
fn a_loss_that_is_not_finite_stops_the_training_or_is_left_out() {
    let folder = folder_with_text("divergence");
    // Each time that the text begins, the first chunk has a letter that spoils it.
    folder.file("text.txt", format!("z{}", TEXT.repeat(20)));
    succeeds(&folder.train("--steps 0"));
    spoil(&folder.path("run.safetensors"), 'z');
    let train = format!("train {SMALL} --resume --steps 60");
    folder.refuses(&train, "char_lm: step 0: the ");
    let command = format!("{} train {SMALL} --steps 60 --resume --lr 2e-4\n", program("char_lm").display());
    let rate = format!("{train} --lr 0.002 --on-divergence stop");
    let expected = command.replace("--resume", "--on-divergence stop --resume");
    for (line, command) in [(&train, &command), (&rate, &expected)] {
        let advice = "; the weights are as they were before the step. Go on from the last checkpoint with a lower learning rate: ";
        folder.refuses(line, &format!("{advice}{command}"));
    }
    // Of the 26 chunks of the text one is left out, so 60 steps begin it three times.
    let output = folder.run(&format!("{train} --on-divergence skip --json"));
    assert_eq!((&json(&output)["steps"], &json(&output)["skipped_steps"]), (&60.into(), &3.into()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("goes on after step 0\nstep 0: the ")
            && said.contains("; the step is left out\nstep 25: the "),
        "{said}"
    );
    let end = succeeds(&folder.run(&format!("{train} --on-divergence skip")));
    assert!(end.contains(", 3 steps left out; saved in "), "{end}");
    // Weights that are beyond help give up after ten steps.
    let hopeless = folder.train("--overwrite --lr 3e38 --clip 1e30 --steps 60 --on-divergence skip");
    let said = String::from_utf8(hopeless.stderr).unwrap();
    assert_eq!(hopeless.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("; the step is left out\n").count(), 9, "{said}");
    assert!(said.contains("char_lm: 10 steps in a row are not finite; step 1: the "), "{said}");
    assert!(
        said.contains(" --on-divergence skip --clip") || said.ends_with(" --resume --lr 3e37\n"),
        "{said}"
    );
}

#[test]
fn the_weights_that_are_exported_are_those_that_sample_uses() {
    let folder = folder_with_text("export");
    let exported = |more: &str| {
        succeeds(&folder.train(&format!("--overwrite --export new/weights.safetensors {more}")));
        let bytes = fs::read(folder.path("new/weights.safetensors")).unwrap();
        let checkpoint = Checkpoint::<f32>::load(folder.path("run.safetensors")).unwrap();
        (refrain_weights::from_bytes::<f32>(&bytes).unwrap(), checkpoint)
    };
    let (weights, checkpoint) = exported("--steps 0");
    assert_eq!(weights, checkpoint.tensors("model").unwrap());
    let (weights, checkpoint) = exported("--steps 12 --eval-every 5");
    assert_eq!(weights, checkpoint.tensors("best").unwrap());
    assert_ne!(weights, checkpoint.tensors("model").unwrap());
    let settings = refrain_weights::metadata(folder.path("new/weights.safetensors")).unwrap();
    let settings: Value = serde_json::from_str(&settings["settings"]).unwrap();
    assert_eq!(
        (&settings["lr"], &settings["clip"], &settings["chunk"]),
        (&0.002.into(), &1.0.into(), &8.into())
    );
}
