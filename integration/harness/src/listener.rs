//! Whose socket it is that listens on an address.

use std::collections::HashSet;
use std::net::SocketAddr;

use nix::unistd::Pid;
use procfs::net::{TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process, all_processes};
use procfs::{ProcError, ProcResult};

/// True when a socket that listens on `address` belongs to a process of the group `group`,
/// or to a descendant of its leader. Processes that can't be looked into are not ours.
///
/// # Errors
///
/// When the kernel doesn't tell of its sockets or processes.
pub(crate) fn belongs_to(address: SocketAddr, group: Pid) -> ProcResult<bool> {
    let listening = |state: &TcpState| *state == TcpState::Listen;
    let covers = |local: SocketAddr| {
        local.port() == address.port()
            && (local.ip() == address.ip() || local.ip().is_unspecified())
    };
    // Where there is no IPv6, there is no list of its sockets.
    let sockets = tcp()?.into_iter().chain(tcp6().unwrap_or_default());
    let inodes: HashSet<u64> = sockets
        .filter(|entry| listening(&entry.state) && covers(entry.local_address))
        .map(|entry| entry.inode)
        .collect();
    let ours = members(group)?;
    Ok(ours.iter().any(|process| holds_one_of(process, &inodes)))
}

/// The processes of a group, and all whom they started.
pub(crate) fn members(group: Pid) -> ProcResult<Vec<Process>> {
    let mut others = Vec::new();
    let mut members = Vec::new();
    for process in all_processes()? {
        // What has ended since the listing is nobody's.
        let Ok(stat) = process.as_ref().map_err(copy).and_then(Process::stat) else {
            continue;
        };
        let Ok(process) = process else { continue };
        if stat.pgrp == group.as_raw() {
            members.push(process);
        } else {
            others.push((stat.ppid, process));
        }
    }
    let mut looked_at = 0;
    while let Some(parent) = members.get(looked_at).map(|process| process.pid) {
        let (children, rest) = others.into_iter().partition(|(ppid, _)| *ppid == parent);
        others = rest;
        members.extend(
            (children as Vec<(i32, Process)>)
                .into_iter()
                .map(|(_, child)| child),
        );
        looked_at += 1;
    }
    Ok(members)
}

fn holds_one_of(process: &Process, inodes: &HashSet<u64>) -> bool {
    let Ok(files) = process.fd() else {
        return false;
    };
    files
        .filter_map(Result::ok)
        .any(|file| matches!(file.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
}

fn copy(error: &ProcError) -> ProcError {
    ProcError::Other(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use nix::unistd::{getpgid, getpid};

    use super::*;

    #[test]
    fn a_listener_belongs_to_its_process_and_to_nobody_else() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let ours = getpgid(None).expect("a group");
        assert_eq!(belongs_to(address, ours).ok(), Some(true));
        assert_eq!(
            belongs_to(address, Pid::from_raw(i32::MAX)).ok(),
            Some(false)
        );
        drop(listener);
        assert_eq!(belongs_to(address, ours).ok(), Some(false));
    }

    #[test]
    fn this_process_is_a_member_of_its_group() {
        let group = getpgid(None).expect("a group");
        let members = members(group).expect("/proc is there");
        assert!(
            members
                .iter()
                .any(|process| process.pid == getpid().as_raw())
        );
    }
}
