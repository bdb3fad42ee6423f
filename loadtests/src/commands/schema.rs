//! `loadtests schema`: what a run's record looks like, for programs that read it.

use std::process::ExitCode;

use clap::Args;

use crate::exit_code::Outcome;
use crate::record;

/// Nothing to choose.
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute(self) -> Outcome {
        print!("{}", record::schema());
        Ok(ExitCode::SUCCESS)
    }
}
