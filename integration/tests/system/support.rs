//! What stories are told with: a laboratory of one's own, a client with a valid
//! token, and a look at the processes of this machine.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use harness::LastingNodes;
use integration::error::{StartError, StopError};
use integration::wait::wait_for;
use integration::{Launcher, StartOptions, System, Topology};
use nix::unistd::Pid;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method, RequestBuilder, Response};
use tempfile::TempDir;

/// The laboratory's token: HS256 with the key `secret`, claims
/// `{"user":"test_user"}`, no expiry.
pub(crate) const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoidGVzdF91c2VyIn0.NiAjMp8K9re-WJE_BJbqCmLBF4yFr0rDZwNRHj9Cbb8";

/// How long a condition may take to come true. A story that passes never waits so
/// long; one that fails says what it saw last.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A system of one's own, a client for it, and a folder that goes when the story
/// passes and stays when it fails. Everything that a [`System`] can, it can.
pub(crate) struct Lab {
    // Ends before its folder goes.
    system: System,
    http: Client,
    _folder: RunFolder,
}

impl Lab {
    /// Starts `topology`, which is expected to work.
    pub(crate) async fn start(topology: Topology) -> Lab {
        let folder = RunFolder::new();
        let options = options(folder.path());
        Lab::start_with(&topology, options, folder).await
    }

    /// Starts `topology`, which is expected to work, with rooms in nodes that last.
    pub(crate) async fn start_among(lasting: &LastingNodes, topology: &Topology) -> Lab {
        let folder = RunFolder::new();
        let started = lasting.start_system(topology, options(folder.path()));
        Lab::of(started.await, folder)
    }

    /// Starts `topology` as processes that may open 256 files each.
    pub(crate) async fn start_with_few_files(topology: Topology) -> Lab {
        const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/few_files.sh");
        let folder = RunFolder::new();
        let program = folder.path().join("few-files");
        let node = folder.path().join("node");
        symlink(SCRIPT, &program).expect("a writable folder");
        symlink(env!("CARGO_BIN_EXE_node"), node).expect("a writable folder");
        let options = StartOptions {
            launcher: Launcher::program(program),
            folder: folder.path().to_owned(),
        };
        Lab::start_with(&topology, options, folder).await
    }

    /// Starts `topology` in `folder` with these options.
    pub(crate) async fn start_with(
        topology: &Topology,
        options: StartOptions,
        folder: RunFolder,
    ) -> Lab {
        Lab::of(System::start(topology, options).await, folder)
    }

    fn of(started: Result<System, StartError>, folder: RunFolder) -> Lab {
        let system = started.unwrap_or_else(|error| {
            let folder = folder.path().display();
            let error = anyhow::Error::from(error);
            panic!("the system did not start: {error:#} (its folder is {folder})")
        });
        Lab {
            system,
            http: client(),
            _folder: folder,
        }
    }

    /// Stops the system in good order.
    pub(crate) async fn stop(self) -> Result<(), StopError> {
        self.system.stop().await
    }

    /// A request with a valid token to the system's entry; `path` begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url()))
            .header(AUTHORIZATION, TOKEN)
    }

    /// The answer to a `GET` with a valid token from the system's entry.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let answer = self.request(Method::GET, path).send().await;
        answer.unwrap_or_else(|error| panic!("GET {path} was not answered: {error:?}"))
    }

    /// A request to one node, whoever it is, without a token.
    pub(crate) fn request_to(&self, node: &str, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url_of(node)))
    }

    /// What a node has counted under this name and these labels.
    pub(crate) async fn counter(&self, node: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
        let counters = self.counters(node).await;
        counters
            .expect("a node shows its counters")
            .get(name, labels)
    }
}

impl Deref for Lab {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

/// Nodes run the three-line program that is built with these tests.
pub(crate) fn options(folder: &Path) -> StartOptions {
    StartOptions {
        launcher: Launcher::program(env!("CARGO_BIN_EXE_node")),
        folder: folder.to_owned(),
    }
}

/// A client for nodes on this machine, whatever proxy the environment names.
pub(crate) fn client() -> Client {
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client without TLS needs nothing")
}

/// A folder for the logs and data of one system.
pub(crate) struct RunFolder(Option<TempDir>);

impl RunFolder {
    /// A new folder, called after the story whose thread this is.
    pub(crate) fn new() -> Self {
        let thread = thread::current();
        let story = thread.name().unwrap_or("story").replace("::", "-");
        let folder = tempfile::Builder::new()
            .prefix(&format!("{story}-"))
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        RunFolder(Some(folder.expect("a writable target folder")))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().expect("there until the drop").path()
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.take().map(TempDir::keep);
        }
    }
}

/// The processes that log into `folder`: the nodes of the system that keeps its
/// logs there. What has ended isn't among them, reaped or not.
pub(crate) fn nodes_of(folder: &Path) -> Vec<Pid> {
    let folder = folder.canonicalize().expect("the folder is there");
    let processes = fs::read_dir("/proc").expect("Linux shows its processes");
    processes
        .filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let log: PathBuf = ["/proc", &format!("{pid}"), "fd", "2"].iter().collect();
            fs::read_link(log).is_ok_and(|log| log.starts_with(&folder))
        })
        .map(Pid::from_raw)
        .collect()
}

/// Waits until no process logs into `folder`.
pub(crate) async fn no_node_is_left(folder: &Path) {
    let look = async || match nodes_of(folder) {
        nodes if nodes.is_empty() => Ok(()),
        nodes => Err(format!("{nodes:?}")),
    };
    wait_for("the end of every node", PATIENCE, look)
        .await
        .expect("no node is left");
}

/// Starts a system that is expected not to start, and nothing of it to be left.
pub(crate) async fn fails_to_start(topology: &Topology, options: StartOptions) -> StartError {
    let folder = options.folder.clone();
    let error = match System::start(topology, options).await {
        Ok(system) => panic!("it started, at {}", system.url()),
        Err(error) => error,
    };
    assert_eq!(nodes_of(&folder), [], "nodes of a failed start are left");
    error
}
