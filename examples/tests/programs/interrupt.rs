//! Ctrl-C while an example works: it ends at once, and nothing that was learned is lost.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    built::{Folder, interrupted, program},
    small_char_lm::{SMALL, TEXT, folder_with_text, succeeds},
};

#[test]
fn the_best_weights_so_far_are_tested_and_saved() {
    let folder = Folder::new("best");
    let endless = ["--epochs", "10000", "--patience", "1000000", "--json", "--out"];
    for (example, files) in
        [("forecast", &["forecast.safetensors", "forecast.svg"][..]), ("names", &["names.svg"])]
    {
        let mut command = Command::new(program(example));
        let out = folder.path(example);
        command.args(endless).arg(&out).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // The folder is made right before the training.
        wait_for(&out);
        sleep(Duration::from_secs(1));
        let output = interrupted(child);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("interrupted in epoch ") && said.contains("the best weights so far are used"),
            "{said}"
        );
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        let epochs = figures["epochs"].as_u64().or(figures["test"]["epochs"].as_u64()).unwrap();
        assert!((1..10_000).contains(&epochs), "{figures}");
        for file in files {
            assert!(fs::metadata(format!("{out}/{file}")).unwrap().len() > 1000, "{file}");
        }
    }
}

/// Killed, interrupted and resumed by the line that it prints, a training in epochs leaves the files of one
/// that nobody disturbed.
#[test]
fn forecast_and_names_go_on_with_the_same_bits() {
    let folder = Folder::new("epochs");
    for (example, options) in [
        ("forecast", "--hidden 8 --epochs 60 --patience 1000"),
        ("names", "--hidden 16 --count 400 --epochs 80 --patience 1000 lomi"),
    ] {
        let start = |out: &str, more: &[&str]| {
            let mut command = Command::new(program(example));
            command.current_dir(folder.path("")).env_remove("CARGO_MANIFEST_DIR");
            command.args(["--out", out]).args(options.split(' ')).args(more);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let whole = folder.path(&format!("{example}-whole"));
        succeeds(&start(&whole, &[]).wait_with_output().unwrap());

        let out = folder.path(example);
        let checkpoint = format!("{out}/{example}_training.safetensors");
        let mut killed = start(&out, &[]);
        wait_for(&checkpoint);
        killed.kill().unwrap();
        killed.wait().unwrap();

        let again = start(&out, &[]).wait_with_output().unwrap();
        assert_eq!(again.status.code(), Some(2));
        let said = String::from_utf8(again.stderr).unwrap();
        assert!(said.contains("is there already: go on from it with --resume, or begin anew with"), "{said}");

        let written = || fs::metadata(&checkpoint).and_then(|file| file.modified()).unwrap();
        let before = written();
        let resumed = start(&out, &["--resume"]);
        wait_until(|| written() != before);
        let said = interrupt(resumed);
        let (_, command) = said.lines().last().unwrap().split_once("; to go on: ").unwrap();
        let output = in_a_shell(&folder.path(""), command).output().unwrap();
        succeeds(&output);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("goes on after epoch "), "{said}");
        for kind in [".safetensors", ".svg", "_training.safetensors", "_training.svg"] {
            let read = |out: &str| fs::read(format!("{out}/{example}{kind}")).unwrap();
            assert!(read(&out) == read(&whole), "{example}{kind} differs");
        }
    }
}

/// Waits for a file, and a little longer.
fn wait_for(file: &str) {
    wait_until(|| fs::metadata(file).is_ok());
    sleep(Duration::from_millis(200));
}

/// Waits a minute at most.
fn wait_until(true_now: impl Fn() -> bool) {
    let start = Instant::now();
    while !true_now() && start.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5));
    }
}

/// Ctrl-C; what the program then says.
fn interrupt(child: Child) -> String {
    String::from_utf8(interrupted(child).stdout).unwrap()
}

/// The step after which a training was interrupted, and the line that goes on with it.
fn step_and_command(said: &str) -> (u64, String) {
    let last = said.lines().last().unwrap();
    let step = last.strip_prefix("interrupted after step ").and_then(|rest| rest.split(',').next());
    let (_, command) = last.split_once("; to go on: ").unwrap();
    (step.unwrap().parse().unwrap(), command.to_owned())
}

