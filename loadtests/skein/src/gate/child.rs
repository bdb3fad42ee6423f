//! A program that a gate waits for, and that doesn't outlast the gate's interruption.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::interruption::Interruption;

/// Time between two looks at whether somebody interrupted the gate.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs `command` to its end and hands over each line of its standard error. `None` when
/// the gate was interrupted, and the program killed with all that it had started.
///
/// # Errors
///
/// When it can't be executed.
pub(super) fn run(
    command: &mut Command,
    interruption: &Interruption,
    mut say: impl FnMut(String),
) -> io::Result<Option<ExitStatus>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // To be killed as a whole; Ctrl-C in a terminal is for us.
        .process_group(0)
        .spawn()?;
    let group = Pid::from_raw(child.id().cast_signed());
    let (over, is_over) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || kill_if_interrupted(group, interruption, &is_over));
        let lines = child.stderr.take().map(BufReader::new);
        let lines = lines.into_iter().flat_map(BufRead::lines);
        for line in lines.map_while(Result::ok) {
            say(line);
        }
        // It stays in the process table, so that no stranger gets its id before nobody
        // kills it any more.
        let ended = waitid(Id::Pid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        drop(over);
        ended
    })?;
    let status = child.wait()?;
    Ok((!interruption.happened()).then_some(status))
}

fn kill_if_interrupted(group: Pid, interruption: &Interruption, is_over: &Receiver<()>) {
    while is_over.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        if interruption.happened() {
            // It has ended meanwhile, if there is nobody.
            let _ = killpg(group, Signal::SIGKILL);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::interruption::testing;

    #[test]
    fn what_a_program_says_is_heard_and_how_it_ended_told() {
        let mut said = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 7"]);
        let status = run(&mut command, &Interruption::never(), |line| said.push(line));
        let status = status.expect("there is a shell").expect("it went on");
        assert_eq!(
            (status.code(), said),
            (Some(7), vec!["one".into(), "two".into()])
        );
    }

    #[test]
    fn an_interruption_kills_a_program_and_what_that_has_started() {
        let began = Instant::now();
        let (teller, interruption) = testing::channel();
        let mut command = Command::new("sh");
        // What holds the line open is a child of the shell.
        command.args(["-c", "trap '' TERM; echo there >&2; sleep 60; sleep 60"]);
        let told = run(&mut command, &interruption, |_| {
            teller.tell("SIGTERM");
        });
        assert_eq!(told.expect("there is a shell"), None);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
