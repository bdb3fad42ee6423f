//! Programs that a story makes and starts at once.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Puts a copy of a program at `to`, where it can be executed.
///
/// It is written by a process of its own: one that is written here is inherited, still open, by
/// whatever another story starts in that moment, and the kernel executes no file that somebody
/// has open for writing (execve(2), `ETXTBSY`).
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut install = Command::new("install");
    let status = install.args(["-m", "755"]).arg(from).arg(to).status();
    assert!(status.expect("install runs").success(), "{}", to.display());
}

/// Puts a script at `to`, where it can be executed.
pub(crate) fn script(text: &str, to: &Path) {
    let draft = to.with_extension("draft");
    fs::write(&draft, text).expect("written");
    copy(&draft, to);
    fs::remove_file(draft).expect("removed");
}
