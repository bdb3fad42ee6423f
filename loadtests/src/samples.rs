//! Every request that was sent: how long it took, to the last byte, and what came
//! of it, by stage and route.

mod recorder;

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;

pub use recorder::{Recorder, Sample, Tick};

/// A method and a path template, as reports and thresholds name requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// Such as `GET`.
    pub method: &'static str,
    /// Such as `/data/{key}`, perhaps with a remark that sets requests apart.
    pub path: &'static str,
}

impl Route {
    /// A route; both parts as they are to be shown.
    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Route { method, path }
    }

    /// A route that a plan names. It is kept for the life of the program: a plan has
    /// few of them, and a sample names its route by copying two references.
    pub fn of_plan(method: &str, path: &str) -> Self {
        let kept = |text: &str| -> &'static str { Box::leak(text.into()) };
        Route::new(kept(method), kept(path))
    }

    /// `GET /data/{key}`.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Why a request counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No connection came about, so the request reached nobody.
    NotConnected,
    /// The connection broke before an answer began; nobody here knows how far the
    /// request got.
    NoAnswer,
    /// No whole answer within the time limit; nobody here knows how far the request got.
    TimedOut,
    /// The answer began and broke off.
    CutOff,
    /// The answer has another status than it should.
    Status {
        /// The status that is right.
        expected: u16,
        /// The status that came.
        got: u16,
    },
    /// The answer's content is wrong: the sentence says how.
    Content(&'static str),
    /// A request with a bad token was not refused.
    Admitted {
        /// The status that came in place of 401.
        got: u16,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotConnected => f.write_str("could not connect"),
            Fault::NoAnswer => f.write_str("the connection broke before an answer"),
            Fault::TimedOut => f.write_str("no whole answer in time"),
            Fault::CutOff => f.write_str("the answer broke off"),
            Fault::Status { expected, got } => {
                write!(f, "status {got} where {expected} was right")
            }
            Fault::Content(what) => f.write_str(what),
            Fault::Admitted { got } => write!(f, "a bad token was answered with {got}, not 401"),
        }
    }
}

/// What a cache did for a read, as the answer's `Cache-Status` tells (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheOutcome {
    /// The value came from the cache.
    Hit,
    /// The value came from the database.
    Miss,
    /// The value came from the database, by somebody else's read of it.
    Coalesced,
    /// The cache was not there.
    Bypass,
}

/// The samples of one stage and route, or of several added up.
#[derive(Clone, Debug)]
pub struct RouteSamples {
    /// Microseconds from the send to the last byte, of failed requests too.
    pub times: Histogram<u64>,
    /// How many failed.
    pub failed: u64,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers by the gateway that gave them.
    pub served_by: BTreeMap<String, u64>,
    /// Reads by what the cache did.
    pub caches: BTreeMap<CacheOutcome, u64>,
}

impl RouteSamples {
    /// The longest time that is told apart; longer ones count as this long.
    const LONGEST_MICROS: u64 = 120_000_000;

    fn record(&mut self, sample: &Sample<'_>) {
        let micros = u64::try_from(sample.time.as_micros()).unwrap_or(u64::MAX);
        self.times.saturating_record(micros.max(1));
        self.failed += u64::from(sample.fault.is_some());
        if let Some(status) = sample.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(node) = sample.served_by {
            match self.served_by.get_mut(node) {
                Some(count) => *count += 1,
                None => {
                    self.served_by.insert(node.to_owned(), 1);
                }
            }
        }
        if let Some(outcome) = sample.cache {
            *self.caches.entry(outcome).or_default() += 1;
        }
    }

    /// Adds another's samples.
    pub fn add(&mut self, other: &RouteSamples) {
        self.times += &other.times;
        self.failed += other.failed;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (node, count) in &other.served_by {
            *self.served_by.entry(node.clone()).or_default() += count;
        }
        for (outcome, count) in &other.caches {
            *self.caches.entry(*outcome).or_default() += count;
        }
    }
}

impl Default for RouteSamples {
    fn default() -> Self {
        RouteSamples {
            times: Histogram::new_with_bounds(1, Self::LONGEST_MICROS, 3)
                .expect("the bounds are in order and 3 digits are allowed"),
            failed: 0,
            statuses: BTreeMap::new(),
            served_by: BTreeMap::new(),
            caches: BTreeMap::new(),
        }
    }
}

/// How often something failed in one way, and what it looked like the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCount {
    /// How often.
    pub count: u64,
    /// The first one's particulars.
    pub example: String,
}

/// Which stage a request was sent in; `None` is after the load, when what is still
/// under way is followed to its end.
pub type StageIndex = Option<usize>;

/// All samples of a run.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// By stage and route.
    pub routes: BTreeMap<(StageIndex, Route), RouteSamples>,
    /// By route and kind.
    pub faults: BTreeMap<(Route, Fault), FaultCount>,
}

impl Samples {
    /// Adds up the stages that `wanted` picks, by route.
    pub fn by_route(&self, wanted: impl Fn(StageIndex) -> bool) -> BTreeMap<Route, RouteSamples> {
        let mut sums: BTreeMap<Route, RouteSamples> = BTreeMap::new();
        for ((stage, route), samples) in &self.routes {
            if wanted(*stage) {
                sums.entry(*route).or_default().add(samples);
            }
        }
        sums
    }

    /// Adds up the stages that `wanted` picks.
    pub fn total(&self, wanted: impl Fn(StageIndex) -> bool) -> RouteSamples {
        let mut sum = RouteSamples::default();
        for samples in self.by_route(wanted).values() {
            sum.add(samples);
        }
        sum
    }

    /// How often requests failed in a way that `wanted` picks.
    pub fn faults(&self, wanted: impl Fn(Fault) -> bool) -> u64 {
        self.faults
            .iter()
            .filter(|((_, fault), _)| wanted(*fault))
            .map(|(_, faults)| faults.count)
            .sum()
    }

    fn add(&mut self, other: &Samples) {
        for (key, samples) in &other.routes {
            self.routes.entry(*key).or_default().add(samples);
        }
        for (key, faults) in &other.faults {
            self.faults
                .entry(*key)
                .and_modify(|sum| sum.count += faults.count)
                .or_insert_with(|| faults.clone());
        }
    }
}
