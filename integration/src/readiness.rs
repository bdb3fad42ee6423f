//! How a node that was started proves that it is ready: it announces where it
//! listens, and it is that node, of that run, that answers there. That somebody
//! listens is not enough, since it may be a stranger.

use std::net::SocketAddr;
use std::process::ChildStdout;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use services::client::{Client, Upstream};
use services::contract::{Announcement, Health, HealthStatus, NodeName};
use services::identity;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout as AsyncChildStdout;

use crate::error::StartError;
use crate::launcher::Launch;

/// How long a node may take to answer who it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

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
    BufReader::new(output)
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
    let answer = Client::new()
        .call(
            &upstream(node(), address),
            Method::GET,
            "/health",
            identity::question(launch.nonce),
            Bytes::new(),
            ANSWER_WITHIN,
        )
        .await
        .map_err(|source| StartError::Unhealthy {
            node: node(),
            address,
            source,
        })?;
    let is_it = |health: Health| {
        health.node == launch.plan.name
            && health.status == HealthStatus::Ok
            && identity::is_proven(launch.nonce, &health.nonce)
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

/// A node as somebody to call.
pub(crate) fn upstream(name: NodeName, address: SocketAddr) -> Upstream {
    Upstream {
        name,
        authority: address
            .to_string()
            .parse()
            .expect("an address is an authority"),
    }
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
