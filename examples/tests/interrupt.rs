//! Ctrl-C while an example trains: it ends at once, with the best that it has.
#![cfg(unix)] // signals

mod programs;

use std::{
    fs,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use programs::{Folder, interrupted, program};
use serde_json::Value;

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
        let start = Instant::now();
        while fs::metadata(&out).is_err() && start.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(5));
        }
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
