//! Where the time of a request goes, hop by hop, as the `Server-Timing` of sampled
//! answers tells (W3C Server Timing). A hop's own share is its time without that of
//! the hops behind it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::contract::{SERVER_TIMING, Service};

use crate::samples::{Route, StageIndex};

/// One request in so many is looked at: reading a few header fields costs about a
/// microsecond, and a tenth of that a request doesn't matter.
pub const EVERY: u64 = 10;

/// A part of a request's way, from the user inwards.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Hop {
    /// The generator itself, and the network to whom it asks: what no server accounts for.
    Generator,
    /// The balancer, and its connection to the gateway.
    LoadBalancer,
    /// The gateway, and its connections to whom it asks.
    ApiGateway,
    /// A cache, as the gateway sees it: with the connection.
    Cache,
    /// The database.
    Database,
    /// The microservice.
    Microservice,
    /// The worker.
    Worker,
}

impl Hop {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Hop::Generator => "generator and network",
            Hop::LoadBalancer => "balancer",
            Hop::ApiGateway => "gateway",
            Hop::Cache => "cache",
            Hop::Database => "database",
            Hop::Microservice => "microservice",
            Hop::Worker => "worker",
        }
    }

    /// The hop that a node such as `cache-2` is; `None` for one that isn't known.
    pub fn of_node(name: &str) -> Option<Self> {
        let is = |service: &Service| {
            let rest = name.strip_prefix(service.as_str());
            rest.is_some_and(|rest| {
                let number = rest.strip_prefix('-').unwrap_or(rest);
                number.bytes().all(|b| b.is_ascii_digit())
            })
        };
        Some(match Service::ALL.iter().find(|s| is(s))? {
            Service::LoadBalancer => Hop::LoadBalancer,
            Service::ApiGateway => Hop::ApiGateway,
            Service::Cache => Hop::Cache,
            Service::Database => Hop::Database,
            Service::Microservice => Hop::Microservice,
            Service::Worker => Hop::Worker,
        })
    }

    /// How far inside it is: each hop's time holds that of the hops further inside.
    fn depth(self) -> usize {
        match self {
            Hop::Generator => 0,
            Hop::LoadBalancer => 1,
            Hop::ApiGateway => 2,
            Hop::Cache | Hop::Database | Hop::Microservice | Hop::Worker => 3,
        }
    }
}

/// Each hop's own share of a request that took `service`, given the times that the hops
/// themselves told. A hop without a time has no share, and what it took is in that of
/// the next hop outwards. Empty when no hop that is known told anything.
pub fn shares(service: Duration, told: &[(Hop, Duration)]) -> BTreeMap<Hop, Duration> {
    let mut shares: BTreeMap<Hop, Duration> = BTreeMap::new();
    if told.is_empty() {
        return shares;
    }
    for (hop, time) in [(Hop::Generator, service)].iter().chain(told) {
        let share = shares.entry(*hop).or_default();
        *share = share.saturating_add(*time);
    }
    // From outside in, each depth leaves what the next one that told anything took.
    let at = |depth: usize| -> Duration {
        let inside = told.iter().filter(|(hop, _)| hop.depth() == depth);
        inside.fold(Duration::ZERO, |sum, (_, time)| sum.saturating_add(*time))
    };
    for (hop, share) in &mut shares {
        let deeper = (hop.depth() + 1..=3).find(|depth| !at(*depth).is_zero());
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

/// What the hops of an answer told, in no order. Anything malformed is left out.
pub fn told(headers: &HeaderMap) -> Vec<(Hop, Duration)> {
    let fields = headers.get_all(SERVER_TIMING).into_iter();
    let entries = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .take(MOST_ENTRIES);
    let told = entries.filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let hop = Hop::of_node(parts.next()?)?;
        let millis: f64 = parts
            .find_map(|part| part.strip_prefix("dur="))?
            .parse()
            .ok()?;
        let time = Duration::try_from_secs_f64(millis / 1e3).ok()?;
        Some((hop, time.min(LONGEST)))
    });
    told.collect()
}

