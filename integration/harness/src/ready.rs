//! How a node that was started proves that it is ready, and that it is that node which
//! answers there. That somebody listens is not enough, since it may be a stranger: a
//! node that knows our protocol repeats a nonce, of any other one the listening socket
//! must belong to its own processes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ChildStdout;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::ChildStdout as AsyncChildStdout;

use crate::announcement::{Announcement, Health, is_proven, question};
use crate::error::StartError;
use crate::http::get;
use crate::launcher::Launch;
use crate::topology::{NodePlan, Ready, Text};

/// The time that a node may take to answer who it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The longest announcement that is read, in bytes.
const MAX_ANNOUNCEMENT: u64 = 64 << 10;

/// Waits for the node's announcement, and with it for its address. `None` says
/// that the output has ended without one, and that the process is about to.
pub(crate) async fn announced(
    launch: &Launch<'_>,
    output: ChildStdout,
) -> Result<Option<SocketAddr>, StartError> {
    let node = || launch.plan.name.clone();
    let failed = |source| StartError::Output {
        node: node(),
        source,
    };
    let output = AsyncChildStdout::from_std(output).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(output.take(MAX_ANNOUNCEMENT))
        .read_line(&mut line)
        .await
        .map_err(failed)?;
    if line.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(&line) {
        Ok(Announcement::Ready {
            node: name,
            nonce,
            address,
        }) if name == launch.plan.name && nonce == launch.nonce => Ok(Some(address)),
        Ok(Announcement::Ready { address, .. }) => Err(StartError::Stranger {
            node: node(),
            address,
            answer: line,
        }),
        Ok(Announcement::Failed { reason, .. }) => Err(gave_up(launch, reason)),
        Err(source) => Err(StartError::Announcement {
            node: node(),
            line,
            source,
        }),
    }
}

/// Makes sure that it is this node, of this run, that answers on the address.
pub(crate) async fn identified(launch: &Launch<'_>, address: SocketAddr) -> Result<(), StartError> {
    let node = || launch.plan.name.clone();
    let answer = get(address, "/health", question(launch.nonce), ANSWER_WITHIN)
        .await
        .map_err(|source| StartError::Unhealthy {
            node: node(),
            address,
            source,
        })?;
    let is_it = |health: Health| {
        health.node == launch.plan.name
            && health.status == "ok"
            && is_proven(launch.nonce, &health.nonce)
    };
    if serde_json::from_slice(answer.body()).is_ok_and(is_it) {
        Ok(())
    } else {
        Err(StartError::Stranger {
            node: node(),
            address,
            answer: String::from_utf8_lossy(answer.body()).into_owned(),
        })
    }
}

/// Whether the node shows the sign that its plan names; if not yet, what is seen instead.
/// `written` is the part of its log that it has written since it was started.
pub(crate) async fn shows_its_sign(
    launch: &Launch<'_>,
    written: &(impl Fn() -> String + Sync),
) -> Result<(), String> {
    match &launch.plan.ready {
        Ready::Log(wanted) if written().lines().any(|line| line.contains(wanted)) => Ok(()),
        Ready::Log(wanted) => Err(format!("no line of its log has {wanted:?} in it")),
        Ready::Command(command) => asked(launch, command).await,
        // It is waited for by its end.
        Ready::AtOnce | Ready::Done => Ok(()),
        Ready::Announced | Ready::Tcp | Ready::Http(_) => answers(launch.plan, launch.listen).await,
    }
}

/// A look at a node from outside: whether it answers on its address.
pub(crate) async fn answers(plan: &NodePlan, address: SocketAddr) -> Result<(), String> {
    match &plan.ready {
        Ready::Http(path) => match get(address, path, HeaderMap::new(), ANSWER_WITHIN).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("GET {path} answers {}", status(answer.status()))),
            Err(error) => Err(error.to_string()),
        },
        Ready::AtOnce => Ok(()),
        _ => match TcpStream::connect(address).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{address}: {error}")),
        },
    }
}

async fn asked(launch: &Launch<'_>, command: &[Text]) -> Result<(), String> {
    let command = launch.question(command).ok_or("it names no command")?;
    let mut command = tokio::process::Command::from(command);
    match command.kill_on_drop(true).status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the command ended with {status}")),
        Err(error) => Err(format!("the command could not be executed: {error}")),
    }
}

fn status(status: StatusCode) -> String {
    status.to_string()
}

/// The end of a log from byte `begin` on; empty when it can't be read.
pub(crate) fn written_since(log: &Path, begin: u64) -> String {
    let read = || {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = std::fs::File::open(log)?;
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

fn gave_up(launch: &Launch<'_>, reason: String) -> StartError {
    let node = launch.plan.name.clone();
    // The system's word for EADDRINUSE, which is all that reaches us of it.
    if reason.contains("Address already in use") {
        StartError::PortTaken {
            node,
            address: launch.listen,
        }
    } else {
        StartError::GaveUp { node, reason }
    }
}
