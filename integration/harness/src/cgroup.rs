//! The kernel's control groups (cgroups), in both versions: where the group of a process is,
//! which processes are in it, and what it counts.

mod container;
mod own;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Pid;
use procfs::process::Process;

pub(crate) use container::ContainerGroups;
pub(crate) use own::{OwnGroup, sweep};

/// A version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Each controller has groups of its own.
    V1,
    /// All controllers have the same groups.
    V2,
}

/// The group of a process, for one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    version: Version,
    folder: PathBuf,
    /// The folder of the group above all others that can be seen.
    top: PathBuf,
}

/// The times that a group had no quota left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// Periods in which the group ran.
    pub periods: u64,
    /// Periods among them in which it used its quota up, and stood still for the rest.
    pub throttled: u64,
    /// The time that it stood still, added up over cores.
    pub time: Duration,
}

/// A place where groups are mounted.
#[derive(Clone, Debug)]
struct Mount {
    version: Version,
    controllers: Vec<String>,
    /// The group that is mounted there.
    root: String,
    folder: PathBuf,
}

impl Group {
    /// The group in which a controller, such as `cpu`, has a process.
    ///
    /// # Errors
    ///
    /// A reason, when the machine has no such groups or doesn't show them.
    pub(crate) fn of(pid: Pid, controller: &str) -> Result<Self, String> {
        let unseen = |error: procfs::ProcError| format!("its cgroup can't be seen ({error})");
        let process = Process::new(pid.as_raw()).map_err(unseen)?;
        let groups = process.cgroups().map_err(unseen)?;
        let groups = groups
            .into_iter()
            .map(|group| (group.controllers, group.pathname));
        located(controller, groups, &mounts().map_err(unseen)?)
            .ok_or_else(|| format!("this machine has no cgroups with the {controller} controller"))
    }

    /// The processes in it, and in those below it.
    pub(crate) fn processes(&self) -> io::Result<Vec<Pid>> {
        let mut processes = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let text = fs::read_to_string(folder.join("cgroup.procs"))?;
            let numbers = text.lines().filter_map(|line| line.parse().ok());
            processes.extend(numbers.map(Pid::from_raw));
            let entries = fs::read_dir(&folder)?.filter_map(Result::ok);
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|of| of.is_dir()));
            folders.extend(below.map(|entry| entry.path()));
        }
        Ok(processes)
    }

    /// CPU time, user and system, of all processes that were ever in it; of a group of the
    /// controller that accounts for it.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        match self.version {
            Version::V1 => self.number("cpuacct.usage").map(Duration::from_nanos),
            Version::V2 => {
                let stat = self.statistics("cpu.stat")?;
                let used = stat.get("usage_usec").copied().map(Duration::from_micros);
                used.ok_or_else(|| io::Error::other("cpu.stat doesn't tell the CPU time"))
            }
        }
    }

    /// The most memory that it ever had, in bytes; of a group of the `memory` controller.
    pub(crate) fn peak_memory(&self) -> io::Result<u64> {
        self.number(match self.version {
            Version::V1 => "memory.max_usage_in_bytes",
            Version::V2 => "memory.peak",
        })
    }

    /// A file of one number.
    fn number(&self, file: &str) -> io::Result<u64> {
        let text = fs::read_to_string(self.folder.join(file))?;
        text.trim().parse().map_err(io::Error::other)
    }

    /// The times that it had no quota left; of a group of the `cpu` controller.
    pub(crate) fn throttled(&self) -> io::Result<Throttled> {
        let stat = self.statistics("cpu.stat")?;
        let of = |name: &str| stat.get(name).copied();
        let time = match self.version {
            Version::V1 => of("throttled_time").map(Duration::from_nanos),
            Version::V2 => of("throttled_usec").map(Duration::from_micros),
        };
        let (Some(periods), Some(throttled), Some(time)) =
            (of("nr_periods"), of("nr_throttled"), time)
        else {
            return Err(io::Error::other(
                "cpu.stat doesn't tell when it was throttled",
            ));
        };
        Ok(Throttled {
            periods,
            throttled,
            time,
        })
    }

    /// A file of lines with a name and a number each.
    fn statistics(&self, file: &str) -> io::Result<BTreeMap<String, u64>> {
        let text = fs::read_to_string(self.folder.join(file))?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let numbers = lines.filter_map(|(name, of)| Some((name.to_owned(), of.parse().ok()?)));
        Ok(numbers.collect())
    }
}

impl Throttled {
    /// The difference to an earlier look.
    pub(crate) fn since(self, earlier: Throttled) -> Throttled {
        Throttled {
            periods: self.periods.saturating_sub(earlier.periods),
            throttled: self.throttled.saturating_sub(earlier.throttled),
            time: self.time.saturating_sub(earlier.time),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V1 => "v1",
            Version::V2 => "v2",
        })
    }
}

