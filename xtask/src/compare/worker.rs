//! A process that computes what it is told, and waits in between.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Requests to a worker and its answers, a line each.
struct Channel<R, W> {
    name: &'static str,
    answers: R,
    requests: W,
}

impl<R: BufRead, W: Write> Channel<R, W> {
    /// What the worker says next: the first word, and the rest.
    fn listen(&mut self) -> Result<(String, String), String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        match read.map_err(|error| format!("cannot read the answer of {}: {error}", self.name))? {
            0 => Err(format!("{} ended without an answer", self.name)),
            _ => {
                let (word, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
                Ok((word.to_owned(), rest.to_owned()))
            }
        }
    }

    /// The answer to a request; one that begins with `error` is an error.
    fn ask(&mut self, request: &str) -> Result<(String, String), String> {
        let sent = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        sent.map_err(|error| format!("cannot send `{request}` to {}: {error}", self.name))?;
        match self.listen()? {
            (word, rest) if word == "error" => Err(format!("{}, at `{request}`: {rest}", self.name)),
            answer => Ok(answer),
        }
    }

    /// What follows `word` in the answer to a request.
    fn expect(&mut self, request: &str, word: &str) -> Result<String, String> {
        let (found, rest) = self.ask(request)?;
        if found == word { Ok(rest) } else { Err(self.strange(request, &found, &rest)) }
    }

    /// A number above 0 that follows `word` in the answer to a request.
    fn number(&mut self, request: &str, word: &str) -> Result<f64, String> {
        let rest = self.expect(request, word)?;
        let number = rest.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
        number.ok_or_else(|| self.strange(request, word, &rest))
    }

    fn strange(&self, request: &str, word: &str, rest: &str) -> String {
        format!("{} answered `{request}` with `{word} {rest}`", self.name)
    }
}

/// One side of the comparison. It sleeps on its input until it is asked, and ends with its owner.
pub(crate) struct Worker {
    /// Taken only to end the worker.
    channel: Option<Channel<BufReader<ChildStdout>, ChildStdin>>,
    process: Child,
}

/// How a worker begins.
pub(crate) enum Start {
    /// It is ready, and this is its version.
    Ready(Worker, String),
    /// It lacks these packages, and has ended.
    Missing(Vec<String>),
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If the program cannot be started or says something else.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Result<Start, String> {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let program = command.get_program().display();
        let mut process = spawned.map_err(|error| format!("cannot start {program}: {error}"))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("cannot talk to {program}"));
        };
        let channel = Channel { name, answers: BufReader::new(answers), requests };
        let mut worker = Worker { channel: Some(channel), process };
        match worker.channel()?.listen()? {
            (word, version) if word == "ready" => Ok(Start::Ready(worker, version)),
            (word, names) if word == "missing" => {
                Ok(Start::Missing(names.split_whitespace().map(str::to_owned).collect()))
            }
            (word, rest) => Err(format!("{name} began with `{word} {rest}`")),
        }
    }

    /// Loads a workload; false where this side has no such thing.
    pub(crate) fn load(&mut self, request: &str) -> Result<bool, String> {
        match self.channel()?.ask(request)? {
            (word, _) if word == "loaded" => Ok(true),
            (word, _) if word == "unsuited" => Ok(false),
            (word, rest) => Err(self.channel()?.strange(request, &word, &rest)),
        }
    }

    /// Has the results written that are compared.
    pub(crate) fn results(&mut self) -> Result<(), String> {
        self.channel()?.expect("results", "written").map(drop)
    }

    /// Computes so many times; the time of one, in microseconds.
    pub(crate) fn run(&mut self, times: u64) -> Result<f64, String> {
        self.channel()?.number(&format!("run {times}"), "took")
    }

    /// The floating point operations a second that multiplying and adding alone reaches.
    pub(crate) fn peak(&mut self) -> Result<f64, String> {
        self.channel()?.number("peak", "peak")
    }

    fn channel(&mut self) -> Result<&mut Channel<BufReader<ChildStdout>, ChildStdin>, String> {
        self.channel.as_mut().ok_or_else(|| "the worker has ended".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its input is the end of a worker.
        self.channel = None;
        if let Err(error) = self.process.wait() {
            eprintln!("warning: cannot wait for a worker: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(answers: &'static str) -> Channel<&'static [u8], Vec<u8>> {
        Channel { name: "the peer", answers: answers.as_bytes(), requests: Vec::new() }
    }

    #[test]
    fn a_request_is_a_line_and_so_is_its_answer() {
        let mut channel = channel("took 12.5\nwritten\n");
        assert_eq!(channel.number("run 3", "took"), Ok(12.5));
        assert_eq!(channel.expect("results", "written"), Ok(String::new()));
        assert_eq!(channel.requests, b"run 3\nresults\n");
    }

    #[test]
    fn errors_name_the_worker_and_the_request() {
        let cases = [
            ("", "the peer ended without an answer"),
            ("error no memory\n", "the peer, at `run 3`: no memory"),
            ("took forever\n", "the peer answered `run 3` with `took forever`"),
            ("took 0\n", "the peer answered `run 3` with `took 0`"),
            ("written\n", "the peer answered `run 3` with `written `"),
        ];
        for (answer, expected) in cases {
            assert_eq!(channel(answer).number("run 3", "took"), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let started = Worker::start("the peer", Command::new("no-such-program-as-this"));
        let complaint = started.err().unwrap_or_default();
        assert!(complaint.starts_with("cannot start no-such-program-as-this: "), "{complaint}");
    }

    #[test]
    fn a_program_that_says_nothing_is_no_worker() {
        // Cargo's version begins with the word cargo.
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg("--version");
        let complaint = Worker::start("the peer", command).err().unwrap_or_default();
        assert!(complaint.starts_with("the peer began with `cargo "), "{complaint}");
    }
}
