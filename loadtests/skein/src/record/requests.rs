//! Requests, counted and timed, and what became of arrivals of open load.

use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrivals::Spacing;
use crate::plan::OpenLoad;
use crate::samples::{ArrivalSamples, Latency, histogram_of};

/// Requests, counted and timed. Failed ones are timed too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestFigures {
    /// How many were sent.
    pub count: u64,
    /// How many failed.
    pub failed: u64,
    /// The rate per second; none where no time passed.
    pub per_second: Option<f64>,
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

/// What became of the arrivals of an open stage. A turn of a user is one arrival; what
/// a turn sends beyond its first request waits for the answer before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRecord {
    /// How arrivals were to follow each other.
    pub spacing: Spacing,
    /// Arrivals per second that the plan asks for, on average over the stage.
    pub requested_per_second: f64,
    /// Arrivals per second that were sent; none where no time passed.
    pub achieved_per_second: Option<f64>,
    /// Arrivals that came up.
    pub planned: u64,
    /// Those of them that were sent.
    pub sent: u64,
    /// Those that never were, for no user was free until the stage was over.
    pub unsent: u64,
    /// Those that a user began and that never left this machine, for it lacked something.
    #[serde(default)]
    pub near_side: u64,
    /// Those that were sent more than 1 ms after their intended time.
    pub late: u64,
    /// Those that had to wait until a user was free.
    pub queued: u64,
    /// Microseconds from the intended time to the actual send.
    pub send_lag: Option<Times>,
    /// The same for arrivals that found a user free: what the generator itself adds.
    pub own_lag: Option<Times>,
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
    /// The fates of the arrivals of an open `load`, of which `seconds` were run.
    pub fn new(load: &OpenLoad, samples: &ArrivalSamples, seconds: f64) -> Self {
        OpenRecord {
            spacing: load.spacing,
            requested_per_second: load.curve.mean_until(seconds),
            achieved_per_second: per_second(samples.sent(), seconds),
            planned: samples.planned,
            sent: samples.sent(),
            unsent: samples.unsent(),
            near_side: samples.near_side,
            late: samples.late,
            queued: samples.queued(),
            send_lag: Times::of(&samples.send_lag),
            own_lag: Times::of(&samples.own_lag),
        }
    }
}

fn per_second(count: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| count as f64 / seconds)
}

impl Times {
    /// The percentiles of these times, unless there are none.
    pub fn of_all(times: &[Duration]) -> Option<Self> {
        Times::of(&histogram_of(times))
    }

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
