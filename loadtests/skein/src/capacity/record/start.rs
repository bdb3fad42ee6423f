//! Fresh starts of a system in the record of a study, slot by slot, as they were seen.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::MachineUse;
use crate::figure::FigureRecord;
use crate::record::EdgeRecord;
use crate::timing::Hop;

/// One fresh start of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoundRecord {
    /// Its number among those of its system, from 1.
    pub number: usize,
    /// The reason for it.
    pub purpose: Purpose,
    /// The seed of its random choices.
    pub seed: u64,
    /// The moment at which it began.
    pub started: Timestamp,
    /// The time that it took with start and stop, in seconds.
    pub seconds: f64,
    /// The cores that the nodes had; the generator had the others, or all.
    pub node_cores: Vec<usize>,
    /// The cores that the generator had.
    pub generator_cores: Vec<usize>,
    /// The machine's time while there was load, if it tells.
    pub machine: Option<MachineUse>,
    /// Calls between nodes at the low rate, where the program counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeRecord>,
    /// Figures that the program adds, at the low rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureRecord>,
    /// Its slots, in order.
    pub slots: Vec<SlotRecord>,
    /// The way in which the system ended by itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<String>,
}

impl RoundRecord {
    /// The slots that figures rest on.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &SlotRecord> + Clone {
        self.slots.iter().filter(|slot| !slot.set_aside)
    }

    /// The generator's own CPU time for each request at the low rate that all systems have in
    /// common, in microseconds, where there were requests enough to tell.
    pub(in crate::capacity) fn own_cost_micros(&self) -> Option<f64> {
        const ENOUGH: u64 = 100;
        let mut common = self.slots.iter().filter(|slot| slot.is_common);
        let slot = common.find(|slot| slot.all_requests >= ENOUGH)?;
        Some(slot.generator_cpu_nanos as f64 / 1e3 / slot.all_requests as f64)
    }
}

/// The reason for a fresh start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To find out roughly where the capacity is.
    Probe,
    /// To measure it.
    Measure,
    /// To see whether it comes back from too much load.
    Recover,
    /// To confirm it by a longer slot.
    Confirm,
}

/// One slot of open load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlotRecord {
    /// The rate that was asked for, in turns a second.
    pub per_second: f64,
    /// True at the low rate that all systems have in common.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_common: bool,
    /// The length of the part that counts, in milliseconds.
    pub lasted_millis: u64,
    /// True when the system was to come to rest after it.
    pub rests: bool,
    /// Turns that were due in the part that counts.
    pub turns: u64,
    /// The number of them that were never sent, for as many turns as there may be were under way.
    pub unsent: u64,
    /// Requests that were due in the part that counts, and were sent.
    pub requests: u64,
    /// The number of them that failed.
    pub failed: u64,
    /// Requests by the rules of the promise, in their order.
    pub clauses: Vec<ClauseCount>,
    /// The median of response times from the intended time, in microseconds.
    pub p50_micros: Option<u64>,
    /// Their 90th percentile.
    pub p90_micros: Option<u64>,
    /// Their 99th percentile.
    pub p99_micros: Option<u64>,
    /// Requests of the whole slot, lead included.
    pub all_requests: u64,
    /// The time from its begin to the end of its last request, in microseconds.
    pub micros: u64,
    /// The nodes' use of the machine over the whole slot.
    pub nodes: Vec<NodeUse>,
    /// The use of the nodes' pools over the whole slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolSeen>,
    /// Each hop's own part of a request's time, on average over sampled requests.
    pub hops: Vec<HopMean>,
    /// CPU time of the generator over the whole slot, in nanoseconds.
    pub generator_cpu_nanos: u64,
    /// The 99th percentile of the time by which the generator itself sent turns too late, in
    /// microseconds.
    pub own_lag_p99_micros: Option<u64>,
    /// The time that the system took to come to rest afterwards, in milliseconds; `None` when
    /// it was given up, or not waited for.
    pub rest_millis: Option<u64>,
    /// The share of the machine's time that other virtual machines took meanwhile, in percent,
    /// where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stolen_percent: Option<f64>,
    /// True when that was too much: nothing rests on the slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
}

/// Requests by one rule of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClauseCount {
    /// Requests that were due, sent or not.
    pub due: u64,
    /// The number of them that broke the rule.
    pub broken: u64,
}

/// A node's use of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeUse {
    /// The node.
    pub node: String,
    /// Its role.
    pub role: String,
    /// CPU time, in nanoseconds.
    pub cpu_nanos: u64,
    /// The time that its threads were ready and had no core, in nanoseconds.
    pub waited_nanos: u64,
    /// The time that it stood still since it had used its share of a CPU up, in nanoseconds;
    /// `None` where nobody tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_nanos: Option<u64>,
}

/// The use of one pool of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolSeen {
    /// The node.
    pub node: String,
    /// Its role.
    pub role: String,
    /// The pool's name.
    pub pool: String,
    /// The time of its places between the two looks; `None` where the node didn't tell.
    pub used: Option<PoolTime>,
}

/// The time of a pool's places.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolTime {
    /// The number of places.
    pub places: f64,
    /// The time for which they were taken, all of them together, in seconds.
    pub taken_seconds: f64,
    /// The time that there was between the two looks, in seconds.
    pub seconds: f64,
}

/// One hop's own part of a request's time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopMean {
    /// The hop.
    pub hop: Hop,
    /// The mean over sampled requests, in microseconds.
    pub mean_micros: f64,
}
