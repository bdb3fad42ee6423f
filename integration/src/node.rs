//! One node: it is started, announces where it listens, proves that it is who it
//! should be, and can be killed, paused, resumed and started again in its place.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, ExitStatus};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use services::client::Upstream;
use services::contract::NodeName;
use tokio::time::timeout;

use crate::error::{CpuTimeError, FaultError, StartError, StopError};
use crate::launcher::{Launch, Launcher};
use crate::port::Reservation;
use crate::process::Process;
use crate::readiness;
use crate::spawner::spawn;
use crate::topology::{NodePlan, Setting};
use crate::usage::Usage;
use crate::wait::wait_for;

/// How long a node may take from its start until it is ready. It takes a few
/// hundredths of a second, and longer on a machine whose cores are all busy.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a node may take to stop: a node drains for 5 s unless it is told
/// otherwise.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// How much of a node's log an error shows.
const LOG_LINES: usize = 50;

/// A node that ended although nobody had told it to.
#[derive(Clone, Debug)]
pub struct UnexpectedExit {
    /// The node.
    pub node: NodeName,
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines of its log.
    pub log: String,
}

/// One node of a running system, whichever process runs it at the moment.
#[derive(Debug)]
pub(crate) struct Node {
    plan: NodePlan,
    log: PathBuf,
    place: OnceLock<Place>,
    life: Mutex<Life>,
    /// Held while the node is being started, so that two restarts take turns.
    starting: tokio::sync::Mutex<()>,
}

/// Where the node listens, for as long as the system lives.
#[derive(Debug)]
struct Place {
    address: SocketAddr,
    _reservation: Option<Reservation>,
}

#[derive(Debug, Default)]
struct Life {
    process: Option<Process>,
    /// Unexpected exits of processes that have been replaced since.
    earlier_exits: Vec<UnexpectedExit>,
}

impl Life {
    /// The node's process, unless it has ended.
    fn running(&mut self) -> Option<&mut Process> {
        let process = self.process.as_mut()?;
        process.ended().is_none().then_some(process)
    }
}

impl Node {
    /// A node that has not been started, and will log to the file `log`.
    pub(crate) fn new(plan: NodePlan, log: PathBuf) -> Self {
        Node {
            plan,
            log,
            place: OnceLock::new(),
            life: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn plan(&self) -> &NodePlan {
        &self.plan
    }

    fn name(&self) -> NodeName {
        self.plan.name.clone()
    }

    /// Where the node listens, once it has been started.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.place.get().map(|place| place.address)
    }

    /// The node as somebody to call, once it has been started.
    pub(crate) fn upstream(&self) -> Option<Upstream> {
        let address = self.address()?;
        Some(readiness::upstream(self.name(), address))
    }

    /// Starts the node, where it was before if it was, and waits until it is ready.
    /// A process that still runs it is killed first.
    pub(crate) async fn start(
        &self,
        launcher: &Launcher,
        nonce: &str,
        wiring: &[Setting],
    ) -> Result<(), StartError> {
        let _turn = self.starting.lock().await;
        self.retire();
        let launch = Launch {
            launcher,
            plan: &self.plan,
            nonce,
            listen: self
                .address()
                .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, self.plan.port).into()),
            share_port: self.shares_port(),
            wiring,
        };
        let log = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(|source| StartError::Folder {
                path: self.log.clone(),
                source,
            })?;
        let mut child =
            spawn(launch.command(log), launcher.cores()).map_err(|source| StartError::Spawn {
                node: self.name(),
                program: launcher.path().to_owned(),
                source,
            })?;
        let output = child.stdout.take().expect("the launcher pipes it");
        // From here on the process is ended with us, whatever becomes of this call.
        self.life().process = Some(Process::new(child));

