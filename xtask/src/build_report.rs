//! `cargo xtask build-report`: what a user's first build of the library crates costs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::house::{self, Crate, Kind};
use crate::step::{self, Failure, Outcome, Step};
use crate::temporary_folder::TemporaryFolder;

/// The most crates that a build of the library crates may compile, theirs included.
const MOST_CRATES: usize = 40;

/// The longest that a clean release build may take on two cores.
const LONGEST: Duration = Duration::from_secs(30);

/// Builds the core crates in release into a fresh folder, then says the time and the number of
/// crates compiled. The time limit holds only with `--enforce`: a busy machine is not a defect.
///
/// # Errors
///
/// If the build fails or a limit is passed, or at an argument other than `--enforce`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let enforce = match arguments {
        [] => false,
        [argument] if argument == "--enforce" => true,
        _ => return Err(Failure::Usage("error: build-report takes no argument but --enforce".to_owned())),
    };
    let repeat = if enforce { "cargo xtask build-report --enforce" } else { "cargo xtask build-report" };
    step::timed("clean release build of the core crates", repeat, || {
        let report = measure()?;
        println!("{report}");
        report.verdict(enforce)
    })
}

/// What was measured.
struct Report {
    time: Duration,
    crates: usize,
    cores: usize,
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (time, crates, cores) = (step::seconds(self.time), self.crates, self.cores);
        let cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
        write!(formatter, "{crates} crates compiled in {time} on {cores} (limits: {MOST_CRATES} crates, ")?;
        write!(formatter, "{})", step::seconds(LONGEST))
    }
}

impl Report {
    fn verdict(&self, enforce_time: bool) -> Result<(), String> {
        if self.crates > MOST_CRATES {
            return Err(format!("{} crates, and the limit is {MOST_CRATES}", self.crates));
        }
        if enforce_time && self.time > LONGEST {
            let (time, limit) = (step::seconds(self.time), step::seconds(LONGEST));
            return Err(format!("the build took {time}, and the limit is {limit}"));
        }
        Ok(())
    }
}

fn measure() -> Result<Report, String> {
    // Downloading is not building: what is missing is fetched before the clock starts.
    Step::cargo("fetch", ["fetch", "--target", &host()?]).output(false)?;
    let tree = Step::cargo("tree", ["tree", "--edges", "normal,build", "--prefix", "none"])
        .with(house::package_arguments(core()))
        .output(false)?;
    let folder = TemporaryFolder::new("build-report")?;
    let target = folder.path().display().to_string();
    let build = Step::cargo("build", ["build", "--release", "--target-dir", &target])
        .with(house::package_arguments(core()));
    let start = Instant::now();
    build.output(false)?;
    let time = start.elapsed();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Report { time, crates: crates_in(&tree), cores })
}

fn core() -> impl Iterator<Item = &'static Crate> {
    house::CRATES.iter().filter(|member| member.kind == Kind::Core)
}

/// The triple of this machine, as cargo itself gives it.
fn host() -> Result<String, String> {
    let version = Step::cargo("version", ["--version", "--verbose"]).output(false)?;
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    triple.map(str::to_owned).ok_or_else(|| "cargo --version --verbose names no host".to_owned())
}

/// The number of crates, by name and version, in the output of `cargo tree --prefix none`.
fn crates_in(tree: &str) -> usize {
    let name_and_version = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    tree.lines().filter_map(name_and_version).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_counted_once_a_version() {
        let tree = "refrain-nn v0.1.0 (/somewhere/nn)\nsyn v2.0.1\nsyn v2.0.1 (*)\nsyn v1.0.0\n\n\
                    thiserror-impl v2.0.12 (proc-macro)\nrefrain-nn v0.1.0 (/somewhere/nn) (*)\n";
        assert_eq!(crates_in(tree), 4);
    }

    #[test]
    fn the_host_is_a_target_triple() {
        let host = host().expect("cargo says its host");
        assert!(host.split('-').count() >= 3, "{host}");
    }

    #[test]
    fn the_time_limit_holds_only_when_enforced() {
        let cases = [
            (40, 30, false, true),
            (41, 1, false, false),
            (41, 1, true, false),
            (30, 31, false, true),
            (30, 31, true, false),
            (30, 30, true, true),
        ];
        for (crates, time, enforce, good) in cases {
            let report = Report { time: Duration::from_secs(time), crates, cores: 2 };
            assert_eq!(report.verdict(enforce).is_ok(), good, "{report}, enforce: {enforce}");
        }
    }

    #[test]
    fn other_arguments_are_refused() {
        let failure = run(&["--fast".to_owned()]).expect_err("an unknown argument");
        assert_eq!(failure.exit_code(), 2);
    }
}
