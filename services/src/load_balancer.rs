//! The load balancer: shares requests among API gateways, round robin, and keeps
//! away from gateways that fail.
//!
//! Read on in the order in which a request meets the parts: [`forward`] takes it,
//! [`fields`] prepares its head, [`rotation`] picks a gateway, [`connections`]
//! lends a connection to it, [`request_body`] goes out and [`response_body`] comes
//! back. Beside that path, [`standing`] decides who is in rotation, from what
//! [`checks`] and [`forward`] see, and [`failure`] says what a client is told when
//! nobody could serve it.

mod checks;
mod connections;
mod failure;
mod fields;
mod forward;
mod patience;
mod request_body;
mod response_body;
mod rotation;
mod standing;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::Upstream;
use crate::exposure;
use crate::server::{Node, ServerConfig};
use crate::setting;
use forward::Balancer;
use rotation::Rotation;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Settings of the load balancer.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The gateways, in the order in which requests go round: NAME=http://HOST:PORT.
    #[arg(
        long = "gateway",
        env = "SKEIN_GATEWAY",
        value_name = "NAME=URL",
        value_delimiter = ',',
        default_value = "api-gateway-1=http://127.0.0.1:5000,api-gateway-2=http://127.0.0.1:5003,api-gateway-3=http://127.0.0.1:5006"
    )]
    pub gateways: Vec<Upstream>,

    /// Time limits towards the gateways.
    #[command(flatten)]
    pub limits: Limits,

    /// The rules by which a gateway leaves the rotation and returns.
    #[command(flatten)]
    pub rules: Rules,

    /// Retries that are allowed for each 100 requests, over ten seconds.
    #[arg(
        long,
        env = "SKEIN_RETRY_PERCENT",
        value_name = "PERCENT",
        default_value_t = 20
    )]
    pub retry_percent: u16,

    /// Retries that are allowed in each second whatever the traffic, at most 1000000.
    #[arg(
        long,
        env = "SKEIN_RETRY_FLOOR",
        value_name = "RETRIES",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    pub retry_floor: u32,
}

/// Time limits towards the gateways.
#[derive(Clone, Debug, clap::Args)]
pub struct Limits {
    /// The longest time that a connection to a gateway may take to be made.
    #[arg(long, env = "SKEIN_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = setting::positive_duration)]
    pub connect_timeout: Duration,

    /// The longest time that a gateway may take to begin its response, once it has the request.
    #[arg(long, env = "SKEIN_FIRST_BYTE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = setting::positive_duration)]
    pub first_byte_timeout: Duration,
}

/// The rules by which a gateway leaves the rotation and returns.
#[derive(Clone, Debug, clap::Args)]
pub struct Rules {
    /// Time between two health checks of a gateway.
    #[arg(long, env = "SKEIN_HEALTH_INTERVAL", value_name = "DURATION", default_value = "2s", value_parser = setting::positive_duration)]
    pub health_interval: Duration,

    /// The longest time that a gateway may take to answer a health check.
    #[arg(long, env = "SKEIN_HEALTH_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = setting::positive_duration)]
    pub health_timeout: Duration,

    /// Health checks in a row that must pass for a gateway to return.
    #[arg(long, env = "SKEIN_RISE", value_name = "CHECKS", default_value_t = 2)]
    pub rise: u32,

    /// Health checks in a row that must fail for a gateway to leave.
    #[arg(long, env = "SKEIN_FALL", value_name = "CHECKS", default_value_t = 3)]
    pub fall: u32,

    /// Requests in a row that must fail for a gateway to be ejected.
    #[arg(
        long,
        env = "SKEIN_EJECT_AFTER",
        value_name = "REQUESTS",
        default_value_t = 3
    )]
    pub eject_after: u32,

    /// The time that an ejected gateway waits for its probation request.
    #[arg(long, env = "SKEIN_EJECTION_TIME", value_name = "DURATION", default_value = "10s", value_parser = setting::duration)]
    pub ejection_time: Duration,
}

/// Balances the connections of `listener` until `shutdown`, then drains.
///
/// # Errors
///
/// When there is no gateway, or more than [`rotation::MOST_GATEWAYS`], or it would listen
/// beyond loopback and nobody said that this is meant.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    exposure::demand_consent(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        "where it would publish its gateways whether or not their secret is one",
    )?;
    let count = config.gateways.len();
    ensure!(
        (1..=rotation::MOST_GATEWAYS).contains(&count),
        "was given {count} gateways; name 1 to {} with --gateway NAME=http://HOST:PORT",
        rotation::MOST_GATEWAYS
    );

    let node = Node::new(config.server.clone(), shutdown);
    let rotation = Arc::new(Rotation::new(&config, &node.metrics));
    let mut checks = checks::keep_checking(&node, &rotation, &config.rules);
    let balancer = Arc::new(Balancer::new(&config, &node, rotation));
    let management = node.management_routes();
    node.serve_connections(listener, |peer| {
        let balancer = Arc::clone(&balancer);
        let management = management.clone();
        let forwarded_for = fields::address_value(peer.ip());
        service_fn(move |request| {
            let balancer = Arc::clone(&balancer);
            let management = management.clone();
            let forwarded_for = forwarded_for.clone();
            async move {
                // The hot path goes round the router.
                Ok::<_, Infallible>(match request.uri().path() {
                    "/health" | "/metrics" => forward::answer_here(management, request).await,
                    _ => balancer.forward(&forwarded_for, request).await,
                })
            }
        })
    })
    .await;
    checks.abort_all();
    Ok(())
}