/// Where the time of sampled requests went. Many users write to it, each seldom.
#[derive(Debug, Default)]
pub struct Timings(Mutex<BTreeMap<(StageIndex, Route), Breakdown>>);

/// The sampled requests of one route.
#[derive(Clone, Debug, Default)]
struct Breakdown {
    samples: u64,
    hops: BTreeMap<Hop, Histogram<u64>>,
}

/// Where the time of a route's requests went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteTiming {
    /// The route.
    pub route: String,
    /// How many requests were looked at.
    pub samples: u64,
    /// Each hop's own share, from the user inwards.
    pub hops: Vec<HopTiming>,
}

/// One hop's own share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Adds an answer to a request that was sent in `stage` and took `service`, if it
    /// tells anything.
    pub fn record(&self, stage: StageIndex, route: Route, service: Duration, headers: &HeaderMap) {
        let shares = shares(service, &told(headers));
        if shares.is_empty() {
            return;
        }
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breakdown = routes.entry((stage, route)).or_default();
        breakdown.samples += 1;
        for (hop, share) in shares {
            let times = breakdown.hops.entry(hop).or_insert_with(histogram);
            // It grows as needed, unless memory is short; then a share is left out.
            let _ = times.record(in_micros(share));
        }
    }

    /// What it comes to in the stages that `wanted` picks, by route.
    pub fn sum_up(&self, wanted: impl Fn(StageIndex) -> bool) -> Vec<RouteTiming> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut routes: BTreeMap<Route, Breakdown> = BTreeMap::new();
        for ((stage, route), breakdown) in samples.iter() {
            if wanted(*stage) {
                routes.entry(*route).or_default().add(breakdown);
            }
        }
        let routes = routes.iter();
        routes.map(|(route, sum)| sum.timing_of(*route)).collect()
    }
}

impl Breakdown {
    fn add(&mut self, other: &Breakdown) {
        self.samples += other.samples;
        for (hop, times) in &other.hops {
            *self.hops.entry(*hop).or_insert_with(histogram) += times;
        }
    }

