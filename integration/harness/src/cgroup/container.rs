//! The groups that a container engine has made for one container: what all of its processes
//! have used together, those that have ended included.

use std::io;
use std::time::Duration;

use nix::unistd::Pid;

use super::{Group, Throttled};
use crate::usage::Usage;

/// The groups of a container.
#[derive(Debug)]
pub(crate) struct ContainerGroups {
    cpu: Group,
    memory: Group,
    quota: Group,
}

impl ContainerGroups {
    /// The groups of the container `id`, whose first process this is.
    ///
    /// # Errors
    ///
    /// The reason why they can't be looked at.
    pub(crate) fn of(first: Pid, id: &str) -> Result<Self, String> {
        let group = |controller| {
            let group = Group::of(first, controller)?;
            // On another machine, or outside of our own container, the number is somebody else's.
            let is_its_own = group.folder.to_string_lossy().contains(id);
            is_its_own.then_some(group).ok_or_else(|| {
                "its engine's cgroups can't be seen from here, as when it is on another machine"
                    .to_owned()
            })
        };
        Ok(ContainerGroups {
            cpu: group("cpuacct")?,
            memory: group("memory")?,
            quota: group("cpu")?,
        })
    }

    /// CPU time, user and system.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        self.cpu.cpu_time()
    }

    /// All that it has taken from the operating system. Switches and waits are those of the
    /// processes that there are; memory has the pages of files in it that the container keeps.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::of_all(self.cpu.processes()?.into_iter())?;
        usage.cpu = self.cpu.cpu_time()?;
        // Older kernels of version 2 don't keep the most, which is then that of each process.
        if let Ok(peak) = self.memory.peak_memory() {
            usage.peak_memory = peak;
        }
        let has_quota = |throttled: &Throttled| throttled.periods > 0;
        usage.throttled = self.quota.throttled().ok().filter(has_quota);
        Ok(usage)
    }
}
