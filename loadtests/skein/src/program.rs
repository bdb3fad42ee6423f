//! A program made of the framework: scenarios, a topology, and what is to be counted and
//! shown of it. The verbs of the command line come with it.

mod account;
pub(crate) mod application;
mod flags;
mod seen;
pub(crate) mod table;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use harness::Topology;
use harness::counters::Counters;
use http::HeaderName;
use serde_json::Value;

use crate::commands;
use crate::exit_code::Outcome;
use crate::figure::Figure;
use crate::output;
use crate::plan::{Plan, PlanError, PlanOf};
use crate::record::Record;
use crate::scenario::{Scenario, ScenarioKind};
use crate::text;
use crate::user::Answer;

pub use account::Account;
pub use flags::{Amending, Shaped};
pub use seen::{Counts, NodeCounts, Over, Seen};
pub use table::PlanTable;
pub(crate) use table::TypeMap;

use application::{Application, UnderWay};

/// A variable that cargo sets for what it starts.
const SET_BY_CARGO: &str = "CARGO_MANIFEST_DIR";

/// A load tester for one kind of system, as a value that is put together piece by piece
/// and then does what its command line says.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use skein::{Program, Route, Scenario, Topology, User};
///
/// struct Visitors;
///
/// impl Scenario for Visitors {
///     const NAME: &str = "visitors";
///     const ROUTES: &[Route] = &[Route::new("GET", "/")];
///
///     fn of(_: &mut User) -> Self {
///         Visitors
///     }
///
///     async fn turn(&mut self, user: &mut User) {
///         let request = user.get("/");
///         user.send(Self::ROUTES[0], request, |answer| answer.expect_status(200)).await;
///     }
/// }
///
/// fn main() -> ExitCode {
///     Program::new("files")
///         .scenario::<Visitors>()
///         .plan(
///             r#"
///             name = "default"
///             thresholds = ["p99<50ms", "error-rate<0.1%"]
///             [mix]
///             visitors = 1
///             [[stage]]
///             name = "steady"
///             users = 8
///             duration = "5s"
///             "#,
///         )
///         .system(|_| {
///             Topology::from_toml(
///                 r#"
///                 [node.files]
///                 run = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
///                 ready = { http = "/" }
///                 "#,
///             )
///             .expect("a topology")
///         })
///         .run()
/// }
/// ```
#[derive(Debug)]
#[must_use = "a program does nothing until it runs"]
pub struct Program(Application);

impl Program {
    /// A program without scenarios or a system; it can load servers that are there already.
    pub fn new(name: impl Into<String>) -> Self {
        Program(Application::new(name.into()))
    }

    /// The same with a sentence about what it is for, which `--help` begins with.
    pub fn about(mut self, sentence: impl Into<String>) -> Self {
        self.0.about = sentence.into();
        self
    }

    /// The same, which its own developers start by another command than its name, such as
    /// `cargo run -p loadtests --`: reports say how a run is made again. Whoever starts it without
    /// cargo reads the name that it was started by.
    pub fn started_by(mut self, command: impl Into<String>) -> Self {
        self.0.command = match env::args().next() {
            Some(name) if env::var_os(SET_BY_CARGO).is_none() => commands::quoted(&name),
            _ => command.into(),
        };
        self
    }

    /// The same with one more kind of user, for plans to mix.
    pub fn scenario<S: Scenario>(mut self) -> Self {
        self.0.scenarios.push(ScenarioKind::of::<S>());
        for figure in S::FIGURES {
            // Several scenarios may count the same.
            if !self.0.figures.iter().any(|known| known.name == figure.name) {
                self.0.figures.push(*figure);
            }
        }
        self
    }

    /// The same with a plan that is part of the program, as TOML. Without a name on the
    /// command line, a run is of the plan `default`, and a gate of the plan `gate`.
    ///
    /// # Panics
    ///
    /// Not here, where every node's process passes, but when a plan is looked for by its name:
    /// when the text isn't TOML, or has no name.
    pub fn plan(mut self, source: &'static str) -> Self {
        self.0.plans.push(source);
        self
    }

    /// The same with the system that runs and gates start, for a plan.
    pub fn system(mut self, topology: impl Fn(&Plan) -> Topology + Send + Sync + 'static) -> Self {
        self.0.system = Some(Box::new(topology));
        self
    }

    /// The same with a sentence on a plan's system for reports, such as
    /// `3 doors, 2 catalogues`.
    pub fn described(mut self, sentence: impl Fn(&Plan) -> String + Send + Sync + 'static) -> Self {
        self.0.description = Some(Box::new(sentence));
        self
    }

    /// The same, hosting nodes of its own: a topology's `host` nodes are this very program,
    /// executed with a hidden word, and become whatever `serve` makes of their arguments.
    pub fn hosting(mut self, serve: fn(Vec<OsString>) -> ExitCode) -> Self {
        self.0.host = Some(serve);
        self
    }

    /// The same with the program of the workspace that hosts its nodes, so that a gate needs
    /// to build no more of a baseline: the name of its executable.
    pub fn nodes_built_as(mut self, executable: &'static str) -> Self {
        self.0.node_executable = Some(executable);
        self
    }

    /// The same with a table of plans that means something to this program alone. The table
    /// `topology` is kept in records as `shape`.
    pub fn table<T: PlanTable>(mut self) -> Self {
        self.0.tables.push(table::TableKind::of::<T>());
        self
    }

