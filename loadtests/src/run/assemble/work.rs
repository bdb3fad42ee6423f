//! What became of long tasks, and of requests with a bad token.

use std::collections::BTreeMap;

use services::contract::{Service, TaskState};

use super::{Seen, of, sum};
use crate::ledger::NodeCounts;
use crate::record::{FlawRecord, IntruderRecord, TaskRecord, Times};
use crate::samples::{Fault, histogram_of};
use crate::scenarios::Scenario;

/// Long tasks, as the generator saw them and as the worker counts.
pub(super) fn tasks(seen: &Seen) -> TaskRecord {
    let tasks = &seen.tasks;
    let nodes = seen.whole.as_deref();
    let in_state = |nodes: &[NodeCounts], state: TaskState| {
        let labels = [("state", state.as_str())];
        (
            state.as_str().to_owned(),
            sum(nodes, Service::Worker, "tasks", &labels),
        )
    };
    TaskRecord {
        accepted: tasks.accepted,
        done: tasks.done,
        dead: tasks.dead,
        gone: tasks.gone,
        life: Times::of(&histogram_of(&tasks.lives)),
        at_worker: nodes.map(|nodes| TaskState::ALL.map(|s| in_state(nodes, s)).into()),
        attempts: nodes.map_or_else(BTreeMap::new, |nodes| {
            by_label(nodes, Service::Worker, "task_attempts_total", "outcome")
        }),
    }
}

/// Requests with a bad token, as the generator saw them and as the gateways counted.
pub(super) fn intruders(seen: &Seen) -> IntruderRecord {
    let samples = &seen.samples;
    let routes = samples.by_route(|_| true);
    let sent = Scenario::Intruders.routes().iter();
    let sent = sent.filter_map(|route| routes.get(route));
    IntruderRecord {
        sent: sent.clone().map(|route| route.count()).sum(),
        answered: sent.clone().flat_map(|route| route.statuses.values()).sum(),
        refused: sent.filter_map(|route| route.statuses.get(&401)).sum(),
        admitted: samples.faults(|fault| matches!(fault, Fault::Admitted { .. })),
        by_flaw: seen
            .flaws
            .iter()
            .map(|(flaw, count)| FlawRecord {
                flaw: flaw.name().to_owned(),
                sent: count.sent,
                refused: count.refused,
                admitted: count.admitted,
            })
            .collect(),
        reasons: seen.whole.as_deref().map(|nodes| {
            by_label(
                nodes,
                Service::ApiGateway,
                "tokens_rejected_total",
                "reason",
            )
        }),
    }
}

/// A counter of a service's nodes added up, by the value of one label.
fn by_label(
    nodes: &[NodeCounts],
    service: Service,
    counter: &str,
    label: &str,
) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for node in of(nodes, service) {
        for (value, count) in node.counters.by_label(counter, label) {
            *sums.entry(value).or_default() += count.round() as u64;
        }
    }
    sums
}
