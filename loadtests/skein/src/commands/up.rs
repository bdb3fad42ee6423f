//! `loadtests up`: the system, started and left running for whoever wants to try it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::{ArgMatches, Args};
use harness::error::StartError;
use harness::{Launcher, StartOptions, System, Topology};

use super::{build, foreign_system, interruption, on_runtime};
use crate::exit_code::{Failure, Outcome};
use crate::output::{say, tell};
use crate::plan::{Plan, PlanOf};
use crate::program::application::Application;

/// The system.
#[derive(Debug, Args)]
#[command(after_help = "Every node listens on 127.0.0.1 alone.")]
pub(super) struct Up {
    /// A system of your own in place of the program's: a file that describes its nodes.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
}

impl Up {
    /// Starts the system; `flags` are all flags of the verb, also those of the program.
    pub(super) fn execute(
        self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Outcome {
        let topology = self.topology(application, flags)?;
        // Before anything is started, so that no signal finds it unguarded.
        let interruption = interruption()?;
        build(&topology, &interruption)?;
        on_runtime(async {
            let folder = harness::scratch::folder("up").map_err(Failure::not_started)?;
            let options = StartOptions {
                launcher: Launcher::this_program(),
                folder: folder.path().to_owned(),
            };
            let system = tokio::select! {
                started = System::start(&topology, options) => {
                    started.map_err(|error| self.not_started(application, error))?
                }
                // What has been started of it is gone.
                () = interruption.happens() => return Ok(ExitCode::SUCCESS),
            };
            say(whereabouts(&system));
            match application.up.filter(|_| self.topology.is_none()) {
                Some(flags) => say((flags.hint)(&system.url())),
                None => say("Ctrl-C stops it."),
            }
            tokio::select! {
                () = interruption.happens() => {}
                () = tell_of_exits(&system) => {}
            }
            say("stopping");
            tokio::select! {
                stopped = system.stop() => stopped.map_err(Failure::invalid)?,
                // Nodes that take longer are killed.
                () = interruption.cuts_short() => {}
            }
            Ok(ExitCode::SUCCESS)
        })?
    }

    fn topology(
        &self,
        application: &Arc<Application>,
        flags: Option<&ArgMatches>,
    ) -> Result<Topology, Failure> {
        if let Some(path) = &self.topology {
            let system = foreign_system(path).map_err(Failure::usage)?;
            return Ok(system.topology);
        }
        if let (Some(up), Some(flags)) = (application.up, flags) {
            return (up.topology)(flags).map_err(|error| Failure::usage(anyhow::Error::new(error)));
        }
        let plan = Plan::load("default", PlanOf::program(application)).map_err(Failure::usage)?;
        plan.system().map_err(Failure::usage)
    }

    /// A taken port of the program's own may have a way out that only this command knows.
    fn not_started(&self, application: &Application, error: StartError) -> Failure {
        let port_taken = matches!(error, StartError::PortTaken { .. });
        let flag = application.up.and_then(|up| up.when_a_port_is_taken);
        let flag = flag.filter(|_| port_taken && self.topology.is_none());
        let error = anyhow::Error::new(error);
        Failure::not_started(match flag {
            Some(flag) => anyhow!("{error} with {flag}"),
            None => error,
        })
    }
}

/// Says which nodes have ended although nobody told them to; never completes.
async fn tell_of_exits(system: &System) {
    let mut told = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // They are known by node, in whatever order they ended.
        for exit in system.unexpected_exits() {
            if !told.contains(&exit.node) {
                tell(format_args!(
                    "{} ended by itself, with {}; the others run on",
                    exit.node, exit.status
                ));
                told.push(exit.node);
            }
        }
    }
}

/// The places of all nodes, and of their logs.
fn whereabouts(system: &System) -> String {
    let mut text = String::new();
    for node in system.topology().nodes() {
        let name = node.name.as_str();
        // Of a server of theirs, people know how to get in.
        let url = match system.done_after(name) {
            Some(_) => "done".to_owned(),
            None if node.is_elsewhere() => format!("{} (it ran already)", system.address_of(name)),
            None => system.url_as_told(name),
        };
        text += &format!("{name:<16} {url}\n");
    }
    let logs = system.folder().join("logs");
    text + &format!("\nLogs are in {} until the system stops.", logs.display())
}
