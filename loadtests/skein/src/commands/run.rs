//! `loadtests run`: a load test from the plan to the report.

mod answers;
mod connection;
mod figures;
mod load;
mod one_line;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args, Parser};
use jiff::Timestamp;

use super::telling::{EventsFile, tell_of_files};
use super::{ReportsFolder, amended, build, foreign_system, on_runtime, quoted};
use crate::client::{InvalidTarget, Target};
use crate::events::{CommandName, Events};
use crate::exit_code::{Failure, Outcome};
use crate::interruption::Interruption;
use crate::keeping::{Losses, Weight};
use crate::output::show;
use crate::plan::{Plan, PlanOf};
use crate::program::application::Application;
use crate::record::{Document, Record};
use crate::report::{Kind, Reports, summary};
use crate::run::{Finished, Order, RunError};
use crate::wall::WallClock;
use answers::Answers;
use connection::Connection;
use figures::LiveFigures;
use load::Load;
use one_line::OneLine;

/// What to run.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// A built-in plan (see `loadtests plans`), or a TOML file.
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    plan: String,

    /// The seed of every random choice [default: the plan's, else a new one].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Load the server that runs at this URL, and judge what can be seen from outside:
    /// no CPU time, and no ledger. With a plan of plain requests, or with --get and the
    /// like, any server will do; with another, it must be one that the plan's scenarios
    /// are made for.
    #[arg(long, value_name = "URL", group = "where_to", value_parser = url)]
    target: Option<String>,

    /// Start the system that this file describes, in place of the program's own; with a
    /// plan of plain requests, or with --get and the like, whatever it consists of.
    #[arg(
        long,
        value_name = "FILE",
        group = "where_to",
        conflicts_with = "target"
    )]
    topology: Option<PathBuf>,

    #[command(flatten)]
    folder: ReportsFolder,

    #[command(flatten)]
    events: EventsFile,

    /// Show no progress, only the summary.
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    one_line: OneLine,

    #[command(flatten)]
    load: Load,

    #[command(flatten)]
    answers: Answers,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    figures: LiveFigures,
}

impl Default for Run {
    fn default() -> Self {
        #[derive(Parser)]
        struct Defaults {
            #[command(flatten)]
            run: Run,
        }
        Defaults::parse_from(["run"]).run
    }
}

