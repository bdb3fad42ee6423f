//! A run of the program against a server, with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::server::Server;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_loadtests");

/// Far longer than anything here should take, also where every core is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for one story, with a plan in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    url: String,
}

impl Place {
    /// Two users who ask once and then think for `think_time`, for `duration`.
    pub(crate) fn new(server: &Server, duration: &str, think_time: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan = format!(
            r#"
name = "ending"
thresholds = ["error-rate<=0%"]
[[request]]
path = "/"
[behaviour]
think_time = "{think_time}"
[[stage]]
name = "steady"
users = 2
duration = "{duration}"
"#
        );
        fs::write(folder.path().join("plan.toml"), plan).expect("written");
        Place {
            folder,
            url: server.url(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The arguments of the run, quoted for nobody.
    pub(crate) fn arguments(&self) -> Vec<String> {
        ["run", "--plan", "plan.toml", "--seed", "1", "--target"]
            .map(str::to_owned)
            .into_iter()
            .chain([self.url.clone()])
            .collect()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(self.arguments())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// The run as a shell starts it, after `first`, with `redirections`.
    pub(crate) fn in_shell(&self, first: &str, redirections: &str) -> Command {
        let script = format!("{first}\nexec \"$@\" {redirections}");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, "sh", PROGRAM])
            .args(self.arguments())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.path().join("reports/runs"));
        let runs = runs.into_iter().flatten().flatten();
        runs.map(|run| run.path()).collect()
    }

    /// The only run's folder.
    pub(crate) fn run(&self) -> PathBuf {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    pub(crate) fn record(&self) -> Value {
        let record = fs::read(self.run().join("run.json")).expect("a record");
        serde_json::from_slice(&record).expect("JSON")
    }
}

/// The exit code that a record's verdict has. A build without optimisation and a busy
/// machine make a run invalid, which is no concern of these stories.
pub(crate) fn code_of(record: &Value) -> i32 {
    match record["judgement"]["verdict"].as_str() {
        Some("pass") => 0,
        Some("fail") => 1,
        Some("invalid") => 3,
        other => panic!("no verdict of a run: {other:?}"),
    }
}

/// The kinds of the record's warnings.
pub(crate) fn warnings(record: &Value) -> Vec<&str> {
    let warnings = record["warnings"].as_array().expect("a list").iter();
    warnings.filter_map(|w| w["kind"].as_str()).collect()
}

/// A program that a failed test doesn't leave behind.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Running(command.spawn().expect("the program starts"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).expect("it runs");
    }

    /// True when the program has a handler for `signal`, as the kernel tells.
    pub(crate) fn catches(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| mask >> (signal as u32 - 1) & 1 == 1)
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        wait_for("the end", || self.0.try_wait().expect("it is a child"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The nodes that the process with this id started: process and command line.
pub(crate) fn nodes_of(id: u32) -> Vec<(i32, String)> {
    let node = format!("__node\0{id}\0");
    let processes = fs::read_dir("/proc").expect("it is there").flatten();
    let nodes = processes.filter_map(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?;
        let id = process.file_name().to_str()?.parse().ok()?;
        line.contains(&node).then_some((id, line))
    });
    nodes.collect()
}
