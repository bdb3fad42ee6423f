//! `loadtests schema`: the form of records and of events, for programs that read them.

use clap::{Args, ValueEnum};

use super::print_all;
use crate::capacity::record::CapacityRecord;
use crate::events::EventLine;
use crate::exit_code::Outcome;
use crate::gate::record::GateRecord;
use crate::program::application::Application;
use crate::record::{Document, run_schema, schema_of};
use crate::side_by_side::Comparison;

/// The schema to print.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// The record or stream that it is of.
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
    /// A study of capacity's: `capacity.json`.
    Capacity,
    /// A line of `--events FILE`.
    Events,
}

impl Schema {
    pub(super) fn execute(self, application: &Application) -> Outcome {
        let schema = match self.of {
            Of::Run => run_schema(application.record_schema),
            Of::Gate => GateRecord::schema(),
            Of::Comparison => Comparison::schema(),
            Of::Capacity => CapacityRecord::schema(),
            Of::Events => schema_of::<EventLine>(),
        };
        print_all(schema)
    }
}
