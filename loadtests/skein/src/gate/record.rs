//! What a gate leaves behind: `gate.json`, from which its page and its summaries are
//! made, with every round as it was seen.

mod doubt;
#[cfg(test)]
pub(crate) mod example;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Shortage;
use crate::environment::Environment;
use crate::evidence::MachineUse;
use crate::record::Document;
use crate::timing::Hop;
use crate::verdict::Judgement;

pub use doubt::RecordedDoubt;

/// One gate: what was compared, what it comes to, and every round that this rests on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the gate's folder.
    pub id: String,
    /// What the gate comes to.
    pub judgement: Judgement,
    /// Whether a signal ended it before its time.
    pub interrupted: bool,
    /// Doubts about the measurement; when there are any that invalidate it, the judgement
    /// says so. In records of version 1, each is a sentence.
    pub doubts: Vec<RecordedDoubt>,
    /// What was compared against.
    pub baseline: Build,
    /// What was judged.
    pub candidate: Build,
    /// Whether both sides are the same on purpose, so that every difference is chance.
    pub is_aa: bool,
    /// What was compared, each metric by itself.
    pub metrics: Vec<MetricRecord>,
    /// The repetition that a fail has to stand, if there was one.
    pub confirmation: Option<Confirmation>,
    /// CPU time per request, by service, the costliest first.
    pub services: Vec<ServiceCpu>,
    /// Where the time of a request went, from the user inwards.
    pub hops: Vec<HopTime>,
    /// Requests that failed, by side, route and reason.
    pub failures: Vec<FailedRequests>,
    /// The looks that were taken at the rounds so far, in order, those of a confirmation
    /// included.
    pub looks: Vec<Look>,
    /// How much load there was.
    pub load: Load,
    /// The time that the measurement was given, in seconds. Building the baseline and
    /// confirming a fail come on top.
    pub budget_seconds: f64,
    /// The most rounds that the budget was planned for, and the looks with it. There are
    /// fewer when it was decided before, or when rounds took longer than planned.
    pub most_rounds: usize,
    /// How long measuring took, in seconds, with a confirmation and without builds.
    pub seconds: f64,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same gate again.
    pub command: String,
    /// The plan's name.
    pub plan: String,
    /// The plan as it was written.
    pub plan_source: String,
    /// When the measurement began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Where the gate was made, and by what build.
    pub environment: Environment,
    /// What this machine was known to be able to tell, if it was calibrated.
    pub calibration: Option<CalibrationUsed>,
    /// Every round, as it was seen.
    pub rounds: Vec<Round>,
}

impl Document for GateRecord {
    const FILE: &str = "gate.json";
    const SCHEMA_VERSION: u32 = 2;
}

/// One of the two builds that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// What the user asked for: a revision or a path, be it of a build or of
    /// a system; for a candidate, perhaps neither.
    pub asked: Option<String>,
    /// The commit, if it is known.
    pub commit: Option<String>,
    /// Whether tracked files differed from the commit, if that is known.
    pub modified: Option<bool>,
    /// The program that its nodes run.
    pub program: String,
    /// The cargo profile that it was built with, if that is known.
    pub profile: Option<String>,
}

/// One of the two sides.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The build compared against.
    Baseline,
    /// The build under judgement.
    Candidate,
}

/// What one metric comes to. Ratios are candidate ÷ baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRecord {
    /// What programs call it, such as `cpu-per-request`.
    pub key: String,
    /// What people call it, such as "CPU per request".
    pub name: String,
    /// Whether less of it is better; more throughput is.
    pub less_is_better: bool,
    /// The median of the baseline's rounds, in `unit`.
    pub baseline: Option<f64>,
    /// The median of the candidate's rounds, in `unit`.
    pub candidate: Option<f64>,
    /// What both are counted in: `µs`, `requests/s`.
    pub unit: String,
    /// The estimated ratio; `None` when there were too few rounds for one.
    pub ratio: Option<f64>,
    /// The interval that the ratio is in, as these rounds alone tell: for people. What
    /// decides are the two bounds, which allow for all looks and for the other metrics.
    pub interval: Option<Interval>,
    /// The metric is surely worse than this: relative, in the worse direction, negative
    /// for better. 0.02 are 2 % more time, or 2 % less throughput. It is slower when this
    /// is above the tolerance. `None` when nothing is sure at this look's level, and in
    /// older records.
    pub surely_above: Option<f64>,
    /// The metric is surely no worse than this, likewise. It is not slower when this is
    /// below the margin.
    pub surely_below: Option<f64>,
    /// How much worse the candidate may be and still pass: 0.03 are 3 %.
    pub margin: f64,
    /// How much worse it has to be for certain before it fails: 0.01 are 1 %.
    pub tolerance: f64,
    /// The smallest worsening that this gate would have found with the power that it
    /// promises, from the spread of its own rounds: 0.02 are 2 %.
    pub smallest_detectable: Option<f64>,
    /// The chance of rounds like these if the candidate were no worse than the tolerance:
    /// one-sided, exact, and before any correction for the number of metrics and looks.
    pub p_value: Option<f64>,
    /// What it comes to by itself.
    pub outcome: MetricOutcome,
    /// Why the metric can't rule a slowdown out here, if it can't. A pass waits for it
    /// until the last look and no longer; a slowdown that even so is certain still fails.
    #[serde(alias = "too_coarse", alias = "report_only")]
    pub excuse: Option<String>,
    /// The natural logarithm of the ratio in each round, in order, from the rounds that
    /// the judgement rests on; `None` where a round has no figure.
    pub log_ratios: Vec<Option<f64>>,
}

