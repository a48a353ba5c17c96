//! The program as it is called: on the cases of this repository, and on directories of all sorts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Every kind that has to be among the committed cases.
const KINDS: [&str; 16] = [
    "rnn",
    "lstm",
    "gru",
    "rnn_cell",
    "lstm_cell",
    "gru_cell",
    "linear",
    "embedding",
    "conv1d",
    "conv2d",
    "cross_entropy",
    "mse",
    "bce_with_logits",
    "optim",
    "clip_grad_norm",
    "schedule",
];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn run(folder: &Path) -> (Output, Vec<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_refrain-parity")).arg(folder).output().expect("it starts");
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (output, lines)
}

/// A fresh folder with these files, removed by the caller.
fn folder_of(purpose: &str, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("refrain-parity-{purpose}-{}", std::process::id()));
    fs::create_dir(&folder).expect("a new folder");
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a file");
    }
    folder
}

#[test]
fn the_committed_cases_pass() {
    let (output, lines) = run(&committed());
    let failed: Vec<&String> = lines.iter().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(output.status.code(), Some(0));
    let files = fs::read_dir(committed()).expect("the folder").flatten();
    let is_case = |name: &std::ffi::OsStr| Path::new(name).extension().is_some_and(|e| e == "safetensors");
    let files = files.filter(|file| is_case(&file.file_name())).count();
    assert_eq!(lines.last(), Some(&format!("{files} passed, 0 failed")));
    assert_eq!(lines.len(), files + 1);
    for kind in KINDS {
        // Learning rates are f64 whatever a model computes in.
        let dtypes = if kind == "schedule" { &["f64"][..] } else { &["f32", "f64"] };
        for dtype in dtypes {
            let name = format!("_{kind}_{dtype}.safetensors");
            let of_kind = |line: &String| {
                let file = line.split_whitespace().nth(1);
                // Past the number, so that an rnn_cell is not taken for a cell.
                file.and_then(|file| file.find('_').map(|at| &file[at..])) == Some(&name)
            };
            assert!(lines.iter().any(of_kind), "no case of {kind} in {dtype}");
        }
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_exit_code_2() {
    let (output, lines) = run(Path::new("/no/such/folder"));
    assert_eq!(output.status.code(), Some(2));
    assert!(lines.is_empty(), "{lines:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/folder"));
}

#[test]
fn broken_files_fail_one_by_one() {
    let mut names: Vec<PathBuf> =
        fs::read_dir(committed()).expect("the folder").flatten().map(|e| e.path()).collect();
    names.sort();
    let whole =
        fs::read(names.iter().find(|name| name.ends_with("0000_rnn_f32.safetensors")).expect("a case"))
            .expect("a file");
    // A header that claims more than there is.
    let mut greedy = whole.clone();
    greedy[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    // A single number that is off.
    let mut wrong = whole.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 0x40;
    let files = [
        ("a.safetensors", whole.clone()),
        ("b.safetensors", whole[..whole.len() / 2].to_vec()),
        ("c.safetensors", greedy),
        ("d.safetensors", wrong),
        ("e.safetensors", Vec::new()),
        ("notes.txt", b"no case".to_vec()),
    ];
    let folder = folder_of("broken", &files);
    fs::create_dir(folder.join("f.safetensors")).expect("a folder");
    let (output, lines) = run(&folder);
    fs::remove_dir_all(&folder).expect("it can be removed");
    assert_eq!(output.status.code(), Some(1));
    let words: Vec<&str> = lines.iter().map(|line| &line[..4]).collect();
    assert_eq!(words, ["ok  ", "FAIL", "FAIL", "FAIL", "FAIL", "FAIL", "1 pa"], "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("1 passed, 5 failed"));
}

#[test]
fn an_empty_directory_has_no_cases() {
    let folder = folder_of("empty", &[]);
    let (output, lines) = run(&folder);
    fs::remove_dir_all(&folder).expect("it can be removed");
    assert_eq!((output.status.code(), lines), (Some(0), vec!["0 passed, 0 failed".to_owned()]));
    assert!(!output.stderr.is_empty(), "no warning");
}
