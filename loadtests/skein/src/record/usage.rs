//! What every process took from the operating system.

use std::time::Duration;

use harness::usage::{Throttled, Used};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The CPU time of one process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProcessRecord {
    /// The node, or the generator.
    pub name: String,
    /// CPU time, user and system, over the stages that are no warm-up.
    pub cpu_seconds: f64,
    /// The same per request sent, in microseconds; none without requests.
    pub cpu_micros_per_request: Option<f64>,
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
    /// CPU time, user and system, per request that the generator sent, in microseconds;
    /// none without requests.
    pub cpu_micros_per_request: Option<f64>,
    /// How often threads gave their core up, to wait for something.
    pub voluntary_switches: u64,
    /// How often threads lost their core to another.
    pub involuntary_switches: u64,
    /// The time that threads were ready to run and had no core, per request, in microseconds;
    /// none without requests.
    pub waited_micros_per_request: Option<f64>,
    /// The most physical memory, from the process's start to the stage's end, in bytes.
    pub peak_memory_bytes: u64,
    /// The times that it had no CPU time left of its quota; `None` where it has no quota, or
    /// nobody tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<ThrottledRecord>,
}

/// The times that a node had no CPU time left of its quota, in one stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThrottledRecord {
    /// Periods of the quota in which it ran.
    pub periods: u64,
    /// Periods among them in which it used its quota up, and stood still for the rest.
    pub throttled_periods: u64,
    /// The time that it stood still, in seconds, added up over cores.
    pub throttled_seconds: f64,
}

impl ProcessUsage {
    /// What the process called `name` has `used` while `requests` were sent.
    pub fn new(name: &str, used: &Used, requests: u64) -> Self {
        let per_request =
            |time: Duration| (requests > 0).then(|| time.as_secs_f64() * 1e6 / requests as f64);
        ProcessUsage {
            name: name.to_owned(),
            cpu_micros_per_request: per_request(used.cpu),
            voluntary_switches: used.voluntary_switches,
            involuntary_switches: used.involuntary_switches,
            waited_micros_per_request: per_request(used.waited),
            peak_memory_bytes: used.peak_memory,
            throttled: used.throttled.map(ThrottledRecord::from),
        }
    }
}

impl From<Throttled> for ThrottledRecord {
    fn from(throttled: Throttled) -> Self {
        ThrottledRecord {
            periods: throttled.periods,
            throttled_periods: throttled.throttled,
            throttled_seconds: throttled.time.as_secs_f64(),
        }
    }
}
