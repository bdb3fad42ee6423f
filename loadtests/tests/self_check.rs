//! The instrument is right about a server whose behaviour is known, or says that this
//! machine is too busy to tell.

use std::process::Command;

/// What the program's exit codes mean.
const PASS: i32 = 0;
const INVALID: i32 = 3;

#[test]
fn what_is_reported_is_what_happened_or_the_check_says_that_it_cant_tell() {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["self-check", "--quick"])
        .output()
        .expect("the program starts");
    let table = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(
        matches!(code, Some(PASS | INVALID)),
        "{code:?}\n{table}{errors}"
    );
}
