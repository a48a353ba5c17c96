//! `cargo xtask crash --kills N`: a training that is killed again and again ends with the same bits.
//!
//! A small `char_lm` trains once without a break. Then it trains again, with a checkpoint after every
//! step, and is killed with SIGKILL at random moments, many of them in the midst of a write. At first it is
//! killed before it has a checkpoint, a quarter as often as afterwards, and begins anew. Then the moments
//! are spread over the whole run, and each time it resumes from what is there. What counts as a kill is one
//! of a training that was under way, and as a resumed one what the program itself says: after which step it
//! goes on. No step that was told of may be lost. Kills of a program that had not yet read its checkpoint are
//! counted apart. At the end the two checkpoints must be the same, byte for byte: weights, optimizer state,
//! generator, best weights, losses.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::house;
use crate::step::{Failure, Outcome, Step};
use crate::temporary_folder::TemporaryFolder;

/// Dropout and an LSTM of two layers, so that the generator and every carried state matter.
const MODEL: &str = "--cell lstm --layers 2 --hidden 32 --embedding 16 --dropout 0.2 --streams 4 --chunk 16";
const CADENCE: &str = "--checkpoint-every 1 --eval-every 25 --eval-chars 500 --json";

/// How long the first checkpoint may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run is asked to do.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    kills: u64,
    seed: u64,
}

/// Runs both trainings and compares.
///
/// # Errors
///
/// If the example does not build, a checkpoint cannot be resumed, or the weights differ.
pub(crate) fn run(words: &[String]) -> Outcome {
    let arguments = Arguments::parse(words).map_err(Failure::Usage)?;
    let Arguments { kills, seed } = arguments;
    let failed = |what: String| {
        let repeat = format!("cargo xtask crash --kills {kills} --seed {seed}");
        Failure::Step { what: format!("crash: {what}"), repeat }
    };
    let last_line = crash(&arguments).map_err(failed)?;
    println!("{last_line}");
    Ok(())
}

fn crash(&Arguments { kills, seed }: &Arguments) -> Result<String, String> {
    let folder = TemporaryFolder::new("crash")?;
    let training = |name: &str| Training {
        program: PathBuf::new(),
        checkpoint: folder.path().join(name),
        steps: 10 * kills.max(20),
    };
    let program = built()?;
    let quiet = Training { program: program.clone(), ..training("quiet.safetensors") };
    let Pace { first, whole } = quiet.pace()?;
    println!("{} steps without a break in {:.1} s", quiet.steps, whole.as_secs_f64());

    let killed = Training { program, ..training("killed.safetensors") };
    println!("moments drawn from seed {seed}; --seed takes another");
    let mut random = seed;
    let mut tally = Tally::default();
    while tally.anew < kills.div_ceil(4) {
        let life = killed.dies_after(first.mul_f64(fraction(&mut random)))?;
        match life.end {
            End::Without => tally.anew += 1,
            End::With | End::Done => killed.forget()?,
        }
    }
    // On average a life is a start and its share of the steps.
    let longest_life = 2 * (first + whole.saturating_sub(first).div_f64(kills as f64));
    while tally.kills < kills {
        let life = killed.dies_after(longest_life.mul_f64(fraction(&mut random)))?;
        tally.add(&life)?;
        if let End::Done = life.end {
            // It was done before its time came: compare, and train anew.
            same(&quiet, &killed)?;
            killed.forget()?;
        }
    }
    // What the last kill left is resumed too.
    tally.add(&Life { end: End::Done, resumed: killed.finish()? })?;
    same(&quiet, &killed)?;
    nothing_beside(folder.path())?;
    tally.say();
    Ok(format!("{kills} kills, {} resumed, weights identical", tally.resumed))
}

/// What became of the lives of a training.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Kills of a training that was under way and had a checkpoint.
    kills: u64,
    /// Trainings that said that they go on from a checkpoint, each for the first time since a kill.
    resumed: u64,
    /// Kills of a program that had a checkpoint to go on from and had not yet read it.
    unread: u64,
    /// Kills before there was a checkpoint.
    anew: u64,
    /// Trainings that were done before their kill.
    finished: u64,
    /// The step that the checkpoint had when it was read last; none where there is no checkpoint.
    step: Option<u64>,
    /// Whether there is a checkpoint that should be resumed.
    left: bool,
}

