//! A folder in which a gate is held: its plan, its builds, its sources, and what it left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::executable;
use crate::frame::TooBusy;
use crate::order::are_in_order;
use crate::{PROGRAM, USAGE};

/// The smallest system with a database behind its gateway, in rounds of a second.
const PLAN: &str = r#"
name = "tiny"
thresholds = []

[[stage]]
name = "steady"
users = 4
duration = "1s"

[topology]
gateways = 1
caches = 0
storage_latency = "1ms"

[mix]
readers = 1

[behaviour]
items = 20
listing_share = 0.0
think_time = "0s"

[gate]
users = 24
slot = "50ms"
dropped = "10ms"
warm_up = "30ms"
closed_quads = 1
open_quads = 1
open_share = 40.0
"#;

/// The file, in a gate's working directory, that events are told in.
pub(crate) const EVENTS: &str = "events.jsonl";

/// A folder for one story.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("tiny.toml"), PLAN).expect("written");
        Place(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(["gate", "--quiet", "--plan", "tiny.toml"])
            .args(arguments)
            .current_dir(self.path());
        command
    }

    pub(crate) fn gate(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    pub(crate) fn gate_with(&self, baseline: &str, candidate: &str, budget: &str) -> Output {
        let arguments = [
            "--baseline",
            baseline,
            "--candidate",
            candidate,
            "--budget",
            budget,
            "--seed",
            "7",
        ];
        self.gate(&arguments)
    }

    /// A gate with time for ten rounds, unless the machine takes too long for each.
    pub(crate) fn whole_gate(&self, baseline: &str, candidate: &str) -> Result<Output, TooBusy> {
        let output = self.gate_with(baseline, candidate, "40s");
        let message = String::from_utf8_lossy(&output.stderr);
        match code(&output) == USAGE && message.contains("has room for") {
            true => Err(TooBusy(message.trim().to_owned())),
            false => Ok(output),
        }
    }

    /// A build whose nodes of `service` have one more flag: of one that is given twice,
    /// the last counts.
    pub(crate) fn build_with(&self, service: &str, flag: &str) -> String {
        let path = self.path().join("build");
        let script = format!(
            "#!/bin/sh\n[ \"$3\" = {service} ] && exec {PROGRAM} \"$@\" {flag}\nexec {PROGRAM} \"$@\"\n"
        );
        executable::script(&script, &path);
        path.display().to_string()
    }

    /// Sources of a node program that does `what`, committed here, and the program that was
    /// built in their target folder: this one.
    pub(crate) fn with_sources(&self, what: &str) -> PathBuf {
        let manifest = "[package]\nname = \"integration\"\nedition = \"2024\"\n";
        let lock = "version = 4\n\n[[package]]\nname = \"integration\"\nversion = \"0.0.0\"\n";
        for (file, content) in [
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"integration\"]\nresolver = \"3\"\n",
            ),
            ("Cargo.lock", lock),
            (".gitignore", "/target/\n/reports/\n"),
            ("integration/Cargo.toml", manifest),
            ("target/CACHEDIR.TAG", ""),
        ] {
            let path = self.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        self.write_node(what);
        git(self.path(), &["init", "--quiet"]);
        git(self.path(), &["add", "."]);
        git(self.path(), &["commit", "--quiet", "-m", "one"]);
        let program = self.path().join("target/debug/loadtests");
        fs::create_dir_all(program.parent().expect("a folder")).expect("made");
        executable::copy(Path::new(PROGRAM), &program);
        program
    }

    pub(crate) fn write_node(&self, what: &str) {
        let path = self.path().join("integration/src/bin/node.rs");
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, format!("fn main() {{ {what} }}")).expect("written");
    }

    pub(crate) fn gate_of_sources(&self, program: &Path) -> Output {
        let mut command = Command::new(program);
        command
            .args(["gate", "--quiet", "--plan", "tiny.toml", "--budget", "40s"])
            .args(["--baseline", "HEAD", "--events", EVENTS])
            .current_dir(self.path());
        command.output().expect("the program runs")
    }

    pub(crate) fn folder_if_any(&self) -> Option<PathBuf> {
        let mut gates = fs::read_dir(self.path().join("reports/gates")).ok()?;
        Some(gates.next()?.ok()?.path())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder_if_any().expect("a gate's folder")
    }

    /// The events that the gate told, which must have the first of each of `wanted` in this
    /// order.
    pub(crate) fn told(&self, wanted: &[&str]) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join(EVENTS)).expect("events");
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        are_in_order(&events, wanted);
        events
    }

    pub(crate) fn record(&self) -> Value {
        let record = fs::read(self.folder().join("gate.json")).expect("a record");
        serde_json::from_slice(&record).expect("JSON")
    }

    /// The reason why the gate could not tell, in its own words: of the machine, or of a time that was
    /// too short on it.
    pub(crate) fn excuse(&self) -> TooBusy {
        /// Faults of a build or of the gate, and of no machine.
        const NO_EXCUSE: [&str; 3] = ["failed on both sides", "ended while", "never left"];
        let record = self.record();
        let sentence = record["judgement"]["sentence"].as_str();
        let sentence = sentence.expect("a sentence");
        assert!(
            !NO_EXCUSE.iter().any(|no| sentence.contains(no)),
            "{sentence}"
        );
        TooBusy(sentence.to_owned())
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .current_dir(folder)
        .status();
    assert!(done.expect("git is there").success(), "{arguments:?}");
}

/// The number of nodes that run and that the process with this id started.
pub(crate) fn nodes_of(id: u32) -> usize {
    let processes = fs::read_dir("/proc").expect("it is there").flatten();
    let node = format!("__node\0{id}\0");
    let lines = processes.filter_map(|p| fs::read_to_string(p.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&node)).count()
}

pub(crate) fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
