//! A run that is interrupted ends soon, and leaves a record that says so.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::run::{Place, Running, code_of, wait_for, warnings};
use crate::server::{Manner, Server};

/// What a container engine leaves between asking and killing.
const UNTIL_KILLED: Duration = Duration::from_secs(10);

fn ends_soon_after(signal: Signal) {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2m", "2m");
    let mut run = Running::start(place.command());
    wait_for("the users", || (server.requests() >= 2).then_some(()));
    let asked = Instant::now();
    run.send(signal);
    let status = run.end();
    assert!(asked.elapsed() < UNTIL_KILLED, "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(3));
    let record = place.record();
    assert!(warnings(&record).contains(&"interrupted"), "{record}");
    assert_eq!(record["routes"][0]["requests"]["count"], 2);
    // Of what it was to last, it lasted less.
    assert!(record["measured_seconds"].as_f64() < Some(60.0), "{record}");
}

#[test]
fn ctrl_c_ends_a_run_whose_users_think() {
    ends_soon_after(Signal::SIGINT);
}

#[test]
fn sigterm_ends_a_run_whose_users_think() {
    ends_soon_after(Signal::SIGTERM);
}

#[test]
fn a_closed_terminal_ends_a_run_with_a_record() {
    ends_soon_after(Signal::SIGHUP);
}

#[test]
fn sigquit_ends_a_run_with_a_record() {
    ends_soon_after(Signal::SIGQUIT);
}

#[test]
fn requests_that_nobody_answers_are_broken_off_and_counted() {
    let server = Server::start(Manner::SilentAfterTheFirst);
    let place = Place::new(&server, "2m", "0s");
    let mut run = Running::start(place.command());
    wait_for("the users", || (server.requests() >= 3).then_some(()));
    let asked = Instant::now();
    run.send(Signal::SIGTERM);
    let status = run.end();
    assert!(asked.elapsed() < UNTIL_KILLED, "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(3));
    let record = place.record();
    let broken_off = record["warnings"].as_array().expect("a list").iter();
    let mut broken_off = broken_off.filter(|w| w["kind"] == "broken_off");
    let requests = broken_off.next().map(|w| w["requests"].clone());
    assert_eq!(requests, Some(2.into()), "{record}");
}

#[test]
fn a_second_ctrl_c_ends_a_run_at_once_with_a_record() {
    let server = Server::start(Manner::SilentAfterTheFirst);
    let place = Place::new(&server, "2m", "0s");
    let mut run = Running::start(place.command());
    wait_for("the users", || (server.requests() >= 3).then_some(()));
    run.send(Signal::SIGINT);
    // Two in one moment are one to the kernel.
    thread::sleep(Duration::from_millis(200));
    run.send(Signal::SIGINT);
    let status = run.end();
    assert_eq!(status.code(), Some(3));
    assert!(warnings(&place.record()).contains(&"interrupted"));
}

#[test]
fn a_signal_before_the_load_leaves_a_record_too() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2m", "1s");
    let mut run = Running::start(place.command());
    wait_for("it to listen", || {
        run.catches(Signal::SIGTERM).then_some(())
    });
    run.send(Signal::SIGTERM);
    assert_eq!(run.end().code(), Some(3));
    assert!(warnings(&place.record()).contains(&"interrupted"));
}

#[test]
fn a_run_that_was_told_to_ignore_sighup_goes_on() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2s", "50ms");
    // As nohup does.
    let mut run = Running::start(place.in_shell("trap '' HUP", ">/dev/null 2>&1"));
    wait_for("the users", || (server.requests() >= 3).then_some(()));
    run.send(Signal::SIGHUP);
    let status = run.end();
    let record = place.record();
    assert_eq!(status.code(), Some(code_of(&record)));
    assert!(!warnings(&record).contains(&"interrupted"), "{record}");
}