impl Tally {
    /// Counts a life.
    ///
    /// # Errors
    ///
    /// If it went back behind the life before, or should have resumed and has not.
    fn add(&mut self, life: &Life) -> Result<(), String> {
        match (self.left, life.resumed) {
            (true, Some(step)) => {
                if let Some(before) = self.step.filter(|before| *before > step) {
                    return Err(format!(
                        "a training went on after step {step}, and the one before after {before}"
                    ));
                }
                (self.step, self.left) = (Some(step), false);
                self.resumed += 1;
            }
            (true, None) => match life.end {
                End::With => {
                    self.unread += 1;
                    return Ok(());
                }
                End::Without => return Err("a kill has taken the checkpoint away".to_owned()),
                End::Done => return Err("a training with a checkpoint has not resumed".to_owned()),
            },
            (false, Some(step)) => {
                return Err(format!("there was no checkpoint to go on from after step {step}"));
            }
            (false, None) => {}
        }
        match life.end {
            End::With => (self.kills, self.left) = (self.kills + 1, true),
            End::Without => self.anew += 1,
            End::Done => (self.finished, self.step) = (self.finished + 1, None),
        }
        Ok(())
    }

    /// All but the last line.
    fn say(&self) {
        println!("kills before there was a checkpoint, after which the training began anew: {}", self.anew);
        println!("kills of a program that had not yet read its checkpoint: {}", self.unread);
        // The last one was to end so.
        println!("trainings that ended before their kill, with the same weights: {}", self.finished - 1);
    }
}

/// How long a training takes: up to its first checkpoint, and to its end.
struct Pace {
    first: Duration,
    whole: Duration,
}

/// The life of a training.
struct Life {
    end: End,
    /// The step after which it went on, where it said so.
    resumed: Option<u64>,
}

/// How the life of a training ended.
#[derive(Clone, Copy)]
enum End {
    /// Killed before it had a checkpoint.
    Without,
    /// Killed, and there is a checkpoint.
    With,
    /// All steps were made before the kill.
    Done,
}

/// One training of the example.
struct Training {
    program: PathBuf,
    checkpoint: PathBuf,
    steps: u64,
}

impl Training {
    fn start(&self) -> Result<Child, String> {
        let mut command = Command::new(&self.program);
        command.current_dir(house::root()).args(["train", "--text", "README.md", "--checkpoint"]);
        command.arg(&self.checkpoint).args(["--steps", &self.steps.to_string()]);
        command.args(MODEL.split(' ').chain(CADENCE.split(' ')));
        if self.checkpoint.exists() {
            command.arg("--resume");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map_err(|error| format!("cannot start {}: {error}", self.program.display()))
    }

    /// Trains to the end; the step after which it went on.
    fn finish(&self) -> Result<Option<u64>, String> {
        ended(self.start()?).map(|said| resumed_after(&said))
    }

    /// Trains to the end, and looks at the clock.
    fn pace(&self) -> Result<Pace, String> {
        let start = Instant::now();
        let mut child = self.start()?;
        while !self.checkpoint.exists() && start.elapsed() < PATIENCE {
            if child.try_wait().map_err(cannot_wait)?.is_some() {
                break;
            }
            sleep(Duration::from_micros(200));
        }
        let first = start.elapsed();
        ended(child)?;
        Ok(Pace { first, whole: start.elapsed() })
    }

    /// Starts or resumes the training and kills it after some time.
    fn dies_after(&self, life: Duration) -> Result<Life, String> {
        let mut child = self.start()?;
        sleep(life);
        if child.try_wait().map_err(cannot_wait)?.is_some() {
            return Ok(Life { end: End::Done, resumed: resumed_after(&ended(child)?) });
        }
        // On Unix this is SIGKILL, which no program can hear coming.
        child.kill().map_err(|error| format!("cannot kill it: {error}"))?;
        let output = child.wait_with_output().map_err(cannot_wait)?;
        let end = match (output.status.success(), self.checkpoint.exists()) {
            (true, _) => End::Done, // between the look and the kill
            (false, true) => End::With,
            (false, false) => End::Without,
        };
        Ok(Life { end, resumed: resumed_after(&String::from_utf8_lossy(&output.stderr)) })
    }

    /// Removes the checkpoint.
    fn forget(&self) -> Result<(), String> {
        let path = &self.checkpoint;
        std::fs::remove_file(path).map_err(|error| format!("cannot remove {}: {error}", path.display()))
    }
}

/// Waits for a training; what it says on standard error, which is the reason if it fails.
fn ended(child: Child) -> Result<String, String> {
    let output = child.wait_with_output().map_err(cannot_wait)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(said.into_owned());
    }
    Err(format!("the training failed, {}: {}", output.status, said.trim_end()))
}

/// The step after which a training went on from its checkpoint, by what it said.
fn resumed_after(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("goes on after step ")?.parse().ok())
}

fn cannot_wait(error: std::io::Error) -> String {
    format!("cannot wait for the training: {error}")
}

