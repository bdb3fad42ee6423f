//! The record of a study of capacity, `capacity.json`, from which its page and its summaries
//! are made, with every slot as it was seen.

mod start;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::capacity::{CapacityRatio, Estimate, Finished};
use stats::scaling::Step;

use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::Ceiling;
use crate::figure::FigureRecord;
use crate::record::{Document, MachineRecord};
use crate::verdict::Judgement;

pub use start::{
    ClauseCount, HopMean, NodeUse, PoolSeen, PoolTime, Purpose, RoundRecord, SlotRecord,
};

/// A study of capacity: one system, or one and variants of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CapacityRecord {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the study's folder.
    pub id: String,
    /// The verdict on the study, and the reason for it.
    pub judgement: Judgement,
    /// True when a signal ended it before its time.
    pub interrupted: bool,
    /// Doubts about the measurement.
    pub doubts: Vec<Doubt>,
    /// The rules of the promise, each as it was written.
    pub promise: Vec<ClauseRecord>,
    /// The rate that had to be shown, in turns a second, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The systems, the plan's own first.
    pub systems: Vec<SystemRecord>,
    /// Patterns, each with the systems that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<PatternRecord>,
    /// The test of what limits the plan's own system: the suspected tier relieved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<ReliefRecord>,
    /// The low rate at which all systems were loaded as well, in turns a second.
    pub common_per_second: Option<f64>,
    /// The generator's own limit on its cores.
    pub ceiling: Option<Ceiling>,
    /// The most turns a second that the generator can be trusted to send.
    pub ceiling_turns: Option<f64>,
    /// The part of a slot that counts, in milliseconds.
    pub slot_millis: u64,
    /// The part before it, at the same rate, in milliseconds.
    pub lead_millis: u64,
    /// The closed load on a system that has just started, in milliseconds.
    pub warm_up_millis: u64,
    /// The most turns that were under way at the same time.
    pub open_users: usize,
    /// The time that each system was given to be measured, in seconds.
    pub budget_seconds: f64,
    /// The time that measuring took, in seconds.
    pub seconds: f64,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same study again.
    pub command: String,
    /// The plan's name.
    pub plan: String,
    /// The plan as it was written.
    pub plan_source: String,
    /// The moment at which the measurement began.
    pub started: Timestamp,
    /// The moment at which it ended.
    pub ended: Timestamp,
    /// The place where the study was made, and the build that made it.
    pub environment: Environment,
}

impl Document for CapacityRecord {
    const FILE: &str = "capacity.json";
    const SCHEMA_VERSION: u32 = 1;
}

/// One rule of the promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClauseRecord {
    /// The rule as it was written.
    pub rule: String,
    /// The share of requests that may break it, 0 to 1.
    pub allowed: f64,
    /// The response time that it is about, in microseconds, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micros: Option<f64>,
}

/// One system of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemRecord {
    /// Its name; that of the plan's own is `as it is`.
    pub name: String,
    /// The system in a few words.
    pub about: String,
    /// The pattern that it shows, if it is a variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The replicas that tell it from the other variants of its pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// The machine that each node was given, where it was given one of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<NodeMachine>,
    /// The finding of the search for its capacity; rates are in turns a second.
    pub finding: Finished,
    /// Requests of a turn, on average.
    pub requests_per_turn: Option<f64>,
    /// Figures at the low rate that all systems have in common.
    pub common: Option<CommonRecord>,
    /// The tiers, from the users inwards.
    pub tiers: Vec<TierRecord>,
    /// The tier that limits.
    pub limit: LimitRecord,
    /// Fresh starts, in order.
    pub rounds: Vec<RoundRecord>,
    /// Fresh starts during which others slowed the machine down, and in place of which there was
    /// another: nothing rests on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<RoundRecord>,
}

/// The machine that a node was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeMachine {
    /// The node.
    pub node: String,
    /// Its machine.
    #[serde(flatten)]
    pub machine: MachineRecord,
}

/// Figures at the low rate that all systems of a study have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommonRecord {
    /// Requests of all slots at that rate.
    pub requests: u64,
    /// The median response time, in microseconds.
    pub p50_micros: f64,
    /// The 99th percentile of response times, in microseconds.
    pub p99_micros: f64,
    /// CPU time of all nodes for each request, in microseconds.
    pub cpu_per_request_micros: f64,
    /// Calls between roles for each request, where they are counted.
    pub calls: Vec<CallsRecord>,
    /// Figures that the program adds.
    pub figures: Vec<FigureRecord>,
}

/// Calls of one role, for each request of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallsRecord {
    /// The role that is called.
    pub role: String,
    /// Calls of all of its nodes for each request.
    pub per_request: f64,
}

