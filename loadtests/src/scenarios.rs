//! What users do: one file a kind of user. Every answer is checked for its content.

#[cfg(test)]
mod hostile;
mod intruders;
mod plain;
mod processors;
mod readers;
mod task_submitters;
#[cfg(test)]
mod tests;
mod writers;

use std::time::Instant;

pub use plain::Repertoire;

use crate::samples::Route;
use crate::visitor::Visitor;

/// A kind of user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scenario {
    /// Reads items, some far more often than others.
    Readers,
    /// Writes a value and reads it back.
    Writers,
    /// Has something computed.
    Processors,
    /// Submits long tasks and follows them until they are done.
    TaskSubmitters,
    /// Has no valid token.
    Intruders,
    /// Sends what the plan says, to a server that need not be the laboratory.
    Plain,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Scenario; 6] = [
        Scenario::Readers,
        Scenario::Writers,
        Scenario::Processors,
        Scenario::TaskSubmitters,
        Scenario::Intruders,
        Scenario::Plain,
    ];

    /// The scenario's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Readers => "readers",
            Scenario::Writers => "writers",
            Scenario::Processors => "processors",
            Scenario::TaskSubmitters => "task submitters",
            Scenario::Intruders => "intruders",
            Scenario::Plain => "plain requests",
        }
    }

    /// The routes that its users ask; those of plain requests are the plan's.
    pub fn routes(self) -> &'static [Route] {
        match self {
            Scenario::Readers => &[readers::READ, readers::LIST],
            Scenario::Writers => &[writers::WRITE, writers::READ_BACK],
            Scenario::Processors => &[processors::GET, processors::POST],
            Scenario::TaskSubmitters => &[task_submitters::SUBMIT, task_submitters::LOOK],
            Scenario::Intruders => &[intruders::INTRUDE],
            Scenario::Plain => &[],
        }
    }

    /// Takes one turn.
    pub async fn take_turn(self, visitor: &mut Visitor) {
        match self {
            Scenario::Readers => readers::take_turn(visitor).await,
            Scenario::Writers => writers::take_turn(visitor).await,
            Scenario::Processors => processors::take_turn(visitor).await,
            Scenario::TaskSubmitters => task_submitters::take_turn(visitor).await,
            Scenario::Intruders => intruders::take_turn(visitor).await,
            Scenario::Plain => plain::take_turn(visitor).await,
        }
        visitor.turns += 1;
    }
}

/// Follows up, until `deadline`, what a user left unfinished when the load ended.
pub async fn follow_up(visitor: &mut Visitor, deadline: Instant) {
    task_submitters::follow_up(visitor, deadline).await;
}
