//! Whole gates, small ones: this build against itself and against builds that are worse
//! on purpose, revisions that aren't there, and a gate that is interrupted.

#[path = "frame/executable.rs"]
mod executable;
mod frame;
#[path = "frame/order.rs"]
mod order;
#[path = "gate/place.rs"]
mod place;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use frame::{Told, TooBusy};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use place::{EVENTS, Place, code, git, nodes_of, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtests");

const PASS: i32 = 0;
const FAIL: i32 = 1;
const USAGE: i32 = 2;
const INVALID: i32 = 3;
const NOT_STARTED: i32 = 4;
const INCONCLUSIVE: i32 = 5;

fn main() -> ExitCode {
    frame::run(&frame::stories! {
        stories {
            a_baseline_that_cant_be_started_by_this_build_is_said_in_a_sentence,
            a_candidate_that_cant_be_started_fails,
            a_revision_that_isnt_there_is_refused_before_anything_is_built,
            a_revision_and_the_working_tree_are_built_as_the_program_that_hosts_a_node,
            a_working_tree_that_cant_be_built_fails_with_what_cargo_says,
            a_budget_without_room_for_ten_rounds_is_refused_before_anything_is_started,
            an_interrupted_gate_leaves_a_record_and_no_node,
        }
        // Whole gates, told by `cargo test --workspace --test gate -- --ignored`.
        long {
            a_candidate_with_a_far_slower_database_fails_twice_and_then_the_gate,
            a_candidate_that_fails_requests_fails_the_gate_in_that_sentence,
            a_faster_candidate_is_not_called_slower_and_all_that_was_seen_is_kept,
        }
    })
}

/// Waits until no other gate measures: two would be each other's disturbance.
fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn a_candidate_with_a_far_slower_database_fails_twice_and_then_the_gate() -> Told {
    let _turn = turn();
    let place = Place::new();
    let slower = place.build_with("database", "--storage-latency=25ms");
    let output = place.whole_gate(PROGRAM, &slower)?;
    let code = code(&output);
    let record = place.record();
    let metrics = record["metrics"].as_array().expect("metrics");
    let p50 = metrics.iter().find(|metric| metric["key"] == "p50");
    let p50 = p50.expect("it is one of all");
    assert!(p50["ratio"].as_f64() > Some(2.0), "{p50}");
    if code == FAIL {
        assert_eq!(record["confirmation"]["confirmed"], true);
        // Requests that are sent late hide a slowdown of response times.
        if p50["outcome"] == "diluted" {
            return Err(TooBusy(p50["excuse"].to_string()));
        }
        assert_eq!(p50["outcome"], "slower");
        return Ok(());
    }
    // With ten rounds, such a slowdown is certain; a busy machine may leave time for
    // fewer, for the confirmation too.
    let rounds = record["rounds"].as_array().map(Vec::len);
    let too_few = record["confirmation"].is_object() || rounds < Some(10);
    assert!(
        code == INVALID || code == INCONCLUSIVE && too_few,
        "{output:?}"
    );
    Err(place.excuse())
}

fn a_candidate_that_fails_requests_fails_the_gate_in_that_sentence() -> Told {
    let _turn = turn();
    let place = Place::new();
    let broken = place.build_with("database", "--items=1");
    let output = place.whole_gate(PROGRAM, &broken)?;
    let code = code(&output);
    if code == INVALID {
        return Err(place.excuse());
    }
    assert_eq!(code, FAIL, "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("fails requests that the baseline serves"),
        "{said}"
    );
    Ok(())
}

fn a_faster_candidate_is_not_called_slower_and_all_that_was_seen_is_kept() -> Told {
    let _turn = turn();
    let place = Place::new();
    let slow = place.build_with("database", "--storage-latency=10ms");
    let output = place.whole_gate(&slow, PROGRAM)?;
    let code = code(&output);
    assert!([PASS, INCONCLUSIVE, INVALID].contains(&code), "{output:?}");
    let record = place.record();
    let rounds = record["rounds"].as_array().expect("rounds");
    assert!(!rounds.is_empty());
    for round in rounds {
        for side in ["baseline", "candidate"] {
            let did = &round[side];
            assert!(did["requests"].as_u64() > Some(0), "{did}");
            assert_eq!(did["failed"], 0, "{did}");
            assert_eq!(did["cpu_nanos"].as_array().map(Vec::len), Some(5), "{did}");
        }
        assert_eq!(round["slots"].as_array().map(Vec::len), Some(8));
    }
    let folder = place.folder();
    for file in ["summary.md", "junit.xml"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let kept = fs::read_to_string(folder.join("rounds.jsonl")).expect("rounds");
    assert_eq!(kept.lines().count(), rounds.len());
    match code {
        PASS => Ok(()),
        _ => Err(place.excuse()),
    }
}

fn a_baseline_that_cant_be_started_by_this_build_is_said_in_a_sentence() -> Told {
    let place = Place::new();
    // An older build would not know a flag; this one knows no node at all.
    let output = place.gate_with("/bin/false", PROGRAM, "10s");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), NOT_STARTED, "{message}");
    assert!(message.contains("choose a newer baseline"), "{message}");
    Ok(())
}