/// Whether two trainings left the same bytes.
fn same(one: &Training, other: &Training) -> Result<(), String> {
    let read = |training: &Training| {
        let path = &training.checkpoint;
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let (one, other) = (read(one)?, read(other)?);
    if one == other {
        return Ok(());
    }
    let place = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    Err(format!("the checkpoints differ from byte {place} on ({} and {} bytes)", one.len(), other.len()))
}

/// Killed writers leave temporary files; the next write removes them.
fn nothing_beside(folder: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("cannot list {folder:?}: {error}"))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    if names.len() == 2 {
        Ok(())
    } else {
        Err(format!("there should be two checkpoints, and there are {names:?}"))
    }
}

/// Builds the example in release and says where cargo has put it.
fn built() -> Result<PathBuf, String> {
    let build = ["build", "--release", "--example", "char_lm", "--message-format", "json-render-diagnostics"];
    let messages = Step::cargo("build", build).output(false)?;
    let path = messages.lines().filter_map(executable).next_back();
    path.ok_or_else(|| "cargo did not say where char_lm is".to_owned())
}

/// The program that a message of cargo names.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once("\"executable\":\"")?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path.replace("\\\\", "\\")))
}

/// A number from 0 to 1, and the seed of the next one (SplitMix64, Steele et al. 2014).
fn fraction(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut arguments = Arguments { kills: 10, seed: 1 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--kills" => &mut arguments.kills,
                "--seed" => &mut arguments.seed,
                _ => {
                    return Err(format!("error: crash has no option `{word}`; there are --kills and --seed"));
                }
            };
            let value = words.next().ok_or_else(|| format!("error: {word} takes a number, and has none"))?;
            *place = value.parse().map_err(|_| format!("error: {word} takes a number, and got `{value}`"))?;
        }
        if arguments.kills == 0 {
            return Err("error: --kills is 0, and should be at least 1".to_owned());
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood_or_refused() {
        let parse =
            |line: &str| Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse(""), Ok(Arguments { kills: 10, seed: 1 }));
        assert_eq!(parse("--seed 5 --kills 3"), Ok(Arguments { kills: 3, seed: 5 }));
        for (line, expected) in [
            ("--kill 3", "error: crash has no option `--kill`; there are --kills and --seed"),
            ("--kills", "error: --kills takes a number, and has none"),
            ("--kills many", "error: --kills takes a number, and got `many`"),
            ("--kills 0", "error: --kills is 0, and should be at least 1"),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn moments_are_spread_and_repeatable() {
        let draw = |mut seed: u64| (0..1000).map(|_| fraction(&mut seed)).collect::<Vec<f64>>();
        let moments = draw(3);
        assert_eq!(moments, draw(3));
        assert_ne!(moments, draw(4));
        assert!(moments.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = moments.iter().sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn a_resumed_training_is_one_that_says_so() {
        assert_eq!(resumed_after("a warning\ngoes on after step 12\nstep 25: 3.1\n"), Some(12));
        assert_eq!(resumed_after("step 25: 3.1\ngoes on after step \n"), None);
        let lives = |lives: &[(End, Option<u64>)]| {
            let mut tally = Tally::default();
            for &(end, resumed) in lives {
                tally.add(&Life { end, resumed })?;
            }
            Ok::<_, String>((tally.kills, tally.resumed, tally.unread, tally.anew, tally.finished))
        };
        use End::{Done, With, Without};
        let good = [(Without, None), (With, None), (With, Some(3)), (With, None), (Done, Some(3))];
        assert_eq!(lives(&good), Ok((2, 2, 1, 1, 1)));
        // A kill may come before the first step and after the checkpoint was read.
        assert_eq!(
            lives(&[(With, None), (With, Some(0)), (Done, Some(0)), (With, None)]),
            Ok((3, 2, 0, 0, 1))
        );
        for bad in [
            &[(With, None), (With, Some(5)), (With, Some(4))][..], // steps are lost
            &[(With, None), (Done, None)],                         // it began anew in silence
            &[(With, None), (Without, None)],
            &[(With, Some(3))],
        ] {
            assert!(lives(bad).is_err());
        }
    }

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let message =
            r#"{"reason":"compiler-artifact","executable":"/t/release/examples/char_lm","fresh":true}"#;
        assert_eq!(executable(message), Some(PathBuf::from("/t/release/examples/char_lm")));
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }

    #[test]
    fn a_file_left_beside_is_reported() {
        let folder = TemporaryFolder::new("test-of-crash").expect("a new folder");
        for name in ["quiet", "killed"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        assert_eq!(nothing_beside(folder.path()), Ok(()));
        std::fs::write(folder.path().join("killed.1.part"), "").expect("a file");
        assert!(nothing_beside(folder.path()).is_err());
    }
}
