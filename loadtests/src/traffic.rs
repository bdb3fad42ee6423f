//! The calls between the laboratory's nodes, as those counted who make them, where they do
//! so by node, and else as those did who are called.

use services::contract::Service;
use services::statements::Owner;
use skein::figures_for_people::percent;
use skein::{Counts, Edge, NodeCounts, Over, Seen};

use crate::kinds::{
    Balancer, HaProxy, POSTGRES, Postgres, RABBITMQ, Redis, messages_of, taken_in_by_nginx,
};
use crate::record::CacheRecord;

/// The calls to each node, over the judged stages.
pub(crate) fn edges(seen: &Seen<'_>) -> Vec<Edge> {
    let Some(nodes) = seen.counts(Over::Judged) else {
        return Vec::new();
    };
    let edges = nodes.all().iter().flat_map(|node| edges_to(node, nodes));
    edges.collect()
}

fn edges_to(node: &NodeCounts, all: Counts<'_>) -> Vec<Edge> {
    let edge = |from: Service, calls| Edge {
        from: from.as_str().to_owned(),
        to: node.name.to_string(),
        calls,
        failed: None,
    };
    if node.role == POSTGRES {
        let postgres = Postgres(all);
        let owners = [
            (Owner::Database, Service::Database),
            (Owner::Worker, Service::Worker),
        ];
        let edges = owners.map(|(owner, from)| Some(edge(from, postgres.of(owner)?)));
        edges.into_iter().flatten().collect()
    } else if node.role == RABBITMQ {
        vec![edge(Service::Worker, messages_of(node))]
    } else {
        edge_to(node, all).into_iter().collect()
    }
}

/// Requests of nodes that count them in a way of their own, over the judged stages.
pub(crate) fn requests(seen: &Seen<'_>) -> Vec<(String, u64)> {
    let Some(nodes) = seen.counts(Over::Judged) else {
        return Vec::new();
    };
    let requests = nodes.all().iter().filter_map(|node| {
        let requests = if node.role == Service::LoadBalancer.as_str() {
            match Balancer::of(nodes) {
                Balancer::Own => return None,
                Balancer::Nginx => taken_in_by_nginx(nodes),
                Balancer::HaProxy => HaProxy(nodes).requests(),
            }
        } else if node.role == POSTGRES {
            let owners = [Owner::Database, Owner::Worker];
            let postgres = Postgres(nodes);
            let asked = owners.map(|owner| postgres.of(owner));
            asked.iter().flatten().sum()
        } else if node.role == RABBITMQ {
            messages_of(node)
        } else {
            Redis::of(node)?.requests()
        };
        Some((node.name.to_string(), requests))
    });
    requests.collect()
}

fn edge_to(node: &NodeCounts, all: Counts<'_>) -> Option<Edge> {
    let name = node.name.as_str();
    let (balancer, gateway) = (Service::LoadBalancer.as_str(), Service::ApiGateway.as_str());
    let (from, calls, failed) = if node.role == balancer {
        return None;
    } else if node.role == gateway {
        let kind = Balancer::of(all);
        let calls = kind.attempts_at(name, all);
        let calls = calls.unwrap_or_else(|| node.count("requests_total", &[]));
        (balancer, calls, kind.failures_at(name, all))
    } else if node.role == Service::Cache.as_str() {
        let lookups = |labels: &[_]| all.sum(gateway, "cache_lookups_total", labels);
        let failed = lookups(&[("cache", name), ("outcome", "failed")]);
        (gateway, lookups(&[("cache", name)]), Some(failed))
    } else {
        (gateway, node.count("requests_total", &[]), None)
    };
    Some(Edge {
        from: from.to_owned(),
        to: name.to_owned(),
        calls,
        failed,
    })
}

/// The hit ratio of each cache, for the picture of the system.
pub(crate) fn remarks(caches: Option<&CacheRecord>) -> Vec<(String, String)> {
    let by_cache = caches.iter().flat_map(|caches| &caches.by_cache);
    let remarks = by_cache.filter_map(|cache| {
        let ratio = cache.hit_ratio()?;
        Some((cache.name.clone(), format!("hit ratio {}", percent(ratio))))
    });
    remarks.collect()
}
