//! Runs one service as a process: flags and environment in, exit code out.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::contract::{Announcement, NodeName, Service};
use crate::{api_gateway, cache, database, load_balancer, microservice, server, worker};

/// Run one service of the laboratory.
///
/// Exit codes: 0 stopped as asked (SIGTERM or Ctrl-C), 1 could not start or run,
/// 2 the flags are wrong.
#[derive(Debug, Parser)]
#[command(name = "services", version)]
struct CommandLine {
    #[command(subcommand)]
    service: ServiceCommand,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Share requests among API gateways, round robin.
    LoadBalancer(Launch<load_balancer::Config>),
    /// Check tokens and route requests to caches, database, microservice and worker.
    ApiGateway(Launch<api_gateway::Config>),
    /// Keep values in memory, for a while and up to a size.
    Cache(Launch<cache::Config>),
    /// Keep items in SQLite, or in PostgreSQL.
    Database(Launch<database::Config>),
    /// Compute something small, synchronously.
    Microservice(Launch<microservice::Config>),
    /// Accept long tasks and work through them, surviving crashes.
    Worker(Launch<worker::Config>),
}

/// The settings with which any service is started, and the service's own.
#[derive(Debug, Args)]
struct Launch<C: Args> {
    /// The address to listen on; port 0 lets the system choose.
    #[arg(long, env = "SKEIN_LISTEN", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// Let other sockets of the same user bind the port too (SO_REUSEPORT), so that
    /// whoever started the node can keep the port for it while it is down.
    #[arg(long, env = "SKEIN_SHARE_PORT")]
    share_port: bool,

    /// Worker threads of the runtime; 0 means one per core.
    #[arg(long, env = "SKEIN_THREADS", value_name = "N", default_value_t = 0)]
    threads: usize,

    /// The events to log, to the standard error: a level, or a tracing filter.
    #[arg(long, env = "SKEIN_LOG", value_name = "FILTER", default_value = "info")]
    log: String,

    /// The form of log lines.
    #[arg(long, env = "SKEIN_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    #[command(flatten)]
    config: C,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Runs the service that `args` name (the first is the program) until it is told to stop.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_service(args.into_iter().collect())
}

/// Not generic, so that the services are compiled once, here, and not in each program that
/// runs them.
fn run_service(args: Vec<OsString>) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(args)
        .and_then(|m| CommandLine::from_arg_matches(&m));
    let command_line = match parsed {
        Ok(command_line) => command_line,
        Err(error) => error.exit(),
    };
    match command_line.service {
        ServiceCommand::LoadBalancer(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, load_balancer::serve)
        }
        ServiceCommand::ApiGateway(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, api_gateway::serve)
        }
        ServiceCommand::Cache(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, cache::serve)
        }
        ServiceCommand::Database(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, database::serve)
        }
        ServiceCommand::Microservice(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, microservice::serve)
        }
        ServiceCommand::Worker(launch) => {
            let name = launch.config.server.name.clone();
            launch.run(name, worker::serve)
        }
    }
}

/// The command line, with each service's laboratory port and name as defaults.
fn command() -> clap::Command {
    Service::ALL
        .into_iter()
        .fold(CommandLine::command(), |command, service| {
            let ports = service.laboratory_ports();
            let name = if ports.len() > 1 {
                format!("{service}-1")
            } else {
                service.to_string()
            };
            command.mut_subcommand(service.as_str(), |subcommand| {
                subcommand
                    // Of a flag that is given twice, the last one counts.
                    .args_override_self(true)
                    .mut_arg("listen", |arg| {
                        arg.required(false)
                            .default_value(format!("127.0.0.1:{}", ports[0]))
                    })
                    .mut_arg("name", |arg| arg.required(false).default_value(name))
            })
        })
}

impl<C: Args> Launch<C> {
    /// Builds the runtime and runs `serve` on it; announces why, when that fails.
    fn run<S, F>(self, name: NodeName, serve: S) -> ExitCode
    where
        S: FnOnce(TcpListener, C, CancellationToken) -> F,
        F: Future<Output = anyhow::Result<()>>,
    {
        let outcome = self.run_to_the_end(serve);
        let Err(error) = outcome else {
            return ExitCode::SUCCESS;
        };
        let reason = format!("{error:#}");
        // Nobody there is no error: it is announced as well.
        let _ = writeln!(std::io::stderr(), "error: {name} {reason}");
        server::announce(&Announcement::Failed { node: name, reason });
        ExitCode::FAILURE
    }

    fn run_to_the_end<S, F>(self, serve: S) -> anyhow::Result<()>
    where
        S: FnOnce(TcpListener, C, CancellationToken) -> F,
        F: Future<Output = anyhow::Result<()>>,
    {
        self.start_logging()?;
        server::raise_limit();
        let mut runtime = match self.threads {
            1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        if self.threads > 1 {
            runtime.worker_threads(self.threads);
        }
        let runtime = runtime
            .enable_all()
            .build()
            .context("could not start its runtime")?;
        let outcome = runtime.block_on(async {
            let shutdown = CancellationToken::new();
            stop_on_signal(shutdown.clone())?;
            let listener = listen(self.listen, self.share_port)
                .with_context(|| format!("could not listen on {}", self.listen))?;
            serve(listener, self.config, shutdown).await
        });
        // Computations on threads of their own have had the drain's time, like all else.
        runtime.shutdown_background();
        outcome
    }

    fn start_logging(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .with_context(|| format!("could not read --log {:?}", self.log))?;
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            // It would say that a log is full where it is full, and panic over that.
            .log_internal_errors(false)
            .with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => lines.with_ansi(false).init(),
            LogFormat::Json => lines.json().init(),
        }
        Ok(())
    }
}

fn listen(address: SocketAddr, share_port: bool) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted node must not wait for the old one's connections to expire.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(share_port)?;
    socket.bind(address)?;
    socket.listen(1024)
}

fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_an_environment_variable_and_says_what_it_is() {
        for subcommand in command().get_subcommands() {
            for arg in subcommand
                .get_arguments()
                .filter(|arg| arg.get_id() != "help")
            {
                let flag = format!("{} --{}", subcommand.get_name(), arg.get_id());
                assert!(
                    arg.get_env().is_some(),
                    "{flag} has no environment variable"
                );
                assert!(arg.get_help().is_some(), "{flag} has no help");
            }
        }
        command().debug_assert();
    }
}
