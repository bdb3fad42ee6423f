//! The node's side of being started by a harness: a program that starts nodes executes
//! itself with a hidden word, and this module takes over there.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write, stderr, stdin};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitCode, ExitStatus};
use std::thread;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

mod confined;

pub(crate) use confined::Nobody;

use crate::container;

/// The first argument of a program that is to host a node. It is followed by the
/// harness's process id, and by the node's own arguments.
pub const HIDDEN_WORD: &str = "__node";

/// The same for a program that is to become another one, which it names after the
/// harness's process id and `--`, and which ends with the harness.
pub(crate) const BECOME_WORD: &str = "__become";

/// A word between the two, with the folder that the other one shall run in.
pub(crate) const WORKDIR: &str = "--in=";

/// The first argument of the first process in a namespace, followed by the id of the process
/// that made it and by the program that it is for.
pub(crate) const FIRST_WORD: &str = "__first";

/// The first argument of a program that is to keep a container; see
/// [`outlive_by_nothing`](crate::container::outlive_by_nothing).
pub(crate) const CONTAIN_WORD: &str = "__contain";

/// The same for a program that is to be a [`Helper`](crate::helper::Helper); it is
/// followed by the harness's process id.
pub(crate) const HELPER_WORD: &str = "__helper";

/// Becomes a node, when this process was started to be one: `serve` gets the program's
/// name and the node's arguments. Belongs into the first line of `main`, before any runtime.
pub fn run_if_asked(serve: impl FnOnce(Vec<OsString>) -> ExitCode) -> Option<ExitCode> {
    let mut args = env::args_os();
    let program = args.next()?;
    let word = args.next()?;
    let work: Box<dyn FnOnce(Vec<OsString>) -> ExitCode> = match word.to_str() {
        Some(HIDDEN_WORD) => Box::new(move |args| {
            die_with_the_input();
            serve([program].into_iter().chain(args).collect())
        }),
        Some(BECOME_WORD) => return Some(or_say_why(confined::become_another(args))),
        Some(FIRST_WORD) => return Some(or_say_why(confined::be_the_first(args))),
        Some(CONTAIN_WORD) => {
            return Some(container::outlive_by_nothing(&args.collect::<Vec<_>>()));
        }
        _ => return None,
    };
    Some(if_the_harness_lives(args, work))
}

/// Becomes a helper that does `work`, when this process was started to be one. Belongs
/// into the first lines of `main`, before any runtime.
pub fn help_if_asked(work: impl FnOnce() -> ExitCode) -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    if args.next()? != HELPER_WORD {
        return None;
    }
    let help = |_| {
        die_with_the_input();
        work()
    };
    Some(if_the_harness_lives(args, help))
}

fn if_the_harness_lives(
    mut args: impl Iterator<Item = OsString>,
    work: impl FnOnce(Vec<OsString>) -> ExitCode,
) -> ExitCode {
    match share_the_fate_of(args.next()) {
        Ok(()) => work(args.collect()),
        Err(reason) => {
            fail(&reason);
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn fail(reason: &str) {
    // Without anybody to read it, the exit code says enough.
    let _ = writeln!(stderr(), "error: {reason}");
}

fn or_say_why(became: Result<ExitCode, String>) -> ExitCode {
    became.unwrap_or_else(|reason| {
        fail(&reason);
        ExitCode::FAILURE
    })
}

/// The exit code by which a process hands on how another one ended: 128 and its number for a
/// signal, as a shell has it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let signal = || status.signal().map_or(1, |signal| 128 + signal);
    let code = status.code().unwrap_or_else(signal);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// The exit code of a shell for a command that isn't there.
pub(crate) const NO_PROGRAM: u8 = 127;

/// Makes the kernel end this process when the harness ends, even while it is stopped
/// (SIGSTOP).
fn share_the_fate_of(harness: Option<OsString>) -> Result<(), String> {
    let harness: i32 = harness
        .and_then(|pid| pid.to_str()?.parse().ok())
        .ok_or("this word is for the harness: it wants a process id")?;
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("could not tie the node to its harness: {error}"))?;
    // The harness may have ended before the line above; then nobody kills us.
    if getppid().as_raw() != harness {
        return Err(format!("the harness (process {harness}) is gone already"));
    }
    Ok(())
}

/// The end of the standard input says the same as the kernel's signal, on any system.
fn die_with_the_input() {
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        process::exit(1);
    });
}
