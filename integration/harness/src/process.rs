//! One process that the harness started, with those that it starts in its turn: their
//! signals and their end.
//!
//! A process that has ended stays in the process table until we ask for its
//! status, and we ask only through `&mut self`: no signal can reach a stranger
//! that was given the same id.

use std::io;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::cgroup::{ContainerGroups, OwnGroup};
use crate::container::Container;
use crate::host::{BECOME_WORD, FIRST_WORD};
use crate::listener::members;
use crate::usage::Usage;

/// A process from its start to its end and beyond.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    reach: Reach,
    /// The group that it is in, if it has one of its own; removed after its end.
    group: Option<OwnGroup>,
    paused: bool,
    told_to_end: bool,
}

/// The reason why it can't be said what a process has used.
#[derive(Debug)]
pub(crate) enum Unseen {
    /// This look failed.
    Now(io::Error),
    /// Each look would, for this reason.
    Never(String),
}

impl From<io::Error> for Unseen {
    fn from(error: io::Error) -> Self {
        Unseen::Now(error)
    }
}

/// The processes that signals and looks go to.
#[derive(Debug)]
enum Reach {
    /// The process.
    Alone,
    /// Its process group, whose leader it is, and all whom these started.
    Descendants,
    /// The container that it was started for.
    Container(Box<Container>),
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Process::reaching(child, Reach::Alone)
    }

    fn reaching(child: Child, reach: Reach) -> Self {
        Process {
            child,
            reach,
            group: None,
            paused: false,
            told_to_end: false,
        }
    }

    /// A process that may start others: a server with workers, a shell script.
    pub(crate) fn with_descendants(child: Child) -> Self {
        Process::reaching(child, Reach::Descendants)
    }

    /// The process that a container doesn't outlive.
    pub(crate) fn of_container(child: Child, container: Container) -> Self {
        Process::reaching(child, Reach::Container(Box::new(container)))
    }

    /// Puts it into a group, with those whom it has started since.
    pub(crate) fn confine(&mut self, group: OwnGroup) -> io::Result<()> {
        const ATTEMPTS: usize = 100;
        let first = self.pid();
        let group = self.group.insert(group);
        group.take(first)?;
        for _ in 0..ATTEMPTS {
            let inside = group.processes()?;
            let all = members(first).map_err(io::Error::other)?;
            let is_outside = |process: &&procfs::process::Process| {
                !inside.contains(&pid(process)) && !is_gone(process)
            };
            let outside: Vec<Pid> = all.iter().filter(is_outside).map(pid).collect();
            if outside.is_empty() {
                return Ok(());
            }
            for process in outside {
                // One that has ended meanwhile is not there the next time.
                let _ = group.take(process);
            }
        }
        Err(io::Error::other("some of its processes stay outside"))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if matches!(self.reach, Reach::Descendants) && self.has_ended_unnoticed() {
            // While we haven't asked for its status, its group's number is nobody else's.
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
        self.child
            .try_wait()
            .expect("nobody else waits for this process")
    }

    /// How it ended, if it has without being told to.
    pub(crate) fn ended_by_itself(&mut self) -> Option<ExitStatus> {
        self.ended().filter(|_| !self.told_to_end)
    }

    /// Ends it at once, even when it is paused, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        if self.ended().is_none() {
            self.told_to_end = true;
            let mut descendants = Vec::new();
            match self.reach {
                // It removes the container when its input ends.
                Reach::Container(_) => drop(self.child.stdin.take()),
                Reach::Descendants => {
                    descendants = self.members()?;
                    self.signal(Signal::SIGKILL)?;
                }
                Reach::Alone => self.signal(Signal::SIGKILL)?,
            }
            self.child.wait()?;
            until_gone(&descendants)?;
        }
        Ok(())
    }

    /// Asks it by a signal to end in its own time. A paused one is resumed, so that it can.
    pub(crate) fn terminate(&mut self, signal: Signal) -> io::Result<()> {
        if self.ended().is_none() {
            self.told_to_end = true;
            match &self.reach {
                // Who left the group is told by whoever started him.
                Reach::Descendants => killpg(self.pid(), signal)?,
                _ => self.signal(signal)?,
            }
            if self.paused || !matches!(self.reach, Reach::Container(_)) {
                self.resume()?;
            }
        }
        Ok(())
    }

    /// Stops it, and waits until every thread of it stands still.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        if !self.paused {
            self.signal(Signal::SIGSTOP)?;
            match self.reach {
                // The call returns without this process when it ends instead.
                Reach::Alone => drop(waitid(Id::Pid(self.pid()), WaitPidFlag::WSTOPPED)?),
                // Some may have been started since, and some may not stand still yet.
                Reach::Descendants => {
                    while self.members()?.iter().any(runs) {
                        self.signal(Signal::SIGSTOP)?;
                    }
                }
                Reach::Container(_) => {}
            }
            self.paused = true;
        }
        Ok(())
    }

    /// Lets it run on.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)?;
        self.paused = false;
        Ok(())
    }

    /// User and system time of all its threads, those that have ended included.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Unseen> {
        let own = || Ok(clock_gettime(clock_getcpuclockid(self.pid())?)?.into());
        match &self.reach {
            Reach::Alone => own().map_err(Unseen::Now),
            Reach::Container(container) => Ok(groups(container)?.cpu_time()?),
            Reach::Descendants => Ok(self.usage()?.cpu),
        }
    }

    /// What it has taken from the operating system so far.
    pub(crate) fn usage(&self) -> Result<Usage, Unseen> {
        let mut usage = match &self.reach {
            Reach::Alone => Usage::of(self.pid())?,
            Reach::Container(container) => return Ok(groups(container)?.usage()?),
            Reach::Descendants => Usage::of_all(self.members()?.iter().map(pid))?,
        };
        usage.throttled = self.group.as_ref().map(OwnGroup::throttled).transpose()?;
        Ok(usage)
    }

    /// Its number, which is that of its process group, too.
    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The first process of the node, which all others descend from; none while there is no
    /// container yet.
    pub(crate) fn first(&self) -> Option<Pid> {
        match &self.reach {
            Reach::Container(container) => container.first(),
            _ => Some(self.pid()),
        }
    }

    /// The container that it was started for.
    pub(crate) fn container(&self) -> Option<&Container> {
        match &self.reach {
            Reach::Container(container) => Some(container),
            _ => None,
        }
    }

    /// True once the program is executed that the process was started for. Until then, nobody
    /// hears a signal.
    pub(crate) fn executes_its_program(&self) -> bool {
        let is_past_ours = |member: &procfs::process::Process| {
            let words = member.cmdline().unwrap_or_default();
            let is_ours = |word: &String| [BECOME_WORD, FIRST_WORD].contains(&word.as_str());
            !words.is_empty() && !words.get(1).is_some_and(is_ours)
        };
        let all = || self.members().unwrap_or_default();
        !matches!(self.reach, Reach::Descendants) || all().iter().any(is_past_ours)
    }

    /// Every process of the node.
    fn members(&self) -> io::Result<Vec<procfs::process::Process>> {
        let first = self.first().ok_or_else(no_container)?;
        members(first).map_err(io::Error::other)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.reach {
            Reach::Alone => Ok(kill(self.pid(), signal)?),
            Reach::Container(container) => container.signal(signal),
            Reach::Descendants => {
                let members = self.members()?;
                killpg(self.pid(), signal)?;
                for member in members.iter().map(pid) {
                    // It may have ended meanwhile.
                    let _ = kill(member, signal);
                }
                Ok(())
            }
        }
    }

    /// True when it has ended, and its status has not been asked for.
    fn has_ended_unnoticed(&self) -> bool {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let seen = waitid(Id::Pid(self.pid()), look);
        matches!(seen, Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
    }
}

/// The groups of a container.
fn groups(container: &Container) -> Result<&ContainerGroups, Unseen> {
    match container.groups() {
        Some(Ok(groups)) => Ok(groups),
        Some(Err(reason)) => Err(Unseen::Never(reason.to_owned())),
        None => Err(Unseen::Now(no_container())),
    }
}

fn no_container() -> io::Error {
    io::Error::other("there is no container any more")
}

fn pid(process: &procfs::process::Process) -> Pid {
    Pid::from_raw(process.pid)
}

/// True unless the process stands still, or has ended.
fn runs(process: &procfs::process::Process) -> bool {
    let stat = process.stat();
    stat.is_ok_and(|stat| !matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
}

/// Waits for the end of processes that were killed. They may end after whoever started them.
fn until_gone(killed: &[procfs::process::Process]) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let began = Instant::now();
    while killed.iter().any(|process| !is_gone(process)) {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other("it was killed, and does not end"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// True when every thread of the process has ended, and has let go of its files.
pub(crate) fn is_gone(process: &procfs::process::Process) -> bool {
    let ended =
        |stat: procfs::process::Stat| matches!(stat.state, 'Z' | 'X') && stat.num_threads <= 1;
    process.stat().map_or(true, ended)
}

/// Nothing is left behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
