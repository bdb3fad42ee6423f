//! The command line: one file a verb.

mod compare;
mod gate;
mod plans;
mod report;
mod run;
mod schema;
mod self_check;
mod telling;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::exit_code::{self, Failure, Outcome};
use crate::interruption::Interruption;
use crate::output::{deliver, enough_or_error, tell};

/// Start the whole system, load it, judge it and report.
///
/// Without a command: `run --plan default`.
#[derive(Debug, Parser)]
#[command(name = "loadtests", version, after_help = exit_code::HELP)]
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
    /// Start the system and leave it running until Ctrl-C.
    Up(up::Up),
    /// List the built-in plans, or print one to start your own from.
    Plans(plans::Plans),
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
pub fn run_command_line() -> Outcome {
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(instead) => return said(&instead),
    };
    match command.unwrap_or_else(|| Command::Run(Box::default())) {
        Command::Run(run) => run.execute(),
        Command::Gate(gate) => gate.execute(),
        Command::Up(up) => up.execute(),
        Command::Plans(plans) => plans.execute(),
        Command::Compare(compare) => compare.execute(),
        Command::Report(report) => report.execute(),
        Command::Schema(schema) => schema.execute(),
        Command::SelfCheck(check) => check.execute(),
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
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:.,_-=%@+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
