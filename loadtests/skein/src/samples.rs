//! Every request that was sent: how long it took, to the last byte, and what came
//! of it, by stage and route; and of open load, how well its arrivals were kept.

mod failing;
mod fault;
mod log;
mod measured;
mod names;
mod recorder;
mod stream;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::{Counter, Histogram};

use crate::client::Shortage;
use crate::plan::LoadIndex;
use crate::scenario::ScenarioIndex;

pub use failing::{FailingAnswer, FailingAnswers, micros};
pub use fault::{Fault, FaultCount, OTHER_STATUS};
pub use log::write_logs;
pub use measured::{MeasuredSamples, Measurement, Statistic};
pub use names::NodeNames;
pub use recorder::{Pulse, Recorder, Sample, SentArrival, Tick};
pub use stream::{Names, SampleFile};
pub use wire::WireSamples;

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

/// The samples of one stage and route, or of several added up.
#[derive(Clone, Debug)]
pub struct RouteSamples {
    /// Latencies by outcome and serving node.
    pub series: Vec<Series>,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers by the outcome that they told, where the program reads one.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Microseconds from the actual send to the head of the answer, where one came.
    pub first_byte: Histogram<u64>,
}

impl Default for RouteSamples {
    fn default() -> Self {
        RouteSamples {
            series: Vec::new(),
            statuses: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            first_byte: micros_histogram(),
        }
    }
}

/// The latencies of requests that ended in the same way, at the same node.
#[derive(Clone, Debug)]
pub struct Series {
    /// What was wrong, unless all was well.
    pub fault: Option<Fault>,
    /// The node that answered, if it said so.
    pub node: Option<Box<str>>,
    /// How long the requests took.
    pub latency: Latency,
}

/// How long requests took, in microseconds with three significant digits.
#[derive(Clone, Debug)]
pub struct Latency {
    /// From the actual send to the last byte, or to the moment that a request failed.
    pub service: Histogram<u64>,
    /// From the intended time; kept once it is another than the service time.
    response: Option<Histogram<u64>>,
}

impl Default for Latency {
    fn default() -> Self {
        Latency {
            service: micros_histogram(),
            response: None,
        }
    }
}

/// A histogram of microseconds that grows with what it is given.
fn micros_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are allowed")
}

/// The histogram of these times, in microseconds.
pub fn histogram_of(times: &[Duration]) -> Histogram<u64> {
    let mut histogram = micros_histogram();
    for time in times {
        keep(&mut histogram, *time);
    }
    histogram
}

/// Records a time in microseconds, at least one.
fn keep<C: Counter>(histogram: &mut Histogram<C>, time: Duration) {
    /// Longer times count as this long; no request is waited for half of it.
    const LONGEST: Duration = Duration::from_secs(3 * 60 * 60);
    let micros = (time.min(LONGEST).as_micros() as u64).max(1);
    histogram.record(micros).expect("the histogram grows");
}

impl Latency {
    /// From the intended time to the last byte. In closed load a request is intended
    /// when it is sent, so this is the service time.
    pub fn response(&self) -> &Histogram<u64> {
        self.response.as_ref().unwrap_or(&self.service)
    }

    /// Whether any response time is another than its service time.
    pub fn differs(&self) -> bool {
        self.response.is_some()
    }

    fn record(&mut self, response: Duration, service: Duration) {
        if response != service && self.response.is_none() {
            self.response = Some(self.service.clone());
        }
        if let Some(histogram) = &mut self.response {
            keep(histogram, response);
        }
        keep(&mut self.service, service);
    }

    fn add(&mut self, other: &Latency) {
        if other.response.is_some() && self.response.is_none() {
            self.response = Some(self.service.clone());
        }
        if let Some(histogram) = &mut self.response {
            *histogram += other.response();
        }
        self.service += &other.service;
    }
}

impl RouteSamples {
    /// How many requests there were.
    pub fn count(&self) -> u64 {
        self.series.iter().map(|s| s.latency.service.len()).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        let failed = self.series.iter().filter(|series| series.fault.is_some());
        failed.map(|series| series.latency.service.len()).sum()
    }

