//! Figures of the load while it goes on, for people and other programs, on the command line.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::one_line::header;
use crate::metrics::Receiver;
use crate::plan::Plan;
use crate::samples::{Names, SampleFile};

/// The ways in which people and other programs get the load's figures while it goes on.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Figures while the load goes on, for people and other programs")]
pub(super) struct LiveFigures {
    /// Serve Goose's live dashboard on this port of 127.0.0.1, while the load runs.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "5118",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) dashboard: Option<u16>,

    /// Serve the load's figures at this address while it goes on, as a page of OpenMetrics for
    /// Prometheus to scrape, such as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// Send the load's figures to this server while it goes on, by the remote write of Prometheus,
    /// such as http://127.0.0.1:9090/api/v1/write; user and password may stand in front of the host,
    /// as in http://USER:PASSWORD@HOST.
    #[arg(
        long,
        value_name = "URL",
        env = "SKEIN_REMOTE_WRITE",
        hide_env_values = true
    )]
    remote_write: Option<String>,

    /// A header field that goes along with them, such as 'X-Scope-OrgID: shop'; can be repeated, in
    /// the variable by lines.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, value_delimiter = '\n',
          env = "SKEIN_REMOTE_WRITE_HEADER", hide_env_values = true)]
    remote_write_header: Vec<(String, String)>,

    /// The time from one look at the figures to the next that is sent, 1s at least.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    remote_write_every: Duration,

    /// Write every request to this file as it is over, for other programs: as values with commas
    /// between them where its name ends in .csv, and else as JSON lines.
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
}

impl LiveFigures {
    /// Finds out whether the dashboard can have its port, before anything is started.
    pub(super) fn check_dashboard(&self) -> anyhow::Result<()> {
        let Some(port) = self.dashboard else {
            return Ok(());
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        listener.map(drop).with_context(|| {
            format!("the dashboard can't have port {port} of 127.0.0.1; choose another with --dashboard PORT")
        })
    }

    /// The place where figures are served, if that is wanted.
    pub(super) fn listener(&self) -> anyhow::Result<Option<Arc<TcpListener>>> {
        let bind = |address: SocketAddr| {
            let listener = TcpListener::bind(address);
            listener.map(Arc::new).with_context(|| {
                format!("figures can't be served at {address}; choose another place with --metrics ADDRESS:PORT")
            })
        };
        self.metrics.map(bind).transpose()
    }

    /// The server that figures are sent to, if that is wanted.
    pub(super) fn receiver(&self) -> anyhow::Result<Option<Receiver>> {
        let Some(url) = &self.remote_write else {
            anyhow::ensure!(
                self.remote_write_header.is_empty(),
                "a header field for remote write goes nowhere without a server; name one with --remote-write URL"
            );
            return Ok(None);
        };
        anyhow::ensure!(
            self.remote_write_every >= Duration::from_secs(1),
            "--remote-write-every is {}; figures are sent once a second at most",
            humantime::format_duration(self.remote_write_every)
        );
        let receiver = Receiver::new(url, &self.remote_write_header, self.remote_write_every);
        Ok(Some(receiver.context("--remote-write")?))
    }

    /// The file that each sample is written to, if that is wanted.
    pub(super) fn sample_file(&self, plan: &Plan) -> anyhow::Result<Option<Arc<SampleFile>>> {
        let Some(path) = &self.samples else {
            return Ok(None);
        };
        let names = Names {
            stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
            scenarios: plan.scenario_names().collect(),
        };
        let file = SampleFile::create(path, names).with_context(|| {
            let place = path.display();
            format!("could not write samples to {place}; choose another file with --samples")
        })?;
        Ok(Some(Arc::new(file)))
    }
}
