//! One process that the harness started, with those that it starts in its turn: their
//! signals and their end.
//!
//! A process that has ended stays in the process table until we ask for its
//! status, and we ask only through `&mut self`: no signal can reach a stranger
//! that was given the same id.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::listener::members;
use crate::usage::Usage;

/// A process from its start to its end and beyond.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// True when signals and looks go to its whole process group, whose leader it is.
    with_descendants: bool,
    paused: bool,
    told_to_end: bool,
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Process {
            child,
            with_descendants: false,
            paused: false,
            told_to_end: false,
        }
    }

    /// A process that may start others: a server with workers, a shell script. They share
    /// its group, and so its fate, as long as they don't leave it.
    pub(crate) fn with_descendants(child: Child) -> Self {
        let mut process = Process::new(child);
        process.with_descendants = true;
        process
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.with_descendants && self.has_ended_unnoticed() {
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
            self.signal(Signal::SIGKILL)?;
            self.child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end in its own time. A paused one is resumed, so that it can.
    pub(crate) fn terminate(&mut self) -> io::Result<()> {
        if self.ended().is_none() {
            self.told_to_end = true;
            self.signal(Signal::SIGTERM)?;
            self.resume()?;
        }
        Ok(())
    }

    /// Stops it, and waits until every thread of it stands still.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        if !self.paused {
            self.signal(Signal::SIGSTOP)?;
            // The call returns without this process when it ends instead.
            waitid(Id::Pid(self.pid()), WaitPidFlag::WSTOPPED)?;
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
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        if self.with_descendants {
            return Ok(self.usage()?.cpu);
        }
        let clock = clock_getcpuclockid(self.pid())?;
        Ok(clock_gettime(clock)?.into())
    }

    /// What it has taken from the operating system so far.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        if !self.with_descendants {
            return Usage::of(self.pid());
        }
        let members = members(self.pid()).map_err(io::Error::other)?;
        Usage::of_all(members.iter().map(|process| Pid::from_raw(process.pid)))
    }

    /// Its number, which is that of its process group, too.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.with_descendants {
            Ok(killpg(self.pid(), signal)?)
        } else {
            Ok(kill(self.pid(), signal)?)
        }
    }

    /// True when it has ended, and its status has not been asked for.
    fn has_ended_unnoticed(&self) -> bool {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let seen = waitid(Id::Pid(self.pid()), look);
        matches!(seen, Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
    }
}

/// Nothing is left behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