    /// How long all of them took, whatever came of them.
    pub fn latency(&self) -> Latency {
        let mut sum = Latency::default();
        for series in &self.series {
            sum.add(&series.latency);
        }
        sum
    }

    /// Answers by the node that gave them.
    pub fn served_by(&self) -> BTreeMap<String, u64> {
        let mut answers = BTreeMap::new();
        for series in &self.series {
            if let Some(node) = &series.node {
                *answers.entry(node.to_string()).or_default() += series.latency.service.len();
            }
        }
        answers
    }

    fn record(&mut self, fault: Option<Fault>, sample: &Sample<'_>, names: &mut NodeNames) {
        let index = self
            .known_series(fault, sample.served_by)
            .unwrap_or_else(|| {
                // Only who isn't known yet can be one too many.
                let node = sample.served_by.map(|name| names.admit(name));
                self.index_of(fault, node)
            });
        let latency = &mut self.series[index].latency;
        latency.record(sample.response, sample.service);
        if let Some(time) = sample.journey.first_byte {
            keep(&mut self.first_byte, time);
        }
        if let Some(status) = sample.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(outcome) = sample.outcome {
            *self.outcomes.entry(outcome).or_default() += 1;
        }
    }

    fn series_of(&mut self, fault: Option<Fault>, node: Option<&str>) -> &mut Latency {
        let index = self.index_of(fault, node);
        &mut self.series[index].latency
    }

    fn index_of(&mut self, fault: Option<Fault>, node: Option<&str>) -> usize {
        self.known_series(fault, node).unwrap_or_else(|| {
            self.series.push(Series {
                fault,
                node: node.map(Into::into),
                latency: Latency::default(),
            });
            self.series.len() - 1
        })
    }

    /// There are few outcomes and nodes, so looking through them is fast.
    fn known_series(&self, fault: Option<Fault>, node: Option<&str>) -> Option<usize> {
        let known = |series: &Series| series.fault == fault && series.node.as_deref() == node;
        self.series.iter().position(known)
    }

    /// Adds another's samples.
    pub fn add(&mut self, other: &RouteSamples) {
        for series in &other.series {
            self.series_of(series.fault, series.node.as_deref())
                .add(&series.latency);
        }
        self.first_byte += &other.first_byte;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
    }
}

/// The fates of the arrivals of an open load.
#[derive(Clone, Debug)]
pub struct ArrivalSamples {
    /// Arrivals that came up; some may never have been sent.
    pub planned: u64,
    /// Microseconds from the intended time to the actual send, of all that were sent.
    pub send_lag: Histogram<u64>,
    /// The same, of those for which a user was free: what the generator itself adds.
    pub own_lag: Histogram<u64>,
    /// How many were sent more than [`LATE`] after their intended time.
    pub late: u64,
    /// Arrivals that a user began and could not send, for want of something on this machine.
    pub near_side: u64,
}

/// A send this long after its intended time is late: ten times what waking a user takes.
pub const LATE: Duration = Duration::from_millis(1);

impl Default for ArrivalSamples {
    fn default() -> Self {
        ArrivalSamples {
            planned: 0,
            send_lag: micros_histogram(),
            own_lag: micros_histogram(),
            late: 0,
            near_side: 0,
        }
    }
}

impl ArrivalSamples {
    /// How many were sent.
    pub fn sent(&self) -> u64 {
        self.send_lag.len()
    }

    /// How many were never sent, for nobody was free until their stage was over.
    pub fn unsent(&self) -> u64 {
        self.planned.saturating_sub(self.sent() + self.near_side)
    }

    /// How many had to wait until a user was free.
    pub fn queued(&self) -> u64 {
        self.send_lag.len() - self.own_lag.len()
    }

    fn record(&mut self, sent: SentArrival) {
        keep(&mut self.send_lag, sent.lag);
        if !sent.queued {
            keep(&mut self.own_lag, sent.lag);
        }
        self.late += u64::from(sent.lag > LATE);
    }

    /// Adds another's arrivals.
    pub fn add(&mut self, other: &ArrivalSamples) {
        self.planned += other.planned;
        self.send_lag += &other.send_lag;
        self.own_lag += &other.own_lag;
        self.late += other.late;
        self.near_side += other.near_side;
    }
}

