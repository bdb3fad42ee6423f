//! The caches as the gateway sees them: which one serves a key, what it has, and
//! the promise that none of them can hold a request up for long.
//!
//! Two kinds of cache stand behind one small trait: [`skein`], the cache service of
//! this project, and [`redis`].

mod redis;
mod skein;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use clap::ValueEnum;
use futures_util::future::join_all;
use http::uri::Authority;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Config;
use crate::client::{CallError, Client, Upstream, authority_of};
use crate::contract::{Key, NodeName, Service};
use crate::metrics::Metrics;
use crate::trace::Trace;

/// A value and the database's version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) bytes: Bytes,
    pub(super) version: u64,
}

/// The content of a cache under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Hit(Value),
    /// Nothing, and a value older than this version would be stale.
    Miss {
        at_least: u64,
    },
}

/// The fate of a value that was offered to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Stored,
    /// The cache knows of a later write.
    Refused,
    /// The value is larger than the cache takes, which is no fault of the cache.
    TooLarge,
}

/// A cache of any kind. Versions let it tell a fresh value from one
/// that was read before a write and arrives after it.
#[async_trait]
trait Cache: fmt::Debug + Send + Sync {
    async fn look_up(&self, key: &Key, trace: &Trace) -> anyhow::Result<Lookup>;

    async fn fill(&self, key: &Key, value: &Value, trace: &Trace) -> anyhow::Result<Fill>;

    /// Forgets the value, and from then on refuses any that is older than `version`,
    /// if that is known.
    async fn invalidate(
        &self,
        key: &Key,
        version: Option<u64>,
        trace: &Trace,
    ) -> anyhow::Result<()>;
}

/// The address of a cache, its kind, and its name, if that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheAddress {
    name: Option<NodeName>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A node of this project's cache service.
    Skein(Authority),
    /// A Redis server, or one that speaks its protocol, by its URL.
    Redis(String),
}

/// A text that is no [`CacheAddress`].
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no cache: write http://HOST:PORT or redis://HOST:PORT, with NAME= before it or without"
)]
pub struct InvalidCacheAddress {
    text: String,
}

impl FromStr for CacheAddress {
    type Err = InvalidCacheAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let named = text.split_once('=').filter(|(name, _)| !name.contains(':'));
            let (name, url) = match named {
                Some((name, url)) => (Some(name.parse().ok()?), url),
                None => (None, text),
            };
            let place = if url.starts_with("redis://") {
                Place::Redis(url.to_owned())
            } else {
                Place::Skein(authority_of(url)?)
            };
            Some(CacheAddress { name, place })
        };
        parse().ok_or_else(|| InvalidCacheAddress {
            text: text.to_owned(),
        })
    }
}

impl CacheAddress {
    /// The cache's name: the one given, or `cache-N` by its place in the list.
    fn name(&self, number: usize) -> NodeName {
        self.name.clone().unwrap_or_else(|| {
            let name = format!("{}-{number}", Service::Cache);
            name.parse().expect("a service and a number make a name")
        })
    }
}

/// The rule by which a cache is chosen for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// Any one, drawn for each request: each cache comes to hold every key.
    Random,
    /// Always the same one for a key (rendezvous hashing): a cache that is lost
    /// takes only its own keys along, and all of those.
    ConsistentHashing,
}

/// All caches of the topology.
#[derive(Debug)]
pub(super) struct CacheTier {
    members: Vec<Member>,
    choice: Choice,
}

/// One cache, and how it has done lately.
#[derive(Debug)]
pub(super) struct Member {
    name: NodeName,
    cache: Box<dyn Cache>,
    timeout: Duration,
    rest: Rest,
    counted: Counted,
}

#[derive(Clone, Debug)]
struct Counted {
    lookups: Family<CacheLabels, Counter>,
    fills: Family<CacheLabels, Counter>,
    invalidations: Family<CacheLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: String,
    outcome: &'static str,
}

