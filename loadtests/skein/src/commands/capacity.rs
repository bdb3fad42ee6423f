//! `loadtests capacity` and `loadtests patterns`: the greatest rate at which the system keeps a
//! promise, what limits it, and what each variant of it buys.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args};

use super::telling::{EventsFile, tell_of_files};
use super::{ReportsFolder, amended, build, discard_without_rounds, foreign_system, quoted};
use crate::arrivals::Rate;
use crate::capacity::record::CapacityRecord;
use crate::capacity::{self, CapacityError, CapacityRun, Promise, Setup, Varied};
use crate::events::{CommandName, Events};
use crate::exit_code::{Failure, Outcome};
use crate::gate::this_build;
use crate::interruption::Interruption;
use crate::keeping::{Losses, Weight};
use crate::output::show;
use crate::plan::{Plan, PlanOf};
use crate::program::application::Application;
use crate::record::Document;
use crate::report::{Kind, Reports, capacity_summary};

/// The time that a system is given, unless the command line tells.
const USUAL_BUDGET: Duration = Duration::from_secs(4 * 60);

/// The system, the promise, and the time to measure.
#[derive(Debug, Args)]
pub(super) struct Study {
    /// The load, as a built-in plan or a TOML file; its stages aren't played.
    #[arg(long, value_name = "NAME|FILE", default_value = "capacity")]
    plan: String,

    /// The promise: rules with commas between them, each of which a share of requests may
    /// break, such as "p99<50ms, error-rate<0.1%" [default: that of the plan's [capacity]].
    #[arg(long, value_name = "RULES")]
    promise: Option<Promise>,

    /// The time to measure each system, 30s to 2h; more of it gives narrower intervals
    /// [default: 4m].
    #[arg(long, value_name = "DURATION", value_parser = budget)]
    budget: Option<Duration>,

    /// Start the system that this file describes, in place of the program's own.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,

    /// The seed of every random choice [default: a new one].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    folder: ReportsFolder,

    #[command(flatten)]
    events: EventsFile,

    /// Show no progress, only the summary.
    #[arg(long, short)]
    quiet: bool,
}

/// The flags of `capacity`.
#[derive(Debug, Args)]
pub(super) struct Capacity {
    #[command(flatten)]
    study: Study,

    /// The rate that has to be shown, such as 1000/s, in turns: less is a fail, and what can't
    /// be told is inconclusive.
    #[arg(long, value_name = "RATE")]
    at_least: Option<Rate>,

    /// Study this variant of the plan in place of the plan's own system.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,

    /// Don't measure again with more of the tier that seems to limit.
    #[arg(long)]
    no_relief: bool,
}

/// The flags of `patterns`.
#[derive(Debug, Args)]
pub(super) struct Patterns {
    #[command(flatten)]
    study: Study,

    /// Compare these variants alone, by their names or by those of their patterns.
    #[arg(value_name = "NAME")]
    only: Vec<String>,
}