/// The group of a controller among those that a process is in, each with its controllers and
/// its name. Version 2 has whatever no hierarchy of version 1 has.
fn located(
    controller: &str,
    groups: impl Iterator<Item = (Vec<String>, String)>,
    mounts: &[Mount],
) -> Option<Group> {
    let groups: Vec<_> = groups.collect();
    let is_meant = |controllers: &Vec<String>| controllers.iter().any(|one| one == controller);
    let of_version = |version| {
        let is_it = |controllers: &Vec<String>| match version {
            Version::V1 => is_meant(controllers),
            Version::V2 => controllers.iter().all(String::is_empty),
        };
        let (_, name) = groups.iter().find(|(controllers, _)| is_it(controllers))?;
        let is_there = |mount: &&Mount| {
            mount.version == version && (version == Version::V2 || is_meant(&mount.controllers))
        };
        let mount = mounts.iter().find(is_there)?;
        // Only what is below the group that is mounted can be seen there.
        let below = Path::new(name).strip_prefix(&mount.root).ok();
        let below = below.unwrap_or(Path::new(""));
        Some(Group {
            version,
            folder: mount.folder.join(below),
            top: mount.folder.clone(),
        })
    };
    of_version(Version::V1).or_else(|| of_version(Version::V2))
}

fn mounts() -> Result<Vec<Mount>, procfs::ProcError> {
    let all = Process::myself()?.mountinfo()?;
    let mounts = all.0.into_iter().filter_map(|mount| {
        let version = match mount.fs_type.as_str() {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Mount {
            version,
            controllers: mount.super_options.into_keys().collect(),
            root: mount.root,
            folder: mount.mount_point,
        })
    });
    Ok(mounts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(version: Version, controllers: &[&str], root: &str, folder: &str) -> Mount {
        Mount {
            version,
            controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
            root: root.to_owned(),
            folder: folder.into(),
        }
    }

    fn found(groups: &[(&str, &str)], mounts: &[Mount]) -> Option<(Version, PathBuf)> {
        let groups = groups.iter().map(|(controllers, name)| {
            let controllers = controllers.split(',').map(str::to_owned);
            (controllers.collect(), (*name).to_owned())
        });
        let group = located("cpu", groups, mounts)?;
        Some((group.version, group.folder))
    }

    #[test]
    fn a_group_is_found_in_the_version_that_has_its_controller() {
        let old = mount(Version::V1, &["rw", "cpu", "cpuacct"], "/", "/cg/cpu");
        let new = mount(Version::V2, &["rw"], "/", "/cg/unified");
        let groups = [("cpu,cpuacct", "/a"), ("", "/b")];
        let both = [new.clone(), old];
        assert_eq!(
            found(&groups, &both),
            Some((Version::V1, "/cg/cpu/a".into()))
        );
        let new = [new];
        assert_eq!(
            found(&groups, &new),
            Some((Version::V2, "/cg/unified/b".into()))
        );
        assert_eq!(found(&groups, &[]), None);
    }

    #[test]
    fn within_a_container_a_group_is_seen_below_the_one_that_is_mounted() {
        let mounted = [mount(Version::V2, &["rw"], "/docker/abc", "/sys/fs/cgroup")];
        let inner = found(&[("", "/docker/abc/inner")], &mounted);
        assert_eq!(inner, Some((Version::V2, "/sys/fs/cgroup/inner".into())));
        let outer = found(&[("", "/elsewhere")], &mounted);
        assert_eq!(outer, Some((Version::V2, "/sys/fs/cgroup".into())));
    }

    #[test]
    fn both_versions_tell_of_throttling_in_units_of_their_own() {
        for (version, text) in [
            (
                Version::V1,
                "nr_periods 9\nnr_throttled 4\nthrottled_time 5000000\n",
            ),
            (
                Version::V2,
                "usage_usec 1\nnr_periods 9\nnr_throttled 4\nthrottled_usec 5000\n",
            ),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("cpu.stat"), text).expect("written");
            let group = Group {
                version,
                folder: folder.path().to_owned(),
                top: folder.path().to_owned(),
            };
            let throttled = group.throttled().expect("it tells");
            let time = Duration::from_millis(5);
            assert_eq!(
                throttled,
                Throttled {
                    periods: 9,
                    throttled: 4,
                    time
                }
            );
        }
    }

    #[test]
    fn both_versions_tell_cpu_time_memory_and_processes_also_of_groups_below() {
        for (version, files) in [
            (
                Version::V1,
                [
                    ("cpuacct.usage", "1500000\n"),
                    ("memory.max_usage_in_bytes", "4096\n"),
                ],
            ),
            (
                Version::V2,
                [
                    ("cpu.stat", "usage_usec 1500\nuser_usec 9\n"),
                    ("memory.peak", "4096\n"),
                ],
            ),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let group = Group {
                version,
                folder: folder.path().to_owned(),
                top: folder.path().to_owned(),
            };
            for (file, text) in files {
                fs::write(folder.path().join(file), text).expect("written");
            }
            fs::create_dir(folder.path().join("below")).expect("a folder");
            fs::write(folder.path().join("cgroup.procs"), "1\n2\n").expect("written");
            fs::write(folder.path().join("below/cgroup.procs"), "3\n").expect("written");
            assert_eq!(group.cpu_time().expect("told"), Duration::from_micros(1500));
            assert_eq!(group.peak_memory().expect("told"), 4096);
            let processes = group.processes().expect("told");
            assert_eq!(processes, [1, 2, 3].map(Pid::from_raw));
        }
    }
}
