//! Figures of the load for other programs while it goes on, on the command line.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::one_line::header;
use crate::metrics::Receiver;

/// The ways in which other programs get the load's figures while it goes on.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Figures for other programs")]
pub(super) struct LiveFigures {
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
}

impl LiveFigures {
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
}
