//! Studies of capacity as those see them who ask for one: what they find, what they keep, and
//! what is refused.

mod frame;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};

use frame::{Told, TooBusy};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PASS: i32 = 0;
const USAGE: i32 = 2;
const INVALID: i32 = 3;
const INCONCLUSIVE: i32 = 5;

fn main() -> ExitCode {
    let stories = frame::stories! {
        stories {
            an_interrupted_study_keeps_what_it_has_seen_and_is_no_verdict,
            a_promise_or_a_variant_that_makes_no_sense_starts_nothing,
        }
        long {
            a_study_finds_the_capacity_of_a_queue_of_which_it_is_known,
            variants_are_measured_beside_the_system_as_it_is,
            the_tier_that_was_made_too_small_is_the_one_that_is_named,
        }
    };
    frame::run(&stories)
}

fn loadtests() -> Command {
    Command::new(env!("CARGO_BIN_EXE_loadtests"))
}

/// The only study in a folder of reports.
fn study(reports: &Path) -> PathBuf {
    let studies = std::fs::read_dir(reports.join("capacity")).expect("a folder of studies");
    studies.flatten().next().expect("a study").path()
}

fn record(study: &Path) -> Value {
    let record = std::fs::read_to_string(study.join("capacity.json")).expect("a record");
    serde_json::from_str(&record).expect("JSON")
}

