//! Groups that the harness makes for its nodes, and removes with them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Pid, getpid};

use super::{Group, Throttled, Version};
use crate::scratch;
use crate::topology::Cpus;

/// A group with a quota, for the processes of one node. It is removed with the value, when
/// they have ended.
#[derive(Debug)]
pub(crate) struct OwnGroup(Group);

impl OwnGroup {
    /// A group below ours, or below one of those above ours, whichever we may make one in.
    ///
    /// # Errors
    ///
    /// The reason why there is none to be had, from the nearest place where one was tried.
    pub(crate) fn with_quota(cpus: Cpus) -> Result<Self, String> {
        OwnGroup::below(&Group::of(getpid(), "cpu")?, cpus)
    }

    fn below(ours: &Group, cpus: Cpus) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("skein-{}-{number}", process::id());
        let mut nearest = None;
        for parent in places(ours) {
            let group = Group {
                folder: parent.join(&name),
                ..ours.clone()
            };
            match OwnGroup::made(group, cpus) {
                Ok(group) => return Ok(group),
                Err(error) => nearest = nearest.or(Some((parent, error))),
            }
        }
        let (parent, error) = nearest.ok_or("there is no cgroup to make one in")?;
        Err(format!(
            "no cgroup can be made in {}: {error}",
            parent.display()
        ))
    }

    fn made(group: Group, cpus: Cpus) -> io::Result<Self> {
        let parent = group.folder.parent().unwrap_or(&group.folder);
        if group.version == Version::V2 {
            hand_on_the_cpu(parent)?;
        }
        fs::create_dir(&group.folder)?;
        // From here on it is removed again.
        let group = OwnGroup(group);
        let say = |file: &str, value: String| fs::write(group.0.folder.join(file), value);
        let (period, quota) = (cpus.period_micros(), cpus.quota_micros());
        match group.0.version {
            Version::V1 => {
                say("cpu.cfs_period_us", period.to_string())?;
                say("cpu.cfs_quota_us", quota.to_string())?;
            }
            Version::V2 => say("cpu.max", format!("{quota} {period}"))?,
        }
        Ok(group)
    }

    pub(crate) fn version(&self) -> Version {
        self.0.version
    }

    /// Takes a process in, with all its threads; whom it starts from then on is in it, too.
    pub(crate) fn take(&self, pid: Pid) -> io::Result<()> {
        fs::write(self.0.folder.join("cgroup.procs"), pid.to_string())
    }

    /// The processes in it.
    pub(crate) fn processes(&self) -> io::Result<Vec<Pid>> {
        self.0.processes()
    }

    /// The times that it had no quota left.
    pub(crate) fn throttled(&self) -> io::Result<Throttled> {
        self.0.throttled()
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        // A process that was killed may take a moment to leave it.
        for _ in 0..200 {
            let removed = fs::remove_dir(&self.0.folder);
            let is_busy = |error: io::Error| error.raw_os_error() == Some(Errno::EBUSY as i32);
            if !removed.is_err_and(is_busy) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Removes the groups of harnesses that aren't there any more, who could not.
pub(crate) fn sweep() {
    let Ok(ours) = Group::of(getpid(), "cpu") else {
        return;
    };
    for parent in places(&ours) {
        let entries = fs::read_dir(parent).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_str().is_some_and(scratch::is_left) {
                // One that is not empty stays: whoever is in it lives.
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

/// The folders in which a group may be made, the nearest to ours first. In version 2 a group
/// that has processes has no groups below it, but for the top one of the machine.
fn places(ours: &Group) -> impl Iterator<Item = PathBuf> {
    let all = ours.folder.ancestors();
    let visible = all.take_while(|folder| folder.starts_with(&ours.top));
    visible.map(Path::to_owned)
}

/// Has the groups below one control the CPU, where they don't yet.
fn hand_on_the_cpu(parent: &Path) -> io::Result<()> {
    let has = |file: &str| {
        let text = fs::read_to_string(parent.join(file))?;
        Ok::<_, io::Error>(
            text.split_whitespace()
                .any(|controller| controller == "cpu"),
        )
    };
    if has("cgroup.subtree_control")? {
        return Ok(());
    }
    if !has("cgroup.controllers")? {
        return Err(io::Error::other("it has no cpu controller"));
    }
    fs::write(parent.join("cgroup.subtree_control"), "+cpu")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarter() -> Cpus {
        Cpus::of(0.25).expect("a share")
    }

    /// A group in a folder that no kernel looks after, which shows what it would be told.
    fn group(version: Version, top: &Path, below: &str) -> Group {
        let folder = top.join(below);
        fs::create_dir_all(&folder).expect("a folder");
        Group {
            version,
            folder,
            top: top.to_owned(),
        }
    }

    fn told(group: &OwnGroup, file: &str) -> String {
        fs::read_to_string(group.0.folder.join(file)).expect(file)
    }

    #[test]
    fn a_quota_is_written_as_each_version_has_it() {
        let top = tempfile::tempdir().expect("a folder");
        let old = OwnGroup::below(&group(Version::V1, top.path(), "a"), quarter()).expect("made");
        assert_eq!(told(&old, "cpu.cfs_period_us"), "10000");
        assert_eq!(told(&old, "cpu.cfs_quota_us"), "2500");
        old.take(Pid::from_raw(17)).expect("taken");
        assert_eq!(told(&old, "cgroup.procs"), "17");

        let top = tempfile::tempdir().expect("a folder");
        let ours = group(Version::V2, top.path(), "b");
        fs::write(ours.folder.join("cgroup.subtree_control"), "cpu memory\n").expect("written");
        let new = OwnGroup::below(&ours, quarter()).expect("made");
        assert_eq!(told(&new, "cpu.max"), "2500 10000");
        assert!(new.0.folder.starts_with(&ours.folder));
    }

    #[test]
    fn the_nearest_group_that_hands_the_cpu_on_is_taken_and_else_the_reason_named() {
        let top = tempfile::tempdir().expect("a folder");
        let ours = group(Version::V2, top.path(), "slice/scope");
        fs::write(ours.folder.join("cgroup.subtree_control"), "").expect("written");
        fs::write(ours.folder.join("cgroup.controllers"), "memory").expect("written");
        let refused = OwnGroup::below(&ours, quarter()).expect_err("no cpu anywhere");
        assert!(
            refused.contains("slice/scope: it has no cpu controller"),
            "{refused}"
        );

        let slice = top.path().join("slice");
        fs::write(slice.join("cgroup.subtree_control"), "cpu\n").expect("written");
        let group = OwnGroup::below(&ours, quarter()).expect("made beside ours");
        assert_eq!(group.0.folder.parent(), Some(slice.as_path()));
    }
}
