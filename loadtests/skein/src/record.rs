//! The record that a run leaves behind: `run.json`, from which every page is made.

mod connections;
mod curve;
#[cfg(test)]
pub(crate) mod example;
mod open;
mod requests;
mod stopped;
mod store;
mod timeline;
mod traffic;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::Evidence;
use crate::figure::FigureRecord;
use crate::ledger::Ledger;
use crate::plan::{Mix, Stage};
use crate::section::Section;
use crate::threshold::Verdicts;
use crate::timing::RouteTiming;
use crate::verdict::Judgement;

pub use connections::ConnectionsRecord;
pub use curve::Curve;
pub use open::{OpenPart, OpenTotal, share};
pub use requests::{OpenRecord, RequestFigures, Times};
pub use stopped::StoppedEarly;
pub use store::{
    Document, RecordError, append_whole, read_json, replace_file, write_json, write_whole,
};
pub(crate) use store::{run_schema, schema_of};
pub use timeline::{CoresRecord, EventRecord, TickRecord, TickTimes, Timeline};
pub use traffic::{EdgeRecord, MachineRecord, NodeRecord, ServerRecord, Traffic};
pub use usage::{ProcessRecord, ProcessUsage, StageUsage, ThrottledRecord};

/// One run: what was done, on what, and every figure that came of it. Times of
/// requests are in microseconds. A response time is from the intended time to the last
/// byte; where nothing else is said, it is what is meant.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The version of this form.
    pub schema_version: u32,
    /// The name of the run's folder.
    pub id: String,
    /// The verdict on the run.
    pub judgement: Judgement,
    /// Doubts about the measurement.
    pub warnings: Vec<Doubt>,
    /// The plan that was carried out.
    pub plan: PlanRecord,
    /// The seed of every random choice.
    pub seed: u64,
    /// The command that makes the same run again.
    pub command: String,
    /// The time of day when the load began.
    pub started: Timestamp,
    /// The time of day when the last request of the load was over, by the clock as it was when the run
    /// began.
    pub ended: Timestamp,
    /// The time that the load lasted, in seconds, by a clock that nobody sets.
    #[serde(default)]
    pub lasted_seconds: Option<f64>,
    /// The machine that the run was made on, and the build.
    pub environment: Environment,
    /// The stages, in order.
    pub stages: Vec<StageRecord>,
    /// Requests of the stages that are no warm-up, by route.
    pub routes: Vec<RouteRecord>,
    /// All requests of those stages together.
    #[serde(default)]
    pub overall: Option<OverallRecord>,
    /// The length of the stages that are no warm-up, in seconds.
    pub measured_seconds: f64,
    /// The connections of users; `None` in records of earlier programs.
    #[serde(default)]
    pub connections: Option<ConnectionsRecord>,
    /// The course of the run, tick by tick.
    #[serde(default)]
    pub timeline: Timeline,
    /// The thresholds, judged.
    pub thresholds: Verdicts,
    /// Answers by the node that named itself in them, over the whole run.
    #[serde(default)]
    pub answered_by: BTreeMap<String, u64>,
    /// The calls between nodes; `None` of a system that was there.
    #[serde(default)]
    pub traffic: Option<Traffic>,
    /// Figures of the program, by name.
    #[serde(default)]
    pub figures: Vec<FigureRecord>,
    /// Sections of the program, for the page.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// A few words of the program, for summaries.
    #[serde(default)]
    pub in_short: Vec<String>,
    /// The conservation count.
    pub ledger: Ledger,
    /// CPU time over the stages that are no warm-up, by node, the generator last.
    pub processes: Vec<ProcessRecord>,
    /// The use that every process made of the operating system, by stage.
    #[serde(default)]
    pub usage: Vec<StageUsage>,
    /// The shares of hops in the time of sampled requests, by route, over the stages that are no
    /// warm-up.
    #[serde(default)]
    pub timing: Vec<RouteTiming>,
    /// The run's knowledge of itself, which its warnings rest on.
    #[serde(default)]
    pub evidence: Evidence,
    /// The early end of a run in which a rule was surely lost, where that was to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<StoppedEarly>,
    /// Failed requests of the whole run, by route and reason.
    pub failures: Vec<FailureRecord>,
    /// Members of the program's own.
    #[serde(flatten)]
    pub kept: BTreeMap<String, Value>,
}

