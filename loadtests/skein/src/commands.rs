//! The command line: one file a verb.

mod capacity;
mod compare;
mod convert;
mod gate;
mod init;
mod plans;
mod report;
mod run;
mod schema;
mod self_check;
mod telling;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use harness::Topology;
use jiff::Timestamp;

use crate::exit_code::{self, Failure, Outcome};
use crate::gate::own_system;
use crate::interruption::Interruption;
use crate::output::{deliver, enough_or_error, tell};
use crate::plan::{ForeignSystem, Plan};
use crate::program::application::Application;
use crate::report::{Kind, Reports};
use crate::slots::ROUNDS_FILE;
use crate::threshold;

/// The command line of every program; its name and what it is about are the program's own.
#[derive(Debug, Parser)]
#[command(version, after_help = exit_code::HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a load test and write its report.
    Run(Box<run::Run>),
    /// Compare this build with a baseline: slower, not slower, or can't tell.
    Gate(Box<gate::Gate>),
    /// Find the greatest rate at which the system keeps a promise, and what limits it.
    Capacity(Box<capacity::Capacity>),
    /// Find what each variant of the system buys: its capacity beside that of the plan's own.
    Patterns(Box<capacity::Patterns>),
    /// Start the system and leave it running until Ctrl-C.
    Up(up::Up),
    /// Write a file that describes a system of your own, to start from.
    Init(init::Init),
    /// List the built-in plans, or print one to start your own from.
    Plans(plans::Plans),
    /// Make a plan of a browser's recording, a description of an interface, or a line of curl.
    Convert(convert::Convert),
    /// Hold two runs against each other, without a verdict.
    Compare(compare::Compare),
    /// Write the pages of earlier runs again, from their records.
    Report(report::Report),
    /// Print the JSON schema of a record, a run's, a gate's or a comparison's, or of events.
    Schema(schema::Schema),
    /// Hold what this program reports against a server whose behaviour is known.
    SelfCheck(self_check::SelfCheck),
}

/// Where reports are.
#[derive(Debug, Args)]
struct ReportsFolder {
    /// The folder for reports.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,

    /// Open the page that was written.
    #[arg(long)]
    open: bool,
}

