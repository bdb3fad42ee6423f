//! A program of anybody's, confined so that nothing of it outlives the harness: it runs in a
//! PID namespace of its own, which the kernel empties when the first process in it ends.
//!
//! ```text
//! the harness
//!   └ this program, told to become another     ends with the harness (PR_SET_PDEATHSIG)
//!       └ this program, the first in the namespace     ends with the one above
//!           └ the other one, with all whom it starts
//! ```
//!
//! The two of ours hear no signal but those that can't be kept from anybody: a signal to the
//! group is for the program alone. The upper one blocks them. The first in a namespace is spared
//! by the kernel, and blocks none, since whoever it starts would inherit that. Where there is no namespace to be had, the program takes
//! the place of the first of them, and only it ends with the harness.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Command, ExitCode, ExitStatus};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, User, getegid, geteuid, setgid, setgroups, setuid};

use super::{FIRST_WORD, NO_PROGRAM, WORKDIR, exit_code, fail, share_the_fate_of};

/// The user without rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nobody {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

const NOBODY: &str = "--nobody=";

impl Nobody {
    /// The user that this machine calls nobody.
    pub(crate) fn find() -> io::Result<Self> {
        let user = User::from_name("nobody")?;
        let user = user.ok_or_else(|| io::Error::other("this machine knows no user `nobody`"))?;
        Ok(Nobody {
            user: user.uid.as_raw(),
            group: user.gid.as_raw(),
        })
    }

    /// The word that tells a program to become this user.
    pub(crate) fn as_word(self) -> String {
        format!("{NOBODY}{}:{}", self.user, self.group)
    }

    fn of_word(word: &str) -> Option<Self> {
        let (user, group) = word.strip_prefix(NOBODY)?.split_once(':')?;
        Some(Nobody {
            user: user.parse().ok()?,
            group: group.parse().ok()?,
        })
    }

    fn take_over(self) -> nix::Result<()> {
        setgroups(&[])?;
        setgid(Gid::from_raw(self.group))?;
        setuid(Uid::from_raw(self.user))
    }
}

/// Becomes another program, confined. The arguments are the harness's process id, words of
/// ours, `--`, and the program with its own.
pub(super) fn become_another(mut args: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let harness = args.next();
    let (mut nobody, mut workdir) = (None, None);
    for word in args.by_ref().take_while(|word| word != "--") {
        let word = word.to_str().unwrap_or_default();
        match (Nobody::of_word(word), word.strip_prefix(WORKDIR)) {
            (Some(user), _) => nobody = Some(user),
            (None, Some(folder)) => workdir = Some(folder.to_owned()),
            (None, None) => return Err(format!("this word is for the harness, not {word:?}")),
        }
    }
    let program: Vec<OsString> = args.collect();
    if program.is_empty() {
        return Err("this word is for the harness: it wants a program".to_owned());
    }
    if let Some(folder) = workdir {
        env::set_current_dir(&folder)
            .map_err(|error| format!("could not enter {folder}: {error}"))?;
    }
    let as_root = unshare(CloneFlags::CLONE_NEWPID);
    if let Some(nobody) = nobody {
        let taken = nobody.take_over();
        taken.map_err(|error| format!("could not become nobody: {error}"))?;
    }
    // After that, since the kernel forgets it when a process becomes somebody else.
    share_the_fate_of(harness)?;
    match as_root
        .map_err(io::Error::from)
        .or_else(|_| unshare_as_anybody())
    {
        Ok(()) => keep_the_first(&program),
        Err(error) => {
            fail(&format!(
                "no PID namespace here ({error}): what this program starts may outlive a harness \
                 that is killed"
            ));
            let refused = Command::new(&program[0]).args(&program[1..]).exec();
            not_executed(&program, &refused)
        }
    }
}

/// A PID namespace for those who come, by way of a user namespace in which we are who we are.
fn unshare_as_anybody() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Starts the first process of the namespace, and ends as it does.
fn keep_the_first(program: &[OsString]) -> Result<ExitCode, String> {
    hear_nothing();
    let us = process::id().to_string();
    let first = Command::new("/proc/self/exe")
        .arg(FIRST_WORD)
        .arg(us)
        .args(program)
        .status();
    let ended = first.map_err(|error| format!("could not start once more: {error}"))?;
    Ok(exit_code(ended))
}

/// Is the first process of a namespace: starts the program, buries whom nobody else does, and
/// ends when the program does, with all that is left.
pub(super) fn be_the_first(mut args: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let maker = args.next().and_then(|pid| pid.to_str()?.parse().ok());
    let maker: i32 = maker.ok_or("this word is for the harness: it wants a process id")?;
    set_pdeathsig(Signal::SIGKILL).map_err(|error| error.to_string())?;
    // From within the namespace, whoever made it has no number; `/proc` is of outside.
    let us = procfs::process::Process::myself().and_then(|us| us.stat());
    if us.map_err(|error| error.to_string())?.ppid != maker {
        return Err("the harness is gone already".to_owned());
    }
    let unblocked = SigSet::empty().thread_set_mask();
    unblocked.map_err(|error| error.to_string())?;
    let program: Vec<OsString> = args.collect();
    let (file, rest) = program.split_first().ok_or("it wants a program")?;
    let started = match Command::new(file).args(rest).spawn() {
        Ok(started) => Pid::from_raw(started.id().cast_signed()),
        Err(error) => return not_executed(&program, &error),
    };
    loop {
        match waitpid(None, None).map_err(|error| error.to_string())? {
            WaitStatus::Exited(pid, code) if pid == started => {
                return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
            }
            WaitStatus::Signaled(pid, signal, _) if pid == started => {
                return Ok(exit_code(ExitStatus::from_raw(signal as i32)));
            }
            _ => {}
        }
    }
}

/// Keeps signals from this process, and from those whom it starts unless they unblock them.
fn hear_nothing() {
    SigSet::all()
        .thread_block()
        .expect("a set of signals can be blocked");
}

fn not_executed(program: &[OsString], error: &io::Error) -> Result<ExitCode, String> {
    fail(&format!(
        "could not execute {}: {error}",
        program[0].display()
    ));
    Ok(ExitCode::from(NO_PROGRAM))
}
