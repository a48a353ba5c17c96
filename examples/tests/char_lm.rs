//! `char_lm` as a user meets it: what it refuses, with which sentence, and that nothing is lost by it.
#![cfg(unix)] // signals, limits and `sh`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

/// The program, built where cargo puts it.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--example", "char_lm", "--message-format", "json-render-diagnostics"]);
        let output = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        let path = |line: &str| Some(line.split_once("\"executable\":\"")?.1.split_once('"')?.0.into());
        messages.lines().filter_map(path).next_back().expect("cargo names the program")
    })
}

/// A folder with a text in it, in which the program runs. Removed at the end.
struct Folder(PathBuf);

const SMALL: &str =
    "--text text.txt --hidden 16 --embedding 8 --streams 4 --chunk 8 --checkpoint run.safetensors";

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("refrain-char-lm-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("text.txt"), "the same words come back and come back again. ".repeat(20))
            .unwrap();
        Self(path)
    }

    fn run(&self, line: &str) -> Output {
        Command::new(program()).current_dir(&self.0).args(line.split_whitespace()).output().unwrap()
    }

    fn train(&self, more: &str) -> Output {
        self.run(&format!("train {SMALL} {more}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Every file and its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
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

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn texts_that_cannot_be_learned_from_are_refused() {
    let folder = Folder::new("texts");
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
        ("eval --checkpoint text.txt", "char_lm: text.txt: not a whole safetensors file"),
    ] {
        folder.refuses(line, sentence);
    }
}

#[test]
fn checkpoints_that_are_not_whole_or_of_another_run_are_refused() {
    let folder = Folder::new("checkpoints");
    succeeds(&folder.train("--steps 3"));
    let train = format!("train {SMALL}");
    folder.refuses(
        &train,
        "run.safetensors is there already: go on from it with --resume, or begin anew with --overwrite",
    );
    for (more, sentence) in [
        ("--cell lstm", "the checkpoint is of another model: char_lm --cell gru"),
        ("--layers 2", "the checkpoint is of another model"),
        ("--lr 0.5", "the checkpoint is of another run, with settings"),
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
fn what_cannot_be_saved_is_said_at_once_and_leaves_the_old_checkpoint() {
    let folder = Folder::new("saving");
    succeeds(&folder.train("--steps 3"));
    // Root may write in a read-only folder, so the places here are such that nobody can.
    let train = "train --text text.txt --streams 4 --chunk 8";
    folder.refuses(
        &format!("{train} --checkpoint text.txt/run.safetensors"),
        "cannot make the folder text.txt",
    );
    folder.refuses(&format!("{train} --overwrite --checkpoint ."), "char_lm: cannot write .: ");
    // A disk that is full after four kilobytes: a limit on the size of files, whose signal is ignored.
    let before = folder.files();
    let command =
        format!("trap '' 25; ulimit -f 8; exec \"$0\" {train} --overwrite --checkpoint run.safetensors");
    let limited =
        Command::new("sh").current_dir(&folder.0).arg("-c").arg(command).arg(program()).output().unwrap();
    let said = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(2), "{said}");
    assert!(said.contains("char_lm: cannot write run.safetensors: File too large"), "{said}");
    assert!(folder.files() == before, "the old checkpoint has changed, or a part of the new one is left");
}

#[test]
fn a_training_in_parts_ends_as_one_without_a_break() {
    let folder = Folder::new("parts");
    let steps = "--cell lstm --layers 2 --dropout 0.3 --eval-every 4";
    succeeds(&folder.train(&format!("{steps} --steps 15")));
    let whole = fs::read(folder.path("run.safetensors")).unwrap();
    succeeds(&folder.train(&format!("{steps} --steps 6 --overwrite")));
    let end = succeeds(&folder.train(&format!("{steps} --steps 15 --resume --json")));
    assert!(fs::read(folder.path("run.safetensors")).unwrap() == whole);
    let summary: serde_json::Value = serde_json::from_str(&end).unwrap();
    assert_eq!((&summary["steps"], &summary["interrupted"]), (&15.into(), &false.into()));
    assert!(summary["bits_per_character"].as_f64().is_some_and(|bits| bits > 0.0 && bits < 8.0));
    let sample = succeeds(&folder.run("sample --checkpoint run.safetensors --prompt the --length 40 --json"));
    let sample: serde_json::Value = serde_json::from_str(&sample).unwrap();
    let text = sample["text"].as_str().unwrap();
    assert!(text.starts_with("the") && text.chars().count() == 43, "{text}");
    // The text is one line, so the sample begins with the first character.
    let sample = succeeds(&folder.run("sample --checkpoint run.safetensors --length 5"));
    assert_eq!(sample.trim_end_matches('\n').chars().count(), 6, "{sample}");
    let eval = succeeds(&folder.run("eval --checkpoint run.safetensors --text text.txt --all --json"));
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    let characters = fs::read_to_string(folder.path("text.txt")).unwrap().chars().count() as u64;
    assert!(eval["characters"].as_u64().is_some_and(|count| count > 0 && count < characters), "{eval}");
    folder.refuses(
        "sample --checkpoint run.safetensors --prompt ß",
        "--prompt: 'ß' is not a character of the model",
    );
}

#[test]
fn a_training_that_has_stopped_early_stays_stopped() {
    let folder = Folder::new("patience");
    // Without a learning rate nothing improves after the first look.
    let options = "--lr 0 --eval-every 5 --patience 1";
    let first = succeeds(&folder.train(&format!("{options} --steps 100 --json")));
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["steps"], &first["stopped_early"]), (&10.into(), &true.into()));
    let before = folder.files();
    let again = succeeds(&folder.train(&format!("{options} --steps 200 --resume --json")));
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["steps"], &again["stopped_early"]), (&10.into(), &true.into()));
    assert!(folder.files() == before);
    // With more patience it goes on.
    let more = succeeds(&folder.train("--lr 0 --eval-every 5 --patience 2 --steps 200 --resume --json"));
    let more: serde_json::Value = serde_json::from_str(&more).unwrap();
    assert_eq!((&more["steps"], &more["stopped_early"]), (&15.into(), &true.into()));
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let folder = Folder::new("interrupt");
    let mut command = Command::new(program());
    command.current_dir(&folder.0).arg("train").args(SMALL.split(' '));
    command.args(["--steps", "100000000", "--checkpoint-every", "100000000"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    let start = Instant::now();
    while !folder.path("run.safetensors").exists() && start.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_millis(200));
    let kill = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("interrupted after step ") && last.contains("--resume"), "{said}");
    let step: u64 = last["interrupted after step ".len()..].split(',').next().unwrap().parse().unwrap();
    let resumed = succeeds(&folder.train(&format!("--resume --steps {}", step + 2)));
    assert!(resumed.contains(&format!("\n{} steps, ", step + 2)), "{resumed}");
}
