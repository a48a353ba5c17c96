//! `cargo xtask compare`: this library, PyTorch and onnxruntime on the same numbers, in turn.
//!
//! Each side is a [`worker::Worker`], a process that sleeps while another computes: an example of
//! refrain-nn, and `xtask/compare_worker.py` once for each peer. This library draws the weights and
//! inputs and writes them to a folder; the others read them there. All write their results to it,
//! and before anything is timed these must agree.

mod agreement;
mod arguments;
mod json;
mod measurement;
mod table;
mod tensor_file;
mod worker;
mod workload;

use std::path::Path;
use std::process::Command;

use arguments::Arguments;
use measurement::Times;
use table::Table;
use worker::{Start, Worker};
use workload::Workload;

use crate::house;
use crate::step::{Failure, Outcome, Step, quoted};
use crate::temporary_folder::TemporaryFolder;

/// A library to be compared with.
struct Peer {
    /// Its name for the worker and in JSON.
    key: &'static str,
    /// Its name on the screen.
    title: &'static str,
}

const TORCH: Peer = Peer { key: "torch", title: "PyTorch" };
const ONNXRUNTIME: Peer = Peer { key: "onnxruntime", title: "onnxruntime" };
const PEERS: [Peer; 2] = [TORCH, ONNXRUNTIME];

/// All that a Python needs for both peers.
const PACKAGES: &str = "torch numpy onnx onnxruntime";

/// Of the weights and inputs.
const SEED: u64 = 7;

/// Compares on the workloads named, or on all that the project has floors for.
///
/// # Errors
///
/// At arguments that make no sense; if there is no Python with torch, this library's side does not
/// build, a side fails, or the results do not agree.
pub(crate) fn run(words: &[String]) -> Outcome {
    let arguments = Arguments::parse(words).map_err(Failure::Usage)?;
    let repeat =
        || words.iter().fold("cargo xtask compare".to_owned(), |line, word| line + " " + &quoted(word));
    compare(&arguments).map_err(|what| Failure::Step { what: format!("compare: {what}"), repeat: repeat() })
}

fn compare(arguments: &Arguments) -> Result<(), String> {
    let mut sides = Sides::start(arguments)?;
    write_json(arguments, &[])?; // a path that cannot be written is found before anything is timed
    println!("{}", sides.describe(arguments));
    let names: Vec<String> = arguments.workloads.iter().map(Workload::to_string).collect();
    let table = Table::new(names.iter().map(String::as_str), &PEERS.map(|peer| peer.title));
    let mut all = Vec::new();
    let (last, mut pass) = (arguments.passes, 0);
    let outcome = arguments.rounds_of_passes().try_for_each(|rounds| {
        pass += 1;
        if pass == last {
            println!("{}", table.head());
        } else {
            eprintln!("pass {pass} of {last}; the rows come with the last one");
        }
        let show = |times: &Times| {
            if pass == last {
                println!("{}", table.row(&times.row()));
            }
        };
        one_pass(arguments, &mut sides, rounds, &mut all, show)
    });
    if outcome.is_err() && pass < last {
        println!("{}", table.head());
        all.iter().for_each(|times| println!("{}", table.row(&times.row())));
    }
    outcome
}

/// Goes through all rows once, `rounds` times each, and shows each one.
fn one_pass(
    arguments: &Arguments,
    sides: &mut Sides,
    rounds: usize,
    all: &mut Vec<Times>,
    show: impl Fn(&Times),
) -> Result<(), String> {
    for (place, workload) in arguments.workloads.iter().enumerate() {
        let of_workload = |what: String| format!("{workload}: {what}");
        let mut loaded = sides.load(workload).map_err(of_workload)?;
        if place == all.len() {
            all.push(Times::of(workload.to_string(), loaded.flops));
        }
        all[place].measure(rounds, loaded.ours, &mut loaded.peers).map_err(of_workload)?;
        write_json(arguments, all)?;
        show(&all[place]);
    }
    Ok(())
}

