//! What the nodes did: how requests shared out among them, who called whom, and what
//! CPU time it took.

use std::collections::BTreeMap;
use std::time::Duration;

use services::contract::Service;

use super::super::system::{GENERATOR, Measured};
use super::{Seen, of, sum};
use crate::ledger::NodeCounts;
use crate::record::{EdgeRecord, GatewayRecord, NodeRecord, ProcessRecord, Traffic};
use crate::threshold::Figure;

pub(super) fn gateways(seen: &Seen) -> Vec<GatewayRecord> {
    let mut answers = seen.samples.total(|_| true).served_by();
    let Some(nodes) = &seen.whole else {
        let seen = answers.into_iter().map(|(name, answers)| GatewayRecord {
            name,
            answers,
            attempts: None,
        });
        return seen.collect();
    };
    let records = of(nodes, Service::ApiGateway).map(|gateway| {
        let name = gateway.name.to_string();
        GatewayRecord {
            answers: answers.remove(&name).unwrap_or(0),
            attempts: Some(sum(
                nodes,
                Service::LoadBalancer,
                "upstream_requests_total",
                &[("upstream", &name)],
            )),
            name,
        }
    });
    records.collect()
}

/// How often the balancer gave a request to another gateway, over the whole run.
pub(super) fn retries(seen: &Seen) -> Option<u64> {
    let nodes = seen.whole.as_deref()?;
    let counter = "upstream_retries_total";
    Some(sum(nodes, Service::LoadBalancer, counter, &[]))
}

/// Requests between the busiest gateway and the idlest, by the balancer's count. From
/// outside, a gateway that served nothing doesn't show, so that answers can't tell.
pub(super) fn imbalance(gateways: &[GatewayRecord]) -> Figure {
    let shares: Option<Vec<u64>> = gateways.iter().map(|g| g.attempts).collect();
    let shares = shares.unwrap_or_default();
    match (shares.iter().max(), shares.iter().min()) {
        // Where nobody served anything, nothing was shared.
        (Some(0), _) => Figure::NoSamples,
        (Some(most), Some(fewest)) => Figure::Value((most - fewest) as f64),
        _ => Figure::OutOfSight,
    }
}

/// Who called whom, over the stages that are no warm-up.
pub(super) fn traffic(measured: &Measured) -> Traffic {
    let counts = &measured.counts;
    let edges = counts.iter().filter_map(|node| edge_to(node, counts));
    Traffic {
        nodes: counts.iter().map(answered).collect(),
        edges: edges.collect(),
    }
}

fn answered(node: &NodeCounts) -> NodeRecord {
    let statuses = node.counters.by_label("requests_total", "status");
    let is_error = |status: &String| status.starts_with('5');
    let errors = statuses.iter().filter(|(status, _)| is_error(status));
    NodeRecord {
        name: node.name.to_string(),
        service: node.service.to_string(),
        requests: statuses.values().sum::<f64>().round() as u64,
        errors: errors.map(|(_, count)| count).sum::<f64>().round() as u64,
    }
}

/// Calls of `node` by whom it serves, as those counted where they do so by node, and
/// else as it counted itself.
fn edge_to(node: &NodeCounts, all: &[NodeCounts]) -> Option<EdgeRecord> {
    let name = node.name.as_str();
    let (from, calls, failed) = match node.service {
        Service::LoadBalancer => return None,
        Service::ApiGateway => {
            let counted = |counter| sum(all, Service::LoadBalancer, counter, &[("upstream", name)]);
            let failed = counted("upstream_failures_total");
            let calls = counted("upstream_requests_total");
            (Service::LoadBalancer, calls, Some(failed))
        }
        Service::Cache => {
            let counter = "cache_lookups_total";
            let lookups = |labels: &[_]| sum(all, Service::ApiGateway, counter, labels);
            let failed = lookups(&[("cache", name), ("outcome", "failed")]);
            (
                Service::ApiGateway,
                lookups(&[("cache", name)]),
                Some(failed),
            )
        }
        Service::Database | Service::Microservice | Service::Worker => {
            (Service::ApiGateway, answered(node).requests, None)
        }
    };
    Some(EdgeRecord {
        from: from.to_string(),
        to: name.to_owned(),
        calls,
        failed,
    })
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

/// By node, and by service as the sum over its nodes.
pub(super) fn cpu_per_request(measured: &Measured, sent: u64) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for (name, cpu) in &measured.cpu {
        let Some(micros) = per_request(*cpu, sent) else {
            continue;
        };
        figures.insert(name.to_string(), micros);
        let service = measured
            .counts
            .iter()
            .find(|node| node.name == *name)
            .map(|node| node.service.to_string());
        // A service of one node has the node's name.
        if let Some(service) = service.filter(|service| *service != name.as_str()) {
            *figures.entry(service).or_default() += micros;
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
    use proptest::prelude::*;

    use super::*;

    fn gateways(attempts: &[Option<u64>]) -> Vec<GatewayRecord> {
        let gateway = |attempts: &Option<u64>| GatewayRecord {
            name: "a gateway".to_owned(),
            answers: 5,
            attempts: *attempts,
        };
        attempts.iter().map(gateway).collect()
    }

    #[test]
    fn gateways_that_served_nobody_are_not_in_balance() {
        let idle = gateways(&[Some(0), Some(0), Some(0)]);
        assert_eq!(imbalance(&idle), Figure::NoSamples);
    }

    #[test]
    fn from_outside_the_balance_doesnt_show() {
        assert_eq!(imbalance(&gateways(&[None, None])), Figure::OutOfSight);
        assert_eq!(imbalance(&[]), Figure::OutOfSight);
    }

    #[test]
    fn without_requests_cpu_time_is_that_of_none() {
        assert_eq!(per_request(Duration::from_millis(3), 0), None);
        assert_eq!(per_request(Duration::from_millis(3), 3), Some(1000.0));
    }

    proptest! {
        #[test]
        fn imbalance_is_the_gap_between_the_busiest_and_the_idlest(
            idlest in 0u64..1000, gap in 1u64..1000,
        ) {
            let shares = gateways(&[Some(idlest + gap), Some(idlest)]);
            prop_assert_eq!(imbalance(&shares), Figure::Value(gap as f64));
        }
    }
}
