//! A run that is interrupted ends soon, and leaves a record that says so.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Far longer than anybody would wait for a run that was told to end.
const PLAN: &str = r#"
name = "interrupted"
thresholds = ["error-rate<=0%"]

[[stage]]
name = "long"
users = 4
duration = "2m"

[mix]
readers = 1
"#;

#[test]
fn ctrl_c_ends_a_run_within_seconds_with_a_record() {
    ends_soon_after(Signal::SIGINT);
}

#[test]
fn sigterm_ends_a_run_within_seconds_with_a_record() {
    ends_soon_after(Signal::SIGTERM);
}

fn ends_soon_after(signal: Signal) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("plan.toml");
    fs::write(&plan, PLAN).expect("written");
    let run = Command::new(env!("CARGO_BIN_EXE_loadtests"))
        .args(["run", "--quiet", "--seed", "1", "--plan"])
        .arg(&plan)
        .arg("--reports")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut run = Run(run);
    let id = Pid::from_raw(i32::try_from(run.0.id()).expect("an id"));

    wait_for("the load to begin", Duration::from_secs(60), || {
        (catches(&run.0, Signal::SIGINT) && catches(&run.0, Signal::SIGTERM)).then_some(())
    });
    // Goose forgets an interruption that comes before its users.
    thread::sleep(Duration::from_secs(2));
    kill(id, signal).expect("it runs");
    let status: ExitStatus = wait_for("the run to end", Duration::from_secs(20), || {
        run.0.try_wait().expect("it is a child")
    });

    assert_eq!(status.code(), Some(3));
    let record = the_record(folder.path());
    let warnings = record["warnings"].as_array().expect("a list");
    assert!(
        warnings.iter().any(|w| w["kind"] == "interrupted"),
        "{warnings:?}"
    );
}

/// A run that a failed test doesn't leave behind.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the process has a handler for `signal`, as the kernel tells.
fn catches(process: &Child, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask >> (signal as u32 - 1) & 1 == 1)
}

fn the_record(reports: &Path) -> Value {
    let mut runs = fs::read_dir(reports.join("runs")).expect("a folder of runs");
    let run = runs.next().expect("a run").expect("readable").path();
    let record = fs::read(run.join("run.json")).expect("a record");
    serde_json::from_slice(&record).expect("JSON")
}

fn wait_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
