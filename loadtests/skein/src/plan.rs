//! A load test as data: which system, which users doing what, for how long, and
//! what must hold. Plans are TOML; some are part of the program.

mod amendment;
mod at_most;
mod capacity;
mod capacity_file;
mod connection_file;
mod file;
mod gate;
mod gate_file;
mod load_file;
mod mistake;
mod mix;
mod request;
mod rules;
mod scenario_load;
mod schedule;
mod seating;
mod span;
mod stage_file;
mod tables;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use harness::Topology;
use harness::topology::FileError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use amendment::Amendment;
pub(crate) use capacity::{CapacitySettings, Relief, Variant};
pub use gate::GateSettings;
pub(crate) use load_file::MOST_USERS;
pub use mistake::{InvalidPlan, Mistake, ToldPlan, within};
pub use mix::Mix;
pub use request::{
    Check, Condition, Escaping, Order, PlainRequest, Requests, Seen, Slot, Step, Story, Table,
    Template,
};
pub use scenario_load::ScenarioLoad;
pub use schedule::{Load, LoadIndex, Schedule, Whose};
pub use seating::Seating;
pub use span::{Size, Span};
pub use toml::Spanned;

pub(crate) use span::{check_timeout_of, size};

use crate::arrivals::{RateCurve, Spacing};
use crate::client::{AnswerLimits, ConnectionSettings};
use crate::equations::Equations;
use crate::evidence::Limits;
use crate::figure::Figure;
use crate::program::application::Application;
use crate::program::{PlanTable, TypeMap};
use crate::samples::StageIndex;
use crate::scenario::{ScenarioIndex, ScenarioKind};
use crate::threshold::Threshold;
use crate::timing::Hops;

/// A load test that can be run: read, and checked for sense.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's name, which is part of each run's.
    pub name: String,
    /// One sentence about what it is for.
    pub description: String,
    /// The seed of every random choice, unless the command line gives another.
    pub seed: Option<u64>,
    /// The file that it is from, or what stands for one.
    pub(crate) file: PathBuf,
    /// The program whose plan it is.
    pub(crate) application: Arc<Application>,
    /// A system in place of the program's own, from a file.
    pub(crate) foreign: Option<ForeignSystem>,
    /// The tables that mean something to the program alone.
    pub(crate) tables: TypeMap,
    /// The same as a record keeps them, by name.
    pub(crate) kept_tables: serde_json::Map<String, serde_json::Value>,
    /// The parts of the test, in order; warm-up comes first.
    pub stages: Vec<Stage>,
    /// The scenarios that users may follow: the program's, the plan's own, or plain requests,
    /// all of them and those with loads of their own.
    pub(crate) scenarios: Vec<ScenarioKind>,
    /// The share of users that each scenario gets.
    pub mix: Mix,
    /// Requests that users send in place of the scenarios, to a server that the plan doesn't
    /// start.
    pub requests: Option<Requests>,
    /// The time that a user waits between turns, on average; single waits are spread evenly
    /// from half of it to one and a half.
    pub think_time: Duration,
    /// The time that answers may take, and how large they may be.
    pub answers: AnswerLimits,
    /// The way in which users connect.
    pub connection: ConnectionSettings,
    /// Lines of the ledger and figures that the plan, or its system's file, adds as data.
    pub(crate) equations: Equations,
    /// Rules that must hold over the stages that are no warm-up.
    pub thresholds: Vec<Threshold>,
    /// From when on the run is to mistrust itself.
    pub limits: Limits,
    /// True when the load is to stop as soon as a rule is surely lost.
    pub stop_early: bool,
    /// Settings of a performance gate over the plan.
    pub gate: GateSettings,
    /// Settings of a study of capacity over the plan.
    pub(crate) capacity: CapacitySettings,
    /// Variants of it that such a study compares.
    pub(crate) variants: Vec<Variant>,
    /// Changes of it that relieve a tier of the system.
    pub(crate) reliefs: Vec<Relief>,
    /// The plan as it was written.
    pub source: String,
}

/// A system that a file describes, whatever the program's own is.
#[derive(Clone, Debug)]
pub(crate) struct ForeignSystem {
    /// The file.
    pub(crate) path: PathBuf,
    /// The system.
    pub(crate) topology: Topology,
    /// Lines of the ledger and figures that the file has.
    pub(crate) equations: Equations,
}