/// A line as somebody types it in a folder.
fn in_a_shell(folder: &str, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.current_dir(folder).env_remove("CARGO_MANIFEST_DIR").arg("-c").arg(format!("exec {line}"));
    shell
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let folder = folder_with_text("interrupt");
    let endless = format!("train {SMALL} --overwrite --steps 100000000 --checkpoint-every 100000000");
    let start = |command: &mut Command| {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&folder.path("run.safetensors"));
        child
    };
    let (first, command) = step_and_command(&interrupt(start(&mut folder.command(&endless))));
    assert!(command.ends_with(" --checkpoint-every 100000000 --resume"), "{command}");
    // The line works as it is printed. The checkpoint is there already, so it gets some more time.
    let mut shell = in_a_shell(&folder.path(""), &command);
    let resumed = start(&mut shell);
    sleep(Duration::from_secs(1));
    let (second, again) = step_and_command(&interrupt(resumed));
    assert!(second > first, "{first} {second}");
    assert_eq!(again, command);
    let resumed = succeeds(&folder.train(&format!("--resume --steps {}", second + 2)));
    assert!(resumed.contains(&format!("\n{} steps, ", second + 2)), "{resumed}");
}

#[test]
fn a_run_without_arguments_says_how_to_go_on_too() {
    let folder = folder_with_text("tour");
    folder.file("text.md", TEXT.repeat(100));
    let start = |command: &mut Command| {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&folder.path("out/char_lm_tour.safetensors"));
        sleep(Duration::from_millis(500));
        child
    };
    let (first, command) = step_and_command(&interrupt(start(&mut folder.command(""))));
    assert!(first < 1000 && command.ends_with(" --plot out/char_lm.svg --resume"), "{command}");
    let mut shell = in_a_shell(&folder.path(""), &command);
    let (second, again) = step_and_command(&interrupt(start(&mut shell)));
    assert!(second >= first && again == command, "{first} {second} {again}");
}

/// A stream that waits for a line ends as at the end of its input.
#[test]
fn ctrl_c_ends_a_stream_with_its_figures() {
    use std::io::{BufRead, BufReader, Write};
    let folder = Folder::new("stream");
    let (out, plot) = (folder.path("out"), folder.path("latencies.svg"));
    let trained =
        Command::new(program("names")).args(["--epochs", "1", "--count", "40", "--out", &out]).output();
    succeeds(&trained.unwrap());
    let mut command = Command::new(program("stream"));
    command.args(["--model", &format!("{out}/names.safetensors"), "--plot", &plot]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"lomi\nkarohan\n1999\n").unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let mut said = [String::new(), String::new(), String::new()];
    said.iter_mut().for_each(|line| assert!(answers.read_line(line).unwrap() > 0));
    assert!(said[..2].iter().all(|line| line.contains('\t')), "{said:?}");
    assert!(said[2].starts_with("error: line 3: the word \"1999\" has '1'"), "{said:?}");
    // The input stays open.
    let output = interrupted(child);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("a line   p50 ") && said.contains("stream: 3 lines answered in "), "{said}");
    assert!(fs::read_to_string(&plot).unwrap().contains("3 lines"));
    drop(input);
}

#[test]
fn ctrl_c_ends_a_measurement_and_a_sample() {
    let folder = folder_with_text("ends");
    succeeds(&folder.train("--steps 1"));
    folder.file("long.txt", TEXT.repeat(50_000));
    for (line, expected) in [
        (
            "eval --checkpoint run.safetensors --text long.txt --all --streams 1 --chunk 1",
            "which are not all",
        ),
        ("sample --checkpoint run.safetensors --length 1000000000", "\n"),
    ] {
        // A sample fills a pipe that nobody reads, so it goes to a file.
        let out = folder.path("said.txt");
        let mut command = folder.command(line);
        let child = command.stdout(fs::File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_secs(1));
        interrupt(child);
        let said = fs::read_to_string(&out).unwrap();
        assert!(said.trim_start().chars().count() > 10 && said.contains(expected), "{line}: {said}");
    }
}
