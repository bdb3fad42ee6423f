//! Errors of a running system, by what was attempted.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::http::AskError;
use crate::name::NodeName;
use crate::topology::Cpus;

/// The reason why a system, or a node of it, did not start. Nothing of what was started
/// is left running.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum StartError {
    #[error("could not create {path} for the logs and data of the system")]
    Folder { path: PathBuf, source: io::Error },

    #[error("could not execute {program} to start {node}")]
    Spawn {
        node: NodeName,
        program: PathBuf,
        source: io::Error,
    },

    #[error(
        "port {} is taken, so {node} can't listen on {address}: stop whoever has it, \
         or let the system choose free ports",
        address.port()
    )]
    PortTaken { node: NodeName, address: SocketAddr },

    #[error("{node} {reason}")]
    GaveUp { node: NodeName, reason: String },

    #[error("{node} ended while it started, with {status}; its log ends with\n{log}")]
    Exited {
        node: NodeName,
        status: ExitStatus,
        log: String,
    },

    #[error(
        "{node} runs once and must end with success, but ended with {status}; its log ends \
         with\n{log}"
    )]
    NotDone {
        node: NodeName,
        status: ExitStatus,
        log: String,
    },

    #[error("{node} was not ready within {limit:?}; last seen: {last}; its log ends with\n{log}")]
    Late {
        node: NodeName,
        limit: Duration,
        last: String,
        log: String,
    },

    #[error("{node} can't be had here, since {reasons}{remedy}")]
    NoWay {
        node: NodeName,
        reasons: String,
        remedy: String,
    },

    #[error(
        "{node} can't be given {cpus} here, since {reason}; be root, or within a cgroup that is \
         yours (`systemd-run --user --scope -p Delegate=cpu …`), run it in a container, or leave \
         its `cpus` out"
    )]
    NoShare {
        node: NodeName,
        cpus: Cpus,
        reason: String,
    },

    #[error(
        "no network could be made for {node}, which has its own address on one ({reason}); say \
         `network = \"host\"` to have it on this machine's"
    )]
    NoNetwork { node: NodeName, reason: String },

    #[error("{node} {reason}")]
    NoSuchPlace { node: NodeName, reason: String },

    #[error(
        "{node}, which should run already, does not answer on {address} ({last}): start it, or \
         correct its URL"
    )]
    OutOfReach {
        node: NodeName,
        address: SocketAddr,
        last: String,
    },

    #[error(
        "{node} has an address of its own and can't reach {to}, which listens on {address} for \
         this machine alone; say `network = \"host\"` to have {node} on this machine's network"
    )]
    Apart {
        node: NodeName,
        to: NodeName,
        address: SocketAddr,
    },

    #[error("{node}, which runs already, {reason}")]
    Unfit { node: NodeName, reason: String },

    #[error("{node} has no room for one more system: {reason}")]
    NoRoom { node: NodeName, reason: String },

    #[error("{program}, which {node} is to run, could not be executed:\n{log}")]
    NoProgram {
        node: NodeName,
        program: String,
        log: String,
    },

    #[error("could not find out whether it is {node} that listens on {address}")]
    Unseen {
        node: NodeName,
        address: SocketAddr,
        source: io::Error,
    },

    #[error("could not understand what {node} announced: {line:?}")]
    Announcement {
        node: NodeName,
        line: String,
        source: serde_json::Error,
    },

    #[error("could not read what {node} announces")]
    Output { node: NodeName, source: io::Error },

    #[error("could not keep {address} for {node}")]
    Reservation {
        node: NodeName,
        address: SocketAddr,
        source: io::Error,
    },

    #[error("{node} is said to listen on {address}, but does not answer there")]
    Unhealthy {
        node: NodeName,
        address: SocketAddr,
        source: AskError,
    },

    #[error("somebody else than {node} answers on {address}: {answer}")]
    Stranger {
        node: NodeName,
        address: SocketAddr,
        answer: String,
    },
}

/// An image that should have been built, and isn't there.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no image {image} although {node} is built: its `build` has to make one of this name"
)]
pub struct ImageError {
    /// The node.
    pub node: NodeName,
    /// The image's name.
    pub image: String,
    /// Docker's own words.
    pub source: io::Error,
}

/// The reason why a fault could not be brought upon a node.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum FaultError {
    #[error("could not {fault} {node}, which is not running")]
    NotRunning { node: NodeName, fault: &'static str },

    #[error("could not {fault} {node}, which runs elsewhere")]
    Elsewhere { node: NodeName, fault: &'static str },

    #[error("could not {fault} {node}")]
    Signal {
        node: NodeName,
        fault: &'static str,
        source: io::Error,
    },
}

/// The reason why it can't be said how much CPU time a node has used, and what else it
/// took.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum CpuTimeError {
    #[error("could not read what {node} has used, which is not running")]
    NotRunning { node: NodeName },

    #[error("what {node} uses is not observable, since {reason}")]
    NotObservable { node: NodeName, reason: String },

    #[error("could not read what {node} has used")]
    Clock { node: NodeName, source: io::Error },
}

/// The failure of a system to stop in good order. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum StopError {
    #[error("{node} did not stop within {limit:?} and was killed; its log ends with\n{log}")]
    Late {
        node: NodeName,
        limit: Duration,
        log: String,
    },

    #[error("{node} ended with {status} when it was told to stop; its log ends with\n{log}")]
    Failed {
        node: NodeName,
        status: ExitStatus,
        log: String,
    },

    #[error("could not tell {node} to stop")]
    Signal { node: NodeName, source: io::Error },
}
