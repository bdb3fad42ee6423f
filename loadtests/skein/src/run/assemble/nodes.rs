//! The work of the nodes: their calls, their answers, and the CPU time that it
//! took.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::Topology;

use super::super::system::{GENERATOR, Measured};
use crate::program::{Account, NodeCounts};
use crate::record::{NodeRecord, ProcessRecord, Traffic};
use crate::report::figures::duration;

/// The traffic between nodes, over the stages that are no warm-up. Calls are as the program that
/// knows the system tells.
pub(super) fn traffic(
    topology: &Topology,
    measured: Option<&Measured>,
    account: &Account,
) -> Traffic {
    let counts = measured.map_or(&[][..], |measured| &measured.counts);
    let nodes = topology.nodes().iter().map(|node| {
        let counted = counts.iter().find(|of| of.name == node.name);
        let name = node.name.as_str();
        let mut answered = answered(name, &node.role, counted, account.remarks.get(name));
        if let Some(requests) = account.requests.get(name) {
            answered.requests = Some(*requests);
        }
        if let Some(after) = measured.and_then(|measured| measured.done.get(&node.name)) {
            answered.remarks.push(done(*after));
        }
        let unseen = measured.and_then(|measured| measured.not_observable.get(&node.name));
        let unseen = unseen.map(|reason| format!("CPU and memory not observable: {reason}"));
        answered.remarks.extend(unseen);
        let machines = measured.map(|measured| &measured.machines);
        answered.machine = machines.and_then(|of| of.get(&node.name).cloned());
        answered
    });
    let tiers = topology.tiers().into_iter().map(|tier| {
        let names = tier.into_iter().map(|node| node.name.to_string());
        names.collect()
    });
    Traffic {
        nodes: nodes.collect(),
        edges: account.edges.clone(),
        tiers: tiers.collect(),
        servers: measured.map_or_else(Vec::new, |measured| measured.servers.clone()),
    }
}

/// A node that ran once, in a few words.
fn done(after: Duration) -> String {
    format!("done in {} before the load", duration(after.as_secs_f64()))
}

/// A node's answers, where it counts them as `requests_total` by `status`.
fn answered(
    name: &str,
    role: &str,
    counted: Option<&NodeCounts>,
    remarks: Option<&Vec<String>>,
) -> NodeRecord {
    let statuses = counted.map(|node| node.counters.by_label("requests_total", "status"));
    let statuses = statuses.unwrap_or_default();
    let is_error = |status: &String| status.starts_with('5');
    let errors = statuses.iter().filter(|(status, _)| is_error(status));
    NodeRecord {
        name: name.to_owned(),
        service: role.to_owned(),
        requests: counted.map(|_| statuses.values().sum::<f64>().round() as u64),
        errors: errors.map(|(_, count)| count).sum::<f64>().round() as u64,
        remarks: remarks.cloned().unwrap_or_default(),
        machine: None,
    }
}

pub(super) fn processes(measured: Option<&Measured>, sent: u64) -> Vec<ProcessRecord> {
    let Some(measured) = measured else {
        return Vec::new();
    };
    let nodes = measured.cpu.iter().map(|(name, cpu)| (name.as_str(), *cpu));
    nodes
        .chain([(GENERATOR, measured.own_cpu)])
        .map(|(name, cpu)| ProcessRecord {
            name: name.to_owned(),
            cpu_seconds: cpu.as_secs_f64(),
            cpu_micros_per_request: per_request(cpu, sent),
        })
        .collect()
}

/// By node, and by role as the sum over its nodes.
pub(super) fn cpu_per_request(
    topology: &Topology,
    measured: &Measured,
    sent: u64,
) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for (name, cpu) in &measured.cpu {
        let Some(micros) = per_request(*cpu, sent) else {
            continue;
        };
        figures.insert(name.to_string(), micros);
        let mut nodes = topology.nodes().iter();
        let role = nodes.find(|node| node.name == *name).map(|node| &node.role);
        // A role of one node has the node's name.
        if let Some(role) = role.filter(|role| *role != name.as_str()) {
            *figures.entry(role.clone()).or_default() += micros;
        }
    }
    figures
}

/// In microseconds; `None` without requests, for there is nothing to share it among.
fn per_request(cpu: Duration, sent: u64) -> Option<f64> {
    (sent > 0).then(|| cpu.as_secs_f64() * 1e6 / sent as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_requests_cpu_time_is_that_of_none() {
        assert_eq!(per_request(Duration::from_millis(3), 0), None);
        assert_eq!(per_request(Duration::from_millis(3), 3), Some(1000.0));
    }
}
