//! `loadtests up`: the system, started and left running for whoever wants to try it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use harness::Topology;
use integration::error::StartError;
use integration::{Launcher, StartOptions, System};

use super::{interruption, on_runtime};
use crate::exit_code::{Failure, Outcome};
use crate::output::{say, tell};
use crate::tokens::LABORATORY;

/// The system's shape.
#[derive(Debug, Args)]
#[command(
    after_help = "Every node listens on 127.0.0.1 alone, with the secret that everybody knows. To be \
reached from elsewhere, start the services one by one, with a secret of their own; see docs/security.md."
)]
pub(super) struct Up {
    /// A system of your own in place of the laboratory: a file that describes its programs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ephemeral", "gateways", "caches"])]
    topology: Option<PathBuf>,

    /// Let the operating system choose the ports, in place of the laboratory's
    /// (balancer 8000, gateways 5000, 5003 and 5006, and so on).
    #[arg(long)]
    ephemeral: bool,

    /// How many API gateways, 1 to 32.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    gateways: u8,

    /// How many caches, 0 to 32.
    #[arg(long, value_name = "M", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=32))]
    caches: u8,
}

impl Up {
    pub(super) fn execute(self) -> Outcome {
        let topology = self.topology()?;
        // Before anything is started, so that no signal finds it unguarded.
        let interruption = interruption()?;
        on_runtime(async {
            let folder = crate::scratch::folder("skein-").map_err(Failure::not_started)?;
            let options = StartOptions {
                launcher: Launcher::this_program(),
                folder: folder.path().to_owned(),
            };
            let system = tokio::select! {
                started = System::start(&topology, options) => started.map_err(|error| self.not_started(error))?,
                // What has been started of it is gone.
                () = interruption.happens() => return Ok(ExitCode::SUCCESS),
            };
            say(whereabouts(&system));
            say(match self.topology {
                Some(_) => "Ctrl-C stops it.".to_owned(),
                None => attempts(&system),
            });
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

    fn topology(&self) -> Result<Topology, Failure> {
        if let Some(path) = &self.topology {
            return Topology::read(path).map_err(|error| {
                let place = format!("{} describes no system", path.display());
                Failure::usage(anyhow::Error::new(error).context(place))
            });
        }
        let laboratory = integration::Topology::laboratory()
            .gateways(self.gateways.into())
            .caches(self.caches.into());
        let laboratory = match self.ephemeral {
            true => laboratory,
            false => laboratory.on_laboratory_ports(),
        };
        Ok(Topology::clone(&laboratory))
    }

    /// A taken port of the laboratory has a way out that only this command knows.
    fn not_started(&self, error: StartError) -> Failure {
        let port_taken = matches!(error, StartError::PortTaken { .. });
        let error = anyhow::Error::new(error);
        Failure::not_started(if port_taken && self.topology.is_none() {
            anyhow!("{error} with --ephemeral")
        } else {
            error
        })
    }
}

/// Says which nodes have ended although nobody told them to; never completes.
async fn tell_of_exits(system: &System) {
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let exits = system.unexpected_exits();
        for exit in &exits[told..] {
            tell(format_args!(
                "{} ended by itself, with {}; the others run on",
                exit.node, exit.status
            ));
        }
        told = exits.len();
    }
}

/// The places of all nodes, and of their logs.
fn whereabouts(system: &System) -> String {
    let mut text = String::new();
    for node in system.topology().nodes() {
        text += &format!("{:<16} {}\n", node.name, system.url_of(node.name.as_str()));
    }
    let logs = system.folder().join("logs");
    text + &format!("\nLogs are in {} until the system stops.", logs.display())
}

/// Requests that the laboratory answers.
fn attempts(system: &System) -> String {
    let url = system.url();
    format!(
        r#"Try:

TOKEN={LABORATORY}
curl -H "Authorization: $TOKEN" {url}/data
curl -H "Authorization: Bearer $TOKEN" {url}/data/item-1
curl -X POST -H "Content-Type: application/json" -H "Authorization: $TOKEN" -d '{{"task":"report"}}' {url}/longtask

Ctrl-C stops it."#
    )
}
