//! One node: it is started, shows that it is ready and who it is, and can be killed,
//! paused, resumed and started again in its place.

mod elsewhere;
mod errand;
mod once;
mod place;
mod seat;
mod signs;

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::timeout;

use crate::cgroup::OwnGroup;
use crate::error::{CpuTimeError, FaultError, StartError, StopError};
use crate::folder::DataFolder;
use crate::host::NO_PROGRAM;
use crate::launcher::{Launch, Launcher};
use crate::machine::{Machine, no_share};
use crate::name::NodeName;
use crate::process::{Process, Unseen};
use crate::spawner::spawn;
use crate::topology::{NodePlan, Program, ProgramFile, Text};
use crate::usage::Usage;
use crate::wait::wait_for;
use place::{FurtherPorts, Place};
pub(crate) use seat::Seat;

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
    data: DataFolder,
    machine: Option<Machine>,
    seat: Seat,
    /// The time that it took to its end, of a node that runs once.
    done_after: Mutex<Option<Duration>>,
    place: OnceLock<Place>,
    further_ports: OnceLock<FurtherPorts>,
    life: Mutex<Life>,
    /// Our looks at its counters since it was started, as far as it counts them itself. Held
    /// while one is under way.
    looks: tokio::sync::Mutex<u64>,
    /// Set once the demands on a server that runs elsewhere were looked at.
    fulfilled: OnceLock<()>,
    /// Held while the node is being started, so that two restarts take turns.
    starting: tokio::sync::Mutex<()>,
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
    pub(crate) fn new(
        plan: NodePlan,
        log: PathBuf,
        data: DataFolder,
        machine: Option<Machine>,
        seat: Seat,
    ) -> Self {
        Node {
            plan,
            log,
            data,
            machine,
            seat,
            done_after: Mutex::default(),
            place: OnceLock::new(),
            further_ports: OnceLock::new(),
            life: Mutex::default(),
            looks: tokio::sync::Mutex::default(),
            fulfilled: OnceLock::new(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    /// The small machine that it is given, if any.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    pub(crate) fn plan(&self) -> &NodePlan {
        &self.plan
    }

    /// Our looks at its counters.
    pub(crate) fn looks(&self) -> &tokio::sync::Mutex<u64> {
        &self.looks
    }

    fn name(&self) -> NodeName {
        self.plan.name.clone()
    }

    /// Where the node listens, once it has been started.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.place.get().map(|place| place.address)
    }

    /// The folder of the node's data.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// A port of the node beside the one that it listens on.
    pub(crate) fn further_port(&self, name: &str) -> u16 {
        let ports = self.further_ports.get();
        ports
            .expect("they were found before the start")
            .number(name)
    }

    /// Finds the node's place, unless it announces it itself, and its further ports.
    pub(crate) async fn settle_before_start(&self) -> Result<(), StartError> {
        let _ = self.further_ports.set(FurtherPorts::of(&self.plan)?);
        if let Some(place) = Place::before_the_start(&self.plan, &self.seat).await? {
            let _ = self.place.set(place);
        }
        Ok(())
    }

    /// Starts the node, where it was before if it was, and waits until it is ready.
    /// A process that still runs it is killed first.
    pub(crate) async fn start(
        &self,
        launcher: &Launcher,
        nonce: &str,
        fill: &(dyn Fn(&Text) -> String + Send + Sync),
    ) -> Result<(), StartError> {
        let _turn = self.starting.lock().await;
        let Some(program) = self.plan.run.program() else {
            self.is_reached().await?;
            return self.fulfils_demands().await;
        };
        self.retire();
        *self.looks.lock().await = 0;
        let launch = self.launch(program, launcher, nonce, fill);
        let unlogged = |source| StartError::Folder {
            path: self.log.clone(),
            source,
        };
        let log = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log);
        let log = log.map_err(unlogged)?;
        let logged_before = log.metadata().map_err(unlogged)?.len();
        for (name, text) in &program.files {
            let written = self.data.write(name, &fill(text));
            written.map_err(|source| StartError::Folder {
                path: self.data().join(name),
                source,
            })?;
        }
        let group = self
            .machine
            .as_ref()
            .map(|machine| machine.group(&self.plan));
        let group = group.transpose()?.flatten();
        let (command, container) = launch.command(log).map_err(unlogged)?;
        let mut child = spawn(command, launcher.cores()).map_err(|source| StartError::Spawn {
            node: self.name(),
            program: launcher.path().to_owned(),
            source,
        })?;
        let output = child.stdout.take();
        // From here on the process is ended with us, whatever becomes of this call.
        self.life().process = Some(match container {
            Some(container) => Process::of_container(child, container),
            None if self.plan.run.is_hosted() => Process::new(child),
            None => Process::with_descendants(child),
        });
        if let Some(group) = group {
            self.confine(group)?;
        }

        let ready = match output {
            Some(output) => timeout(self.plan.within, self.announces_itself(&launch, output))
                .await
                .unwrap_or_else(|_| Err(self.late("it said nothing"))),
            None if self.plan.runs_once() => self.is_done().await,
            None => self.shows_its_sign(&launch, logged_before).await,
        };
        if ready.is_err() {
            self.retire();
        }
        ready
    }

    /// Puts the process that was just started, and whom it has started, into a group.
    fn confine(&self, group: OwnGroup) -> Result<(), StartError> {
        let process = &mut self.life().process;
        let confined = process.as_mut().map(|process| process.confine(group));
        let Some(Err(error)) = confined else {
            return Ok(());
        };
        // What isn't small is not this node.
        *process = None;
        let cpus = self.machine.as_ref().expect("its group is of it").cpus;
        let reason = format!("it can't be put into its cgroup: {error}");
        Err(no_share(&self.plan, cpus, reason))
    }

    fn launch<'a>(
        &'a self,
        program: &'a Program,
        launcher: &'a Launcher,
        nonce: &'a str,
        fill: &'a (dyn Fn(&Text) -> String + Send + Sync),
    ) -> Launch<'a> {
        Launch {
            launcher,
            plan: &self.plan,
            program,
            data: &self.data,
            machine: self.machine(),
            network: self.seat.network.as_deref(),
            nonce,
            listen: self.listens(),
            fill,
        }
    }

    /// Where the node is told to listen.
    pub(crate) fn listens(&self) -> SocketAddr {
        self.address()
            .unwrap_or_else(|| (self.seat.ip, self.plan.port).into())
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
            Some(process) => process.terminate(self.stop_signal()),
            None => return Ok(()),
        };
        told.map_err(|source| StopError::Signal {
            node: self.name(),
            source,
        })?;
        match self.end(self.plan.stop_within).await {
            Some(status) if status.success() || self.ends_so_when_told(status) => Ok(()),
            Some(status) => Err(StopError::Failed {
                node: self.name(),
                status,
                log: self.log(),
            }),
            None => {
                self.retire();
                Err(StopError::Late {
                    node: self.name(),
                    limit: self.plan.stop_within,
                    log: self.log(),
                })
            }
        }
    }

    /// CPU time, user and system, that the node's present process has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration, CpuTimeError> {
        self.seen(Process::cpu_time)
    }

    /// What the node's present process has taken from the operating system.
    pub(crate) fn usage(&self) -> Result<Usage, CpuTimeError> {
        self.seen(Process::usage)
    }

    fn seen<T>(&self, look: impl FnOnce(&Process) -> Result<T, Unseen>) -> Result<T, CpuTimeError> {
        let node = self.name();
        let Some(seen) = self.life().running().map(|process| look(process)) else {
            return Err(CpuTimeError::NotRunning { node });
        };
        seen.map_err(|unseen| match unseen {
            Unseen::Now(source) => CpuTimeError::Clock { node, source },
            Unseen::Never(reason) => CpuTimeError::NotObservable { node, reason },
        })
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

    /// The signal that tells the node to stop.
    fn stop_signal(&self) -> Signal {
        let program = self.plan.run.program();
        program.map_or(Signal::SIGTERM, |program| program.stop)
    }

    /// True when it is a program that has nothing to do at its end: it leaves that to the
    /// kernel, or to a shell, which says so by 128 and the signal's number.
    fn ends_so_when_told(&self, status: ExitStatus) -> bool {
        let told = self.stop_signal() as i32;
        !self.plan.run.is_hosted()
            && (status.signal() == Some(told) || status.code() == Some(128 + told))
    }

    fn exited(&self, status: ExitStatus) -> StartError {
        match self.plan.run.program().map(|program| &program.file) {
            Some(ProgramFile::Path(path)) if status.code() == Some(NO_PROGRAM.into()) => {
                StartError::NoProgram {
                    node: self.name(),
                    program: path.to_string(),
                    log: self.log(),
                }
            }
            _ => StartError::Exited {
                node: self.name(),
                status,
                log: self.log(),
            },
        }
    }

    fn late(&self, last: &str) -> StartError {
        StartError::Late {
            node: self.name(),
            limit: self.plan.within,
            last: last.to_owned(),
            log: self.log(),
        }
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
            None if self.plan.is_elsewhere() => Err(FaultError::Elsewhere { node, fault }),
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