    /// The same with a value that all users of a run share, made from the plan:
    /// [`User::shared`](crate::User::shared) gives it, and [`Seen::shared`].
    pub fn shared<T: Send + Sync + 'static>(
        mut self,
        make: impl Fn(&Plan) -> T + Send + Sync + 'static,
    ) -> Self {
        let share = move |plan: &Plan, shared: &mut TypeMap| shared.insert(make(plan));
        self.0.shared.push(Box::new(share));
        self
    }

    /// The same with a figure that thresholds find by its name. Its reading is part of
    /// an [`Account`].
    pub fn figure(mut self, figure: Figure) -> Self {
        self.0.figures.push(figure);
        self
    }

    /// The same with an account of what was seen of a run: lines of its ledger, readings of
    /// figures, sections of its report.
    pub fn account(
        mut self,
        account: impl Fn(&Seen<'_>) -> Account + Send + Sync + 'static,
    ) -> Self {
        self.0.accounts.push(Box::new(account));
        self
    }

    /// The same with a header field that names the node that gave an answer, in place of
    /// `X-Served-By`.
    pub fn served_by(mut self, field: HeaderName) -> Self {
        self.0.signs.served_by = field;
        self
    }

    /// The same with an outcome that answers tell, counted by stage and route: see
    /// [`Seen::outcomes`].
    pub fn outcome(mut self, read: fn(&Answer) -> Option<&'static str>) -> Self {
        self.0.signs.outcome = Some(read);
        self
    }

    /// The same with counters that a role's nodes show from their start: a node that doesn't
    /// has not counted zero, it can't be read. Where several kinds of nodes may have the role,
    /// the counters of each are given by themselves, and a node shows all those of one kind.
    pub fn counters(mut self, role: &'static str, names: &'static [&'static str]) -> Self {
        self.0.counters.push((role, names));
        self
    }

    /// The same with work that goes on behind the answers: `left` tells from the counters
    /// of the role's nodes how much there is, and `None` when they don't tell. A run waits
    /// for its end, and a record calls it by `name`, such as `orders`.
    pub fn work_behind(
        mut self,
        name: &'static str,
        role: &'static str,
        left: fn(&Counters) -> Option<u64>,
    ) -> Self {
        self.0.under_way = Some(UnderWay { name, role, left });
        self
    }

    /// The same with flags of its own for `up`, in place of a plan.
    pub fn up_flags<S: Shaped>(mut self) -> Self {
        self.0.up = Some(flags::UpFlags::of::<S>());
        self
    }

    /// The same with flags of its own for `run` and `gate`, which change the plan.
    pub fn plan_flags<A: Amending>(mut self) -> Self {
        self.0.plan_flags = Some(flags::PlanFlags::of::<A>());
        self
    }

    /// The same with members of a run's record that this program keeps beside the
    /// framework's, as a JSON schema with `properties` and `$defs`.
    pub fn record_schema(mut self, schema: fn() -> Value) -> Self {
        self.0.record_schema = Some(schema);
        self
    }

    /// The same with a way to complete records of earlier builds, which had no sections or
    /// figures yet.
    pub fn adopting(mut self, adopt: fn(&mut Record)) -> Self {
        self.0.adopt = Some(adopt);
        self
    }

    /// The schema of a run's record, as JSON.
    pub fn run_schema(&self) -> String {
        crate::record::run_schema(self.0.record_schema)
    }

    /// A plan of this program: a built-in one or a file.
    ///
    /// # Errors
    ///
    /// There is none, or it is none.
    pub fn load_plan(self, name: &str) -> Result<Plan, PlanError> {
        Plan::load(name, PlanOf::program(&Arc::new(self.0)))
    }

    /// A plan of this program from its TOML; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// It is no plan.
    pub fn parse_plan(self, file: &str, source: &str) -> Result<Plan, PlanError> {
        Ok(Plan::parse(
            file,
            source,
            PlanOf::program(&Arc::new(self.0)),
        )?)
    }

    /// Does what the command line says. Ends with one of the codes that `--help` lists.
    pub fn run(self) -> ExitCode {
        if let Some(code) = self.node_or_helper() {
            return code;
        }
        crate::keeping::outlive_full_files();
        match self.run_command_line() {
            Ok(code) => code,
            Err(failure) => {
                // The fault may lie in a text that somebody else wrote, such as a record.
                let sentence = failure.sentence();
                output::tell(format_args!("error: {}", text::printable(&sentence)));
                ExitCode::from(failure.code)
            }
        }
    }

    /// Becomes a node or a helper, when this process was started to be one. For programs
    /// that don't [`run`](Program::run) the command line; belongs into the first line of
    /// `main`, before any runtime.
    pub fn node_or_helper(&self) -> Option<ExitCode> {
        let serve = self.0.host.unwrap_or(|_| {
            output::tell("error: this program hosts no nodes");
            ExitCode::FAILURE
        });
        harness::host::run_if_asked(serve)
            .or_else(|| harness::host::help_if_asked(crate::self_check::server::run))
            .or_else(crate::self_check::metered::serve_if_asked)
    }

    fn run_command_line(self) -> Outcome {
        commands::run_command_line(&Arc::new(self.0))
    }
}
