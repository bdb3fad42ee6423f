//! The node's side of being started by a harness: a program that starts nodes executes
//! itself with a hidden word, and this module takes over there.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write, stderr, stdin};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, ExitCode};
use std::thread;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

/// The first argument of a program that is to host a node. It is followed by the
/// harness's process id, and by the node's own arguments.
pub const HIDDEN_WORD: &str = "__node";

/// The same for a program that is to become another one, which it names after the
/// harness's process id, and which ends with the harness.
pub(crate) const BECOME_WORD: &str = "__become";

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
        Some(BECOME_WORD) => Box::new(|args| become_another(&args)),
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

fn fail(reason: &str) {
    // Without anybody to read it, the exit code says enough.
    let _ = writeln!(stderr(), "error: {reason}");
}

/// Executes another program in place of this one. What the kernel was told of our end
/// holds for it too.
fn become_another(args: &[OsString]) -> ExitCode {
    let Some((file, rest)) = args.split_first() else {
        fail("this word is for the harness: it wants a program");
        return ExitCode::FAILURE;
    };
    // It returns only when that can't be done.
    let error = Command::new(file).args(rest).exec();
    fail(&format!("could not execute {}: {error}", file.display()));
    ExitCode::from(NO_PROGRAM)
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
