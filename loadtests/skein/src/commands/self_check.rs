//! `loadtests self-check`: what this instrument reports, beside what is known.

use std::process::ExitCode;

use clap::Args;
use console::style;

use super::{interruption, on_runtime};
use crate::exit_code::{self, Failure, Outcome as CommandOutcome};
use crate::library_log;
use crate::output::say;
use crate::progress::Progress;
use crate::report::figures::in_unit;
use crate::self_check::{self, Case, Outcome, Row};

/// How thoroughly to check.
#[derive(Debug, Args)]
pub(super) struct SelfCheck {
    /// Shorter freezes, for a check in passing.
    #[arg(long)]
    quick: bool,
}

impl SelfCheck {
    pub(super) fn execute(self) -> CommandOutcome {
        let cases = if self.quick { Case::QUICK } else { Case::ALL };
        let interruption = interruption()?;
        let folder = crate::scratch::folder("skein-self-check-").map_err(Failure::not_started)?;
        let head = format!("{:<25}{:<24}{:>10}{:>10}", "", "", "expected", "reported");
        say(style(head).dim());
        library_log::listen(&Progress::Silent);
        let checks = self_check::run(&cases, folder.path(), &interruption, show);
        let rows = on_runtime(checks)?.map_err(Failure::invalid)?;
        Ok(ExitCode::from(exit_code(&rows)))
    }
}

fn show(row: &Row) {
    let (mark, reason) = match &row.outcome {
        Outcome::Right => (style("right").green(), ""),
        Outcome::Wrong => (style("wrong").red(), ""),
        Outcome::Invalid(reason) => (style("invalid").yellow(), reason.as_str()),
    };
    say(format_args!(
        "{:<25}{:<24}{:>10}{:>10}  {mark} {reason}",
        row.case,
        row.figure,
        in_unit(row.expected, row.unit),
        in_unit(row.reported, row.unit),
    ));
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