/// What a metric comes to by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricOutcome {
    /// It is certain enough that the candidate is within the margin.
    NotSlower,
    /// It is certain that the candidate is worse by more than the tolerance.
    Slower,
    /// Neither is certain.
    Unclear,
    /// It is too coarse here to rule a slowdown out, and shows no certain one.
    #[serde(alias = "report_only")]
    TooCoarse,
    /// Something else is in its figures, so that it can't rule a slowdown out, and it
    /// shows no certain one.
    Diluted,
}

/// Two ends, and how often the truth lies between such two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// 0.95 is nineteen times in twenty.
    pub confidence: f64,
}

/// The repetition that a fail has to stand: both topologies started afresh, with a seed
/// of its own, and rounds that are judged by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmation {
    /// Its seed.
    pub seed: u64,
    /// How many rounds it took.
    pub rounds: usize,
    /// Whether it came to the same.
    pub confirmed: bool,
    /// The keys of the metrics that were slower at first and slower again. Empty when what
    /// came to the same was no metric, and in older records.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// What it came to, in a sentence.
    pub sentence: String,
}

/// CPU time per request that one service used, all its nodes together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceCpu {
    /// The service, such as `api`.
    pub service: String,
    /// The baseline's, in nanoseconds a request; none without requests.
    pub baseline_nanos: Option<f64>,
    /// The candidate's, in nanoseconds a request; none without requests.
    pub candidate_nanos: Option<f64>,
    /// Candidate ÷ baseline; `None` when the baseline used none.
    pub ratio: Option<f64>,
}

/// One hop's own share of a request's time, on average over sampled requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopTime {
    /// The hop.
    pub hop: Hop,
    /// The baseline's, in microseconds a request; none where none was sampled.
    pub baseline_micros: Option<f64>,
    /// The candidate's, in microseconds a request; none where none was sampled.
    pub candidate_micros: Option<f64>,
}

/// Requests of one side that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedRequests {
    /// Whose they were.
    pub side: Side,
    /// The route.
    pub route: String,
    /// What went wrong.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// One look at the rounds so far, to see whether they suffice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// Whether it was taken at the rounds of a confirmation.
    pub confirmation: bool,
    /// How many rounds there were.
    pub rounds: usize,
    /// The share of the family's error that may have been spent by then, 0 to 1.
    pub spent: f64,
    /// What it came to: `goes on`, or the verdict's word.
    pub outcome: String,
}

/// How much load there was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// Users of closed load, who wait for one answer before the next request.
    pub users: usize,
    /// What the baseline did with them when it was measured at the start, in requests
    /// a second.
    pub capacity_per_second: f64,
    /// Turns a second of open load, for both sides.
    pub open_per_second: f64,
    /// The length of a slot, in milliseconds, and of what is dropped at its begin.
    pub slot_millis: u64,
    /// What is dropped at the begin of each slot, in milliseconds.
    pub dropped_millis: u64,
}

/// What this machine was known to be able to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationUsed {
    /// The file.
    pub file: String,
    /// When it was made.
    pub made: Timestamp,
    /// How many rounds it rests on.
    pub rounds: usize,
}

