//! What a run leaves behind: `run.json`, from which every page is made.

#[cfg(test)]
pub(crate) mod example;
mod schema;
mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use integration::usage::Used;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrivals::Spacing;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::ledger::Ledger;
use crate::plan::{Behaviour, Mix, OpenLoad, Shape, Stage};
use crate::samples::{ArrivalSamples, Latency};
use crate::threshold::Verdicts;
use crate::timing::RouteTiming;
use crate::verdict::{Judgement, Warning};

pub use schema::schema;
pub use store::{RecordError, read_json, write_json, write_whole};

/// The version of this form. It grows when a reader of an older one would be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// One run: what was done, on what, and every figure that came of it. Times of
/// requests are in microseconds. A response time is from the intended time to the last
/// byte; where nothing else is said, it is what is meant.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the run's folder.
    pub id: String,
    /// What the run comes to.
    pub judgement: Judgement,
    /// Doubts about the measurement.
    pub warnings: Vec<Warning>,
    /// What was asked for.
    pub plan: PlanRecord,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same run again.
    pub command: String,
    /// When the load began.
    pub started: Timestamp,
    /// When the last request of the load was over.
    pub ended: Timestamp,
    /// Where the run was made, and of what build.
    pub environment: Environment,
    /// The stages, in order.
    pub stages: Vec<StageRecord>,
    /// Requests of the stages that are no warm-up, by route.
    pub routes: Vec<RouteRecord>,
    /// How long the stages that are no warm-up lasted, in seconds.
    pub measured_seconds: f64,
    /// The thresholds, judged.
    pub thresholds: Verdicts,
    /// The gateways.
    pub gateways: Vec<GatewayRecord>,
    /// What the caches did for reads; `None` when nothing told.
    pub caches: Option<CacheRecord>,
    /// What became of long tasks.
    pub tasks: TaskRecord,
    /// Requests with a bad token: how many were sent, and how many were let in.
    pub intruders: IntruderRecord,
    /// The conservation count.
    pub ledger: Ledger,
    /// CPU time over the stages that are no warm-up, by node, the generator last.
    pub processes: Vec<ProcessRecord>,
    /// What every process took from the operating system, by stage.
    #[serde(default)]
    pub usage: Vec<StageUsage>,
    /// Where the time of sampled requests went, by route, over the stages that are no
    /// warm-up.
    #[serde(default)]
    pub timing: Vec<RouteTiming>,
    /// What the run knows about itself, which its warnings rest on.
    #[serde(default)]
    pub evidence: Evidence,
    /// Failed requests of the whole run, by route and reason.
    pub failures: Vec<FailureRecord>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The plan's name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The plan as it was written.
    pub source: String,
    /// The system that was started, unless one was there.
    pub shape: Option<Shape>,
    /// The URL of a system that was there.
    pub target: Option<String>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// How users shared out.
    pub mix: Mix,
    /// Whether users sent plain requests, to a server that need not be the laboratory,
    /// in place of the mix.
    #[serde(default)]
    pub is_plain: bool,
    /// How users behaved.
    pub behaviour: Behaviour,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// Users at work at its end.
    pub users: usize,
    /// Whether it only prepared the system.
    pub warm_up: bool,
    /// How long it lasted.
    pub seconds: f64,
    /// What was sent in it.
    pub requests: RequestFigures,
    /// What became of its arrivals, if its load was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenRecord>,
}

/// What became of the arrivals of an open stage. A turn of a user is one arrival; what
/// a turn sends beyond its first request waits for the answer before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRecord {
    /// How arrivals were to follow each other.
    pub spacing: Spacing,
    /// Arrivals per second that the plan asks for, on average over the stage.
    pub requested_per_second: f64,
    /// Arrivals per second that were sent.
    pub achieved_per_second: f64,
    /// Arrivals that came up.
    pub planned: u64,
    /// Those of them that were sent.
    pub sent: u64,
    /// Those that never were, for no user was free until the stage was over.
    pub unsent: u64,
    /// Those that were sent more than 1 ms after their intended time.
    pub late: u64,
    /// Those that had to wait until a user was free.
    pub queued: u64,
    /// Microseconds from the intended time to the actual send.
    pub send_lag: Option<Times>,
    /// The same for arrivals that found a user free: what the generator itself adds.
    pub own_lag: Option<Times>,
}

/// The requests of one route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RouteRecord {
    /// `GET /data/{key}`.
    pub name: String,
    /// What was sent to it.
    pub requests: RequestFigures,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
}

/// Requests, counted and timed. Failed ones are timed too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestFigures {
    /// How many were sent.
    pub count: u64,
    /// How many failed.
    pub failed: u64,
    /// How many a second.
    pub per_second: f64,
    /// Response times, unless there were none.
    pub times: Option<Times>,
    /// Service times, from the actual send, where they are others: in open load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_times: Option<Times>,
}

/// Percentiles and the like, in microseconds with three significant digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// The shortest.
    pub min: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
}

/// One gateway's share.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GatewayRecord {
    /// Its name.
    pub name: String,
    /// Answers that the generator had from it, over the whole run.
    pub answers: u64,
    /// Attempts that the balancer made at it, over the whole run; `None` when that
    /// can't be seen.
    pub attempts: Option<u64>,
}