impl Capacity {
    /// Carries the study out that is meant; `flags` are all flags of the verb, also those of
    /// the program.
    pub(super) fn execute(
        self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Outcome {
        let setup = self.setup(application, flags).map_err(Failure::usage)?;
        self.study.tell(CommandName::Capacity, setup)
    }

    fn setup(
        &self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> anyhow::Result<Setup> {
        let (mut plan, own_flags) = self.study.plan(application, flags)?;
        if let Some(name) = &self.variant {
            let variant = plan.variants.iter().find(|variant| variant.name == *name);
            let variant = variant.ok_or_else(|| {
                anyhow::anyhow!(
                    "no variant of the plan is called {name:?}; {}",
                    known(&plan)
                )
            })?;
            let (promise, varied) = (plan.capacity.promise.clone(), plan.varied(variant)?);
            plan = varied;
            amended(&mut plan, flags)?;
            plan.capacity.promise = plan.capacity.promise.or(promise);
        }
        let mut setup = self.study.setup(plan, &own_flags, flags, "capacity")?;
        if self.no_relief {
            setup.relieves = false;
            setup.command.push_str(" --no-relief");
        }
        setup.at_least = self.at_least;
        if let Some(rate) = self.at_least {
            setup.command.push_str(&format!(" --at-least {rate}"));
        }
        if let Some(name) = &self.variant {
            setup
                .command
                .push_str(&format!(" --variant {}", quoted(name)));
        }
        Ok(setup)
    }
}

impl Patterns {
    /// Carries the study out that is meant; `flags` are all flags of the verb, also those of
    /// the program.
    pub(super) fn execute(
        self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Outcome {
        let setup = self.setup(application, flags).map_err(Failure::usage)?;
        self.study.tell(CommandName::Patterns, setup)
    }

    fn setup(
        &self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> anyhow::Result<Setup> {
        let (plan, own_flags) = self.study.plan(application, flags)?;
        anyhow::ensure!(
            !plan.variants.is_empty(),
            "the plan {} has no variants; give it some, each a [variant.NAME]",
            plan.name
        );
        let all = &plan.variants;
        if let Some(name) = self.only.iter().find(|name| {
            let is_called = |variant: &&crate::plan::Variant| {
                variant.name == **name || variant.pattern == **name
            };
            !all.iter().any(|variant| is_called(&variant))
        }) {
            anyhow::bail!(
                "no variant or pattern of the plan is called {name:?}; {}",
                known(&plan)
            );
        }
        let is_wanted = |variant: &&crate::plan::Variant| {
            let is_meant = |name: &String| *name == variant.name || *name == variant.pattern;
            self.only.is_empty() || self.only.iter().any(is_meant)
        };
        let variants = all.iter().filter(is_wanted).map(|variant| {
            let mut varied = plan.varied(variant)?;
            amended(&mut varied, flags)?;
            Ok(Varied {
                variant: variant.clone(),
                plan: varied,
            })
        });
        let variants = variants.collect::<anyhow::Result<Vec<Varied>>>()?;
        let mut setup = self.study.setup(plan, &own_flags, flags, "patterns")?;
        setup.variants = variants;
        setup.relieves = false;
        for name in &self.only {
            setup.command.push_str(&format!(" {}", quoted(name)));
        }
        Ok(setup)
    }
}

fn known(plan: &Plan) -> String {
    let names: Vec<&str> = plan.variants.iter().map(|variant| &*variant.name).collect();
    match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("there is {}", names.join(", ")),
    }
}

impl Study {
    /// The plan, and the program's own flags that changed it, as they are written.
    fn plan(
        &self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> anyhow::Result<(Plan, String)> {
        let system = self.topology.as_deref().map(foreign_system).transpose()?;
        let of = PlanOf {
            application,
            system: system.as_ref(),
        };
        let mut plan = Plan::load(&self.plan, of)?;
        anyhow::ensure!(plan.has_mix(), "{}", plan.lacks_mix("a capacity study's"));
        let has_rows = plan.has_rows_for(plan.capacity.users, "capacity");
        has_rows.map_err(anyhow::Error::msg)?;
        let own_flags = amended(&mut plan, flags)?;
        Ok((plan, own_flags))
    }

    fn setup(
        &self,
        plan: Plan,
        own_flags: &str,
        flags: Option<&ArgMatches>,
        verb: &str,
    ) -> anyhow::Result<Setup> {
        let promise = self.promise.as_ref().or(plan.capacity.promise.as_ref());
        let promise = promise.cloned().ok_or_else(|| {
            anyhow::anyhow!(
                "say what is to be kept, such as --promise \"p99<50ms, error-rate<0.1%\", or give \
                 the plan a [capacity] with a promise"
            )
        })?;
        promise.check_against(&plan)?;
        let seed = self.seed.or(plan.seed).unwrap_or_else(rand::random);
        let reliefs = plan.reliefs.iter().map(|relief| {
            let mut relieved = plan.relieved(relief)?;
            amended(&mut relieved, flags)?;
            Ok((relief.clone(), relieved))
        });
        let reliefs = reliefs.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Setup {
            id: String::new(),
            variants: Vec::new(),
            reliefs,
            relieves: true,
            at_least: None,
            budget: self.budget.unwrap_or(USUAL_BUDGET),
            program: this_build().program,
            command: self.command_again(&plan, verb, own_flags, seed),
            seed,
            promise,
            plan,
        })
    }

    /// The command line that makes the same study again.
    fn command_again(&self, plan: &Plan, verb: &str, own_flags: &str, seed: u64) -> String {
        let mut command = format!("{} {verb}{own_flags}", plan.application.command);
        if self.plan != "capacity" {
            command.push_str(&format!(" --plan {}", quoted(&self.plan)));
        }
        if let Some(path) = &self.topology {
            command.push_str(&format!(" --topology {}", quoted(&path.to_string_lossy())));
        }
        if let Some(promise) = &self.promise {
            command.push_str(&format!(" --promise {}", quoted(&promise.to_string())));
        }
        let budget = humantime::format_duration(self.budget.unwrap_or(USUAL_BUDGET)).to_string();
        command.push_str(&format!(
            " --budget {} --seed {seed}",
            budget.replace(' ', "")
        ));
        command
    }

    fn tell(&self, name: CommandName, setup: Setup) -> Outcome {
        let events = |stream| Events::of_command(self.quiet, stream);
        self.events.tell(name, events, |events, interruption| {
            self.carry_out(setup, events, interruption)
        })
    }

    /// Carries the study out and keeps its report. Gives the exit code.
    fn carry_out(
        &self,
        mut setup: Setup,
        events: &Events,
        interruption: &Interruption,
    ) -> Result<u8, Failure> {
        if setup.plan.foreign.is_some() {
            let plans = [&setup.plan].into_iter();
            for plan in plans.chain(setup.variants.iter().map(|varied| &varied.plan)) {
                build(&plan.system().map_err(Failure::usage)?, interruption)?;
            }
        }
        let (id, folder) = self.folder.create(Kind::Capacity, &setup.plan.name)?;
        setup.id = id;
        let outcome = capacity::run(&setup, &folder, events, interruption);
        let CapacityRun { record, mut losses } = outcome.map_err(|error| failed(error, &folder))?;
        losses.add(self.keep(&record, &folder));
        tell_of_files(events, &folder, CapacityRecord::FILE, &losses);
        events.hush();
        show(capacity_summary(&record, &folder));
        losses.tell();
        self.folder.open_if_asked(&folder.join("index.html"));
        Ok(losses.exit_code(record.judgement.verdict.exit_code()))
    }

    /// The record first: from it, everything else can be made again.
    fn keep(&self, record: &CapacityRecord, folder: &Path) -> Losses {
        let mut losses = Losses::default();
        losses.note(Weight::Original, record.write(folder));
        let reports = Reports::new(&self.folder.reports);
        losses.add(reports.write_capacity(record, folder));
        losses.note(Weight::Derived, reports.write_index());
        losses
    }
}

fn failed(error: CapacityError, folder: &Path) -> Failure {
    discard_without_rounds(folder);
    if error.is_usage() {
        Failure::usage(error)
    } else if error.is_not_started() {
        Failure::not_started(error)
    } else {
        Failure::invalid(error)
    }
}

/// The time that a system is given: 30 s to 2 h.
pub(super) fn budget(text: &str) -> Result<Duration, String> {
    /// Less has no room for as many fresh starts as an interval needs.
    const SHORTEST: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(budget) if (SHORTEST..=LONGEST).contains(&budget) => Ok(budget),
        Ok(_) => Err("a budget is between 30s and 2h".to_owned()),
        Err(_) => Err("write a number with a unit, such as 4m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::USAGE;

    #[test]
    fn a_budget_without_room_for_an_interval_is_the_command_lines_mistake() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let too_short = CapacityError::TooShort {
            budget: Duration::from_secs(30),
            start: Duration::from_secs(2),
            needs: Duration::from_secs(118),
        };
        let failure = failed(too_short, folder.path());
        assert_eq!(failure.code, USAGE);
        assert!(
            failure.sentence().contains("give 119 s or more"),
            "{}",
            failure.sentence()
        );
    }
}
