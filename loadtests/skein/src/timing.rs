//! The time of a request, split hop by hop, as the `Server-Timing` of sampled
//! answers tells (W3C Server Timing). A hop's own share is its time without that of
//! the hops behind it.

mod hops;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use http::{HeaderMap, HeaderName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::samples::{Route, StageIndex};

pub use hops::{Hop, Hops};

/// One request in so many is looked at: reading a few header fields costs about a
/// microsecond, and a tenth of that a request doesn't matter.
pub const EVERY: u64 = 10;

/// The header field in which hops tell their times.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A hop's place among those of its system.
type HopPlace = usize;

/// The generator's place.
const GENERATOR: HopPlace = 0;

/// Each hop's own share of a request that took `service`, given the times that the hops
/// themselves told. A hop without a time has no share, and what it took is in that of
/// the next hop outwards. Empty when no hop that is known told anything.
fn shares(
    hops: &Hops,
    service: Duration,
    told: &[(HopPlace, Duration)],
) -> BTreeMap<HopPlace, Duration> {
    let mut shares: BTreeMap<HopPlace, Duration> = BTreeMap::new();
    if told.is_empty() {
        return shares;
    }
    for (hop, time) in [(GENERATOR, service)].iter().chain(told) {
        let share = shares.entry(*hop).or_default();
        *share = share.saturating_add(*time);
    }
    // From outside in, each depth leaves what the next one that told anything took.
    let at = |depth: usize| -> Duration {
        let inside = told.iter().filter(|(hop, _)| hops.depth(*hop) == depth);
        inside.fold(Duration::ZERO, |sum, (_, time)| sum.saturating_add(*time))
    };
    let deepest = hops.deepest();
    for (hop, share) in &mut shares {
        let deeper = (hops.depth(*hop) + 1..=deepest).find(|depth| !at(*depth).is_zero());
        if let Some(deeper) = deeper {
            // Hops that work at the same time may take longer, added up, than who waits.
            *share = share.saturating_sub(at(deeper));
        }
    }
    shares
}

/// Longer times count as this long: no request is waited for as long.
const LONGEST: Duration = Duration::from_secs(60);

/// Most entries that are looked at. An answer has one for each hop, and none of ours has
/// more than a handful.
const MOST_ENTRIES: usize = 64;

/// The times that the hops of an answer told, in no order. Anything malformed is left out.
fn told(hops: &Hops, headers: &HeaderMap) -> Vec<(HopPlace, Duration)> {
    let fields = headers.get_all(SERVER_TIMING).into_iter();
    let entries = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .take(MOST_ENTRIES);
    let told = entries.filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let hop = hops.of_node(parts.next()?)?;
        let millis: f64 = parts
            .find_map(|part| part.strip_prefix("dur="))?
            .parse()
            .ok()?;
        let time = Duration::try_from_secs_f64(millis / 1e3).ok()?;
        Some((hop, time.min(LONGEST)))
    });
    told.collect()
}

/// The time of sampled requests, split hop by hop. Many users write to it, each seldom.
#[derive(Debug)]
pub struct Timings {
    hops: Hops,
    samples: Mutex<BTreeMap<(StageIndex, Route), Breakdown>>,
}

/// The sampled requests of one route.
#[derive(Clone, Debug, Default)]
struct Breakdown {
    samples: u64,
    hops: BTreeMap<HopPlace, Histogram<u64>>,
}

/// The time of a route's requests, split hop by hop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteTiming {
    /// The route.
    pub route: String,
    /// The number of requests that were looked at.
    pub samples: u64,
    /// Each hop's own share, from the user inwards.
    pub hops: Vec<HopTiming>,
}

/// One hop's own share of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopTiming {
    /// The hop.
    pub hop: Hop,
    /// Requests that met it.
    pub met: u64,
    /// Its mean share over all requests that were looked at, in microseconds: those of
    /// all hops add up to the mean service time.
    pub mean: f64,
    /// The median of its share, over the requests that met it, in microseconds.
    pub p50: u64,
    /// The 99th percentile of the same.
    pub p99: u64,
}

impl Timings {
    /// No samples yet, of a system with these hops.
    pub fn new(hops: Hops) -> Self {
        Timings {
            hops,
            samples: Mutex::default(),
        }
    }

    /// Adds an answer to a request that was sent in `stage` and took `service`, if it
    /// tells anything.
    pub fn record(&self, stage: StageIndex, route: Route, service: Duration, headers: &HeaderMap) {
        let shares = shares(&self.hops, service, &told(&self.hops, headers));
        if shares.is_empty() {
            return;
        }
        let mut routes = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let breakdown = routes.entry((stage, route)).or_default();
        breakdown.samples += 1;
        for (hop, share) in shares {
            let times = breakdown.hops.entry(hop).or_insert_with(histogram);
            // It grows as needed, unless memory is short; then a share is left out.
            let _ = times.record(in_micros(share));
        }
    }

    /// Forgets every answer so far.
    pub fn clear(&self) {
        self.samples
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The shares of all hops in the stages that `wanted` picks, by route.
    pub fn sum_up(&self, wanted: impl Fn(StageIndex) -> bool) -> Vec<RouteTiming> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut routes: BTreeMap<Route, Breakdown> = BTreeMap::new();
        for ((stage, route), breakdown) in samples.iter() {
            if wanted(*stage) {
                routes.entry(*route).or_default().add(breakdown);
            }
        }
        let routes = routes.iter();
        routes
            .map(|(route, sum)| sum.timing_of(*route, &self.hops))
            .collect()
    }
}

impl Breakdown {
    fn add(&mut self, other: &Breakdown) {
        self.samples += other.samples;
        for (hop, times) in &other.hops {
            *self.hops.entry(*hop).or_insert_with(histogram) += times;
        }
    }

    fn timing_of(&self, route: Route, known: &Hops) -> RouteTiming {
        let hops = self.hops.iter().map(|(hop, times)| HopTiming {
            hop: known.hop(*hop).clone(),
            met: times.len(),
            mean: times.mean() * times.len() as f64 / self.samples as f64,
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
        });
        RouteTiming {
            route: route.name(),
            samples: self.samples,
            hops: hops.collect(),
        }
    }
}

/// At most a minute, for a histogram that is to stay small.
fn in_micros(share: Duration) -> u64 {
    share.min(LONGEST).as_micros() as u64
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are allowed")
}
