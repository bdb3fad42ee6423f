//! `loadtests schema`: what records look like, for programs that read them.

use clap::{Args, ValueEnum};

use super::print_all;
use crate::exit_code::Outcome;
use crate::gate::record::GateRecord;
use crate::program::application::Application;
use crate::record::run_schema;
use crate::record::Document;
use crate::side_by_side::Comparison;

/// Of which record.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Whose record.
    #[arg(value_enum, default_value_t = Of::Run)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// A run's: `run.json`.
    Run,
    /// A gate's: `gate.json`.
    Gate,
    /// A comparison's: `comparison.json`.
    Comparison,
}

impl Schema {
    pub(super) fn execute(self, application: &Application) -> Outcome {
        let schema = match self.of {
            Of::Run => run_schema(application.record_schema.as_ref()),
            Of::Gate => GateRecord::schema(),
            Of::Comparison => Comparison::schema(),
        };
        print_all(schema)
    }
}