impl Document for Record {
    const FILE: &str = "run.json";
    const SCHEMA_VERSION: u32 = 1;
}

/// The plan that was carried out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The plan's name.
    pub name: String,
    /// A sentence on its purpose.
    pub description: String,
    /// The plan as it was written.
    pub source: String,
    /// The program's table of the system that was started, unless one was there.
    #[serde(default)]
    pub shape: Option<Value>,
    /// The system that was started, in a few words.
    #[serde(default)]
    pub system: Option<String>,
    /// The URL of a system that was there.
    pub target: Option<String>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// The weights of scenarios.
    #[serde(default)]
    pub mix: Mix,
    /// True when users sent plain requests, to whatever system, in place of the mix.
    #[serde(default)]
    pub is_plain: bool,
    /// The behaviour of users: how long they think, and what the program knows of it.
    #[serde(default)]
    pub behaviour: Value,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// Users at work at its end.
    pub users: usize,
    /// True when it only prepared the system.
    pub warm_up: bool,
    /// Its length, in seconds.
    pub seconds: f64,
    /// The requests that were sent in it.
    pub requests: RequestFigures,
    /// The fates of its arrivals, if its load was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenRecord>,
    /// The scenarios with loads of their own, where it had such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<ScenarioRecord>,
}

/// The load of one scenario in a stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRecord {
    /// The scenario.
    pub scenario: String,
    /// Its users at work once the ramp is over.
    pub users: usize,
    /// The time from the beginning of the stage to that of the load, in seconds.
    pub begins_seconds: f64,
    /// The load's length, in seconds.
    pub seconds: f64,
    /// The requests that its users sent in the stage.
    pub requests: RequestFigures,
    /// The fates of its arrivals, if the load was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenRecord>,
}

/// The requests of one route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RouteRecord {
    /// `GET /data/{key}`.
    pub name: String,
    /// The requests that were sent to it.
    pub requests: RequestFigures,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Response times as a curve.
    #[serde(default)]
    pub curve: Curve,
    /// Service times as a curve, where they are others.
    #[serde(default, skip_serializing_if = "Curve::is_empty")]
    pub service_curve: Curve,
    /// Times from the actual send to the head of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Times>,
}

/// All requests together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OverallRecord {
    /// The requests that were sent.
    pub requests: RequestFigures,
    /// Response times as a curve.
    pub curve: Curve,
    /// Service times as a curve, where they are others.
    #[serde(default, skip_serializing_if = "Curve::is_empty")]
    pub service_curve: Curve,
    /// Times from the actual send to the head of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Times>,
}

/// A way to fail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// The route.
    pub route: String,
    /// The fault, in a few words.
    pub reason: String,
    /// The number of such failures over the whole run.
    pub count: u64,
    /// The same over the stages that are no warm-up, as are the requests of routes; `None`
    /// in records of earlier programs, which didn't keep them apart.
    #[serde(default)]
    pub judged: Option<u64>,
    /// The first one's particulars.
    pub example: String,
}

impl Record {
    /// `number` as a rate per second over the stages that are no warm-up; `None` when
    /// they had no length.
    pub fn per_measured_second(&self, number: f64) -> Option<f64> {
        (self.measured_seconds > 0.0).then(|| number / self.measured_seconds)
    }

    /// True when the run started the system itself.
    pub fn is_started(&self) -> bool {
        self.plan.target.is_none()
    }

    /// The length of the load.
    pub fn duration(&self) -> Duration {
        let between = || self.ended.duration_since(self.started).try_into().ok();
        let lasted = self.lasted_seconds;
        // Older records have no more than the two.
        lasted
            .map_or_else(between, |seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or_default()
    }
}
