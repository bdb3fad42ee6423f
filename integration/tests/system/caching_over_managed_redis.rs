//! The promises of `caching`, word for word, with Redis as a part that the harness starts.

use std::time::Duration;

use integration::Topology;
use integration::real::{Part, Parts};
use services::contract::Service;

use crate::cache_stories::{Caches, told_over};
use crate::part_stories::Piece;
use crate::support::Lab;

told_over!(ManagedRedis);

/// `cache-1` and `cache-2`, each a Redis server.
struct ManagedRedis;

impl Caches for ManagedRedis {
    async fn fresh() -> Self {
        ManagedRedis
    }

    fn behind(&self, topology: Topology, ttl: Duration) -> Topology {
        let parts = Piece::program(Part::Redis).among(Parts::default());
        let ttl = format!("{}ms", ttl.as_millis());
        topology.parts(parts).with(Service::Cache, "ttl", ttl)
    }

    async fn lookups(&self, lab: &Lab, cache: &str) -> f64 {
        // A lookup is the one thing that a gateway asks for by this command.
        let command = [("cmd", "hmget")];
        lab.counter(cache, "redis_commands_total", &command).await
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
