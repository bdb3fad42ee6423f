//! Flags of a program's own that shape its system: of `up`, and of `run`.

use clap::{ArgMatches, Args, Command};
use harness::Topology;

use super::PlanTable;
use crate::plan::Plan;

/// Flags of `up` that shape the program's system.
pub trait Shaped: Args + 'static {
    /// The system.
    fn topology(&self) -> Topology;

    /// Words for whoever tries the system that now runs at `url`.
    fn hint(url: &str) -> String;

    /// The flag that helps when a port is taken, such as `--ephemeral`.
    const WHEN_A_PORT_IS_TAKEN: Option<&'static str>;
}

/// The same for any type of flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpFlags {
    pub(crate) augment: fn(Command) -> Command,
    pub(crate) topology: fn(&ArgMatches) -> Result<Topology, clap::Error>,
    pub(crate) hint: fn(&str) -> String,
    pub(crate) when_a_port_is_taken: Option<&'static str>,
}

impl UpFlags {
    pub(crate) fn of<S: Shaped>() -> Self {
        UpFlags {
            augment: S::augment_args,
            topology: |matches| Ok(S::from_arg_matches(matches)?.topology()),
            hint: S::hint,
            when_a_port_is_taken: S::WHEN_A_PORT_IS_TAKEN,
        }
    }
}

/// Flags of `run` and `gate` that change a table of the plan, such as which servers a system has.
pub trait Amending: Args + 'static {
    /// The table.
    type Table: PlanTable + Clone;

    /// The table with what the flags say.
    fn amend(&self, table: Self::Table) -> Self::Table;

    /// The flags as they are written on a command line, each with a space before it and
    /// without passwords.
    fn arguments(&self) -> String;
}

/// The same for any type of flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanFlags {
    pub(crate) augment: fn(Command) -> Command,
    /// Changes a plan, and gives the flags as they are written.
    pub(crate) amend: fn(&ArgMatches, &mut Plan) -> Result<String, clap::Error>,
}

impl PlanFlags {
    pub(crate) fn of<A: Amending>() -> Self {
        PlanFlags {
            augment: A::augment_args,
            amend: |matches, plan| {
                let flags = A::from_arg_matches(matches)?;
                let table = plan.table::<A::Table>();
                plan.set_table(flags.amend(A::Table::clone(&table)));
                Ok(flags.arguments())
            },
        }
    }
}
