//! `loadtests self-check`: what this instrument reports, beside what is known.

use std::time::Duration;

use clap::Args;

use super::on_runtime;
use super::telling::EventsFile;
use crate::events::{CommandName, Events};
use crate::exit_code::{self, Failure, Outcome as CommandOutcome};
use crate::self_check::{self, Case, Outcome, Row, check_capacity};

/// How thoroughly to check.
#[derive(Debug, Args)]
pub(super) struct SelfCheck {
    /// Shorter freezes, for a check in passing.
    #[arg(long)]
    quick: bool,

    /// Check studies of capacity in place of runs, on a server whose capacity is known and on
    /// one that collapses beyond it, each for this long, such as 2m.
    #[arg(long, value_name = "DURATION", value_parser = super::capacity::budget, conflicts_with = "quick")]
    capacity: Option<Duration>,

    #[command(flatten)]
    events: EventsFile,
}

impl SelfCheck {
    pub(super) fn execute(self) -> CommandOutcome {
        let cases = if self.quick { Case::QUICK } else { Case::ALL };
        let events = Events::of_self_check;
        self.events
            .tell(CommandName::SelfCheck, events, |events, interruption| {
                let folder = harness::scratch::folder("self-check");
                let folder = folder.map_err(Failure::not_started)?;
                let folder = folder.path();
                let rows = match self.capacity {
                    Some(budget) => check_capacity(budget, folder, events, interruption),
                    None => on_runtime(self_check::run(&cases, folder, events, interruption))?,
                };
                let rows = rows.map_err(Failure::invalid)?;
                Ok(exit_code(&rows))
            })
    }
}

/// A wrong figure outweighs those that can't be told.
fn exit_code(rows: &[Row]) -> u8 {
    let any = |wanted: fn(&Outcome) -> bool| rows.iter().any(|row| wanted(&row.outcome));
    if any(|outcome| *outcome == Outcome::Wrong) {
        exit_code::FAIL
    } else if any(|outcome| matches!(outcome, Outcome::Invalid(_))) {
        exit_code::INVALID
    } else {
        exit_code::PASS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::Unit;

    #[test]
    fn a_wrong_figure_fails_and_a_doubtful_one_is_no_verdict() {
        let row = |outcome| Row {
            case: "a case",
            figure: "p99",
            expected: 1.0,
            reported: 1.0,
            unit: Unit::Microseconds,
            outcome,
        };
        let right = || row(Outcome::Right);
        let invalid = || row(Outcome::Invalid("busy".to_owned()));
        assert_eq!(exit_code(&[right()]), exit_code::PASS);
        assert_eq!(exit_code(&[right(), invalid()]), exit_code::INVALID);
        assert_eq!(
            exit_code(&[invalid(), row(Outcome::Wrong)]),
            exit_code::FAIL
        );
    }
}
