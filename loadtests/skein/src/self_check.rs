//! Holds the instrument against a server whose behaviour is known: what is reported
//! must be what happened, within 2 % or 0.3 ms, whichever is larger, or the check
//! says that this machine was too busy to tell.

mod capacity;
mod cases;
mod encrypted;
mod known;
pub(crate) mod metered;
mod metronome;
pub mod server;

use std::path::Path;

use crate::events::{Checked, Event, Events};
use crate::interruption::Interruption;
use crate::threshold::Unit;
use known::Known;

pub use capacity::check_capacity;
pub use cases::{Case, CheckError};

/// Of what is expected, by which a figure may be off.
const SHARE: f64 = 0.02;
/// In microseconds, by which a time may be off however short it is: what loopback and
/// the waking of two threads take.
const MICROS: f64 = 300.0;

/// One figure: what it should be, and what was reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The case that it belongs to.
    pub case: &'static str,
    /// What it is.
    pub figure: &'static str,
    /// What it should be, in `unit`.
    pub expected: f64,
    /// What was reported, in `unit`.
    pub reported: f64,
    /// The unit of both.
    pub unit: Unit,
    /// How the two compare.
    pub outcome: Outcome,
}

/// How a reported figure compares with what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is right within the bound.
    Right,
    /// It isn't.
    Wrong,
    /// The machine was too busy for either: why.
    Invalid(String),
}

/// A figure before it is judged.
#[derive(Clone, Copy, Debug)]
struct Figure {
    name: &'static str,
    expected: f64,
    /// What is as true as `expected`: from, to.
    range: (f64, f64),
    reported: f64,
    unit: Unit,
}

impl Figure {
    fn time(name: &'static str, expected: f64, reported: u64) -> Self {
        Figure {
            name,
            expected,
            range: (expected, expected),
            reported: reported as f64,
            unit: Unit::Microseconds,
        }
    }

    /// A quantile of what is known. Its definitions differ by one request, which on
    /// the slope of a freeze is a millisecond, so that request's neighbours do as well.
    fn quantile(name: &'static str, known: &Known, quantile: f64, reported: u64) -> Self {
        Figure {
            range: known.around(quantile),
            ..Figure::time(name, known.at(quantile), reported)
        }
    }

    fn count(name: &'static str, expected: u64, reported: u64) -> Self {
        Figure {
            name,
            expected: expected as f64,
            range: (expected as f64, expected as f64),
            reported: reported as f64,
            unit: Unit::Count,
        }
    }

    fn judge(self, case: &'static str, doubt: Option<&str>) -> Row {
        let bound = bound(self.expected, self.unit);
        let (from, to) = self.range;
        let error = (from - self.reported).max(self.reported - to);
        let outcome = match doubt {
            _ if error <= bound => Outcome::Right,
            Some(doubt) => Outcome::Invalid(doubt.to_owned()),
            None => Outcome::Wrong,
        };
        Row {
            case,
            figure: self.name,
            expected: self.expected,
            reported: self.reported,
            unit: self.unit,
            outcome,
        }
    }
}

/// By how much a figure may be off, in its unit. Counts are exact.
fn bound(expected: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Microseconds => (expected * SHARE).max(MICROS),
        _ => 0.0,
    }
}

impl From<&Row> for Event {
    fn from(row: &Row) -> Self {
        let (outcome, reason) = match &row.outcome {
            Outcome::Right => (Checked::Right, None),
            Outcome::Wrong => (Checked::Wrong, None),
            Outcome::Invalid(reason) => (Checked::Invalid, Some(reason.clone())),
        };
        Event::CaseChecked {
            case: row.case.to_owned(),
            figure: row.figure.to_owned(),
            expected: row.expected,
            reported: row.reported,
            unit: row.unit,
            outcome,
            reason,
        }
    }
}

/// Runs `cases` one after another, with what they write in `folder`, and tells of each figure
/// as it comes. Of the runs in them nothing is told.
pub async fn run(
    cases: &[Case],
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<Vec<Row>, CheckError> {
    let mut rows = Vec::new();
    for case in cases {
        let name = case.name().to_owned();
        events.emit(Event::CaseBegan { case: name });
        let checked = tokio::select! {
            checked = case.run(folder, interruption) => checked?,
            () = interruption.happens() => {
                events.emit(Event::interrupted(interruption));
                return Err(CheckError::Interrupted);
            }
        };
        for row in checked {
            events.emit(Event::from(&row));
            rows.push(row);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_right_within_two_percent_or_three_tenths_of_a_millisecond(
            expected in 1.0..2e6, off in -0.1..0.1
        ) {
            let reported = (expected * (1.0 + off)) as u64;
            let error = f64::abs(reported as f64 - expected);
            let row = Figure::time("p99", expected, reported).judge("a case", None);
            let right = error <= 300.0 || error <= expected * 0.02;
            prop_assert_eq!(row.outcome == Outcome::Right, right);
        }
    }

    #[test]
    fn doubt_excuses_a_wrong_figure_and_leaves_a_right_one() {
        let judge = |reported| {
            let figure = Figure::time("p99", 1e6, reported);
            figure.judge("a case", Some("busy")).outcome
        };
        assert_eq!(judge(2_000_000), Outcome::Invalid("busy".to_owned()));
        assert_eq!(judge(1_000_000), Outcome::Right);
    }

    #[test]
    fn a_count_is_exact() {
        let off = Figure::count("sent", 1000, 999).judge("a case", None);
        assert_eq!(off.outcome, Outcome::Wrong);
    }
}
