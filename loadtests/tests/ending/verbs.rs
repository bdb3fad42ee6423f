//! Verbs other than `run` end as soon.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::executable;
use crate::run::{PROGRAM, Running, nodes_of, wait_for};

fn quiet(command: &mut Command) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
}

#[test]
fn a_self_check_ends_soon() {
    let mut command = Command::new(PROGRAM);
    command.arg("self-check");
    quiet(&mut command);
    let mut check = Running::start(command);
    wait_for("it to listen", || {
        check.catches(Signal::SIGHUP).then_some(())
    });
    let asked = Instant::now();
    check.send(Signal::SIGHUP);
    assert_eq!(check.end().code(), Some(3));
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_system_that_runs_for_people_stops_when_their_terminal_is_closed() {
    let mut command = Command::new(PROGRAM);
    command.args(["up", "--ephemeral", "--gateways=1", "--caches=0"]);
    quiet(&mut command);
    let mut up = Running::start(command);
    let id = up.id();
    wait_for("the nodes", || (nodes_of(id).len() >= 5).then_some(()));
    up.send(Signal::SIGHUP);
    assert_eq!(up.end().code(), Some(0));
    assert_eq!(nodes_of(id).len(), 0);
}

#[test]
fn a_gate_whose_baseline_is_being_built_ends_soon_and_so_does_the_build() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    fs::write(path.join("file"), "").expect("written");
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "file"],
        &["commit", "--quiet", "-m", "one"],
    ] {
        git(path, arguments);
    }
    // In place of cargo, which would only take longer to come to the same.
    let cargo = path.join("cargo");
    let script = "#!/bin/sh\nsleep 600 &\necho $! > \"$PIDS\"\nwait\n";
    executable::script(script, &cargo);
    // Builds are kept in the target folder of the program, if it is in one.
    let program = path.join("program");
    executable::copy(Path::new(PROGRAM), &program);
    let pids = path.join("pids");
    let mut command = Command::new(program);
    command
        .args(["gate", "--baseline", "HEAD"])
        .env("CARGO", &cargo)
        .env("PIDS", &pids)
        .current_dir(path);
    quiet(&mut command);
    let mut gate = Running::start(command);
    let compiler = wait_for("the build", || {
        let pid = fs::read_to_string(&pids).ok()?;
        pid.ends_with('\n').then(|| pid.trim().to_owned())
    });
    let asked = Instant::now();
    gate.send(Signal::SIGTERM);
    assert_eq!(gate.end().code(), Some(3));
    assert!(asked.elapsed() < Duration::from_secs(10));
    wait_for("the end of what the build had started", || {
        is_gone(&compiler).then_some(())
    });
}

/// True when a process runs no more; one that nobody asks for its status counts as such.
fn is_gone(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.map_or(true, |status| status.contains(") Z "))
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .current_dir(folder)
        .status();
    assert!(done.expect("git is there").success(), "{arguments:?}");
}