impl ReportsFolder {
    /// Makes a folder for a report called `<UTC time>-<name>`, or with a number when there is
    /// one. Gives the report's name and the folder.
    ///
    /// # Errors
    ///
    /// There can't be reports in this place.
    fn create(&self, kind: Kind, name: &str) -> Result<(String, PathBuf), Failure> {
        let id = format!("{}-{name}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
        let reports = Reports::new(&self.reports);
        let folder = reports.create_folder(kind, &id).map_err(|error| {
            let place = self.reports.display();
            Failure::usage(anyhow::Error::new(error).context(format!(
                "could not keep reports in {place}; choose a folder with --reports"
            )))
        })?;
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        Ok((id.into_owned(), folder))
    }

    /// Opens a page in whatever the desktop shows pages with, if that was asked for.
    /// Where there is no desktop, the page is there all the same, so that this is no
    /// failure.
    fn open_if_asked(&self, page: &Path) {
        if self.open
            && let Err(error) = open::that_detached(page)
        {
            tell(format_args!(
                "warning: could not open {}: {error}",
                page.display()
            ));
        }
    }
}

/// Reads the command line and does what it says.
pub(crate) fn run_command_line(application: &Arc<Application>) -> Outcome {
    let read = command_line(application).try_get_matches();
    let matches = match read {
        Ok(matches) => matches,
        Err(instead) => return said(&instead),
    };
    let command = match CommandLine::from_arg_matches(&matches) {
        Ok(line) => line.command,
        Err(instead) => return said(&instead),
    };
    match command.unwrap_or_else(|| Command::Run(Box::default())) {
        Command::Run(run) => run.execute(application, matches.subcommand_matches("run")),
        Command::Gate(gate) => gate.execute(application, matches.subcommand_matches("gate")),
        Command::Capacity(capacity) => {
            capacity.execute(application, matches.subcommand_matches("capacity"))
        }
        Command::Patterns(patterns) => {
            patterns.execute(application, matches.subcommand_matches("patterns"))
        }
        Command::Up(up) => {
            let flags = matches.subcommand_matches("up");
            up.execute(application, flags)
        }
        Command::Init(init) => init.execute(application),
        Command::Plans(plans) => plans.execute(application),
        Command::Convert(convert) => convert.execute(application),
        Command::Compare(compare) => compare.execute(application),
        Command::Report(report) => report.execute(application),
        Command::Schema(schema) => schema.execute(application),
        Command::SelfCheck(check) => check.execute(),
    }
}

/// The command line of a program.
fn command_line(application: &Application) -> clap::Command {
    let name = application.name.clone();
    let about = format!(
        "{}\n\nWithout a command: `run --plan default`.",
        application.about
    );
    let rules = threshold::help(&application.figures);
    let line = CommandLine::command().name(name).about(about);
    let line = line.mut_subcommand("plans", |plans| plans.after_help(rules));
    let up = application.up.map(|flags| flags.augment);
    let of_plans = application.plan_flags.map(|flags| flags.augment);
    let own = [
        ("up", up),
        ("run", of_plans),
        ("gate", of_plans),
        ("capacity", of_plans),
        ("patterns", of_plans),
    ];
    let own = own.into_iter();
    let own = own.filter_map(|(verb, augment)| Some((verb, augment?)));
    own.fold(line, |line, (verb, augment)| {
        line.mut_subcommand(verb, |command| {
            let about = command.get_about().cloned().unwrap_or_default();
            augment(command).about(about)
        })
    })
}

/// Changes a plan by the program's own flags, and gives them as they are written.
fn amended(plan: &mut Plan, flags: Option<&ArgMatches>) -> anyhow::Result<String> {
    let own = plan.application.plan_flags.filter(|_| plan.is_at_home());
    match own.zip(flags) {
        Some((own, flags)) => Ok((own.amend)(flags, plan)?),
        None => Ok(String::new()),
    }
}

/// Says what there is to say in place of a command: help, or what is wrong.
fn said(instead: &clap::Error) -> Outcome {
    let printed = enough_or_error(instead.print());
    if let (false, Err(error)) = (instead.use_stderr(), printed) {
        return Err(unwritten(error));
    }
    Ok(ExitCode::from(instead.exit_code() as u8))
}

/// The system that a file describes.
fn foreign_system(path: &Path) -> anyhow::Result<ForeignSystem> {
    let system = ForeignSystem::read(path);
    system.with_context(|| format!("{} describes no system", path.display()))
}

/// Builds what a system's nodes run, where it says how.
fn build(topology: &Topology, interruption: &Interruption) -> Result<(), Failure> {
    let built = own_system::build(topology, interruption, |line| tell(line));
    // Whoever is interrupted starts nothing either.
    built.map(drop).map_err(|error| {
        Failure::not_started(anyhow::Error::new(error).context("the system could not be built"))
    })
}

/// Does a command's `work` on a runtime. What goes on there by itself ends with the work.
fn on_runtime<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::not_started(anyhow::Error::new(error).context("could not start the runtime"))
        })?;
    let done = runtime.block_on(work);
    // A name that takes long to resolve, which can't be broken off, keeps nobody waiting.
    runtime.shutdown_background();
    Ok(done)
}

/// Removes the folder of a gate or a study without a round, which would only be an empty place
/// among the reports.
fn discard_without_rounds(folder: &Path) {
    let rounds = folder.join(ROUNDS_FILE);
    if rounds.metadata().is_ok_and(|rounds| rounds.len() == 0) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Has signals end the command in good order, from here on.
fn interruption() -> Result<Interruption, Failure> {
    Interruption::listen().map_err(|error| {
        Failure::not_started(anyhow::Error::new(error).context("could not listen for signals"))
    })
}

/// Prints what a command was asked for and is all that it does.
fn print_all(text: impl std::fmt::Display) -> Outcome {
    deliver(text).map_err(unwritten)?;
    Ok(ExitCode::SUCCESS)
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::not_kept(anyhow::Error::new(error).context("could not write the output"))
}

/// As one word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:.,_-=%@+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line(&crate::testing::application()).debug_assert();
    }
}
