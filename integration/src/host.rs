//! The node's side of being started by a harness: a program that starts nodes
//! does so by executing itself with a hidden word, and this module takes over there.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Write, stderr, stdin};
use std::iter::once;
use std::process::{self, ExitCode};
use std::thread;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

/// The first argument of a program that is to be a node. It is followed by the
/// harness's process id, the service, and the service's flags.
pub const HIDDEN_WORD: &str = "__node";

/// The same for a program that is to be a [`Helper`](crate::helper::Helper); it is
/// followed by the harness's process id.
pub(crate) const HELPER_WORD: &str = "__helper";

/// Becomes a helper that does `work`, when this process was started to be one. Belongs
/// into the first lines of `main`, before any runtime.
pub fn help_if_asked(work: impl FnOnce() -> ExitCode) -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    if args.next()? != HELPER_WORD {
        return None;
    }
    Some(match share_the_fate_of(args.next()) {
        Ok(()) => work(),
        Err(reason) => fail(&reason),
    })
}

/// Becomes a node, when this process was started to be one. Belongs into the
/// first line of `main`, before any runtime.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut args = env::args_os();
    let program = args.next()?;
    if args.next()? != HIDDEN_WORD {
        return None;
    }
    Some(match share_the_fate_of(args.next()) {
        Ok(()) => services::command_line::run(once(program).chain(args)),
        Err(reason) => fail(&reason),
    })
}

fn fail(reason: &str) -> ExitCode {
    // Without anybody to read it, the exit code says enough.
    let _ = writeln!(stderr(), "error: {reason}");
    ExitCode::FAILURE
}

/// Makes sure that this process ends when the harness does, however that ends.
///
/// The kernel kills us with the harness, even while we are stopped (SIGSTOP). The
/// end of the standard input says the same on any system.
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
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        process::exit(1);
    });
    Ok(())
}