fn a_candidate_that_cant_be_started_fails() -> Told {
    let _turn = turn();
    let place = Place::new();
    let output = place.gate_with(PROGRAM, "/bin/false", "10s");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), FAIL, "{message}");
    let says = "the candidate could not be started";
    assert!(message.contains(says), "{message}");
    Ok(())
}

fn a_revision_that_isnt_there_is_refused_before_anything_is_built() -> Told {
    let place = Place::new();
    git(place.path(), &["init", "--quiet", "whole"]);
    let whole = place.path().join("whole");
    for content in ["one", "two"] {
        fs::write(whole.join("file"), content).expect("written");
        git(&whole, &["add", "file"]);
        git(&whole, &["commit", "--quiet", "-m", content]);
    }
    // A branch that a folder is called like.
    git(&whole, &["branch", "docs"]);
    fs::create_dir(whole.join("docs")).expect("made");
    let from = format!("file://{}", whole.display());
    git(
        place.path(),
        &["clone", "--quiet", "--depth=1", &from, "shallow"],
    );
    for (repository, revision, says) in [
        ("whole", "no-such-branch", "neither a revision"),
        ("whole", "docs", "refs/heads/docs"),
        ("shallow", "HEAD^", "git fetch --unshallow"),
        (".", "HEAD", "no git repository"),
    ] {
        let output = Command::new(PROGRAM)
            .args(["gate", "--quiet", "--baseline", revision])
            .current_dir(place.path().join(repository))
            .output()
            .expect("the program runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), USAGE, "{message}");
        assert!(message.contains(says), "{message}");
        assert!(!place.path().join(repository).join("reports").exists());
    }
    Ok(())
}

fn a_revision_and_the_working_tree_are_built_as_the_program_that_hosts_a_node() -> Told {
    let _turn = turn();
    let place = Place::new();
    let program = place.with_sources("std::process::exit(7)");
    // The working tree has a node that works: this program.
    place.write_node(&format!(
        "use std::os::unix::process::CommandExt;
        std::process::Command::new({PROGRAM:?}).args(std::env::args_os().skip(1)).exec();"
    ));
    let target = program
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    let output = place.gate_of_sources(&program);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), NOT_STARTED, "{message}");
    assert!(
        message.contains("the baseline HEAD could not be started"),
        "{message}"
    );
    // Each for itself, and nothing but that program.
    for side in ["baseline", "candidate"] {
        let folder = target.join("gate").join(side).join("debug");
        let files = fs::read_dir(folder).expect("a build").flatten();
        let names = files.map(|file| file.file_name().into_string().expect("a name"));
        let programs: Vec<_> = names.filter(|name| !name.contains('.')).collect();
        assert!(
            programs.contains(&"node".to_owned()),
            "{side}: {programs:?}"
        );
        assert!(
            !programs.contains(&"loadtests".to_owned()),
            "{side}: {programs:?}"
        );
    }
    let sides: Vec<_> = place
        .told(&["began", "build_began", "build_line", "build_ended", "ended"])
        .into_iter()
        .filter(|event| event["event"] == "build_ended")
        .map(|event| event["side"].clone())
        .collect();
    assert_eq!(sides, ["baseline", "candidate"]);
    Ok(())
}

fn a_working_tree_that_cant_be_built_fails_with_what_cargo_says() -> Told {
    let place = Place::new();
    let program = place.with_sources("std::process::exit(7)");
    place.write_node("nobody_has_written_this()");
    let output = place.gate_of_sources(&program);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), FAIL, "{message}");
    assert!(
        message.contains("the candidate, which is the working tree"),
        "{message}"
    );
    assert!(message.contains("nobody_has_written_this"), "{message}");
    Ok(())
}

fn a_budget_without_room_for_ten_rounds_is_refused_before_anything_is_started() -> Told {
    let place = Place::new();
    let output = Command::new(PROGRAM)
        .args(["gate", "--quiet", "--aa", "--budget", "30s"])
        .current_dir(place.path())
        .output()
        .expect("the program runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), USAGE, "{message}");
    assert!(
        message.contains("a budget of 30 s has room for 5 rounds of 5.9 s"),
        "{message}"
    );
    assert_eq!(place.folder_if_any(), None);
    Ok(())
}

fn an_interrupted_gate_leaves_a_record_and_no_node() -> Told {
    let _turn = turn();
    let place = Place::new();
    let mut gate = place
        .command(&["--aa", "--budget", "2m", "--events", EVENTS])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let id = gate.id();
    wait_for("a round", Duration::from_secs(60), || {
        let rounds = fs::read_to_string(place.folder_if_any()?.join("rounds.jsonl")).ok()?;
        rounds.contains('\n').then_some(())
    });
    kill(Pid::from_raw(id.cast_signed()), Signal::SIGINT).expect("it runs");
    let status = wait_for("the end", Duration::from_secs(20), || {
        gate.try_wait().expect("it is a child")
    });
    assert_eq!(status.code(), Some(INVALID));
    assert_eq!(nodes_of(id), 0);
    let sentence = place.record()["judgement"]["sentence"].to_string();
    assert!(sentence.contains("interrupted"), "{sentence}");
    place.told(&[
        "began",
        "gate_began",
        "capacity_measuring",
        "round_began",
        "round_played",
        "interrupted",
        "judged",
        "ended",
    ]);
    Ok(())
}