fn is_valid(record: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../capacity.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems: Vec<String> = validator
        .iter_errors(record)
        .map(|e| e.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn a_study_finds_the_capacity_of_a_queue_of_which_it_is_known() -> Told {
    let check = loadtests()
        .args(["self-check", "--capacity", "90s"])
        .output();
    let output = check.expect("the program starts");
    let table = said(&output);
    match output.status.code() {
        Some(PASS) => Ok(()),
        Some(INVALID) => Err(TooBusy(table)),
        code => panic!("{code:?}\n{table}"),
    }
}

fn variants_are_measured_beside_the_system_as_it_is() -> Told {
    let reports = tempfile::tempdir().expect("a temporary folder");
    let study_of = loadtests()
        .args([
            "patterns",
            "one-gateway",
            "--budget",
            "130s",
            "--seed",
            "7",
            "--quiet",
        ])
        .arg("--reports")
        .arg(reports.path())
        .output();
    let output = study_of.expect("the program starts");
    let text = said(&output);
    let folder = study(reports.path());
    let record = record(&folder);
    is_valid(&record);
    let page = std::fs::read_to_string(folder.join("index.html")).expect("a page");
    assert!(
        page.contains("one-gateway") && page.contains("What limits it"),
        "{page}"
    );
    let [own, variant] = &record["systems"].as_array().expect("systems")[..] else {
        panic!("{text}")
    };
    // Gateways were told apart by machines of their own, which each page says.
    for (system, gateways) in [(own, 3), (variant, 1)] {
        let machines = system["machines"].as_array().expect("machines").iter();
        let of_gateways = machines.filter(|machine| {
            machine["node"]
                .as_str()
                .is_some_and(|node| node.starts_with("api-gateway"))
        });
        assert_eq!(of_gateways.count(), gateways, "{text}");
    }
    let capacity = |system: &Value| system["finding"]["capacity"]["found"]["rate"].as_f64();
    match (output.status.code(), capacity(own), capacity(variant)) {
        (Some(PASS), Some(own_rate), Some(rate)) => {
            // Three times the gateways, each with the same share of a CPU.
            let ratio = own_rate / rate;
            assert!((1.8..4.0).contains(&ratio), "{ratio}: {text}");
            assert_eq!(variant["limit"]["by"]["tier"], "api-gateway", "{text}");
            Ok(())
        }
        (Some(INVALID | INCONCLUSIVE) | Some(PASS), ..) => Err(TooBusy(text)),
        (code, ..) => panic!("{code:?}\n{text}"),
    }
}

fn the_tier_that_was_made_too_small_is_the_one_that_is_named() -> Told {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("planted.toml");
    std::fs::write(&plan, include_str!("capacity/planted.toml")).expect("written");
    let study_of = loadtests()
        .args(["patterns", "--budget", "170s", "--seed", "5", "--quiet"])
        .arg("--plan")
        .arg(&plan)
        .arg("--reports")
        .arg(folder.path())
        .output();
    let output = study_of.expect("the program starts");
    let text = said(&output);
    match output.status.code() {
        // Limits are named whether or not intervals are narrow enough for a verdict.
        Some(PASS | INCONCLUSIVE) => {}
        Some(INVALID) => return Err(TooBusy(text)),
        code => panic!("{code:?}\n{text}"),
    }
    let record = record(&study(folder.path()));
    is_valid(&record);
    let systems = record["systems"].as_array().expect("systems");
    for (name, limit, tier) in [
        ("slow-database", "cpu", "database"),
        ("slow-storage", "pool", "database"),
        ("small-cache", "cpu", "cache"),
        ("one-gateway", "cpu", "api-gateway"),
        ("few-executors", "pool", "worker"),
        ("balancer-with-a-quota", "cpu", "load-balancer"),
    ] {
        let mut all = systems.iter();
        let system = all.find(|system| system["name"] == name).expect(name);
        let found = &system["limit"]["by"];
        let is_it = found["limit"] == limit && found["tier"] == tier;
        assert!(is_it, "{name}: {}\n{text}", system["limit"]);
    }
    Ok(())
}

/// A study that tells of itself, and its first fresh start that is over.
fn started(reports: &Path) -> Child {
    let mut study = loadtests()
        .args([
            "capacity",
            "--budget",
            "10m",
            "--events",
            "/dev/stderr",
            "--quiet",
        ])
        .arg("--reports")
        .arg(reports)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let events = BufReader::new(study.stderr.take().expect("piped"));
    let mut lines = events.lines().map_while(Result::ok);
    let played = lines.find(|line| line.contains("\"event\":\"start_played\""));
    assert!(played.is_some(), "no start was ever over");
    // It is read on, lest the study waits for that.
    std::thread::spawn(move || lines.for_each(drop));
    study
}

fn an_interrupted_study_keeps_what_it_has_seen_and_is_no_verdict() -> Told {
    let reports = tempfile::tempdir().expect("a temporary folder");
    let study_of = started(reports.path());
    kill(Pid::from_raw(study_of.id() as i32), Signal::SIGINT).expect("it is there");
    let output = study_of.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(INVALID), "{}", said(&output));
    let folder = study(reports.path());
    let record = record(&folder);
    is_valid(&record);
    assert_eq!(record["interrupted"], true);
    let rounds = record["systems"][0]["rounds"].as_array().expect("rounds");
    assert!(!rounds.is_empty());
    assert!(folder.join("index.html").is_file() && folder.join("junit.xml").is_file());
    Ok(())
}

fn a_promise_or_a_variant_that_makes_no_sense_starts_nothing() -> Told {
    for (arguments, says) in [
        (
            &["capacity", "--promise", "avg<5ms"][..],
            "a share of requests may break",
        ),
        (
            &["capacity", "--promise", "p99<5ms for GET /nowhere"],
            "this plan sends no",
        ),
        (&["capacity", "--plan", "smoke"], "say what is to be kept"),
        (
            &["capacity", "--variant", "none"],
            "no variant of the plan is called",
        ),
        (&["capacity", "--budget", "5s"], "between 30s and 2h"),
        (
            &["patterns", "nothing"],
            "no variant or pattern of the plan is called",
        ),
        (
            &["patterns", "--plan", "smoke", "--promise", "p99<1s"],
            "has no variants",
        ),
    ] {
        let reports = tempfile::tempdir().expect("a temporary folder");
        let refused = loadtests()
            .args(arguments)
            .arg("--reports")
            .arg(reports.path())
            .output();
        let output = refused.expect("the program starts");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(USAGE), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
        assert!(!reports.path().join("capacity").exists(), "{text}");
    }
    Ok(())
}