/// A reason why a file gives no system.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// Its nodes are none.
    #[error(transparent)]
    Nodes(#[from] FileError),
    /// An addition of it to the ledger makes no sense.
    #[error(transparent)]
    Equations(#[from] InvalidPlan),
}

/// The program and the system that a plan is for, which say what it may have in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanOf<'a> {
    /// The program.
    pub(crate) application: &'a Arc<Application>,
    /// A system in place of the program's own.
    pub(crate) system: Option<&'a ForeignSystem>,
}

impl<'a> PlanOf<'a> {
    /// A plan for the program's own system.
    pub(crate) fn program(application: &'a Arc<Application>) -> Self {
        PlanOf {
            application,
            system: None,
        }
    }
}

impl ForeignSystem {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It can't be read, or describes no system.
    pub(crate) fn read(path: &Path) -> Result<Self, SystemError> {
        let source = std::fs::read_to_string(path).map_err(FileError::from)?;
        file::parse_system(path, &source)
    }
}

/// One part of a load test: a number of users, or a rate of arrivals, for some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// The stage's name.
    pub name: String,
    /// The number of users at work once the ramp is over. In open load they bound
    /// what is in flight, and all are there from the begin.
    pub users: usize,
    /// The time that the stage lasts, with its ramp.
    pub duration: Duration,
    /// The time from the previous stage's number of users, or rate, to this one's.
    pub ramp: Duration,
    /// True when the stage only prepares the system: no threshold judges it.
    pub warm_up: bool,
    /// Open load: when turns should begin. Without it, load is closed: a user's next
    /// turn waits for the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenLoad>,
    /// The number of turns after which the stage is over, even if its time isn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Loads of single scenarios, side by side, in place of one of the mix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<ScenarioLoad>,
}

impl Stage {
    /// True when nobody is to send anything.
    pub fn is_pause(&self) -> bool {
        if !self.scenarios.is_empty() {
            return self.scenarios.iter().all(ScenarioLoad::is_pause);
        }
        match &self.open {
            Some(open) => open.is_pause(),
            None => self.users == 0 && self.ramp.is_zero(),
        }
    }
}

/// Turns that begin when they should, whether or not earlier ones are over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenLoad {
    /// The rate, in turns a second.
    pub curve: RateCurve,
    /// The spacing from one turn to the next.
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

/// A reason why a plan can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Neither a built-in plan nor a file is called so.
    #[error(
        "there is no plan {name:?}: it is neither a file nor one of {}; `{program} plans` lists them",
        known.join(", ")
    )]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The program.
        program: String,
        /// The names of its plans.
        known: Vec<String>,
    },
    /// The file is there and can't be read.
    #[error("could not read the plan {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The plan is no plan.
    #[error(transparent)]
    Invalid(#[from] InvalidPlan),
}

impl PlanError {
    /// Neither a plan of the program nor a file is called so.
    pub(crate) fn unknown(name: &str, application: &Application) -> Self {
        PlanError::Unknown {
            name: name.to_owned(),
            program: application.name.clone(),
            known: application.plans().map(|(name, _)| name).collect(),
        }
    }
}

/// A program without a system, where none was named.
#[derive(Debug, thiserror::Error)]
#[error("{program} has no system of its own; name one with --topology FILE")]
pub struct NoSystem {
    program: String,
}

impl Plan {
    /// The table with the fewest rows of those of which each user has one to itself, if there is one.
    pub(crate) fn scarcest_table(&self) -> Option<&Table> {
        self.requests.as_ref().and_then(Requests::scarcest_table)
    }

    /// The check that each of the users of short slots has a row of its own, where users have any.
    ///
    /// # Errors
    ///
    /// A sentence, with the table of the plan that has their number.
    pub(crate) fn has_rows_for(&self, users: usize, table: &str) -> Result<(), String> {
        let scarcest = self.scarcest_table();
        let rows = scarcest.map_or(users, |scarcest| scarcest.rows.len());
        match scarcest {
            Some(scarcest) if rows < users => Err(format!(
                "{} has {rows} rows for {{{}.…}}, one for each user, and there are {users}: give it as many, or say `users = {rows}` under [{table}]",
                scarcest.from, scarcest.name
            )),
            _ => Ok(()),
        }
    }