    fn timing_of(&self, route: Route) -> RouteTiming {
        let hops = self.hops.iter().map(|(hop, times)| HopTiming {
            hop: *hop,
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn hop() -> impl Strategy<Value = Hop> {
        prop::sample::select(vec![
            Hop::LoadBalancer,
            Hop::ApiGateway,
            Hop::Cache,
            Hop::Database,
            Hop::Worker,
        ])
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_when_hops_are_nested(
            // Leaves, and what each hop around them adds.
            leaves in prop::collection::btree_map(hop(), 1u64..10_000, 0..3),
            gateway in 1u64..10_000, balancer in 1u64..10_000, generator in 1u64..10_000,
        ) {
            let leaves: BTreeMap<Hop, u64> =
                leaves.into_iter().filter(|(hop, _)| hop.depth() == 3).collect();
            let inner: u64 = leaves.values().sum();
            let micros = Duration::from_micros;
            let mut told: Vec<_> = leaves.iter().map(|(hop, time)| (*hop, micros(*time))).collect();
            told.push((Hop::ApiGateway, micros(inner + gateway)));
            told.push((Hop::LoadBalancer, micros(inner + gateway + balancer)));
            let whole = micros(inner + gateway + balancer + generator);
            let shares = shares(whole, &told);
            prop_assert_eq!(shares.values().sum::<Duration>(), whole);
            prop_assert_eq!(shares[&Hop::ApiGateway], micros(gateway));
            prop_assert_eq!(shares[&Hop::Generator], micros(generator));
        }

        #[test]
        fn no_share_is_longer_than_what_was_told(
            told in prop::collection::vec((hop(), 0u64..10_000), 0..6), whole in 0u64..10_000
        ) {
            let told: Vec<_> =
                told.into_iter().map(|(hop, t)| (hop, Duration::from_micros(t))).collect();
            let shares = shares(Duration::from_micros(whole), &told);
            for (hop, share) in shares.iter().filter(|(hop, _)| **hop != Hop::Generator) {
                let sum: Duration =
                    told.iter().filter(|(other, _)| other == hop).map(|(_, t)| *t).sum();
                prop_assert!(*share <= sum);
            }
        }
    }

    /// Entries that were written to be misread, and others.
    fn entry() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            "(database|cache-[0-9]{1,3}|worker|api-gateway-1)",
            "[!-~]{0,5}"
        ];
        let time = prop_oneof![
            any::<f64>().prop_map(|time| format!("{time:e}")),
            any::<u128>().prop_map(|time| time.to_string()),
            "(1\\.8e22|1e308|inf|NaN|-0|\\+1|1e-400|[0-9.e-]{0,9})",
        ];
        (name, time, "[ -~]{0,3}").prop_map(|(name, time, more)| format!("{name};dur={time}{more}"))
    }

    proptest! {
        #[test]
        fn nothing_that_an_answer_tells_breaks_the_account(
            entries in prop::collection::vec(entry(), 0..80),
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            service in 0_u64..100_000_000,
        ) {
            let mut headers = HeaderMap::new();
            for field in entries.chunks(9).map(|entries| entries.join(", ").into_bytes()).chain([bytes]) {
                headers.extend(HeaderValue::from_bytes(&field).ok().map(|field| (SERVER_TIMING, field)));
            }
            let timings = Timings::default();
            let service = Duration::from_micros(service);
            for _ in 0..3 {
                timings.record(Some(0), Route::new("GET", "/"), service, &headers);
            }
            for route in timings.sum_up(|_| true) {
                for hop in route.hops {
                    prop_assert!(hop.mean.is_finite());
                }
            }
            let most = service.max(LONGEST * MOST_ENTRIES as u32);
            let shares = shares(service, &told(&headers));
            prop_assert!(shares.values().all(|share| *share <= most));
        }
    }

    #[test]
    fn times_that_add_up_to_more_than_a_duration_are_no_panic() {
        let mut headers = HeaderMap::new();
        let field = HeaderValue::from_static("database;dur=1.8e22, database;dur=1.8e22");
        headers.append(SERVER_TIMING, field);
        let shares = shares(Duration::from_millis(1), &told(&headers));
        assert_eq!(shares[&Hop::Database], LONGEST * 2);
        assert_eq!(shares[&Hop::Generator], Duration::ZERO);
    }

    #[test]
    fn what_hops_tell_is_read_and_the_rest_left_out() {
        let mut headers = HeaderMap::new();
        for entry in [
            "cache-1;dur=0.250",
            "api-gateway-2;desc=\"x\";dur=1.5, load-balancer;dur=2",
            "database;dur=soon",
            "database;dur=-1",
            "cached;dur=3",
            "cdn;dur=9",
            "worker",
        ] {
            headers.append(SERVER_TIMING, HeaderValue::from_static(entry));
        }
        let micros = |hop, micros| (hop, Duration::from_micros(micros));
        assert_eq!(
            told(&headers),
            [
                micros(Hop::Cache, 250),
                micros(Hop::ApiGateway, 1500),
                micros(Hop::LoadBalancer, 2000)
            ]
        );
    }

    #[test]
    fn means_of_hops_add_up_to_the_mean_of_the_requests() {
        let timings = Timings::default();
        let route = Route::new("GET", "/data/{key}");
        let mut headers = HeaderMap::new();
        headers.append(
            SERVER_TIMING,
            HeaderValue::from_static("api-gateway-1;dur=1"),
        );
        timings.record(Some(0), route, Duration::from_millis(2), &headers);
        headers.append(SERVER_TIMING, HeaderValue::from_static("database;dur=0.5"));
        timings.record(Some(0), route, Duration::from_millis(4), &headers);
        timings.record(Some(0), route, Duration::from_millis(9), &HeaderMap::new());
        timings.record(None, route, Duration::from_millis(9), &headers);
        let summed = timings.sum_up(|stage| stage.is_some());
        assert_eq!(summed[0].samples, 2);
        let mean: f64 = summed[0].hops.iter().map(|hop| hop.mean).sum();
        assert!((mean - 3000.0).abs() < 3.0, "{mean}");
        assert_eq!(
            summed[0].hops.last().map(|hop| (hop.hop, hop.met)),
            Some((Hop::Database, 1))
        );
    }
}
