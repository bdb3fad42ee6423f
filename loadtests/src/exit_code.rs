//! What the program's exit code tells a script.
//!
//! Ctrl-C during the load ends it early, with a record and [`INVALID`]. A second Ctrl-C
//! doesn't wait for the record: Goose's handler then ends the program with 1, which is
//! [`FAIL`] only by coincidence. Before the load, Ctrl-C kills the program as usual, which
//! shells show as 130.

use std::process::ExitCode;

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

/// The codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0  pass: every threshold held and the ledger balanced; a gate: not slower
  1  fail: a threshold or a line of the ledger failed; a gate: slower, or the candidate
     fails requests or doesn't start
  2  the command line or the plan is wrong; nothing was started
  3  invalid: the measurement can't be trusted
  4  the system could not be started, or a gate's baseline not be built or started
  5  inconclusive: a gate could not tell within its budget, which is no pass
Ctrl-C during the load ends with a record and 3; a second one ends at once, with 1 and
without a record.";

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

    /// The run broke off, or its record could not be written.
    pub fn invalid(error: impl Into<anyhow::Error>) -> Self {
        Failure {
            code: INVALID,
            error: error.into(),
        }
    }
}

/// What every command ends with.
pub type Outcome = Result<ExitCode, Failure>;