        let ready = timeout(READY_WITHIN, self.ready(&launch, output))
            .await
            .unwrap_or_else(|_| {
                Err(StartError::Late {
                    node: self.name(),
                    limit: READY_WITHIN,
                    log: self.log(),
                })
            });
        if ready.is_err() {
            self.retire();
        }
        ready
    }

    /// Ends the node at once.
    pub(crate) fn kill(&self) -> Result<(), FaultError> {
        self.fault("kill", Process::kill)
    }

    /// Stops the node's time.
    pub(crate) fn pause(&self) -> Result<(), FaultError> {
        self.fault("pause", Process::pause)
    }

    /// Lets the node run on.
    pub(crate) fn resume(&self) -> Result<(), FaultError> {
        self.fault("resume", Process::resume)
    }

    /// Tells the node to stop, waits for it, and kills it when it takes too long.
    pub(crate) async fn stop(&self) -> Result<(), StopError> {
        let told = match self.life().running() {
            Some(process) => process.terminate(),
            None => return Ok(()),
        };
        told.map_err(|source| StopError::Signal {
            node: self.name(),
            source,
        })?;
        match self.end(STOPPED_WITHIN).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(StopError::Failed {
                node: self.name(),
                status,
                log: self.log(),
            }),
            None => {
                self.retire();
                Err(StopError::Late {
                    node: self.name(),
                    limit: STOPPED_WITHIN,
                    log: self.log(),
                })
            }
        }
    }

    /// CPU time, user and system, that the node's present process has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration, CpuTimeError> {
        let node = self.name();
        match self.life().running() {
            Some(process) => process
                .cpu_time()
                .map_err(|source| CpuTimeError::Clock { node, source }),
            None => Err(CpuTimeError::NotRunning { node }),
        }
    }

    /// What the node's present process has taken from the operating system.
    pub(crate) fn usage(&self) -> Result<Usage, CpuTimeError> {
        let node = self.name();
        match self.life().running() {
            Some(process) => process
                .usage()
                .map_err(|source| CpuTimeError::Clock { node, source }),
            None => Err(CpuTimeError::NotRunning { node }),
        }
    }

    /// Every exit of this node that nobody asked for, the oldest first.
    pub(crate) fn unexpected_exits(&self) -> Vec<UnexpectedExit> {
        let mut life = self.life();
        let latest = life.process.as_mut().and_then(Process::ended_by_itself);
        let mut exits = life.earlier_exits.clone();
        exits.extend(latest.map(|status| self.unexpected(status)));
        exits
    }

    /// The last lines of the node's log.
    pub(crate) fn log(&self) -> String {
        last_lines(&self.log)
            .unwrap_or_else(|error| format!("(could not read {}: {error})", self.log.display()))
    }

    /// Ends the node's process, if one runs, and forgets it, but not its unexpected exit.
    pub(crate) fn retire(&self) {
        let mut life = self.life();
        if let Some(mut process) = life.process.take()
            && let Some(status) = process.ended_by_itself()
        {
            life.earlier_exits.push(self.unexpected(status));
        }
    }

    /// A node on a free port keeps it; two systems on one fixed port must notice.
    fn shares_port(&self) -> bool {
        self.plan.port == 0
    }

    async fn ready(&self, launch: &Launch<'_>, output: ChildStdout) -> Result<(), StartError> {
        let Some(address) = readiness::announced(launch, output).await? else {
            return Err(self.ended_early().await);
        };
        readiness::identified(launch, address).await?;
        if self.place.get().is_none() {
            let _ = self.place.set(self.settle(address)?);
        }
        Ok(())
    }

    /// The output has ended without an announcement, so the process is about to.
    async fn ended_early(&self) -> StartError {
        match self.end(READY_WITHIN).await {
            Some(status) => StartError::Exited {
                node: self.name(),
                status,
                log: self.log(),
            },
            None => StartError::Late {
                node: self.name(),
                limit: READY_WITHIN,
                log: self.log(),
            },
        }
    }

    /// Takes possession of the address while the node listens there.
    fn settle(&self, address: SocketAddr) -> Result<Place, StartError> {
        let reservation = self
            .shares_port()
            .then(|| Reservation::of(address))
            .transpose()
            .map_err(|source| StartError::Reservation {
                node: self.name(),
                address,
                source,
            })?;
        Ok(Place {
            address,
            _reservation: reservation,
        })
    }

    /// How the node's process ended, if it does within `limit`.
    async fn end(&self, limit: Duration) -> Option<ExitStatus> {
        let ended = async || {
            let process = &mut self.life().process;
            let status = process.as_mut().and_then(Process::ended);
            status.ok_or("it runs")
        };
        wait_for("the end of the process", limit, ended).await.ok()
    }

    fn fault(
        &self,
        fault: &'static str,
        bring: impl FnOnce(&mut Process) -> io::Result<()>,
    ) -> Result<(), FaultError> {
        let node = self.name();
        match self.life().running() {
            Some(process) => bring(process).map_err(|source| FaultError::Signal {
                node,
                fault,
                source,
            }),
            None => Err(FaultError::NotRunning { node, fault }),
        }
    }

    fn unexpected(&self, status: ExitStatus) -> UnexpectedExit {
        UnexpectedExit {
            node: self.name(),
            status,
            log: self.log(),
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_lines(path: &Path) -> io::Result<String> {
    let log = fs::read(path)?;
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
}
