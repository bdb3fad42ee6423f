//! The promises of `caching`, word for word, with Redis as a part that the harness starts.

use std::time::Duration;

use integration::Topology;
use integration::real::{Part, Parts};
use services::contract::Service;

use crate::cache_stories::{Caches, told_over};
use crate::part_stories::Piece;
use crate::support::Lab;

told_over!(ManagedRedis:
    every_read_is_a_hit_or_a_miss_and_every_miss_reads_the_database,
    without_expiry_the_database_is_read_once_per_key_and_cache,
    random_reads_cost_as_many_database_reads_as_predicted,
    a_burst_on_a_cold_key_costs_one_read_per_gateway,
    a_write_is_seen_by_the_next_read_through_every_gateway_and_cache,
    no_read_goes_back_behind_an_answered_write,
    values_expire,
    a_dead_cache_costs_a_bounded_delay,
    a_stalled_cache_costs_a_bounded_delay_and_is_used_again,
);

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
