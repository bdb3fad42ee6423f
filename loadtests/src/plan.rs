//! A load test as data: which system, which users doing what, for how long, and
//! what must hold. Plans are TOML; the built-in ones are part of the program.

mod file;
mod framing;
mod gate;
mod gate_file;
mod mistake;
mod mix;
mod request;
mod request_file;
mod schedule;
mod several;
mod span;
mod stage_file;
mod template;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use gate::GateSettings;
pub use mistake::{InvalidPlan, ToldPlan};
pub use mix::Mix;
pub use request::{PlainRequest, Requests};
pub use schedule::Schedule;
pub use span::{check_timeout_of, size};
pub use template::Escaping;

use crate::arrivals::{RateCurve, Spacing};
use crate::client::AnswerLimits;
use crate::evidence::Limits;
use crate::threshold::Threshold;

/// A load test that can be run: read, and checked for sense.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the plan is called; part of each run's name.
    pub name: String,
    /// One sentence about what it is for.
    pub description: String,
    /// The seed of every random choice, unless the command line gives another.
    pub seed: Option<u64>,
    /// The system to start.
    pub shape: Shape,
    /// The parts of the test, in order; warm-up comes first.
    pub stages: Vec<Stage>,
    /// How users share out among the scenarios.
    pub mix: Mix,
    /// What users send in place of the scenarios, to a server that the plan doesn't start.
    pub requests: Option<Requests>,
    /// How users of each scenario behave.
    pub behaviour: Behaviour,
    /// The time that answers may take, and how large they may be.
    pub answers: AnswerLimits,
    /// What must hold over the stages that are no warm-up.
    pub thresholds: Vec<Threshold>,
    /// From when on the run is to mistrust itself.
    pub limits: Limits,
    /// What a performance gate does with the plan.
    pub gate: GateSettings,
    /// The plan as it was written.
    pub source: String,
}

/// The system that a plan asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// API gateways behind the balancer, 1 to 32.
    pub gateways: usize,
    /// Cache nodes, 0 to 32.
    pub caches: usize,
    /// What each read and write of the database waits, to stand for a disk or a network.
    pub storage_latency: Duration,
    /// How long the worker's executor takes for a task.
    pub task_duration: Duration,
    /// How long caches keep a value; zero means for ever.
    pub cache_ttl: Duration,
}

/// One part of a load test: so many users, or so many arrivals a second, for so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// What the stage is called.
    pub name: String,
    /// How many users are at work once the ramp is over. In open load they bound
    /// what is in flight, and all are there from the begin.
    pub users: usize,
    /// How long the stage lasts, with its ramp.
    pub duration: Duration,
    /// How long it takes from the previous stage's number of users, or rate, to this one's.
    pub ramp: Duration,
    /// Whether the stage only prepares the system: no threshold judges it.
    pub warm_up: bool,
    /// Open load: when turns should begin. Without it, load is closed: a user's next
    /// turn waits for the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenLoad>,
}

impl Stage {
    /// True when nobody is to send anything.
    pub fn is_pause(&self) -> bool {
        match &self.open {
            Some(open) => open.is_pause(),
            None => self.users == 0 && self.ramp.is_zero(),
        }
    }
}

/// Turns that begin when they should, whether or not earlier ones are over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenLoad {
    /// How many a second.
    pub curve: RateCurve,
    /// How they follow each other.
    pub spacing: Spacing,
}

impl OpenLoad {
    /// True when no turn is asked for.
    pub fn is_pause(&self) -> bool {
        self.curve.expected() == 0.0
    }

    /// Users enough to keep the rate up while turns take 100 ms on average, by
    /// Little's law (users = rate × time); between 32 and 1,000.
    pub fn enough_users(&self) -> usize {
        let most = self.curve.from.max(self.curve.to.get());
        (most * 0.1).ceil().clamp(32.0, 1000.0) as usize
    }
}

/// How users of each scenario behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Behaviour {
    /// How many seeded items there are to read.
    pub items: u32,
    /// How much more often the first item is read than later ones: item k with
    /// weight 1 ÷ kˢ. Zero reads all alike.
    pub zipf_exponent: f64,
    /// The share of reads that ask for the listing, 0 to 1.
    pub listing_share: f64,
    /// The share of submitted tasks that are sent twice under one key, 0 to 1.
    pub repeat_share: f64,
    /// What a user waits between turns, on average; single waits are spread evenly
    /// from half of it to one and a half.
    pub think_time: Duration,
    /// What a submitter waits between two looks at its task.
    pub poll_interval: Duration,
}

/// Why a plan can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Neither a built-in plan nor a file is called so.
    #[error(
        "there is no plan {name:?}: it is neither a file nor one of {}; `loadtests plans` lists them",
        built_in_names().join(", ")
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file is there and can't be read.
    #[error("could not read the plan {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The plan is no plan.
    #[error(transparent)]
    Invalid(#[from] InvalidPlan),
}

/// The plans that are part of the program, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("smoke", include_str!("../plans/smoke.toml")),
    ("default", include_str!("../plans/default.toml")),
    ("spike", include_str!("../plans/spike.toml")),
    ("soak", include_str!("../plans/soak.toml")),
    ("gate", include_str!("../plans/gate.toml")),
];

/// The names of the built-in plans.
pub fn built_in_names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}

/// A built-in plan's TOML.
pub fn built_in(name: &str) -> Option<&'static str> {
    let (_, source) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(source)
}

impl Plan {
    /// The built-in plan or the file that `name` means. A built-in name wins; write
    /// `./smoke` for a file of that name.
    pub fn load(name: &str) -> Result<Plan, PlanError> {
        if let Some(source) = built_in(name) {
            return Ok(Plan::parse(&format!("plans/{name}.toml"), source)?);
        }
        let path = Path::new(name);
        match std::fs::read_to_string(path) {
            Ok(source) => Ok(Plan::parse(name, &source)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PlanError::Unknown {
                name: name.to_owned(),
            }),
            Err(source) => Err(PlanError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Reads a plan from its TOML; `file` is what errors call it.
    pub fn parse(file: &str, source: &str) -> Result<Plan, InvalidPlan> {
        file::parse(file, source)
    }

    /// Reads a plan that was told on the command line; errors name the flag.
    pub fn parse_told(told: &ToldPlan) -> Result<Plan, InvalidPlan> {
        file::parse_told(told)
    }

    /// When each stage begins and how many users are at work.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(&self.stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_plans_are_valid_and_called_by_their_name() {
        for name in built_in_names() {
            let plan = Plan::load(name).expect(name);
            assert_eq!(plan.name, name);
            assert!(!plan.thresholds.is_empty(), "{name} judges nothing");
        }
    }

    #[test]
    fn the_default_plan_ends_within_a_minute_and_smoke_within_ten_seconds() {
        let length = |name| Plan::load(name).expect(name).schedule().length();
        assert!(length("default") <= Duration::from_secs(40));
        assert!(length("smoke") <= Duration::from_secs(8));
    }

    #[test]
    fn an_unknown_plan_names_those_there_are() {
        let message = Plan::load("no-such-plan").expect_err("unknown").to_string();
        assert!(
            message.contains("smoke, default, spike, soak, gate"),
            "{message}"
        );
    }
}
