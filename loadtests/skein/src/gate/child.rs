//! A program that a gate waits for, and that doesn't outlast the gate's interruption.

use std::collections::VecDeque;
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

/// A program that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The last lines of its standard error, for an error to show.
    pub(super) last_lines: String,
}

/// The lines that are kept of a program's standard error.
const KEPT_LINES: usize = 30;

/// Runs `command` to its end and hands over each line of its standard error. `None` when
/// the gate was interrupted, and the program killed with all that it had started.
///
/// # Errors
///
/// When it can't be executed.
pub(super) fn run(
    command: &mut Command,
    interruption: &Interruption,
    mut say: impl FnMut(&str),
) -> io::Result<Option<Ended>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // To be killed as a whole; Ctrl-C in a terminal is for us.
        .process_group(0)
        .spawn()?;
    let group = Pid::from_raw(child.id().cast_signed());
    let (over, is_over) = channel::<()>();
    let mut last_lines = VecDeque::new();
    thread::scope(|scope| {
        scope.spawn(move || kill_if_interrupted(group, interruption, &is_over));
        let lines = child.stderr.take().map(BufReader::new);
        let lines = lines.into_iter().flat_map(BufRead::lines);
        for line in lines.map_while(Result::ok) {
            say(&line);
            if last_lines.len() == KEPT_LINES {
                last_lines.pop_front();
            }
            last_lines.push_back(line);
        }
        // It stays in the process table, so that no stranger gets its id before nobody
        // kills it any more.
        let ended = waitid(Id::Pid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        drop(over);
        ended
    })?;
    let status = child.wait()?;
    Ok((!interruption.happened()).then(|| Ended {
        status,
        last_lines: Vec::from(last_lines).join("\n"),
    }))
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
        let ended = run(&mut command, &Interruption::never(), |line| {
            said.push(line.to_owned());
        });
        let ended = ended.expect("there is a shell").expect("it went on");
        assert_eq!(
            (ended.status.code(), said),
            (Some(7), vec!["one".into(), "two".into()])
        );
        assert_eq!(ended.last_lines, "one\ntwo");
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
        assert!(told.expect("there is a shell").is_none());
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
