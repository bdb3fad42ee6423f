//! The API gateway: checks every request's token, reads data through a cache,
//! writes it through to the database, and passes work on to the microservice and
//! the worker.
//!
//! [`token`] says who may pass, [`data`] reads and writes items by way of the
//! [`cache_tier`], and [`relay`] hands over everything else.

mod cache_tier;
mod data;
mod relay;
mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Upstream};
use crate::exposure::{self, Exposure};
use crate::planted::{ExtraCalls, MoreCalls};
use crate::problem::problem;
use crate::server::{Node, ServerConfig};
use crate::setting;
use cache_tier::{CacheAddress, CacheTier, Choice};
use data::Data;
use relay::Relay;
use token::Verifier;

/// The secret of the laboratory's tokens. Everybody knows it.
pub const DEVELOPMENT_SECRET: &str = "secret";

/// Settings of an API gateway.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// Whom the gateway lets in.
    #[command(flatten)]
    pub tokens: TokenRules,

    /// The caches: http://HOST:PORT for the cache service, or redis://HOST:PORT for
    /// Redis; NAME= before it, or it is called cache-1, cache-2 and so on.
    #[arg(
        long = "cache",
        env = "SKEIN_CACHE",
        value_name = "[NAME=]URL",
        value_delimiter = ',',
        default_value = "cache-1=http://127.0.0.1:5004,cache-2=http://127.0.0.1:5007"
    )]
    pub caches: Vec<CacheAddress>,

    /// Use no cache at all.
    #[arg(long, env = "SKEIN_NO_CACHE")]
    pub no_cache: bool,

    /// The cache that serves a key: any one, drawn for each request, or always the same one.
    #[arg(long, env = "SKEIN_CACHE_CHOICE", value_enum, default_value_t = Choice::Random)]
    pub cache_choice: Choice,

    /// The longest time that a cache may take before the database is asked instead.
    #[arg(long, env = "SKEIN_CACHE_TIMEOUT", value_name = "DURATION", default_value = "100ms", value_parser = setting::positive_duration)]
    pub cache_timeout: Duration,

    /// The time for which a cache that failed is left alone by reads.
    #[arg(long, env = "SKEIN_CACHE_REST", value_name = "DURATION", default_value = "1s", value_parser = setting::duration)]
    pub cache_rest: Duration,

    /// The time that Redis keeps a value, 0s for ever. (The cache service has a --ttl of its own.)
    #[arg(long, env = "SKEIN_REDIS_TTL", value_name = "DURATION", default_value = "60s", value_parser = setting::duration)]
    pub redis_ttl: Duration,

    /// The database: NAME=http://HOST:PORT.
    #[arg(
        long,
        env = "SKEIN_DATABASE",
        value_name = "NAME=URL",
        default_value = "database=http://127.0.0.1:5002"
    )]
    pub database: Upstream,

    /// The microservice: NAME=http://HOST:PORT.
    #[arg(
        long,
        env = "SKEIN_MICROSERVICE",
        value_name = "NAME=URL",
        default_value = "microservice=http://127.0.0.1:5001"
    )]
    pub microservice: Upstream,

    /// The worker: NAME=http://HOST:PORT.
    #[arg(
        long,
        env = "SKEIN_WORKER",
        value_name = "NAME=URL",
        default_value = "worker=http://127.0.0.1:5005"
    )]
    pub worker: Upstream,

    /// The longest time that the database, the microservice or the worker may take.
    #[arg(long, env = "SKEIN_UPSTREAM_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = setting::positive_duration)]
    pub upstream_timeout: Duration,

    /// Calls that the gateway makes on purpose and for nothing.
    #[command(flatten)]
    pub extra_calls: ExtraCalls,
}

/// Whom the gateway lets in.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenRules {
    /// The key of the tokens' HS256 signatures, at least 32 bytes; the default is for
    /// loopback only. Every user of the machine sees the flag, and not the variable.
    #[arg(long, env = "SKEIN_JWT_SECRET", value_name = "SECRET", default_value = DEVELOPMENT_SECRET, hide_env_values = true)]
    pub jwt_secret: String,

    /// The most that clocks may differ by when `exp` and `nbf` are judged, at most 5m.
    #[arg(long, env = "SKEIN_LEEWAY", value_name = "DURATION", default_value = "30s", value_parser = at_most_five_minutes)]
    pub leeway: Duration,

    /// Refuse tokens that never expire.
    #[arg(long, env = "SKEIN_REQUIRE_EXP")]
    pub require_exp: bool,

    /// The longest token that is looked at.
    #[arg(
        long,
        env = "SKEIN_MAX_TOKEN",
        value_name = "BYTES",
        default_value = "4KiB"
    )]
    pub max_token: bytesize::ByteSize,
}

