//! Reasons why a round of a gate can't be played to its end, and whose fault that is.

use std::io;

use harness::error::{CpuTimeError, StartError};

use crate::gate::near_side::is_behind;
use crate::gate::record::Side;
use crate::story::once::OnceFailed;

/// A reason why a round could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// A system did not start.
    #[error("the {} could not be started", side.word())]
    Start {
        /// The side that it is of.
        side: Side,
        /// The reason.
        #[source]
        source: StartError,
    },
    /// A set-up step failed.
    #[error("the {} isn't ready for the load", side.word())]
    SetUp {
        /// The side that it is of.
        side: Side,
        /// The reason.
        #[source]
        source: OnceFailed,
    },
    /// A node's CPU time can't be read: it has ended, most likely.
    #[error("a node of the {} ended while it was measured", side.word())]
    Cpu {
        /// The side that it is of.
        side: Side,
        /// The cause.
        #[source]
        source: CpuTimeError,
    },
    /// The operating system refused something that a measurement needs.
    #[error("could not {what}")]
    System {
        /// The attempt, after "could not".
        what: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl RoundError {
    /// The side of which a node ended by itself or didn't start, if that is what happened,
    /// and not for want of something on this machine.
    pub(in crate::gate) fn crashed(&self) -> Option<Side> {
        match self {
            RoundError::Start { source, .. } if is_behind(source) => None,
            RoundError::Start { side, .. } | RoundError::Cpu { side, .. } => Some(*side),
            RoundError::System { .. } | RoundError::SetUp { .. } => None,
        }
    }
}
