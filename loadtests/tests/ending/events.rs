//! Other programs are told what happens, from the first thing that is done to the exit code.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::order::are_in_order;
use crate::run::{PROGRAM, Place, Running, code_of, nodes_of, wait_for};
use crate::server::{Manner, Server};

const FILE: &str = "events.jsonl";

/// The smallest system, under load for longer than anybody waits.
const SYSTEM: &str = r#"
name = "system"
thresholds = ["error-rate<=0%"]
[topology]
gateways = 1
caches = 0
[[stage]]
name = "long"
users = 2
duration = "2m"
[mix]
readers = 1
"#;

/// The events that are told in `folder` so far, each a whole line.
fn events(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|l| l.ends_with('\n'));
    whole
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn name(event: &Value) -> &str {
    event["event"].as_str().expect("a name")
}

/// The first event of that name.
fn first<'e>(events: &'e [Value], wanted: &str) -> &'e Value {
    let found = events.iter().find(|event| name(event) == wanted);
    found.unwrap_or_else(|| panic!("there is no {wanted} in {events:#?}"))
}

fn with_events(mut command: Command) -> Command {
    command.args(["--events", FILE]);
    command
}

#[test]
fn a_run_tells_its_phases_in_order_and_ends_with_the_verdict() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "3s", "50ms");
    let status = Running::start(with_events(place.command())).end();
    let (events, record) = (events(place.path()), place.record());
    are_in_order(
        &events,
        &[
            "began",
            "preparing",
            "server_sought",
            "load_began",
            "stage_began",
            "load_tick",
            "draining",
            "judged",
            "report_written",
            "ended",
        ],
    );
    let began = first(&events, "began");
    assert_eq!(began["command"], "run");
    assert_eq!(first(&events, "load_began")["plan"], "ending");
    assert_eq!(first(&events, "stage_began")["stage"], "steady");
    assert!(first(&events, "load_tick")["requests"].as_u64() > Some(2));
    let judged = first(&events, "judged");
    assert_eq!(judged["verdict"], record["judgement"]["verdict"]);
    assert_eq!(judged["sentence"], record["judgement"]["sentence"]);
    let doubts = events.iter().filter(|event| name(event) == "doubted");
    let doubts: Vec<_> = doubts.map(|event| event["doubt"].clone()).collect();
    assert_eq!(Value::from(doubts), record["warnings"]);
    let last = events.last().expect("an event");
    assert_eq!(name(last), "ended");
    assert_eq!(last["exit_code"].as_i64(), status.code().map(i64::from));
    assert_eq!(status.code(), Some(code_of(&record)));
    let times: Vec<_> = events.iter().map(|event| event["at_ms"].as_u64()).collect();
    assert!(times[0].is_some() && times.is_sorted(), "{times:?}");
}

#[test]
fn a_run_that_is_interrupted_tells_so_before_it_ends() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2m", "50ms");
    let mut run = Running::start(with_events(place.command()));
    wait_for("figures", || {
        let events = events(place.path());
        events.iter().any(|e| name(e) == "load_tick").then_some(())
    });
    run.send(Signal::SIGTERM);
    assert_eq!(run.end().code(), Some(3));
    let events = events(place.path());
    are_in_order(
        &events,
        &["load_tick", "interrupted", "draining", "judged", "ended"],
    );
    assert_eq!(first(&events, "interrupted")["signal"], "SIGTERM");
    assert_eq!(first(&events, "judged")["verdict"], "invalid");
    assert_eq!(events.last().expect("an event")["exit_code"], 3);
}

#[test]
fn a_run_that_cant_begin_tells_why() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    let mut command = Command::new(PROGRAM);
    // Nobody listens on this port (tcpmux), and nobody may without leave.
    command
        .args(["run", "--target", "http://127.0.0.1:1", "--get", "/"])
        .current_dir(place.path())
        .stderr(Stdio::null());
    assert_eq!(Running::start(with_events(command)).end().code(), Some(4));
    let events = events(place.path());
    are_in_order(&events, &["began", "preparing", "server_sought", "ended"]);
    let last = events.last().expect("an event");
    assert_eq!(last["exit_code"], 4);
    let error = last["error"].as_str().expect("a sentence");
    assert!(error.starts_with("nobody answers at"), "{error}");
}

