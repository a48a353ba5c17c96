//! What follows `cargo xtask compare`.

use std::path::PathBuf;

use super::workload::Workload;

/// What a run is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The rows, in order.
    pub(crate) workloads: Vec<Workload>,
    /// The interpreter that runs the peers.
    pub(crate) python: String,
    /// How many threads each side may use.
    pub(crate) threads: usize,
    /// How many times each side is timed.
    pub(crate) rounds: usize,
    /// How many times the rows are gone through, each time with some of their rounds.
    pub(crate) passes: usize,
    /// Where the rows go besides the screen.
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    /// Reads the options; each takes a value, as the next word or behind a `=`.
    ///
    /// # Errors
    ///
    /// A sentence that names the word and what is expected.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut arguments = Arguments {
            workloads: Vec::new(),
            python: "python3".to_owned(),
            threads: cores.min(2),
            rounds: 9,
            passes: 3,
            json: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let place = match option {
                "--workload" | "--python" | "--threads" | "--rounds" | "--passes" | "--json" => option,
                _ => {
                    let known = "--workload, --python, --threads, --rounds, --passes and --json";
                    return Err(format!("error: compare has no option `{option}`; there are {known}"));
                }
            };
            let value = value.or_else(|| words.next().cloned());
            let value = value.ok_or_else(|| format!("error: {option} takes a value, and has none"))?;
            match place {
                "--workload" => arguments.workloads.push(Workload::parse(&value)?),
                "--python" => arguments.python = value,
                "--threads" => arguments.threads = count(option, &value)?,
                "--rounds" => arguments.rounds = count(option, &value)?,
                "--passes" => arguments.passes = count(option, &value)?,
                _ => arguments.json = Some(value.into()),
            }
        }
        if arguments.workloads.is_empty() {
            arguments.workloads = Workload::defaults()?;
        }
        arguments.passes = arguments.passes.min(arguments.rounds);
        Ok(arguments)
    }

    /// How many rounds each pass has, as even as can be.
    pub(crate) fn rounds_of_passes(&self) -> impl Iterator<Item = usize> {
        let (rounds, passes) = (self.rounds, self.passes);
        let before = move |pass: usize| rounds * pass / passes;
        (0..passes).map(move |pass| before(pass + 1) - before(pass))
    }
}

fn count(option: &str, value: &str) -> Result<usize, String> {
    let count = value.parse().ok().filter(|count| (1..=1024).contains(count));
    count.ok_or_else(|| format!("error: {option} takes a number from 1 to 1024, and got `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let line = "--python p --workload hello --threads 3 --workload=rnn:infer:i1:h2:t3:b4 --rounds=5 --passes 2 --json x.json";
        let arguments = parse(line).expect("good options");
        assert_eq!((arguments.python.as_str(), arguments.threads, arguments.rounds), ("p", 3, 5));
        assert_eq!(arguments.rounds_of_passes().collect::<Vec<_>>(), [2, 3]);
        let shown: Vec<String> = arguments.workloads.iter().map(Workload::to_string).collect();
        assert_eq!(shown, ["hello", "rnn:infer:i1:h2:t3:b4"]);
        assert_eq!(arguments.json, Some(PathBuf::from("x.json")));
    }

    #[test]
    fn without_options_there_are_defaults() {
        let arguments = parse("").expect("nothing wrong");
        assert_eq!(Ok(arguments.workloads), Workload::defaults());
        assert_eq!((arguments.python.as_str(), arguments.json), ("python3", None));
        assert_eq!((arguments.rounds, arguments.passes), (9, 3));
        assert!((1..=2).contains(&arguments.threads));
    }

    #[test]
    fn no_pass_is_without_a_round() {
        for (line, expected) in
            [("--rounds 1", vec![1]), ("--rounds 2", vec![1, 1]), ("--rounds 7", vec![2, 2, 3])]
        {
            let arguments = parse(line).expect("good options");
            assert_eq!(arguments.rounds_of_passes().collect::<Vec<_>>(), expected, "{line}");
        }
    }

    #[test]
    fn wrong_options_are_named() {
        let cases = [
            ("--parade", "error: compare has no option `--parade`"),
            ("rnn:train:i1:h1:t1:b1", "error: compare has no option `rnn:train:i1:h1:t1:b1`"),
            ("--rounds", "error: --rounds takes a value, and has none"),
            ("--rounds 0", "error: --rounds takes a number from 1 to 1024, and got `0`"),
            ("--threads two", "error: --threads takes a number from 1 to 1024, and got `two`"),
            ("--workload rnn:fly", "error: workload `rnn:fly`: `fly` is no mode"),
        ];
        for (line, expected) in cases {
            let complaint = parse(line).expect_err(line);
            assert!(complaint.starts_with(expected), "{line}: {complaint}");
        }
    }
}
