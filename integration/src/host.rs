//! Programs that host the laboratory's nodes: each may execute itself as one of the
//! services, and this module takes over there.

use std::process::ExitCode;

pub use harness::host::{HIDDEN_WORD, help_if_asked};

/// Becomes a node of the laboratory, when this process was started to be one. Belongs into
/// the first line of `main`, before any runtime.
pub fn run_if_asked() -> Option<ExitCode> {
    harness::host::run_if_asked(services::command_line::run)
}