impl CacheTier {
    pub(super) fn new(config: &Config, client: &Client, metrics: &Metrics) -> anyhow::Result<Self> {
        let counted = Counted {
            lookups: metrics.counters("cache_lookups", "Lookups, by cache and outcome."),
            fills: metrics.counters("cache_fills", "Values offered to a cache, by outcome."),
            invalidations: metrics.counters("cache_invalidations", "Values revoked, by outcome."),
        };
        let member = |(number, address): (usize, &CacheAddress)| {
            let name = address.name(number);
            let cache: Box<dyn Cache> = match &address.place {
                Place::Skein(authority) => {
                    let upstream = Upstream {
                        name: name.clone(),
                        authority: authority.clone(),
                    };
                    let cache = skein::SkeinCache::new(client, upstream, config.cache_timeout);
                    Box::new(cache)
                }
                Place::Redis(url) => {
                    let cache =
                        redis::RedisCache::new(url, config.redis_ttl, config.cache_timeout)?;
                    Box::new(cache)
                }
            };
            Ok(Member {
                name,
                cache,
                timeout: config.cache_timeout,
                rest: Rest::new(config.cache_rest),
                counted: counted.clone(),
            })
        };
        let addresses = if config.no_cache {
            &[]
        } else {
            config.caches.as_slice()
        };
        Ok(CacheTier {
            members: (1..)
                .zip(addresses)
                .map(member)
                .collect::<anyhow::Result<_>>()?,
            choice: config.cache_choice,
        })
    }

    /// The cache that serves `key` this time, or `None` when there is no cache.
    pub(super) fn choose(&self, key: &Key) -> Option<&Member> {
        match self.choice {
            Choice::Random => {
                rand::seq::IndexedRandom::choose(self.members.as_slice(), &mut rand::rng())
            }
            Choice::ConsistentHashing => self
                .members
                .iter()
                .max_by_key(|member| weight(&member.name, key)),
        }
    }

    /// Revokes `keys` in every cache, also in those that rest, and waits for all.
    /// `version` is that of the write behind it, or `None` if nobody knows whether
    /// the write was made.
    ///
    /// A cache that can't be told keeps an old value until it expires there; that
    /// is counted as a failed invalidation.
    pub(super) async fn invalidate(&self, keys: &[&Key], version: Option<u64>, trace: &Trace) {
        let pairs = self
            .members
            .iter()
            .flat_map(|member| keys.iter().map(move |key| (member, key)));
        join_all(pairs.map(|(member, key)| member.invalidate(key, version, trace))).await;
    }
}

/// The strength of `cache`'s claim to `key`: the highest weight wins (rendezvous hashing,
/// Thaler and Ravishankar 1998).
fn weight(cache: &NodeName, key: &Key) -> u64 {
    let seed = xxh3_64_with_seed(cache.as_str().as_bytes(), 0);
    xxh3_64_with_seed(key.as_bytes(), seed)
}

/// A shortage on this machine as the cause of an error, for which no cache is to blame.
fn is_shortage(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<CallError>()
        .is_some_and(CallError::is_shortage)
}

impl Member {
    /// The cache's name.
    pub(super) fn name(&self) -> &NodeName {
        &self.name
    }

    /// The content of the cache, or `None` when it fails, is too slow, or rests after that.
    pub(super) async fn look_up(&self, key: &Key, trace: &Trace) -> Option<Lookup> {
        if self.rest.is_on() {
            self.count(&self.counted.lookups, "failed");
            return None;
        }
        let lookup = self
            .within_timeout("look up", self.cache.look_up(key, trace))
            .await;
        let outcome = match &lookup {
            Some(Lookup::Hit(_)) => "hit",
            Some(Lookup::Miss { .. }) => "miss",
            None => "failed",
        };
        self.count(&self.counted.lookups, outcome);
        lookup
    }

    /// Offers a value to the cache; true if it was stored.
    pub(super) async fn fill(&self, key: &Key, value: &Value, trace: &Trace) -> bool {
        let fill = self
            .within_timeout("fill", self.cache.fill(key, value, trace))
            .await;
        let outcome = match fill {
            Some(Fill::Stored) => "stored",
            Some(Fill::Refused) => "refused",
            Some(Fill::TooLarge) | None => "failed",
        };
        self.count(&self.counted.fills, outcome);
        fill == Some(Fill::Stored)
    }