/// One tier: all nodes of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TierRecord {
    /// The role.
    pub role: String,
    /// The number of its nodes.
    pub nodes: usize,
    /// The CPU time that its busiest node used at the capacity, in percent of what that was
    /// given; without a share of its own, of all cores of the nodes.
    pub busy_percent: f64,
    /// True when its nodes have shares of their own.
    pub has_shares: bool,
    /// The time that its threads were ready and had no core, for each request at the capacity,
    /// in microseconds.
    pub waited_micros: f64,
    /// CPU time for each request at the capacity, in microseconds.
    pub cpu_micros: f64,
    /// CPUs that all of its nodes used together at the capacity.
    #[serde(default)]
    pub cpus_used: f64,
    /// Its own part of a request's time at the low rate, in microseconds; `None` where it
    /// doesn't tell.
    pub time_low_micros: Option<f64>,
    /// The same at the capacity.
    pub time_high_micros: Option<f64>,
    /// Requests that were there at the same time at the capacity, at work or waiting, on average
    /// (Little's law: requests a second × its own part of their time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<f64>,
    /// Its pools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolRecord>,
}

/// A pool of a tier: places that requests wait for besides CPU time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolRecord {
    /// Its name, such as `executors`.
    pub name: String,
    /// The number of places of the node that used the most of them.
    pub places: f64,
    /// The share of the time of its places that was used at the capacity, in percent, in the node
    /// that used the most; `None` where that couldn't be seen.
    pub taken_percent: Option<f64>,
}

/// The tier that limits a system, and the reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRecord {
    /// The limit.
    pub by: Limit,
    /// The reasons, a sentence each.
    pub reasons: Vec<String>,
}

/// A limit of a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "limit", rename_all = "snake_case")]
pub enum Limit {
    /// A tier has no more CPU time.
    Cpu {
        /// Its role.
        tier: String,
    },
    /// The cores that all nodes share are full.
    SharedCores {
        /// The role that uses the most of them.
        most: String,
    },
    /// Requests wait for places of a tier's pool.
    Pool {
        /// Its role.
        tier: String,
        /// The pool's name.
        pool: String,
    },
    /// A tier makes requests wait although it has CPU time left: a pool, a lock, a disk, or
    /// others that it waits for and that don't tell.
    Waits {
        /// Its role.
        tier: String,
    },
    /// The generator itself.
    Generator,
    /// It can't be told.
    Unknown,
}

/// The suspected tier relieved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReliefRecord {
    /// The tier.
    pub tier: String,
    /// The relief in words, such as `api-gateway: 0.3 in place of 0.25 of a CPU`.
    pub what: String,
    /// Capacity with the relief ÷ capacity without; `None` when it could not be told.
    pub ratio: Option<CapacityRatio>,
    /// The conclusion, a sentence.
    pub sentence: String,
}

/// A pattern: the plan's own system and variants that have it in another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PatternRecord {
    /// Its name.
    pub name: String,
    /// Each variant's capacity ÷ that of the plan's own system.
    pub variants: Vec<VariantRatio>,
    /// The law by which capacity grows with replicas, where the variants tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingRecord>,
    /// The conclusion, a sentence.
    pub sentence: String,
}

/// A variant beside the plan's own system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantRatio {
    /// The variant's name.
    pub name: String,
    /// Its capacity ÷ that of the plan's own; `None` when it could not be told.
    pub ratio: Option<CapacityRatio>,
    /// The conclusion, a sentence.
    pub sentence: String,
}

/// Capacity over replicas, with the laws that were fitted to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScalingRecord {
    /// Points, by replicas.
    pub points: Vec<ScalingPoint>,
    /// The gain of each step from one point to the next.
    pub steps: Vec<Step>,
    /// Fits: Amdahl's law, and with enough points the Universal Scalability Law.
    pub fits: Vec<FitRecord>,
    /// Remarks on what the fits can't tell.
    pub remarks: Vec<String>,
}

/// A point of a scaling law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScalingPoint {
    /// Replicas.
    pub replicas: u32,
    /// The system's name.
    pub system: String,
    /// Its capacity, in turns a second.
    pub capacity: Estimate,
}

/// A fitted law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitRecord {
    /// Its name.
    pub law: String,
    /// Its coefficients: name, value, interval.
    pub coefficients: Vec<CoefficientRecord>,
    /// Measured − fitted at each point, in turns a second.
    pub residuals: Vec<f64>,
    /// The distance of the points from the law, in units of what their intervals allow.
    pub residual_error: f64,
    /// The number of replicas with the greatest capacity, if there is one.
    pub peak_replicas: Option<f64>,
    /// The law from one replica to twice the most that were measured.
    pub curve: Vec<PredictionRecord>,
}

/// The capacity that a law gives a number of replicas, in turns a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictionRecord {
    /// Replicas.
    pub replicas: u32,
    /// The capacity.
    pub per_second: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// A coefficient of a law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoefficientRecord {
    /// Its name, with what it stands for.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}