    /// The figures that rules may be about: those of the file, and the program's own. Of other
    /// systems, the latter have to be known too, to be refused in a sentence.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let program = self.application.figures.iter().copied();
        self.equations.figures().chain(program).collect()
    }

    /// The built-in plan or the file that `name` means. A built-in name wins; write
    /// `./smoke` for a file of that name.
    pub(crate) fn load(name: &str, of: PlanOf<'_>) -> Result<Plan, PlanError> {
        let application = of.application;
        if let Some(source) = application.built_in(name) {
            let file = format!("plans/{name}.toml");
            return Ok(Plan::parse(&file, source, of)?);
        }
        let path = Path::new(name);
        match std::fs::read_to_string(path) {
            Ok(source) => Ok(Plan::parse(name, &source, of)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(PlanError::unknown(name, application))
            }
            Err(source) => Err(PlanError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Reads a plan from its TOML; `file` is what errors call it.
    pub(crate) fn parse(file: &str, source: &str, of: PlanOf<'_>) -> Result<Plan, InvalidPlan> {
        file::parse(file, source, of)
    }

    /// Reads a plan that was told on the command line; errors name the flag.
    pub(crate) fn parse_told(told: &ToldPlan, of: PlanOf<'_>) -> Result<Plan, InvalidPlan> {
        file::parse_told(told, of)
    }

    /// The moment at which each stage begins, and the number of users at work.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(&self.stages)
    }

    /// A table that means something to the program alone.
    ///
    /// # Panics
    ///
    /// When the program reads no such table.
    pub fn table<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.tables.get().unwrap_or_else(|| {
            panic!(
                "the program reads no table into a {}",
                std::any::type_name::<T>()
            )
        })
    }

    /// Puts a table that means something to the program alone in place of the plan's.
    pub(crate) fn set_table<T: PlanTable>(&mut self, table: T) {
        let kept = serde_json::to_value(&table).unwrap_or_default();
        self.kept_tables.insert(T::NAME.to_owned(), kept);
        self.tables.insert(table);
    }

    /// The system to start; `None` when there is none to be had.
    pub(crate) fn topology(&self) -> Option<Topology> {
        match &self.foreign {
            Some(system) => Some(system.topology.clone()),
            None => Some((self.application.system.as_ref()?)(self)),
        }
    }

    /// The system to start.
    ///
    /// # Errors
    ///
    /// There is none to be had.
    pub(crate) fn system(&self) -> Result<Topology, NoSystem> {
        self.topology().ok_or_else(|| NoSystem {
            program: self.application.name.clone(),
        })
    }

    /// True for a stage that is no warm-up; there is none once the load is over.
    pub(crate) fn is_judged(&self, stage: StageIndex) -> bool {
        stage.is_some_and(|stage| !self.stages[stage].warm_up)
    }

    /// True when the system is the program's own, of which it can give an account.
    pub(crate) fn is_at_home(&self) -> bool {
        self.foreign.is_none()
    }

    /// The hops of the system, or of one like it that is there already.
    pub(crate) fn hops(&self) -> Hops {
        let topology = self.topology();
        topology.map_or_else(Hops::unknown, |topology| Hops::of(&topology))
    }

    /// True when it says how often users follow each scenario.
    pub(crate) fn has_mix(&self) -> bool {
        self.requests.is_some() || !self.mix.is_empty()
    }

    /// The reason why a plan without a mix has nothing for somebody's users to do.
    pub(crate) fn lacks_mix(&self, whose: &str) -> String {
        format!(
            "{whose} users follow all scenarios by turns, and plan {} doesn't say how often each; give it a [mix]",
            self.name
        )
    }

    /// The place of the scenario that plans call so.
    pub(crate) fn scenario_called(&self, name: &str) -> Option<ScenarioIndex> {
        self.scenarios.iter().position(|kind| kind.key() == name)
    }

    /// The names of scenarios in plans, by their places.
    pub(crate) fn scenario_names(&self) -> impl Iterator<Item = String> {
        self.scenarios.iter().map(ScenarioKind::key)
    }

    /// Refuses a route that no user of the plan asks for.
    ///
    /// # Errors
    ///
    /// A sentence with the routes that there are.
    pub(crate) fn check_route(&self, route: &str) -> Result<(), String> {
        rules::check_route(route, self)
    }

    /// The scenario of each of this number of users.
    pub(crate) fn roster(&self, users: usize) -> Vec<ScenarioIndex> {
        match &self.requests {
            Some(requests) if requests.stories.is_empty() => vec![0; users],
            _ => self.mix.roster(users, &self.scenarios),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_unknown_plan_names_those_there_are() {
        let error = Plan::load("no-such-plan", PlanOf::program(&testing::application()))
            .expect_err("unknown");
        let message = error.to_string();
        assert!(message.contains("smoke, gate"), "{message}");
    }
}