    async fn invalidate(&self, key: &Key, version: Option<u64>, trace: &Trace) {
        let done = self
            .within_timeout("invalidate", self.cache.invalidate(key, version, trace))
            .await;
        let outcome = if done.is_some() { "done" } else { "failed" };
        self.count(&self.counted.invalidations, outcome);
    }

    async fn within_timeout<T>(
        &self,
        operation: &str,
        call: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<T> {
        let error = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) if is_shortage(&error) => {
                warn!(cache = %self.name, operation, error = format!("{error:#}"), "the cache was not asked");
                return None;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        warn!(cache = %self.name, operation, error, "the cache is left alone for a while");
        self.rest.begin();
        None
    }

    fn count(&self, family: &Family<CacheLabels, Counter>, outcome: &'static str) {
        family
            .get_or_create(&CacheLabels {
                cache: self.name.to_string(),
                outcome,
            })
            .inc();
    }
}

/// A pause in which reads don't wait for a cache that has just failed, so that a
/// stalled cache costs one timeout now and then instead of one on every read.
#[derive(Debug)]
struct Rest {
    length: Duration,
    began: Instant,
    /// Milliseconds after `began` at which the rest ends.
    until: AtomicU64,
}

impl Rest {
    fn new(length: Duration) -> Self {
        Rest {
            length,
            began: Instant::now(),
            until: AtomicU64::new(0),
        }
    }

    fn begin(&self) {
        let until = self.began.elapsed() + self.length;
        self.until.store(milliseconds(until), Ordering::Relaxed);
    }

    fn is_on(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until > 0 && milliseconds(self.began.elapsed()) < until
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cache(n: usize) -> NodeName {
        format!("cache-{n}").parse().expect("a node name")
    }

    fn claimant(caches: &[usize], key: &Key) -> Option<usize> {
        caches
            .iter()
            .copied()
            .max_by_key(|n| weight(&cache(*n), key))
    }

    proptest! {
        #[test]
        fn losing_a_cache_moves_only_its_own_keys(
            bytes in prop::collection::vec(any::<u8>(), 1..40), lost in 0_usize..5,
        ) {
            let key = Key::new(bytes).expect("within the limits");
            let all: Vec<usize> = (0..5).collect();
            let left: Vec<usize> = all.iter().copied().filter(|n| *n != lost).collect();
            let before = claimant(&all, &key);
            if before != Some(lost) {
                prop_assert_eq!(claimant(&left, &key), before);
            }
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let mut shares = [0_u32; 4];
        for index in 0..4000 {
            let key = crate::contract::seeded_key(index);
            shares[claimant(&[0, 1, 2, 3], &key).expect("there are caches")] += 1;
        }
        // Binomial with n = 4000, p = 1/4: five standard deviations are 137.
        assert!(
            shares.iter().all(|share| share.abs_diff(1000) < 137),
            "{shares:?}"
        );
    }

    #[test]
    fn an_address_tells_the_kind_of_cache_and_perhaps_its_name() {
        let address = |text: &str| text.parse::<CacheAddress>().expect("well-formed");
        for (text, name) in [
            ("near=http://127.0.0.1:5004", "near"),
            ("http://127.0.0.1:5004", "cache-2"),
            ("near=redis://127.0.0.1:6379/0", "near"),
            ("redis://127.0.0.1:6379/0?protocol=resp3", "cache-2"),
        ] {
            let address = address(text);
            assert_eq!(address.name(2).as_str(), name, "{text}");
            let redis = matches!(address.place, Place::Redis(_));
            assert_eq!(redis, text.contains("redis"), "{text}");
        }
        for text in [
            "",
            "cache-1",
            "cache-1=memcached://127.0.0.1",
            "NEAR=http://127.0.0.1:1",
        ] {
            assert!(text.parse::<CacheAddress>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_rest_ends_by_itself() {
        let rest = Rest::new(Duration::from_millis(20));
        assert!(!rest.is_on());
        rest.begin();
        assert!(rest.is_on());
        std::thread::sleep(Duration::from_millis(25));
        assert!(!rest.is_on());
    }
}
