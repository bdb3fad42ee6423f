//! Folders in the temporary directory, which every user of the machine can look into. Each
//! names the process that made it: one that is killed can't remove its own, and whoever starts
//! a system next does.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process;

use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::host::Nobody;
use crate::process::is_gone;

/// A new folder called after `purpose`, for this user alone; it goes with the value.
///
/// # Errors
///
/// When the temporary directory can't be written to.
pub fn folder(purpose: &str) -> io::Result<TempDir> {
    with_mode(purpose, 0o700)
}

/// The same, which others can look into: for programs that another user executes.
///
/// # Errors
///
/// When the temporary directory can't be written to.
pub fn folder_for_all(purpose: &str) -> io::Result<TempDir> {
    with_mode(purpose, 0o755)
}

fn with_mode(purpose: &str, mode: u32) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(&format!("skein-{}-{purpose}-", process::id()))
        .permissions(Permissions::from_mode(mode))
        .tempdir()
}

/// Removes what processes of this user left that aren't there any more.
pub(crate) fn sweep() {
    sweep_in(&std::env::temp_dir());
}

fn sweep_in(directory: &Path) {
    let us = geteuid();
    // Root gives some to nobody.
    let nobody = us.is_root().then(Nobody::find).and_then(Result::ok);
    let is_ours = |user: u32| user == us.as_raw() || nobody.is_some_and(|it| it.user == user);
    let entries = fs::read_dir(directory).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_str().is_some_and(is_left)
            && entry.metadata().is_ok_and(|about| is_ours(about.uid()))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// True of a name that a process of ours has given which isn't there any more.
pub(crate) fn is_left(name: &str) -> bool {
    maker(name).is_some_and(maker_is_gone)
}

/// True when the process that made something isn't there any more.
pub(crate) fn maker_is_gone(pid: i32) -> bool {
    procfs::process::Process::new(pid).map_or(true, |maker| is_gone(&maker))
}

/// The number of the process that made a folder of this name.
fn maker(name: &str) -> Option<i32> {
    let (pid, _) = name.strip_prefix("skein-")?.split_once('-')?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_its_user_alone_and_names_its_maker() {
        let folder = folder("test").expect("a folder");
        let about = folder.path().metadata().expect("there");
        assert_eq!(about.permissions().mode() & 0o777, 0o700);
        let name = folder.path().file_name().and_then(|name| name.to_str());
        assert_eq!(name.and_then(maker), Some(process::id().cast_signed()));
        for other in ["skein-17", "skein-postgres-17", "systemd-17-x"] {
            assert_eq!(maker(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
        let mut ended = process::Command::new("true").spawn().expect("it runs");
        let dead = ended.id();
        ended.wait().expect("it ends");
        let directory = tempfile::tempdir().expect("a folder");
        let left = format!("skein-{dead}-node-cache-1-x3Yz");
        let kept = [
            format!("skein-{}-node-cache-1-x3Yz", process::id()),
            format!("skein-postgres-{dead}"),
            format!("other-{dead}-x"),
        ];
        for name in kept.iter().chain([&left]) {
            fs::create_dir_all(directory.path().join(name).join("data")).expect("a folder");
        }
        sweep_in(directory.path());
        let is_there = |name: &String| directory.path().join(name).exists();
        assert!(!is_there(&left));
        assert!(kept.iter().all(is_there));
    }
}
