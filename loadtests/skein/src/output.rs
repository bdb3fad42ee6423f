//! The one place that writes to the standard output and the standard error. What is
//! written there tells of the work and isn't the work: where nobody reads it or it doesn't
//! fit, the work goes on and its verdict stays.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write, stderr, stdout};

/// Writes a line to the standard output, if that takes it.
pub fn say(line: impl Display) {
    show(format_args!("{line}\n"));
}

/// Writes text to the standard output as it is, if that takes it.
pub fn show(text: impl Display) {
    // Whoever closed it doesn't want to know.
    let _ = write(stdout().lock(), text);
}

/// Writes a line to the standard error, if that takes it.
pub fn tell(line: impl Display) {
    // There is nobody left to tell that to.
    let _ = write(stderr().lock(), format_args!("{line}\n"));
}

/// Writes text to the standard output that is all that was asked for.
///
/// # Errors
///
/// When it could not be written, unless nobody reads it any more: `| head` has seen enough.
pub fn deliver(text: impl Display) -> io::Result<()> {
    enough_or_error(write(stdout().lock(), text))
}

/// What became of output that was asked for: that nobody reads it any more is no error.
///
/// # Errors
///
/// All others.
pub fn enough_or_error(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write(mut to: impl Write, text: impl Display) -> io::Result<()> {
    write!(to, "{text}")?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_has_seen_enough_is_no_error_and_a_full_disk_is_one() {
        let gone = Err(ErrorKind::BrokenPipe.into());
        assert!(enough_or_error(gone).is_ok());
        let full = write(
            std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .expect("Linux has it"),
            "text",
        );
        let error = enough_or_error(full).expect_err("it is full");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
