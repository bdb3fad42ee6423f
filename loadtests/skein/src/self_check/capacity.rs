//! The check of studies of capacity: they find the capacity of a server of which it is known,
//! and of one that collapses beyond it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stats::capacity::Capacity;

use super::metered::{self, ADDRESS, KIND, Kind};
use super::{CheckError, Outcome, Row};
use crate::capacity::record::CapacityRecord;
use crate::capacity::{self, Setup};
use crate::events::{Event, Events};
use crate::interruption::Interruption;
use crate::plan::{Plan, PlanOf};
use crate::program::application::Application;
use crate::threshold::Unit;
use crate::verdict::Verdict;

/// The promise that both servers are held to.
const LIMIT: Duration = Duration::from_millis(40);
/// The share of requests that may break it.
const ALLOWED: f64 = 0.01;
/// An interval holds the truth nineteen times in twenty; the check is for what is wrong by more
/// than that, and by more than what loopback and waking threads add to a request.
const SHARE: f64 = 0.03;

/// Studies the servers one after the other, for `budget` each, with what that writes in
/// `folder`, and tells of each as it comes.
///
/// # Errors
///
/// A study broke off, or a signal came.
pub fn check_capacity(
    budget: Duration,
    folder: &Path,
    events: &Events,
    interruption: &Interruption,
) -> Result<Vec<Row>, CheckError> {
    let mut rows = Vec::new();
    for kind in Kind::BOTH {
        let case = match kind {
            Kind::Steady => "metered queue",
            Kind::Collapsing => "one that collapses",
        };
        events.emit(Event::CaseBegan {
            case: case.to_owned(),
        });
        let plan = plan(kind)?;
        let slots = [plan.capacity.lead, plan.capacity.slot];
        let promise = plan.capacity.promise.clone().expect("the plan has one");
        let folder = folder.join(kind.word());
        std::fs::create_dir_all(&folder).map_err(CheckError::Server)?;
        let setup = Setup {
            id: kind.word().to_owned(),
            plan,
            variants: Vec::new(),
            reliefs: Vec::new(),
            promise,
            at_least: None,
            relieves: false,
            budget,
            program: "/proc/self/exe".to_owned(),
            seed: 7,
            command: "self-check".to_owned(),
        };
        let run = capacity::run(&setup, &folder, &Events::silent(), interruption);
        if interruption.happened() {
            events.emit(Event::interrupted(interruption));
            return Err(CheckError::Interrupted);
        }
        let record = run
            .map_err(|error| CheckError::Account(Box::new(error)))?
            .record;
        let known = metered::capacity(kind, LIMIT, ALLOWED, slots);
        let row = row(case, known, &record);
        events.emit(Event::from(&row));
        rows.push(row);
    }
    Ok(rows)
}

fn row(case: &'static str, known: f64, record: &CapacityRecord) -> Row {
    let finding = record
        .systems
        .first()
        .map(|system| &system.finding.capacity);
    let (reported, outcome) = match finding {
        Some(Capacity::Found(estimate)) => {
            let reach = estimate.low * (1.0 - SHARE)..=estimate.high * (1.0 + SHARE);
            let outcome = match (reach.contains(&known), record.judgement.verdict) {
                (true, _) => Outcome::Right,
                (false, Verdict::Invalid) => Outcome::Invalid(record.judgement.sentence.clone()),
                (false, _) => Outcome::Wrong,
            };
            (estimate.rate, outcome)
        }
        _ => (0.0, Outcome::Invalid(record.judgement.sentence.clone())),
    };
    Row {
        case,
        figure: "capacity",
        expected: known,
        reported,
        unit: Unit::PerSecond,
        outcome,
    }
}

fn plan(kind: Kind) -> Result<Plan, CheckError> {
    let program = std::env::current_exe().map_err(CheckError::Server)?;
    let program = program.to_string_lossy();
    let (limit, word) = (LIMIT.as_millis(), kind.word());
    let source = format!(
        r#"name = "self-check"
thresholds = ["error-rate<=0%"]

[node.metered]
run = [{program:?}]
env = {{ {ADDRESS} = "{{address}}", {KIND} = "{word}" }}
ready = "tcp"

[[request]]
path = "/"

[[stage]]
name = "steady"
users = 1
duration = "1s"

[behaviour]
think_time = "0s"

[capacity]
promise = ["p99<{limit}ms"]
slot = "800ms"
lead = "200ms"
warm_up = "100ms"
users = 4
open_users = 256
"#
    );
    let application = Arc::new(Application::new("self-check".to_owned()));
    Ok(Plan::parse(
        "self-check.toml",
        &source,
        PlanOf::program(&application),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_of_each_server_is_one() {
        for kind in Kind::BOTH {
            let plan = plan(kind).expect("a plan");
            assert!(plan.capacity.promise.is_some() && plan.foreign.is_some());
        }
    }

    #[test]
    fn what_is_outside_of_the_interval_is_wrong_and_what_was_not_found_is_no_verdict() {
        let record = capacity::example::example();
        let estimate = *record.systems[0]
            .finding
            .capacity
            .estimate()
            .expect("an estimate");
        let outcome = |known| row("a case", known, &record).outcome;
        assert_eq!(outcome(estimate.rate), Outcome::Right);
        assert_eq!(outcome(estimate.high * 1.1), Outcome::Wrong);
        let mut unknown = record.clone();
        unknown.systems.clear();
        let told = row("a case", 100.0, &unknown).outcome;
        assert!(matches!(told, Outcome::Invalid(_)), "{told:?}");
    }
}
