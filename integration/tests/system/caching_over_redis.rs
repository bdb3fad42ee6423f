//! The promises of `caching`, word for word, with Redis servers in the place of this
//! project's cache nodes.

use std::time::Duration;

use integration::Topology;
use services::contract::Service;

use crate::cache_stories::{Caches, told_over};
use crate::redis_server::RedisServer;
use crate::support::Lab;

told_over!(RedisServers:
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
struct RedisServers([RedisServer; 2]);

impl RedisServers {
    fn called(&self, cache: &str) -> &RedisServer {
        match cache {
            "cache-1" => &self.0[0],
            "cache-2" => &self.0[1],
            other => panic!("there is no cache {other}"),
        }
    }
}

impl Caches for RedisServers {
    async fn fresh() -> Self {
        let (first, second) = tokio::join!(RedisServer::start(), RedisServer::start());
        RedisServers([first, second])
    }

    fn behind(&self, topology: Topology, ttl: Duration) -> Topology {
        let urls = self.0.each_ref().map(RedisServer::url);
        topology.external_caches(&urls).with(
            Service::ApiGateway,
            "redis-ttl",
            format!("{}ms", ttl.as_millis()),
        )
    }

    async fn lookups(&self, _: &Lab, cache: &str) -> f64 {
        // A lookup is the one thing that a gateway asks for by this command.
        self.called(cache).calls("hmget").await
    }

    async fn kill(&self, _: &Lab, cache: &str) {
        self.called(cache).kill().await;
    }

    async fn pause(&self, _: &Lab, cache: &str) {
        self.called(cache).pause().await;
    }

    async fn resume(&self, _: &Lab, cache: &str) {
        self.called(cache).resume().await;
    }
}