fn at_most_five_minutes(text: &str) -> Result<Duration, String> {
    let leeway = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if leeway <= Duration::from_secs(300) {
        Ok(leeway)
    } else {
        Err("must be at most 5m, or tokens hardly expire".to_owned())
    }
}

/// Serves the API until `shutdown`, then drains.
///
/// # Errors
///
/// When the secret is too short, or the development secret would be used beyond loopback
/// and nobody said that this is meant, or a cache's URL is of no use.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    demand_a_real_secret(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        &config.tokens.jwt_secret,
    )?;

    let node = Node::new(config.server.clone(), shutdown).public();
    let client = Client::new();
    let caches = CacheTier::new(&config, &client, &node.metrics)?;
    let data = Arc::new(Data::new(caches, client.clone(), &config, &node.metrics));
    let relay = |upstream: &Upstream| {
        Arc::new(Relay::new(
            client.clone(),
            upstream.clone(),
            config.upstream_timeout,
        ))
    };
    let door = Door {
        verifier: Arc::new(Verifier::new(&config.tokens)),
        rejected: node
            .metrics
            .counters("tokens_rejected", "Requests refused with 401, by reason."),
        planted: config.extra_calls.to(&client, &config.microservice),
    };

    let data = Router::new()
        .route("/data", get(data::list))
        .route("/data/{key}", get(data::read).put(data::write))
        .with_state(data);
    let process = Router::new()
        .route("/process", get(relay::pass_on).post(relay::pass_on))
        .with_state(relay(&config.microservice));
    let tasks = Router::new()
        .route("/longtask", post(relay::pass_on))
        .route("/longtask/{id}", get(relay::pass_on))
        .with_state(relay(&config.worker));
    let routes = data
        .merge(process)
        .merge(tasks)
        .route_layer(middleware::from_fn_with_state(door, admit));
    node.serve(listener, routes).await;
    Ok(())
}

/// Refuses a secret that is none. An HS256 key has at least as many bits as its hash
/// (RFC 7518 §3.2), which goes for every secret but the laboratory's own; and that one
/// everybody knows, so that it stays at home.
fn demand_a_real_secret(address: IpAddr, exposure: &Exposure, secret: &str) -> anyhow::Result<()> {
    const LEAST_BYTES: usize = 32;
    if secret == DEVELOPMENT_SECRET {
        return exposure::demand_consent(
            address,
            exposure,
            "with the development secret that everybody knows; set --jwt-secret \
             (SKEIN_JWT_SECRET) to one of at least 32 bytes",
        );
    }
    ensure!(
        secret.len() >= LEAST_BYTES,
        "was given a secret of {} bytes, which can be guessed; set --jwt-secret \
         (SKEIN_JWT_SECRET) to one of at least {LEAST_BYTES}, or leave it out on loopback",
        secret.len()
    );
    Ok(())
}

/// The check before every route.
#[derive(Clone, Debug)]
struct Door {
    verifier: Arc<Verifier>,
    rejected: Family<ReasonLabel, Counter>,
    planted: MoreCalls,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Lets a request in with the user whom its token names, before anything else is
/// touched; otherwise answers 401 as RFC 6750 §3 asks.
async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    match door.verifier.verify(request.headers()) {
        Ok(user) => {
            door.planted.call().await;
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        Err(rejection) => {
            door.rejected
                .get_or_create(&ReasonLabel {
                    reason: rejection.reason(),
                })
                .inc();
            let challenge = HeaderValue::from_static(rejection.challenge());
            let body = problem(http::StatusCode::UNAUTHORIZED, rejection.to_string());
            ([(header::WWW_AUTHENTICATE, challenge)], body).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_secret_stays_on_loopback() {
        let listen = |address: &str, secret: &str| {
            let address = address.parse().expect("an address");
            demand_a_real_secret(address, &Exposure::default(), secret)
        };
        assert!(listen("127.0.0.1", "secret").is_ok());
        assert!(listen("::1", "secret").is_ok());
        assert!(listen("0.0.0.0", "secret").is_err());
        assert!(listen("192.0.2.1", "secret").is_err());
        assert!(listen("0.0.0.0", "").is_err());
        assert!(listen("0.0.0.0", &"k".repeat(31)).is_err());
        assert!(listen("0.0.0.0", &"k".repeat(32)).is_ok());
        for short in ["", " ", "Secret", &"k".repeat(31)] {
            let error = listen("127.0.0.1", short).expect_err(short).to_string();
            assert!(error.contains("at least 32"), "{error}");
        }
        let meant = Exposure {
            beyond_loopback: true,
            ..Exposure::default()
        };
        let anywhere = "0.0.0.0".parse().expect("an address");
        assert!(demand_a_real_secret(anywhere, &meant, "secret").is_ok());
        assert!(demand_a_real_secret(anywhere, &meant, "").is_err());
    }
}
