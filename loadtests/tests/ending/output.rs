//! Output that can't be written changes nothing but that.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::run::{PROGRAM, Place, Running, code_of};
use crate::server::{Manner, Server};

/// A pipe that nobody reads any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("Linux has it").into()
}

/// A run whose command is changed so comes to its verdict and its record all the same.
fn is_the_same(change: impl FnOnce(&Place) -> Command) {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    let status = Running::start(change(&place)).end();
    let record = place.record();
    assert_eq!(status.code(), Some(code_of(&record)));
    assert!(record["routes"][0]["requests"]["count"].as_u64() > Some(2));
    assert!(place.path().join("reports/index.html").is_file());
}

#[test]
fn a_run_whose_readers_are_gone_comes_to_its_verdict() {
    is_the_same(|place| {
        let mut command = place.command();
        command.stdout(closed_pipe()).stderr(closed_pipe());
        command
    });
}

#[test]
fn a_run_whose_output_is_full_comes_to_its_verdict() {
    is_the_same(|place| {
        let mut command = place.command();
        command.stdout(full()).stderr(full());
        command
    });
}

#[test]
fn a_run_without_output_comes_to_its_verdict() {
    is_the_same(|place| place.in_shell("", ">&- 2>&-"));
}

#[test]
fn what_is_piped_to_somebody_who_has_seen_enough_ends_quietly() {
    for arguments in [
        &["schema"][..],
        &["schema", "gate"],
        &["schema", "events"],
        &["plans"],
        &["plans", "default"],
        &["--help"],
        &["plans", "--help"],
    ] {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .stdout(closed_pipe())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*said),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn what_was_asked_for_and_doesnt_fit_is_no_success() {
    let output = Command::new(PROGRAM)
        .arg("schema")
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("could not write the output"), "{said}");
}
