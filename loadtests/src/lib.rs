//! The laboratory as a program of [`skein`]: its users, its ledger, its figures and the
//! sections of its reports. It is the framework's first user, its example and its proof.
//!
//! ```text
//! shape, behaviour     the tables of plans that mean something here alone
//! parts, machines      the real things in place of ours, small machines; as flags and in plans
//! scenarios            what users do; tokens: what they show at the door
//!    ↓
//! counted              the laboratory's own members of a record, from what was seen
//!    ↓                 prediction: the hit ratio that was to be expected
//! ledger, figures, sections, traffic     the account of a run
//!    ↑                 kinds: which program played a role, and how it counts
//!    ↓
//! adopt                the same for records of builds that had no sections yet
//! ```
//!
//! A gate of one's own, such as the study in `loadtests/study` holds:
//!
//! ```no_run
//! use std::path::Path;
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use skein::{Events, Interruption, gate};
//!
//! fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     // The nodes of both sides are this very program.
//!     if let Some(code) = loadtests::program().node_or_helper() {
//!         return Ok(code);
//!     }
//!     let plan = loadtests::program().load_plan("gate")?;
//!     let system = loadtests::topology(&plan);
//!     let setup = gate::Setup {
//!         id: "against-itself".to_owned(),
//!         baseline: gate::this_build(),
//!         candidate: gate::this_build(),
//!         systems: [system.clone(), system],
//!         is_aa: true,
//!         plan,
//!         budget: Duration::from_secs(120),
//!         to_the_end: false,
//!         calibration: None,
//!         seed: 7,
//!         command: String::new(),
//!     };
//!     let (events, interruption) = (Events::shown(), Interruption::listen()?);
//!     let record = gate::run(setup, Path::new("."), &events, &interruption)?.record;
//!     println!("{}", record.judgement.sentence);
//!     Ok(ExitCode::from(record.judgement.verdict.exit_code()))
//! }
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where output can't be written; `skein::output` doesn't"
)]

mod adopt;
mod behaviour;
mod counted;
mod figures;
mod kinds;
mod ledger;
mod machines;
mod parts;
mod prediction;
mod record;
mod scenarios;
mod sections;
mod shape;
#[cfg(test)]
mod testing;
mod tokens;
mod traffic;
mod up;

use harness::counters::Counters;
use services::contract::{CACHE_STATUS, SERVED_BY, Service};
use skein::{Account, Answer, Plan, Program, Seen, Topology};

use behaviour::Behaviour;
use record::LaboratoryRecord;
use scenarios::{Digests, Intruders, Processors, Readers, SubmittedTasks, TaskSubmitters, Writers};
use sections::About;
use shape::Shape;
use tokens::FlawCounts;

/// The load tester of the laboratory.
pub fn program() -> Program {
    let program = Program::new("loadtests")
        .about("Start the whole system, load it, judge it and report.")
        .started_by("cargo run -p loadtests --")
        .hosting(services::command_line::run)
        .nodes_built_as("node")
        .plan(include_str!("../plans/smoke.toml"))
        .plan(include_str!("../plans/default.toml"))
        .plan(include_str!("../plans/spike.toml"))
        .plan(include_str!("../plans/soak.toml"))
        .plan(include_str!("../plans/gate.toml"))
        .plan(include_str!("../plans/gate-tasks.toml"))
        .plan(include_str!("../plans/real.toml"))
        .plan(include_str!("../plans/laboratory.toml"))
        .plan(include_str!("../plans/capacity.toml"))
        .table::<Shape>()
        .table::<Behaviour>()
        .system(topology)
        .described(|plan| plan.table::<Shape>().in_words())
        .up_flags::<up::Flags>()
        .plan_flags::<shape::Flags>()
        .scenario::<Readers>()
        .scenario::<Writers>()
        .scenario::<Processors>()
        .scenario::<TaskSubmitters>()
        .scenario::<Intruders>()
        .shared(|_| Digests::default())
        .shared(|_| SubmittedTasks::default())
        .shared(|_| FlawCounts::default())
        .served_by(SERVED_BY)
        .outcome(cache_outcome)
        .work_behind("tasks", Service::Worker.as_str(), open_tasks)
        .record_schema(|| schemars::schema_for!(LaboratoryRecord).to_value())
        .account(account)
        .adopting(adopt::adopt);
    let program = figures::ALL.into_iter().fold(program, Program::figure);
    let own = Service::ALL
        .into_iter()
        .map(|service| (service.as_str(), ledger::shown_from_the_start(service)));
    own.chain(kinds::SHOWN_BY_OTHERS)
        .fold(program, |program, (role, names)| {
            program.counters(role, names)
        })
}

/// The laboratory that a plan of [`program`] starts.
pub fn topology(plan: &Plan) -> Topology {
    Topology::clone(&laboratory(plan))
}

/// The same as the laboratory that it is, to which settings can be added.
pub fn laboratory(plan: &Plan) -> integration::Topology {
    shape::topology(plan)
}

