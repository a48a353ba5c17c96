//! [`Lines`]: those of an input, until there are no more or somebody interrupts.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use crate::interrupt;

/// The longest line that is read.
const LONGEST: u64 = 1 << 16;

/// How many lines are read before they are asked for.
const AHEAD: usize = 16;

/// How often to look whether somebody interrupts while no line comes.
const LOOK: Duration = Duration::from_millis(50);

/// A line with its end, or none where it is too long to be read.
pub type Line = Option<Vec<u8>>;

/// Lines as they come. A thread of its own reads them, for nothing ends a read that waits for input.
#[derive(Debug)]
pub struct Lines(Receiver<io::Result<Line>>);

impl Lines {
    /// The lines of an input, which is read from now on.
    pub fn of(input: impl Read + Send + 'static) -> Self {
        let (send, come) = sync_channel(AHEAD);
        thread::spawn(move || {
            let mut input = BufReader::new(input);
            while let Some(line) = read(&mut input).transpose() {
                let is_last = line.is_err();
                if send.send(line).is_err() || is_last {
                    break; // nobody asks any more, or there is nothing more to be had
                }
            }
        });
        Self(come)
    }

    /// The next line; none at the end of the input, and after Ctrl-C.
    ///
    /// # Errors
    /// Where the input cannot be read; no line comes after that.
    pub fn next(&self) -> io::Result<Option<Line>> {
        while !interrupt::requested() {
            match self.0.recv_timeout(LOOK) {
                Ok(line) => return line.map(Some),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(None)
    }
}

fn read(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    input.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let whole = line.last() == Some(&b'\n') || (line.len() as u64) < LONGEST;
    if !whole {
        input.skip_until(b'\n')?;
    }
    Ok(Some(whole.then_some(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_order_and_long_ones_are_left_out() {
        let long = "x".repeat(LONGEST as usize);
        let input = format!("a\n\n{}\n{long}\nb", &long[1..]);
        let lines = Lines::of(io::Cursor::new(input));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.map(|line| line.len()));
        }
        assert_eq!(found, [Some(2), Some(1), Some(LONGEST as usize), None, Some(1)]);
    }

    #[test]
    fn an_input_that_fails_says_so() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let lines = Lines::of(Failing);
        assert_eq!(lines.next().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(lines.next().unwrap().is_none());
    }
}
