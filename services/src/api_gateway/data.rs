//! Items: read through a cache, written through to the database.
//!
//! A read that misses asks the database, once for all concurrent readers of the
//! key in this process, and fills the cache that it had asked. A write goes to the
//! database first and then revokes the key in every cache with its version. Two
//! races are closed by that version: a value read before a write can't be filled
//! in after it, because the cache refuses it; and a reader that starts after a
//! write can't join a database read that began before it, because the cache tells
//! the version that the reader must see, and only readers that must see the same
//! version share a read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use moka::future::Cache as Flights;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::Config;
use super::cache_tier::{CacheTier, Lookup, Member, Value};
use super::relay::{passed_back, unavailable};
use crate::client::{CallError, Client, Upstream, version_of};
use crate::contract::{CACHE_STATUS, Key, SERVER_TIMING, VERSION};
use crate::metrics::{Metrics, Outcome};
use crate::problem::{Problem, bad_request, not_found, problem};
use crate::server::Payload;
use crate::trace::{self, Trace};

/// Everything that serves `/data`.
#[derive(Debug)]
pub(super) struct Data {
    caches: CacheTier,
    client: Client,
    database: Upstream,
    timeout: Duration,
    flights: Flights<Flight, Fetched>,
    counted: Counted,
}

/// A database read that concurrent readers share: of one subject, at least this new.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flight {
    subject: Subject,
    at_least: u64,
}

/// The database's answer to a read.
#[derive(Clone, Debug)]
struct Fetched {
    /// `None` when the database has no such item.
    value: Option<Value>,
    /// The database's own share of the time.
    timings: HeaderMap,
}

#[derive(Debug)]
struct Counted {
    reads: Family<Outcome, Counter>,
    database_reads: Counter,
    database_writes: Counter,
}

impl Data {
    pub(super) fn new(
        caches: CacheTier,
        client: Client,
        config: &Config,
        metrics: &Metrics,
    ) -> Self {
        Data {
            caches,
            client,
            database: config.database.clone(),
            timeout: config.upstream_timeout,
            // A flight lives only while somebody waits for it: what it brings has
            // expired for everybody who comes later.
            flights: Flights::builder().time_to_live(Duration::ZERO).build(),
            counted: Counted {
                reads: metrics.counters(
                    "reads",
                    "Reads of items: found in a cache, read from the database after a miss or \
                     because no cache answered (bypass), or shared with a read under way (coalesced).",
                ),
                database_reads: metrics.counter("database_reads", "Reads that the database was asked for."),
                database_writes: metrics.counter("database_writes", "Writes that the database was asked for."),
            },
        }
    }

    async fn read(&self, subject: Subject, trace: Trace) -> Result<Response, Problem> {
        let key = subject.cache_key();
        let cache = self.caches.choose(&key);
        let mut timings = HeaderMap::new();
        let lookup = match cache {
            Some(cache) => {
                let asked = Instant::now();
                let lookup = cache.look_up(&key, &trace).await;
                timings.append(
                    SERVER_TIMING,
                    trace::server_timing(cache.name(), asked.elapsed()),
                );
                lookup
            }
            None => None,
        };
        let at_least = match lookup {
            Some(Lookup::Hit(value)) => {
                self.count_read("hit");
                return Ok(found(value, &timings, cache_status(cache, "hit")));
            }
            Some(Lookup::Miss { at_least }) => Some(at_least),
            None => None,
        };

        let flight = Flight {
            subject,
            at_least: at_least.unwrap_or(0),
        };
        let landed = self
            .flights
            .entry_by_ref(&flight)
            .or_try_insert_with(self.fetch(&flight.subject, &trace))
            .await
            .map_err(|error| unavailable(&error))?;
        let own = landed.is_fresh();
        let Fetched {
            value,
            timings: database,
        } = landed.into_value();
        trace::pass_on_timings(&database, &mut timings);
        let (outcome, forwarded) = match (own, at_least) {
            (true, Some(_)) => ("miss", "fwd=uri-miss"),
            (true, None) => ("bypass", "fwd=bypass; detail=unavailable"),
            (false, Some(_)) => ("coalesced", "fwd=uri-miss; collapsed"),
            (false, None) => ("coalesced", "fwd=bypass; detail=unavailable; collapsed"),
        };
        self.count_read(outcome);
        let Some(value) = value else {
            let missing = not_found("no such item").into_response();
            return Ok(told(missing, &timings, cache_status(cache, forwarded)));
        };
        let stored = match cache {
            Some(cache) if own && at_least.is_some() => cache.fill(&key, &value, &trace).await,
            _ => false,
        };
        let stored = if stored { "; stored" } else { "" };
        Ok(found(
            value,
            &timings,
            cache_status(cache, &format!("{forwarded}{stored}")),
        ))
    }

    async fn fetch(&self, subject: &Subject, trace: &Trace) -> Result<Fetched, CallError> {
        self.counted.database_reads.inc();
        let mut headers = HeaderMap::new();
        trace.insert_into(&mut headers);
        let answer = self
            .client
            .call(
                &self.database,
                Method::GET,
                &subject.database_path(),
                headers,
                Bytes::new(),
                self.timeout,
            )
            .await?;
        let mut timings = HeaderMap::new();
        trace::pass_on_timings(answer.headers(), &mut timings);
        let value = match answer.status() {
            StatusCode::OK => {
                let version = version_of(&answer).context("the database sent no version");
                let version = version.map_err(|error| self.senseless(error))?;
                Some(Value {
                    bytes: answer.into_body(),
                    version,
                })
            }
            StatusCode::NOT_FOUND => None,
            status => return Err(self.senseless(anyhow::anyhow!("unexpected status {status}"))),
        };
        Ok(Fetched { value, timings })
    }