/// What the caches did for reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CacheRecord {
    /// Whether the figures come from the gateways' counters, over the stages that
    /// are no warm-up; else from `Cache-Status` in the answers to them.
    pub counted_by_gateways: bool,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that a cache didn't answer.
    pub failed: u64,
    /// Lookups by cache, where they can be told apart.
    pub by_cache: Vec<CacheNodeRecord>,
}

impl CacheRecord {
    /// Hits in percent of all lookups; `None` without lookups.
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.hits + self.misses + self.failed;
        (lookups > 0).then(|| self.hits as f64 / lookups as f64 * 100.0)
    }
}

/// What one cache did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CacheNodeRecord {
    /// Its name.
    pub name: String,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that it didn't answer.
    pub failed: u64,
}

/// What became of long tasks, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TaskRecord {
    /// Tasks answered for with 202, repeats not counted.
    pub accepted: u64,
    /// Those that were seen done.
    pub done: u64,
    /// Those that the worker gave up after too many attempts.
    #[serde(default)]
    pub dead: u64,
    /// Those that the worker did not know any more.
    #[serde(default)]
    pub gone: u64,
}

impl TaskRecord {
    /// Tasks that were still open when the run stopped looking: nobody saw them done,
    /// given up or gone.
    pub fn unfinished(&self) -> u64 {
        let ended = self.done + self.dead + self.gone;
        self.accepted.saturating_sub(ended)
    }
}

/// Requests with a bad token, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IntruderRecord {
    /// Requests with a bad token.
    pub sent: u64,
    /// Those that were answered at all.
    pub answered: u64,
    /// Those that were refused with 401.
    #[serde(default)]
    pub refused: u64,
    /// Those whose answer shows that they were let in.
    pub admitted: u64,
}

/// The CPU time of one process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProcessRecord {
    /// The node, or the generator.
    pub name: String,
    /// CPU time, user and system, over the stages that are no warm-up.
    pub cpu_seconds: f64,
    /// The same per request sent, in microseconds.
    pub cpu_micros_per_request: f64,
}

/// What every process took from the operating system in one stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageUsage {
    /// The stage.
    pub stage: String,
    /// Requests that the generator sent in it.
    pub requests: u64,
    /// The nodes, and the generator last.
    pub processes: Vec<ProcessUsage>,
}

/// What one process took from the operating system in one stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProcessUsage {
    /// The node, or the generator.
    pub name: String,
    /// CPU time, user and system, per request that the generator sent, in microseconds.
    pub cpu_micros_per_request: f64,
    /// How often threads gave their core up, to wait for something.
    pub voluntary_switches: u64,
    /// How often threads lost their core to another.
    pub involuntary_switches: u64,
    /// How long threads were ready to run and had no core, per request, in microseconds.
    pub waited_micros_per_request: f64,
    /// The most physical memory, from the process's start to the stage's end, in bytes.
    pub peak_memory_bytes: u64,
}

impl ProcessUsage {
    /// What the process called `name` has `used` while `requests` were sent.
    pub fn new(name: &str, used: &Used, requests: u64) -> Self {
        let per_request = |time: Duration| time.as_secs_f64() * 1e6 / requests.max(1) as f64;
        ProcessUsage {
            name: name.to_owned(),
            cpu_micros_per_request: per_request(used.cpu),
            voluntary_switches: used.voluntary_switches,
            involuntary_switches: used.involuntary_switches,
            waited_micros_per_request: per_request(used.waited),
            peak_memory_bytes: used.peak_memory,
        }
    }
}

/// A way to fail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// The route.
    pub route: String,
    /// What went wrong.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The first one's particulars.
    pub example: String,
}

impl RequestFigures {
    /// The figures of requests of which `failed` failed, sent within `seconds`.
    pub fn new(latency: &Latency, failed: u64, seconds: f64) -> Self {
        let count = latency.service.len();
        RequestFigures {
            count,
            failed,
            per_second: per_second(count, seconds),
            times: Times::of(latency.response()),
            service_times: latency
                .differs()
                .then(|| Times::of(&latency.service))
                .flatten(),
        }
    }
}

impl OpenRecord {
    /// What became of the arrivals of a stage that asked for `load`.
    pub fn new(load: &OpenLoad, samples: &ArrivalSamples) -> Self {
        let seconds = load.curve.duration.as_secs_f64();
        OpenRecord {
            spacing: load.spacing,
            requested_per_second: load.curve.mean(),
            achieved_per_second: per_second(samples.sent(), seconds),
            planned: samples.planned,
            sent: samples.sent(),
            unsent: samples.unsent(),
            late: samples.late,
            queued: samples.queued(),
            send_lag: Times::of(&samples.send_lag),
            own_lag: Times::of(&samples.own_lag),
        }
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

impl Times {
    /// The percentiles of a histogram of microseconds, unless it is empty.
    pub fn of(times: &Histogram<u64>) -> Option<Self> {
        (!times.is_empty()).then(|| Times {
            min: times.min(),
            mean: times.mean(),
            p50: times.value_at_quantile(0.5),
            p90: times.value_at_quantile(0.9),
            p95: times.value_at_quantile(0.95),
            p99: times.value_at_quantile(0.99),
            p99_9: times.value_at_quantile(0.999),
            max: times.max(),
        })
    }
}

impl Record {
    /// How long the load lasted.
    pub fn duration(&self) -> Duration {
        self.ended
            .duration_since(self.started)
            .try_into()
            .unwrap_or_default()
    }
}