/// Writes the rows so far, if a file is named, so that a run that is stopped keeps what it has.
fn write_json(arguments: &Arguments, all: &[Times]) -> Result<(), String> {
    let Some(path) = &arguments.json else { return Ok(()) };
    let rows: Vec<_> = all.iter().map(Times::row).collect();
    let text = json::list(&rows, &PEERS.map(|peer| peer.key));
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// All that compute.
struct Sides {
    ours: Worker,
    /// In the order of [`PEERS`].
    peers: Vec<Option<Worker>>,
    versions: Vec<String>,
    /// The last to go: the workers write to it.
    folder: TemporaryFolder,
}

impl Sides {
    fn start(arguments: &Arguments) -> Result<Self, String> {
        let folder = TemporaryFolder::new("compare")?;
        let (mut peers, mut versions) = (Vec::new(), Vec::new());
        for peer in PEERS {
            let (worker, version) = start_peer(&peer, arguments, folder.path())?;
            peers.push(worker);
            versions.extend(version.map(|version| format!("{} {version}", peer.title)));
        }
        let (ours, version) = start_ours(arguments, folder.path())?;
        versions.insert(0, format!("refrain {version}"));
        Ok(Sides { ours, peers, versions, folder })
    }

    fn describe(&self, arguments: &Arguments) -> String {
        let counted =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (threads, rounds) = (counted(arguments.threads, "thread"), counted(arguments.rounds, "round"));
        let passes = if arguments.passes == 1 { "" } else { &format!(" in {} passes", arguments.passes) };
        format!("{}; {threads}, medians of {rounds}{passes}", self.versions.join(", "))
    }

    /// Loads the workload on all sides, and sees that they agree.
    fn load(&mut self, workload: &Workload) -> Result<Loaded<'_>, String> {
        let request = workload.request(SEED);
        if !self.ours.load(&request)? {
            return Err("this library has no such workload".to_owned());
        }
        self.ours.results()?;
        let ours = tensor_file::read(&self.folder.path().join("ours"))?;
        let mut suited = Vec::new();
        for (worker, peer) in self.peers.iter_mut().zip(PEERS) {
            let Some(worker) = worker else {
                suited.push(None);
                continue;
            };
            if !worker.load(&request)? {
                suited.push(None);
                continue;
            }
            worker.results()?;
            let theirs = tensor_file::read(&self.folder.path().join(peer.key))?;
            agreement::check(&ours, &theirs)
                .map_err(|difference| format!("the results of {} do not agree: {difference}", peer.title))?;
            suited.push(Some(worker));
        }
        let flops = workload.flops(useful_steps(workload, self.folder.path())?);
        Ok(Loaded { flops, ours: &mut self.ours, peers: suited })
    }
}

/// The sides with a workload.
struct Loaded<'a> {
    /// Its useful operations.
    flops: f64,
    ours: &'a mut Worker,
    /// In the order of [`PEERS`], where they have such a thing.
    peers: Vec<Option<&'a mut Worker>>,
}

/// The steps of all sequences together. Those of a packed batch are in the problem.
fn useful_steps(workload: &Workload, folder: &Path) -> Result<usize, String> {
    if !workload.packed {
        return Ok(workload.padded_steps());
    }
    let problem = tensor_file::read(&folder.join("problem"))?;
    let lengths =
        problem.iter().find(|tensor| tensor.name == "lengths").ok_or("the problem has no lengths")?;
    Ok(lengths.values.iter().map(|length| *length as usize).sum())
}

fn start_ours(arguments: &Arguments, folder: &Path) -> Result<(Worker, String), String> {
    let example = ["--quiet", "--release", "-p", "refrain-nn", "--example", "compare_worker"];
    let build = Step::cargo("build", ["build"]).with(example.map(str::to_owned));
    build.output(false).map_err(|_| format!("this library's side does not build: {}", build.shown()))?;
    let threads = arguments.threads.to_string();
    let run = Step::cargo("run", ["run"])
        .with(example.map(str::to_owned))
        .with(["--".to_owned(), folder.display().to_string(), threads.clone()])
        .env("RAYON_NUM_THREADS", &threads);
    match Worker::start("refrain", run.command())? {
        Start::Ready(worker, version) => Ok((worker, version)),
        Start::Missing(names) => Err(format!("this library's side lacks {}", names.join(", "))),
    }
}

/// A peer and its version. Without PyTorch there is nothing to compare with; any other may be
/// missing.
fn start_peer(
    peer: &Peer,
    arguments: &Arguments,
    folder: &Path,
) -> Result<(Option<Worker>, Option<String>), String> {
    let python = &arguments.python;
    let mut command = Command::new(python);
    command.arg(house::root().join("xtask/compare_worker.py")).arg(peer.key).arg(folder);
    command.arg(arguments.threads.to_string());
    let advice = format!("install them with `{} -m pip install {PACKAGES}`", quoted(python));
    match Worker::start(peer.title, command) {
        Ok(Start::Ready(worker, version)) => Ok((Some(worker), Some(version))),
        Ok(Start::Missing(names)) => {
            let names = names.join(", ");
            let what = format!("{python} lacks {names}, and {} needs it; {advice}", peer.title);
            let what = format!("{what}, or name another interpreter with --python PATH");
            if peer.key == TORCH.key {
                return Err(what);
            }
            eprintln!("note: {what}; going on without {}", peer.title);
            Ok((None, None))
        }
        Err(error) => Err(format!(
            "{error}; {} needs a Python 3 with its packages: name one with --python PATH, and {advice}",
            peer.title
        )),
    }
}