/// One round: both topologies started afresh, loaded by turns, and stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    /// Its number, from 1; a confirmation counts anew.
    pub number: usize,
    /// Whether it belongs to a confirmation.
    pub confirmation: bool,
    /// The seed of its random choices.
    pub seed: u64,
    /// When it began.
    pub started: Timestamp,
    /// How long it took with starts and stops, in seconds.
    pub seconds: f64,
    /// Which side was started first.
    pub started_first: Side,
    /// The cores that the nodes of both sides had; the generator had the others, or all.
    pub node_cores: Vec<usize>,
    /// The cores that the generator had.
    pub generator_cores: Vec<usize>,
    /// What the baseline did.
    pub baseline: SideRound,
    /// What the candidate did.
    pub candidate: SideRound,
    /// Every slot, in order.
    pub slots: Vec<Slot>,
    /// What became of the machine's time while there was load, if it tells.
    pub machine: Option<MachineUse>,
    /// CPU seconds a second that the generator used in slots of closed load.
    pub generator_cores_used: Option<f64>,
    /// How late the generator sent the baseline's requests of open load, 99th percentile of those
    /// that found a user free, in microseconds.
    pub send_lag_p99_micros: Option<u64>,
}

/// What one side did in a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideRound {
    /// Requests that were sent in slots of either kind, those dropped included: what
    /// CPU time is divided by.
    pub requests: u64,
    /// CPU time of each node, in nanoseconds, over the same time.
    pub cpu_nanos: Vec<NodeCpu>,
    /// Requests that failed.
    pub failed: u64,
    /// Answers in closed load, dropped ones left out.
    pub closed_requests: u64,
    /// The time that they took, in seconds.
    pub closed_seconds: f64,
    /// Answers in open load, dropped ones left out.
    pub open_requests: u64,
    /// Response times in open load, from the intended time, in microseconds: the
    /// round's median, 95th and 99th percentile; `None` without any.
    pub open_micros: Option<Percentiles>,
    /// Turns of open load that found no user free.
    pub queued: u64,
    /// Turns of open load that should have begun in their slot and never did.
    pub unsent: u64,
    /// Requests that never left the generator's machine; they are in nothing above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_left: Vec<NeverLeft>,
}

/// Requests that never left the generator's machine, for want of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeverLeft {
    /// What it lacked.
    pub shortage: Shortage,
    /// The count.
    pub count: u64,
    /// The first one's particulars.
    pub example: String,
}

/// The CPU time of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeCpu {
    /// The node.
    pub node: String,
    /// User and system time, in nanoseconds.
    pub nanos: u64,
}

/// Three percentiles, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// One slot on one side: of closed load without what is dropped at its begin, of open
/// load with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// Whose turn it was.
    pub side: Side,
    /// The quad that it is one of four of, from 0.
    pub quad: usize,
    /// The median response time of open load, in microseconds; `None` in closed load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_p50_micros: Option<f64>,
    /// Answers.
    pub requests: u64,
    /// Its length in microseconds.
    pub micros: u64,
    /// CPU time of all the side's nodes, in nanoseconds.
    pub cpu_nanos: u64,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Baseline, Side::Candidate];

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Side::Baseline => "baseline",
            Side::Candidate => "candidate",
        }
    }

    /// The side it is compared with.
    pub fn other(self) -> Side {
        match self {
            Side::Baseline => Side::Candidate,
            Side::Candidate => Side::Baseline,
        }
    }
}

impl Round {
    /// What `side` did.
    pub fn of(&self, side: Side) -> &SideRound {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::example::example;
    use super::*;

    #[test]
    fn older_records_still_open() {
        let now = example().metrics.remove(2);
        let mut before = serde_json::to_value(&now).expect("JSON");
        let members = before.as_object_mut().expect("it has members");
        let reason = members.remove("excuse").expect("it has one");
        members.insert("report_only".to_owned(), reason);
        members.insert("outcome".to_owned(), json!("report_only"));
        members.insert("log_ratios".to_owned(), json!([0.05, -0.01]));
        members.remove("surely_above");
        members.remove("surely_below");
        let opened: MetricRecord = serde_json::from_value(before).expect("a metric");
        let log_ratios = vec![Some(0.05), Some(-0.01)];
        assert_eq!(opened, MetricRecord { log_ratios, ..now });

        let mut before = serde_json::to_value(example().confirmation).expect("JSON");
        let members = before.as_object_mut().expect("it has members");
        members.remove("metrics").expect("it has some");
        let opened: Confirmation = serde_json::from_value(before).expect("a confirmation");
        assert!(opened.metrics.is_empty());
    }
}
