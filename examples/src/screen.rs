//! Text for whoever reads along.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a text to standard output. Whoever reads along may stop early: `weather | head` is no failure.
///
/// # Errors
/// Whatever else can go wrong with writing there.
pub fn show(text: &str) -> io::Result<()> {
    write(&mut io::stdout(), text)
}

/// [`show`] of a line.
///
/// # Errors
/// As for [`show`].
pub fn line(text: impl Display) -> io::Result<()> {
    show(&format!("{text}\n"))
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that fails.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_leaves_is_no_failure_and_a_full_disk_is() {
        let mut text = Vec::new();
        write(&mut text, "so it is").unwrap();
        assert_eq!(text, b"so it is");
        assert!(write(&mut Failing(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write(&mut Failing(io::ErrorKind::StorageFull), "x").is_err());
    }
}