/// Which stage a request was sent in; `None` is after the load, when what is still
/// under way is followed to its end.
pub type StageIndex = Option<usize>;

/// All samples of a run.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// By stage, scenario and route.
    pub routes: BTreeMap<(StageIndex, ScenarioIndex, Route), RouteSamples>,
    /// By stage, route and kind.
    pub faults: BTreeMap<(StageIndex, Route, Fault), FaultCount>,
    /// By open load.
    pub arrivals: BTreeMap<LoadIndex, ArrivalSamples>,
    /// Connections and bytes, by stage.
    pub wire: BTreeMap<StageIndex, WireSamples>,
    /// Answers that were counted with those of other nodes, because of a name that is no
    /// node's or one of too many.
    pub renamed: u64,
    /// Answers of which only the beginning was kept, and looked at.
    pub cut: u64,
    /// Requests that never left this machine, and are in nothing above.
    pub near_side: BTreeMap<Shortage, FaultCount>,
    /// Checks that have a name, by how often they failed and held, in judged stages.
    pub checks: BTreeMap<String, [u64; 2]>,
    /// Counts and measurements by scenarios themselves, by stage and by the figure's name.
    pub measured: BTreeMap<(StageIndex, &'static str), MeasuredSamples>,
}

impl Samples {
    /// Adds up the stages that `wanted` picks, by route.
    pub fn by_route(&self, wanted: impl Fn(StageIndex) -> bool) -> BTreeMap<Route, RouteSamples> {
        let mut sums: BTreeMap<Route, RouteSamples> = BTreeMap::new();
        for ((stage, _, route), samples) in &self.routes {
            if wanted(*stage) {
                sums.entry(*route).or_default().add(samples);
            }
        }
        sums
    }

    /// Adds up the requests of one scenario in the stages that `wanted` picks.
    pub fn of_scenario(
        &self,
        scenario: ScenarioIndex,
        wanted: impl Fn(StageIndex) -> bool,
    ) -> RouteSamples {
        let mut sum = RouteSamples::default();
        for ((stage, of, _), samples) in &self.routes {
            if *of == scenario && wanted(*stage) {
                sum.add(samples);
            }
        }
        sum
    }

    /// Adds up the stages that `wanted` picks.
    pub fn total(&self, wanted: impl Fn(StageIndex) -> bool) -> RouteSamples {
        let mut sum = RouteSamples::default();
        for samples in self.by_route(wanted).values() {
            sum.add(samples);
        }
        sum
    }

    /// Adds up connections and bytes of the stages that `wanted` picks.
    pub fn wire(&self, wanted: impl Fn(StageIndex) -> bool) -> WireSamples {
        let mut sum = WireSamples::default();
        for (_, wire) in self.wire.iter().filter(|(stage, _)| wanted(**stage)) {
            sum.add(wire);
        }
        sum
    }

    /// How often requests failed in a way that `wanted` picks.
    pub fn faults(&self, wanted: impl Fn(Fault) -> bool) -> u64 {
        self.faults
            .iter()
            .filter(|((_, _, fault), _)| wanted(*fault))
            .map(|(_, faults)| faults.count)
            .sum()
    }

    fn add(&mut self, other: &Samples) {
        for (key, samples) in &other.routes {
            self.routes.entry(*key).or_default().add(samples);
        }
        for (key, faults) in &other.faults {
            add_up(&mut self.faults, *key, faults);
        }
        for (shortage, requests) in &other.near_side {
            add_up(&mut self.near_side, *shortage, requests);
        }
        for (stage, wire) in &other.wire {
            self.wire.entry(*stage).or_default().add(wire);
        }
        for (load, arrivals) in &other.arrivals {
            self.arrivals.entry(*load).or_default().add(arrivals);
        }
        for (key, measured) in &other.measured {
            let sum = self.measured.entry(*key);
            sum.or_insert_with(|| MeasuredSamples::new(measured.figure))
                .add(measured);
        }
        self.renamed += other.renamed;
        self.cut += other.cut;
    }
}

fn add_up<K: Ord>(sums: &mut BTreeMap<K, FaultCount>, key: K, more: &FaultCount) {
    sums.entry(key)
        .and_modify(|sum| sum.count += more.count)
        .or_insert_with(|| more.clone());
}