/// The account of a run.
fn account(seen: &Seen<'_>) -> Account {
    let counted = counted::counted(seen);
    let about = About::of(seen.plan(), seen.is_started());
    let mut account = Account::new()
        .lines(ledger::ledger(seen))
        .edges(traffic::edges(seen));
    for (figure, reading) in figures::readings(&counted) {
        account = account.figure(figure, reading);
    }
    for section in sections::sections(&counted, &about) {
        account = account.section(section);
    }
    for words in sections::in_short(&counted) {
        account = account.in_short(words);
    }
    for (cache, remark) in traffic::remarks(counted.caches.as_ref()) {
        account = account.remark(cache, remark);
    }
    for (node, requests) in traffic::requests(seen) {
        account = account.requests(node, requests);
    }
    account
        .keep("gateways", &counted.gateways)
        .keep("retries", counted.retries)
        .keep("caches", &counted.caches)
        .keep("tasks", &counted.tasks)
        .keep("intruders", &counted.intruders)
}

/// The outcome of the first cache in `Cache-Status`: the one nearest to the origin
/// (RFC 9211 §2). Here there is only one.
fn cache_outcome(answer: &Answer) -> Option<&'static str> {
    let status = answer.header(&CACHE_STATUS)?;
    let mut parameters = status.split(',').next()?.split(';').skip(1).map(str::trim);
    let has = |wanted: &str| parameters.clone().any(|parameter| parameter == wanted);
    Some(if has("hit") {
        "hit"
    } else if has("collapsed") || has("collapsed=?1") {
        "coalesced"
    } else if parameters.any(|parameter| parameter == "fwd=bypass") {
        "bypass"
    } else {
        "miss"
    })
}

/// Tasks that are queued or running, and those that are done but have not been acknowledged
/// to the broker that delivered them.
fn open_tasks(worker: &Counters) -> Option<u64> {
    // A page without them doesn't say that there are none.
    worker.has("tasks").then(|| {
        let tasks = ["queued", "running"].map(|state| worker.get("tasks", &[("state", state)]));
        let carried = |outcome| worker.get("queue_messages_total", &[("outcome", outcome)]);
        let settled = ["acknowledged", "requeued", "rejected", "taken_back"];
        let settled: f64 = settled.into_iter().map(carried).sum();
        // Each of the latter is running in the store, or about to be settled.
        let open = tasks.iter().sum::<f64>();
        open.max(carried("delivered") - settled) as u64
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PLANS: [&str; 7] = [
        "smoke",
        "default",
        "spike",
        "soak",
        "gate",
        "gate-tasks",
        "real",
    ];

    #[test]
    fn built_in_plans_are_valid_and_called_by_their_name() {
        for name in PLANS {
            let plan = program().load_plan(name).expect(name);
            assert_eq!(plan.name, name);
            assert!(!plan.thresholds.is_empty(), "{name} judges nothing");
        }
    }

    #[test]
    fn the_default_plan_ends_within_a_minute_and_smoke_within_ten_seconds() {
        let length = |name| {
            let plan = program().load_plan(name).expect(name);
            plan.schedule().length()
        };
        assert!(length("default") <= Duration::from_secs(40));
        assert!(length("smoke") <= Duration::from_secs(8));
    }

    #[test]
    fn the_schema_of_runs_that_is_checked_in_is_that_of_the_types() {
        let checked_in = include_str!("../run.schema.json");
        assert!(
            program().run_schema() == checked_in,
            "make it again: cargo run -p loadtests -- schema run > loadtests/run.schema.json"
        );
    }

    #[test]
    fn a_rule_is_about_something_that_its_plan_has() {
        let plan = |topology: &str, mix: &str, rule: &str| {
            let source = format!(
                "name = \"tiny\"\nthresholds = [{rule:?}]\n[topology]\n{topology}\n[mix]\n{mix}\n\
                 [[stage]]\nname = \"steady\"\nusers = 4\nduration = \"2s\"\n"
            );
            program()
                .parse_plan("tiny.toml", &source)
                .map_err(|error| error.to_string())
        };
        for (topology, mix, rule, says) in [
            (
                "caches = 0",
                "readers = 1",
                "hit-ratio>=80%",
                "has no caches",
            ),
            (
                "",
                "intruders = 1",
                "hit-ratio>=80%",
                "has nobody who reads",
            ),
            (
                "",
                "readers = 1",
                "intruders-admitted<=0",
                "has no intruders",
            ),
            (
                "",
                "readers = 1",
                "tasks-lost<=0",
                "has nobody who submits tasks",
            ),
            ("", "readers = 1", "imbalance<=1 for x", "takes no `for`"),
            (
                "",
                "readers = 1",
                "cpu-per-request<1ms",
                "such as `cpu-per-request<2ms for api-gateway`",
            ),
            (
                "gateways = 2",
                "readers = 1",
                "cpu-per-request<1ms for api-gateway-3",
                "try api-gateway or api-gateway-1",
            ),
            (
                "gateways = 33",
                "readers = 1",
                "imbalance<=1",
                "tiny.toml:4:12: `gateways` is between 1 and 32",
            ),
            (
                "gateway = 3",
                "readers = 1",
                "imbalance<=1",
                "tiny.toml:4:1: unknown field `gateway`",
            ),
            (
                "[[topology]]\ncaches = 1",
                "readers = 1",
                "imbalance<=1",
                "tiny.toml:",
            ),
        ] {
            let message = plan(topology, mix, rule).expect_err(rule);
            assert!(message.contains(says), "{rule}: {message}");
        }
        plan("", "readers = 1", "cpu-per-request<1ms for api-gateway-3").expect("a node");
    }
}