#[test]
fn a_node_that_ends_is_told_at_once_and_is_in_the_record_and_the_junit_file() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    fs::write(place.path().join("system.toml"), SYSTEM).expect("written");
    let mut command = Command::new(PROGRAM);
    command
        .args(["run", "--quiet", "--plan", "system.toml", "--seed", "1"])
        .current_dir(place.path())
        .stdout(Stdio::null());
    let mut run = Running::start(with_events(command));
    let told = |wanted: &str| {
        let events = events(place.path());
        events.into_iter().find(|event| name(event) == wanted)
    };
    wait_for("figures", || told("load_tick"));
    let worker = node_of(run.id(), "worker");
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it runs");
    let ended = wait_for("the end of the node", || told("node_ended"));
    assert_eq!(ended["node"], "worker");
    assert!(ended["status"].to_string().contains("signal: 9"), "{ended}");
    run.send(Signal::SIGINT);
    assert_eq!(run.end().code(), Some(3));
    let events = events(place.path());
    are_in_order(
        &events,
        &[
            "system_starting",
            "load_began",
            "node_ended",
            "interrupted",
            "stopping",
            "judged",
            "ended",
        ],
    );
    let ends = events.iter().filter(|event| name(event) == "node_ended");
    assert_eq!(ends.count(), 1, "it is told once");
    let happened = &place.record()["timeline"]["events"][0];
    assert_eq!(happened["node"], "worker");
    let seconds = ended["elapsed_ms"].as_f64().map(|millis| millis / 1e3);
    assert_eq!(happened["seconds"].as_f64(), seconds);
    let junit = fs::read_to_string(place.run().join("junit.xml")).expect("it is there");
    let what = happened["what"].as_str().expect("words");
    assert!(junit.contains(&format!(" s: {what}")), "{junit}");
}

/// The process of a node that the process with this id started.
fn node_of(id: u32, service: &str) -> i32 {
    let node = format!("__node\0{id}\0{service}\0");
    let mut nodes = nodes_of(id).into_iter();
    let found = nodes.find(|(_, command)| command.contains(&node));
    found.expect("the node runs").0
}

#[test]
fn a_file_that_cant_be_made_is_refused_before_anything_is_started() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    for (file, says) in [
        (
            "no/such/folder",
            "could not write events to no/such/folder; choose another file with --events",
        ),
        ("-", "the standard output has the summary"),
    ] {
        for command in ["run", "gate", "self-check"] {
            let mut arguments = vec![command.to_owned()];
            match command {
                "run" => arguments = place.arguments(),
                "gate" => arguments.push("--aa".to_owned()),
                _ => {}
            }
            let output = Command::new(PROGRAM)
                .args(arguments)
                .args(["--events", file])
                .current_dir(place.path())
                .output()
                .expect("the program runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(says), "{said}");
            assert!(!place.path().join("reports").exists());
        }
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn events_that_dont_fit_on_the_disk_are_counted_and_change_nothing_else() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "1s", "50ms");
    let output = place
        .in_shell("", "--events /dev/full")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let says = "events could not be written to /dev/full: No space left on device";
    let line = said.lines().find(|line| line.contains(says)).expect(&said);
    assert!(line.starts_with("warning: not kept: "), "{line}");
    assert!(!said.contains("makes its pages again"), "{said}");
    assert_eq!(output.status.code(), Some(code_of(&place.record())));

    // A file that is full in the middle of it has whole lines up to there.
    let place = Place::new(&server, "1s", "50ms");
    let output = place
        .in_shell("ulimit -f 2", &format!("--events {FILE}"))
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let says = format!("events could not be written to {FILE}: ");
    assert!(said.contains(&says), "{said}");
    let text = fs::read_to_string(place.path().join(FILE)).expect("it is there");
    assert!(text.ends_with('\n'), "{text}");
    let events = events(place.path());
    assert_eq!(name(&events[0]), "began");
}

#[test]
fn a_named_pipe_is_read_while_the_run_goes_on_and_a_reader_who_leaves_ends_nothing() {
    let server = Server::start(Manner::Prompt);
    let place = Place::new(&server, "2s", "50ms");
    let pipe = place.path().join(FILE);
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it is there").success());
    let mut run = Running::start(with_events(place.command()));
    let read_until = |wanted: &'static str| {
        let pipe = pipe.clone();
        let reader = thread::spawn(move || {
            let lines = BufReader::new(File::open(pipe).expect("it is there")).lines();
            let events = lines.map(|line| line.expect("it can be read"));
            let mut events = events.map(|line| serde_json::from_str(&line).expect("JSON"));
            events.find(|event| name(event) == wanted)
        });
        reader.join().expect("no panic").expect("it is told")
    };
    assert_eq!(read_until("load_began")["plan"], "ending");
    let status = run.end();
    assert_eq!(status.code(), Some(code_of(&place.record())));
}
