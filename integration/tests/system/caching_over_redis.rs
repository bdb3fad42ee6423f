//! The promises of `caching`, word for word, with Redis servers in the place of this
//! project's cache nodes.

use std::time::Duration;

use integration::Topology;
use services::contract::Service;

use crate::cache_stories::{Caches, told_over};
use crate::redis_server::RedisServer;
use crate::support::Lab;

told_over!(RedisServers);

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
