//! The cache: values in memory, for a while and up to a size, over HTTP.
//! What may be kept, and what a write forbids to keep, is decided in `store`.

mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytesize::ByteSize;
use http::{HeaderMap, StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::store::{Lookup, Refused, Store};
use crate::contract::{Key, VERSION};
use crate::exposure;
use crate::metrics::Outcome;
use crate::problem::{Problem, bad_request, not_found, problem};
use crate::server::{Node, Payload, ServerConfig};
use crate::setting;

/// The cache's settings.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The settings that every service has.
    #[command(flatten)]
    pub server: ServerConfig,

    /// The time that a value is kept; 0s means until it is replaced, deleted or crowded out.
    #[arg(long, env = "SKEIN_TTL", value_name = "DURATION", default_value = "60s", value_parser = setting::duration)]
    pub ttl: Duration,

    /// The most that is kept, keys and bookkeeping included; the least recently used goes first.
    #[arg(
        long,
        env = "SKEIN_CAPACITY",
        value_name = "BYTES",
        default_value = "64MiB"
    )]
    pub capacity: ByteSize,
}

/// Serves the cache until the shutdown.
///
/// `PUT /cache/{key}` stores a value, dated by `x-version`; `GET` finds it.
/// `DELETE` with an `x-version` also refuses older values from then on.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    exposure::demand_consent(
        listener.local_addr()?.ip(),
        &config.server.exposure,
        exposure::OPEN,
    )?;
    let node = Node::new(config.server, shutdown);
    let ttl = (!config.ttl.is_zero()).then_some(config.ttl);
    let cache = Cache {
        store: Store::new(config.capacity.as_u64(), ttl),
        lookups: node
            .metrics
            .counters("cache_lookups", "Lookups, by whether a value was there."),
        stores: node.metrics.counters(
            "cache_stores",
            "Values offered, by whether they were stored; a value older than a known write is refused.",
        ),
        deletes: node
            .metrics
            .counter("cache_deletes", "Deletions, with or without a value there."),
    };
    node.metrics.collect(Contents(cache.store.clone()));
    let routes = Router::new()
        .route("/cache/{key}", get(look_up).put(put).delete(delete))
        .with_state(Arc::new(cache));
    node.serve(listener, routes).await;
    Ok(())
}

struct Cache {
    store: Store,
    lookups: Family<Outcome, Counter>,
    stores: Family<Outcome, Counter>,
    deletes: Counter,
}

async fn look_up(State(cache): State<Arc<Cache>>, key: Key) -> Response {
    let (outcome, response) = match cache.store.look_up(&key) {
        Lookup::Value { bytes, version } => {
            let dated = [(VERSION, version.to_string())];
            let json = [(header::CONTENT_TYPE, "application/json")];
            ("hit", (dated, json, bytes).into_response())
        }
        Lookup::Replaced { version } => {
            let dated = [(VERSION, version.to_string())];
            (
                "miss",
                (dated, not_found("the value was replaced")).into_response(),
            )
        }
        Lookup::Nothing => ("miss", not_found("no such value").into_response()),
    };
    cache.lookups.get_or_create(&Outcome { outcome }).inc();
    response
}

async fn put(
    State(cache): State<Arc<Cache>>,
    key: Key,
    headers: HeaderMap,
    Payload(bytes): Payload,
) -> Result<StatusCode, Problem> {
    let version = version_in(&headers).map_err(bad_request)?.unwrap_or(0);
    let stored = cache.store.put(key, &bytes, version);
    let outcome = if stored.is_ok() { "stored" } else { "refused" };
    cache.stores.get_or_create(&Outcome { outcome }).inc();
    stored
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|Refused { known }| {
            problem(
                StatusCode::CONFLICT,
                format!("version {version} is older than version {known}, which is known here"),
            )
        })
}

async fn delete(
    State(cache): State<Arc<Cache>>,
    key: Key,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    match version_in(&headers).map_err(bad_request)? {
        Some(version) => cache.store.replace(key, version),
        None => cache.store.remove(&key),
    }
    cache.deletes.inc();
    Ok(StatusCode::NO_CONTENT)
}

fn version_in(headers: &HeaderMap) -> Result<Option<u64>, String> {
    headers
        .get(VERSION)
        .map(|value| {
            let number = value.to_str().ok().and_then(|text| text.parse().ok());
            number.ok_or_else(|| format!("{VERSION} has to be a whole number"))
        })
        .transpose()
}

/// The amount that is in the store, counted when somebody asks.
#[derive(Debug)]
struct Contents(Store);

impl Collector for Contents {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let size = self.0.size();
        for (name, help, value) in [
            (
                "cache_entries",
                "Entries kept, notes of writes included",
                size.entries,
            ),
            (
                "cache_bytes",
                "Bytes kept, keys and bookkeeping included",
                size.bytes,
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_of(text: &'static str) -> Result<Option<u64>, String> {
        let headers = HeaderMap::from_iter([(VERSION, http::HeaderValue::from_static(text))]);
        version_in(&headers)
    }

    #[test]
    fn a_version_is_a_whole_number_or_absent() {
        assert_eq!(version_in(&HeaderMap::new()).expect("absent is fine"), None);
        assert_eq!(version_of("17").expect("a whole number"), Some(17));
        for text in ["", "-1", "1.5", "0x1", "99999999999999999999"] {
            assert!(version_of(text).is_err(), "{text:?} was taken");
        }
    }
}
