//! The protocol between the harness and nodes that know of it: one line on the standard
//! output that says where the node listens, and `/health`, which repeats who it is.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::name::NodeName;

/// The first line that a node writes to its standard output, as JSON: where it listens,
/// or why it never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// The node accepts connections.
    Ready {
        /// The node that speaks.
        node: NodeName,
        /// Where it listens, with the port that the system chose if it was asked for port 0.
        address: SocketAddr,
        /// The system's nonce, as the node was given it.
        nonce: String,
    },
    /// The node gives up before it listens.
    Failed {
        /// The node that speaks.
        node: NodeName,
        /// One sentence, without the node's name.
        reason: String,
    },
}

/// The body of `GET /health`. Name and nonce let a probe tell the node it means from a
/// stranger that took over the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The node that answers.
    pub node: NodeName,
    /// The system's nonce, as the node was given it.
    pub nonce: String,
    /// `ok` while the node takes new work.
    pub status: String,
}
