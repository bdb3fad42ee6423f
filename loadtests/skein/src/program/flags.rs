//! Flags of `up` that shape a program's system.

use clap::{ArgMatches, Args, Command};
use harness::Topology;

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
