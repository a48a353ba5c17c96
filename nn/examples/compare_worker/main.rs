//! This library's half of `cargo xtask compare`: a program that answers one request a line.
//!
//! `compare_worker FOLDER THREADS`. Its first line is `ready VERSION`. Then, until the end of its
//! input:
//!
//! | request | what is done | answer |
//! | --- | --- | --- |
//! | `load KEY=VALUE…` | draws weights and inputs, writes them to `FOLDER/problem` | `loaded` |
//! | `results` | computes once from the start, writes what comes out to `FOLDER/ours` | `written` |
//! | `run N` | computes N times, after some times for warmth | `took MICROSECONDS`, of one of the N |
//! | `peak` | multiplies and adds on THREADS threads | `peak FLOPS`, a second |
//!
//! What fails is answered with `error REASON`. How many threads the library uses is for
//! `RAYON_NUM_THREADS` to say. Tensors are written as [`tensor_file`] says.

#![forbid(unsafe_code)]

mod hello;
mod job;
mod layer;
mod peak;
mod sequence;
mod streaming;
mod tensor_file;

use std::{
    error::Error,
    hint::black_box,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use job::{Job, Mode};
use tensor_file::NamedTensors;

/// What fails here is told to the other side in words.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A workload with its weights and inputs.
trait Work {
    /// Weights and inputs, for the peers to take.
    fn problem(&self) -> Result<NamedTensors>;

    /// What comes out of a computation from the start, to be compared with the peers.
    fn results(&self) -> Result<NamedTensors>;

    /// Computes so many times, going on from where the last call ended.
    fn run(&mut self, times: u64) -> Result<()>;
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, threads] = &arguments[..] else {
        return Err("usage: compare_worker FOLDER THREADS".into());
    };
    let (folder, threads) = (PathBuf::from(folder), threads.parse()?);
    tell(&format!("ready {}", env!("CARGO_PKG_VERSION")))?;
    let mut work = None;
    for request in io::stdin().lines() {
        match answer(&request?, &mut work, &folder, threads) {
            Ok(answer) => tell(&answer)?,
            Err(error) => tell(&format!("error {}", error.to_string().replace('\n', " ")))?,
        }
    }
    Ok(())
}

fn tell(answer: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{answer}")?;
    out.flush()
}

fn answer(request: &str, work: &mut Option<Box<dyn Work>>, folder: &Path, threads: usize) -> Result<String> {
    let (word, rest) = request.split_once(' ').unwrap_or((request, ""));
    if word == "load" {
        *work = None; // what was there before is freed first
        let loaded = load(&Job::parse(rest)?)?;
        loaded.problem()?.write(&folder.join("problem"))?;
        *work = Some(loaded);
        return Ok("loaded".to_owned());
    }
    if word == "peak" {
        return Ok(format!("peak {}", peak::flops_a_second(threads)));
    }
    let work = work.as_mut().ok_or("nothing is loaded")?;
    match word {
        "results" => {
            work.results()?.write(&folder.join("ours"))?;
            Ok("written".to_owned())
        }
        "run" => Ok(format!("took {}", microseconds(work.as_mut(), rest.parse()?)?)),
        _ => Err(format!("there is no request `{word}`").into()),
    }
}

fn load(job: &Job) -> Result<Box<dyn Work>> {
    Ok(match job.mode {
        Mode::Train | Mode::Infer => Box::new(sequence::Sequence::new(job)?),
        Mode::Stream => Box::new(streaming::Streaming::new(job)?),
        Mode::Hello => Box::new(hello::Hello::new(job)?),
    })
}

/// The time of one computation of so many, with caches and threads warm.
fn microseconds(work: &mut dyn Work, times: u64) -> Result<f64> {
    work.run(times / 10 + 1)?;
    let start = Instant::now();
    black_box(&mut *work).run(times)?;
    Ok(start.elapsed().as_secs_f64() * 1e6 / times as f64)
}