    /// Writes to the database, and then has every cache forget what it knew. An
    /// answer of the database is passed on if it says what became of the write;
    /// where nobody can tell, the caches forget as well, to be on the safe side.
    async fn write_through(
        &self,
        subject: &Subject,
        body: Bytes,
        trace: &Trace,
    ) -> Result<http::Response<Bytes>, CallError> {
        self.counted.database_writes.inc();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        trace.insert_into(&mut headers);
        let (database, path) = (&self.database, subject.database_path());
        let answer = self
            .client
            .call(database, Method::PUT, &path, headers, body, self.timeout)
            .await
            .and_then(|answer| match answer.status() {
                status if status.is_client_error() => Ok(answer),
                status if status.is_success() && version_of(&answer).is_some() => Ok(answer),
                status => Err(self.senseless(anyhow::anyhow!("unexpected answer, {status}"))),
            });

        let refused = answer
            .as_ref()
            .is_ok_and(|answer| answer.status().is_client_error());
        if !refused {
            let version = answer.as_ref().ok().and_then(version_of);
            let (item, listing) = (subject.cache_key(), Subject::Listing.cache_key());
            self.caches
                .invalidate(&[&item, &listing], version, trace)
                .await;
        }
        answer
    }

    fn senseless(&self, error: anyhow::Error) -> CallError {
        CallError::Unreachable {
            upstream: self.database.name.clone(),
            source: error.into(),
        }
    }

    fn count_read(&self, outcome: &'static str) {
        self.counted.reads.get_or_create(&Outcome { outcome }).inc();
    }
}

/// `GET /data`: the database's listing.
pub(super) async fn list(State(data): State<Arc<Data>>, trace: Trace) -> Result<Response, Problem> {
    data.read(Subject::Listing, trace).await
}

/// `GET /data/{key}`: one item.
pub(super) async fn read(
    State(data): State<Arc<Data>>,
    key: Key,
    trace: Trace,
) -> Result<Response, Problem> {
    data.read(Subject::item(key).ok_or_else(key_too_long)?, trace)
        .await
}

/// `PUT /data/{key}`: writes an item, and answers when no cache that can be reached
/// has the old one any more.
pub(super) async fn write(
    State(data): State<Arc<Data>>,
    key: Key,
    trace: Trace,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let subject = Subject::item(key).ok_or_else(key_too_long)?;
    // In a task of its own, because a client that goes away must not keep the caches
    // from hearing of a write that was made.
    let written = tokio::spawn(async move { data.write_through(&subject, body, &trace).await })
        .await
        .map_err(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "the write broke off"))?;
    let answer = written.map_err(|error| unavailable(&error))?;
    let mut response = passed_back(
        answer.status(),
        answer.headers(),
        &[header::CONTENT_TYPE, VERSION],
    );
    *response.body_mut() = axum::body::Body::from(answer.into_body());
    Ok(response)
}

/// The thing to be read: one item, or the listing of the first few.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Item(Key),
    Listing,
}

impl Subject {
    const ITEM_PREFIX: &[u8] = b"item:";
    const LISTING_KEY: &[u8] = b"listing";
    /// The longest key of an item, in bytes.
    const MAX_KEY_BYTES: usize = Key::MAX_BYTES - Self::ITEM_PREFIX.len();

    /// The item of this key, unless the key is too long for a cache key made from it.
    fn item(key: Key) -> Option<Self> {
        (key.as_bytes().len() <= Self::MAX_KEY_BYTES).then_some(Subject::Item(key))
    }

    /// The key under which a cache keeps it. No item's key is that of the listing.
    fn cache_key(&self) -> Key {
        let bytes = match self {
            Subject::Item(key) => [Self::ITEM_PREFIX, key.as_bytes()].concat(),
            Subject::Listing => Self::LISTING_KEY.to_vec(),
        };
        Key::new(bytes).expect("an item's key leaves room for the prefix")
    }

    fn database_path(&self) -> String {
        match self {
            Subject::Item(key) => format!("/db/{}", key.to_path_segment()),
            Subject::Listing => "/db".to_owned(),
        }
    }
}

fn key_too_long() -> Problem {
    bad_request(format!(
        "an item's key has 1 to {} bytes",
        Subject::MAX_KEY_BYTES
    ))
}

fn found(value: Value, timings: &HeaderMap, status: Option<HeaderValue>) -> Response {
    let content_type = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    let version = [(VERSION, HeaderValue::from(value.version))];
    let found = (content_type, version, value.bytes).into_response();
    told(found, timings, status)
}

/// The response, and what caches and database had to do with it.
fn told(mut response: Response, timings: &HeaderMap, status: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.extend(status.map(|status| (CACHE_STATUS, status)));
    trace::pass_on_timings(timings, headers);
    response
}

/// `Cache-Status: cache-1; hit` (RFC 9211).
fn cache_status(cache: Option<&Member>, what: &str) -> Option<HeaderValue> {
    let name = cache?.name();
    Some(HeaderValue::try_from(format!("{name}; {what}")).expect("names are header text"))
}
