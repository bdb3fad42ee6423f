//! What the program's exit code tells a script.
//!
//! A signal that asks a run or a gate to end makes it [`INVALID`], with a record of what was
//! measured until then. Output that can't be written changes no code.

use std::process::ExitCode;

use nix::errno::Errno;

/// Every threshold held and the ledger balanced; or a gate's candidate is not slower.
pub const PASS: u8 = 0;
/// A threshold or a line of the ledger failed; or a gate's candidate is slower, fails
/// requests or doesn't start.
pub const FAIL: u8 = 1;
/// The command line or the plan is wrong; nothing was started.
pub const USAGE: u8 = 2;
/// The measurement can't be trusted, so there is no verdict on the system.
pub const INVALID: u8 = 3;
/// The system, or a build to compare with, could not be started.
pub const NOT_STARTED: u8 = 4;
/// A gate ran out of time before it could tell. It is no pass.
pub const INCONCLUSIVE: u8 = 5;
/// It would be a pass, and its record could not be written. Whatever else would be said
/// keeps its own code.
pub const NOT_KEPT: u8 = 6;

/// The codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0  pass: every threshold held and the ledger balanced; a gate: not slower; a study of
     capacity: there is one, and it is the rate that was asked for
  1  fail: a threshold or a line of the ledger failed; a gate: slower, or the candidate
     fails requests or doesn't start; a study: surely less than was asked for
  2  the command line or the plan is wrong; nothing was started
  3  invalid: the measurement can't be trusted
  4  the system could not be started, or a gate's baseline not be built or started
  5  inconclusive: a gate or a study could not tell within its budget, which is no pass
  6  not kept: it passed, but its record or its output could not be written
Ctrl-C, SIGTERM, SIGQUIT and SIGHUP end a run or a gate within seconds, with 3 and a
record of what was measured; a second one ends it at once, with the same.";

/// An error together with the exit code that it ends the program with.
#[derive(Debug)]
pub struct Failure {
    /// One of the codes of this module.
    pub code: u8,
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
}

impl Failure {
    /// The command line or the plan is wrong.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failure {
            code: USAGE,
            error: error.into(),
        }
    }

    /// The system could not be started.
    pub fn not_started(error: impl Into<anyhow::Error>) -> Self {
        Failure {
            code: NOT_STARTED,
            error: error.into(),
        }
    }

    /// The run broke off.
    pub fn invalid(error: impl Into<anyhow::Error>) -> Self {
        Failure {
            code: INVALID,
            error: error.into(),
        }
    }

    /// All went well, but for what was to be written in the end.
    pub fn not_kept(error: impl Into<anyhow::Error>) -> Self {
        Failure {
            code: NOT_KEPT,
            error: error.into(),
        }
    }
}

impl Failure {
    /// The error with its causes. Where files are short, which shows in the oddest places,
    /// it says so.
    pub fn sentence(&self) -> String {
        let causes = self.error.chain();
        let is_short = |cause: &(dyn std::error::Error + 'static)| {
            let io: Option<&std::io::Error> = cause.downcast_ref();
            let code = io.and_then(std::io::Error::raw_os_error);
            code.is_some_and(|code| [Errno::EMFILE, Errno::ENFILE].contains(&Errno::from_raw(code)))
        };
        let advice = match causes.into_iter().any(is_short) {
            true => "; this process may open too few files: raise the limit with `ulimit -n`",
            false => "",
        };
        format!("{:#}{advice}", self.error)
    }
}

/// What every command ends with.
pub type Outcome = Result<ExitCode, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_files_are_called_by_their_name_wherever_they_show() {
        let says = |errno: Errno| {
            let error = anyhow::Error::new(std::io::Error::from(errno));
            Failure::not_started(error.context("could not start the runtime")).sentence()
        };
        assert!(says(Errno::EMFILE).ends_with("raise the limit with `ulimit -n`"));
        assert!(!says(Errno::ENOENT).contains("ulimit"));
    }
}
