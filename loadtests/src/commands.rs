//! The command line: one file a verb.

mod compare;
mod gate;
mod plans;
mod report;
mod run;
mod schema;
mod self_check;
mod up;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::exit_code::{self, Failure, Outcome};

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
    /// Print the JSON schema of a record: a run's, a gate's or a comparison's.
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
            eprintln!("warning: could not open {}: {error}", page.display());
        }
    }
}

/// Reads the command line and does what it says.
pub fn run_command_line() -> Outcome {
    let command = CommandLine::parse().command;
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

/// The runtime that a command does its work on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::not_started(anyhow::Error::new(error).context("could not start the runtime"))
        })
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