impl Run {
    /// Runs what is meant; `flags` are all flags of the verb, also those of the program.
    pub(super) fn execute(
        self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Outcome {
        let mut plan = self.plan(application).map_err(Failure::usage)?;
        let amended = amended(&mut plan, flags).map_err(Failure::usage)?;
        if self.target.is_some() && !amended.is_empty() {
            return Err(Failure::usage(anyhow::anyhow!(
                "{} is for a system that is started, and --target names one that runs already; leave one of them out",
                amended.trim_start()
            )));
        }
        self.figures.check_dashboard().map_err(Failure::usage)?;
        let seed = self.seed.or(plan.seed).unwrap_or_else(rand::random);
        let order = Order {
            seed,
            command: self.command_again(application, &amended, seed),
            target: self.target.clone(),
            dashboard: self.figures.dashboard,
            metrics: self.figures.listener().map_err(Failure::usage)?,
            receiver: self.figures.receiver().map_err(Failure::usage)?,
            samples: self.figures.sample_file(&plan).map_err(Failure::usage)?,
            wall: WallClock::SYSTEM,
            plan,
        };
        let events = |stream| Events::of_command(self.quiet, stream);
        self.events
            .tell(CommandName::Run, events, |events, interruption| {
                self.run(order, events, interruption)
            })
    }

    /// Runs `order` and keeps its report. Gives the exit code.
    fn run(
        &self,
        order: Order,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<u8, Failure> {
        if let Some(system) = order
            .plan
            .foreign
            .as_ref()
            .filter(|_| order.target.is_none())
        {
            build(&system.topology, interruption)?;
        }
        let reports = Reports::of(&order.plan.application, &self.folder.reports);
        let id = format!(
            "{}-{}",
            Timestamp::now().strftime("%Y%m%dT%H%M%SZ"),
            order.plan.name
        );
        let folder = reports
            .create_folder(Kind::Run, &id)
            .and_then(std::path::absolute)
            .map_err(|error| {
                let place = self.folder.reports.display();
                Failure::usage(anyhow::Error::new(error).context(format!(
                    "could not keep reports in {place}; choose a folder with --reports"
                )))
            })?;

        let samples = order.samples.clone();
        let run = crate::run::run(order, &folder, events, interruption);
        let outcome = on_runtime(run)?;
        let Finished { record, mut losses } = outcome.map_err(|error| failed(error, &folder))?;
        losses.add(keep(&record, &reports, &folder));
        losses.add(samples.map_or_else(Losses::default, |file| file.end()));
        tell_of_files(events, &folder, Record::FILE, &losses);
        events.hush();
        let page = reports.folder_of(Kind::Run, &record.id).join("index.html");
        show(summary(&record, &page));
        losses.tell();
        self.folder.open_if_asked(&page);
        let code = record.judgement.verdict.exit_code();
        Ok(losses.exit_code(code))
    }

    /// The plan that is meant, checked against where it is to run.
    fn plan(&self, application: &Arc<Application>) -> anyhow::Result<Plan> {
        let system = self.topology.as_deref().map(foreign_system).transpose()?;
        let of = PlanOf {
            application,
            system: system.as_ref(),
        };
        let mut plan = match self.one_line.is_given() {
            true => {
                let mut plan = self.one_line.plan(&self.load, of)?;
                plan.stop_early = self.load.stop_early;
                plan
            }
            false => {
                let mut plan = Plan::load(&self.plan, of)?;
                self.load.apply_to(&mut plan)?;
                plan
            }
        };
        self.answers.apply_to(&mut plan.answers);
        self.connection.apply_to(&mut plan)?;
        if let Some(target) = &self.target {
            // What the files of certificates have wrong shows before anything is started.
            Target::new(target, &plan.connection)?;
        }
        if plan.foreign.is_some() {
            return Ok(plan);
        }
        anyhow::ensure!(
            plan.requests.is_none() || self.target.is_some(),
            "a plan of plain requests starts no system of its own; name the server with --target URL, or a system to start with --topology FILE or as [node.NAME] in the plan"
        );
        anyhow::ensure!(
            application.system.is_some() || self.target.is_some(),
            "{} has no system of its own; name a server with --target URL, or a system to start with --topology FILE",
            application.name
        );
        Ok(plan)
    }

    /// The command line that makes the same run again.
    fn command_again(&self, application: &Application, amended: &str, seed: u64) -> String {
        let what = if self.one_line.is_given() {
            self.one_line.arguments()
        } else {
            format!(" --plan {}", quoted(&self.plan))
        };
        let answers = self.answers.arguments() + &self.connection.arguments();
        let answers = self.load.arguments() + &answers;
        let program = &application.command;
        let mut command = format!("{program} run{what}{amended}{answers} --seed {seed}");
        if let Some(target) = &self.target {
            command.push_str(&format!(" --target {}", quoted(target)));
        }
        if let Some(path) = &self.topology {
            let path = quoted(&path.to_string_lossy());
            command.push_str(&format!(" --topology {path}"));
        }
        command
    }
}

/// The URL of a server, as it is shown.
fn url(text: &str) -> Result<String, InvalidTarget> {
    Target::check(text)
}

/// The record first: from it, everything else can be made again.
fn keep(record: &Record, reports: &Reports, folder: &Path) -> Losses {
    let mut losses = Losses::default();
    let mut written = record.write(folder);
    // On a full disk, what nothing rests on makes room for what all rests on.
    if written.is_err() && fs::remove_dir_all(folder.join("goose")).is_ok() {
        let gone: Result<(), _> = Err(anyhow::anyhow!("Goose's report made room for the record"));
        losses.note(Weight::Derived, gone);
        written = record.write(folder);
    }
    losses.note(Weight::Original, written);
    losses.add(reports.write_run(record, folder));
    losses.note(Weight::Derived, reports.write_index());
    losses
}

fn failed(error: RunError, folder: &Path) -> Failure {
    // Without logs in it, it would only be an empty place among the runs.
    let _ = fs::remove_dir(folder);
    match error {
        RunError::Start(_) => {
            let logs = folder.join("logs");
            let context = format!("the nodes' logs are in {}", logs.display());
            Failure::not_started(anyhow::Error::new(error).context(context))
        }
        RunError::NobodyThere { .. }
        | RunError::NotAgreed { .. }
        | RunError::NoSystem(_)
        | RunError::RemoteWrite(_)
        | RunError::SetUp(_) => Failure::not_started(error),
        RunError::Target(_) => Failure::usage(error),
        RunError::NearSide { .. } | RunError::Attack(_) => Failure::invalid(error),
    }
}
