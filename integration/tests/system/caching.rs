//! Values come from a cache when they can, and from the database when they must;
//! and nobody is shown what a write has replaced.

use std::time::Duration;

use integration::Topology;
use services::contract::Service;

use crate::cache_stories::{Caches, told_over};
use crate::support::Lab;

told_over!(CacheNodes);

/// The cache nodes of the laboratory itself.
struct CacheNodes;

impl Caches for CacheNodes {
    async fn fresh() -> Self {
        CacheNodes
    }

    fn behind(&self, topology: Topology, ttl: Duration) -> Topology {
        topology.with(Service::Cache, "ttl", format!("{}ms", ttl.as_millis()))
    }

    async fn lookups(&self, lab: &Lab, cache: &str) -> f64 {
        lab.counter(cache, "cache_lookups_total", &[]).await
    }

    async fn kill(&self, lab: &Lab, cache: &str) {
        lab.kill(cache).expect("it runs");
    }

    async fn pause(&self, lab: &Lab, cache: &str) {
        lab.pause(cache).expect("it runs");
    }

    async fn resume(&self, lab: &Lab, cache: &str) {
        lab.resume(cache).expect("it is paused");
    }
}
