//! `loadtests up`: the system, started and left running for whoever wants to try it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use integration::error::StartError;
use integration::{Launcher, StartOptions, System, Topology};
use tokio::signal::unix::{SignalKind, signal};

use super::runtime;
use crate::exit_code::{Failure, Outcome};
use crate::tokens::LABORATORY;

/// The system's shape.
#[derive(Debug, Args)]
#[command(
    after_help = "Every node listens on 127.0.0.1 alone, with the secret that everybody knows. To be \
reached from elsewhere, start the services one by one, with a secret of their own; see docs/security.md."
)]
pub(super) struct Up {
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
        runtime()?.block_on(async {
            // Before anything is started, so that no signal finds it unguarded.
            let stop = stop_signal().map_err(Failure::not_started)?;
            let folder = crate::scratch::folder("skein-").map_err(Failure::not_started)?;
            let options = StartOptions {
                launcher: Launcher::this_program(),
                folder: folder.path().to_owned(),
            };
            let system = System::start(&self.topology(), options)
                .await
                .map_err(not_started)?;
            println!("{}", whereabouts(&system));
            tokio::select! {
                () = stop => {}
                () = tell_of_exits(&system) => {}
            }
            println!("stopping");
            system.stop().await.map_err(Failure::invalid)?;
            Ok(ExitCode::SUCCESS)
        })
    }

    fn topology(&self) -> Topology {
        let topology = Topology::laboratory()
            .gateways(self.gateways.into())
            .caches(self.caches.into());
        if self.ephemeral {
            topology
        } else {
            topology.on_laboratory_ports()
        }
    }
}

/// A taken port has a way out that only this command knows.
fn not_started(error: StartError) -> Failure {
    let port_taken = matches!(error, StartError::PortTaken { .. });
    let error = anyhow::Error::new(error);
    Failure::not_started(if port_taken {
        anyhow!("{error} with --ephemeral")
    } else {
        error
    })
}

/// Says which nodes have ended although nobody told them to; never completes.
async fn tell_of_exits(system: &System) {
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let exits = system.unexpected_exits();
        for exit in &exits[told..] {
            eprintln!(
                "{} ended by itself, with {}; the others run on",
                exit.node, exit.status
            );
        }
        told = exits.len();
    }
}

/// Completes on Ctrl-C or SIGTERM.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Where everything is, and what to try.
fn whereabouts(system: &System) -> String {
    let mut text = String::new();
    for node in system.topology().nodes() {
        text += &format!("{:<16} {}\n", node.name, system.url_of(node.name.as_str()));
    }
    let url = system.url();
    let logs = system.folder().join("logs");
    text += &format!(
        r#"
Logs are in {} until the system stops. Try:

TOKEN={LABORATORY}
curl -H "Authorization: $TOKEN" {url}/data
curl -H "Authorization: Bearer $TOKEN" {url}/data/item-1
curl -X POST -H "Content-Type: application/json" -H "Authorization: $TOKEN" -d '{{"task":"report"}}' {url}/longtask

Ctrl-C stops it."#,
        logs.display()
    );
    text
}
