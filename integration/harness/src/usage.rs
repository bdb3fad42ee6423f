//! Resources that a process has taken from the operating system so far: CPU time, the
//! core's changes of hand, the wait for a core, and memory.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::ProcError;
use procfs::process::{Process, Task};

pub use crate::cgroup::Throttled;

/// The resources that a process has taken so far.
///
/// CPU time and memory are of the whole process. Switches and waits are kept by
/// thread, since the kernel forgets those of a thread that ends: two looks miss what
/// threads did that ended in between, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, user and system, of all threads, those that have ended included.
    pub cpu: Duration,
    /// The most physical memory that the process ever had, in bytes (`VmHWM`).
    pub peak_memory: u64,
    /// The times that it had no quota of CPU time left, where it has one.
    pub throttled: Option<Throttled>,
    threads: BTreeMap<i32, ThreadUsage>,
}

/// The resources that one thread has taken so far, or between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ThreadUsage {
    voluntary: u64,
    involuntary: u64,
    waited: Duration,
}

/// The resources that a process took between two looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// The number of times that a thread gave its core up, because it had to wait for something.
    pub voluntary_switches: u64,
    /// The number of times that a thread lost its core to another.
    pub involuntary_switches: u64,
    /// The time that threads were ready to run and had no core, added up over threads.
    pub waited: Duration,
    /// The most physical memory that the process had, from its start to the second
    /// look, in bytes.
    pub peak_memory: u64,
    /// The times that it had no quota of CPU time left, where it has one.
    pub throttled: Option<Throttled>,
}

impl Usage {
    /// Looks at this process.
    ///
    /// # Errors
    ///
    /// When `/proc` is not there, or does not tell.
    pub fn of_this_process() -> io::Result<Usage> {
        Usage::of(Pid::this())
    }

    /// Looks at the process `pid`.
    pub(crate) fn of(pid: Pid) -> io::Result<Usage> {
        let process = Process::new(pid.as_raw()).map_err(io_error)?;
        let status = process.status().map_err(io_error)?;
        let mut threads = BTreeMap::new();
        for task in process.tasks().map_err(io_error)? {
            let looked = task.and_then(|task| Ok((task.tid, ThreadUsage::of(&task)?)));
            match looked {
                Ok((id, usage)) => {
                    threads.insert(id, usage);
                }
                // It ended between the listing and the look.
                Err(ProcError::NotFound(_)) => {}
                Err(error) => return Err(io_error(error)),
            }
        }
        Ok(Usage {
            cpu: clock_gettime(clock_getcpuclockid(pid)?)?.into(),
            peak_memory: status.vmhwm.unwrap_or(0) * 1024,
            throttled: None,
            threads,
        })
    }

    /// Looks at several processes as if they were one, of which some may end meanwhile.
    /// CPU time of a child that has ended and was waited for is in it, to the hundredth of a
    /// second that the kernel keeps it at; memory is the sum of each one's most.
    pub(crate) fn of_all(pids: impl Iterator<Item = Pid>) -> io::Result<Usage> {
        let mut all = Usage::default();
        for pid in pids {
            let Ok(one) = Usage::of(pid) else {
                continue;
            };
            all.cpu += one.cpu + ended_children(pid).unwrap_or_default();
            all.peak_memory += one.peak_memory;
            all.threads.extend(one.threads);
        }
        Ok(all)
    }

    /// The resources taken since `earlier`, a look at the same process.
    pub fn since(&self, earlier: &Usage) -> Used {
        let mut used = Used {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            peak_memory: self.peak_memory,
            throttled: self
                .throttled
                .map(|now| now.since(earlier.throttled.unwrap_or_default())),
            ..Used::default()
        };
        for (id, now) in &self.threads {
            let before = earlier.threads.get(id).copied().unwrap_or_default();
            used.voluntary_switches += now.voluntary.saturating_sub(before.voluntary);
            used.involuntary_switches += now.involuntary.saturating_sub(before.involuntary);
            used.waited += now.waited.saturating_sub(before.waited);
        }
        used
    }
}

/// CPU time of a process's children that have ended.
fn ended_children(pid: Pid) -> Option<Duration> {
    let stat = Process::new(pid.as_raw()).ok()?.stat().ok()?;
    let ticks = u64::try_from(stat.cutime + stat.cstime).ok()?;
    let per_second = procfs::ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

impl ThreadUsage {
    fn of(task: &Task) -> Result<Self, ProcError> {
        let status = task.status()?;
        Ok(ThreadUsage {
            voluntary: status.voluntary_ctxt_switches.unwrap_or(0),
            involuntary: status.nonvoluntary_ctxt_switches.unwrap_or(0),
            waited: Duration::from_nanos(task.schedstat()?.run_delay),
        })
    }
}

fn io_error(error: ProcError) -> io::Error {
    match error {
        ProcError::Io(error, _) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(threads: &[(i32, u64)]) -> Usage {
        let threads = threads.iter().map(|(id, voluntary)| {
            let usage = ThreadUsage {
                voluntary: *voluntary,
                ..ThreadUsage::default()
            };
            (*id, usage)
        });
        Usage {
            threads: threads.collect(),
            ..Usage::default()
        }
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_back_and_a_new_one_counts_whole() {
        let before = usage(&[(1, 10), (2, 1000)]);
        let after = usage(&[(1, 15), (3, 7)]);
        assert_eq!(after.since(&before).voluntary_switches, 12);
    }

    #[test]
    fn work_and_waits_of_this_process_are_seen() {
        let before = Usage::of_this_process().expect("/proc is there");
        let began = std::time::Instant::now();
        let mut sum = 0_u64;
        while began.elapsed() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        std::thread::sleep(Duration::from_millis(1));
        let used = Usage::of_this_process()
            .expect("it still is")
            .since(&before);
        assert!(used.cpu > Duration::ZERO);
        assert!(used.voluntary_switches > 0, "the sleep gave the core up");
        assert!(used.peak_memory > 100_000, "{}", used.peak_memory);
    }
}
