//! The calls between the laboratory's nodes, as those counted who make them, where they do
//! so by node, and else as those did who are called.

use services::contract::Service;
use skein::figures_for_people::percent;
use skein::{Counts, Edge, NodeCounts, Over, Seen};

use crate::record::CacheRecord;

/// The calls to each node, over the judged stages.
pub(crate) fn edges(seen: &Seen<'_>) -> Vec<Edge> {
    let Some(nodes) = seen.counts(Over::Judged) else {
        return Vec::new();
    };
    let edges = nodes.all().iter().filter_map(|node| edge_to(node, nodes));
    edges.collect()
}

fn edge_to(node: &NodeCounts, all: Counts<'_>) -> Option<Edge> {
    let name = node.name.as_str();
    let (balancer, gateway) = (Service::LoadBalancer.as_str(), Service::ApiGateway.as_str());
    let (from, calls, failed) = if node.role == balancer {
        return None;
    } else if node.role == gateway {
        let counted = |counter| all.sum(balancer, counter, &[("upstream", name)]);
        let failed = counted("upstream_failures_total");
        (balancer, counted("upstream_requests_total"), Some(failed))
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
