//! The protocol between the harness and nodes that know of it: one line on the standard
//! output that says where the node listens, and `/health`, which proves who it is.
//!
//! Both know the system's nonce, and neither shows the whole of it to whoever happens to be
//! at the other end: the asker shows one half in the field `x-nonce`, and only that is
//! answered with the other.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
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
        /// The address that it listens on: the system chose the port if it was asked for port 0.
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

/// The request field that has one half of the system's nonce.
pub const NONCE: HeaderName = HeaderName::from_static("x-nonce");

/// The body of `GET /health`. Name and nonce let a probe tell the node it means from a
/// stranger that took over the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The node that answers.
    pub node: NodeName,
    /// The second half of the system's nonce, for an asker who shows the first.
    pub nonce: String,
    /// `ok` while the node takes new work.
    pub status: String,
}

/// The head of a question for the identity of a node of the system with this `nonce`.
pub fn question(nonce: &str) -> HeaderMap {
    let (asked, _) = halves(nonce);
    let value = HeaderValue::from_str(asked).ok();
    let value = value.filter(|_| !asked.is_empty());
    value.map(|value| (NONCE, value)).into_iter().collect()
}

/// True when `answer` is that of a node with this `nonce`. Nodes of earlier builds, which may
/// be the baseline of a comparison, answer with the whole of it.
pub fn is_proven(nonce: &str, answer: &str) -> bool {
    let (_, answered) = halves(nonce);
    !answer.is_empty() && (answer == answered || answer == nonce)
}

fn halves(nonce: &str) -> (&str, &str) {
    let mut middle = nonce.len() / 2;
    while !nonce.is_char_boundary(middle) {
        middle -= 1;
    }
    nonce.split_at(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "0123456789abcdef";

    #[test]
    fn half_of_the_nonce_is_asked_with_and_the_other_half_proves_it() {
        assert_eq!(question(OURS)[NONCE], "01234567");
        assert!(is_proven(OURS, "89abcdef"));
        assert!(is_proven(OURS, OURS), "an earlier build");
        // One who only repeats the question is not the node.
        for answer in ["", "01234567", "89abcde"] {
            assert!(!is_proven(OURS, answer), "{answer:?}");
        }
    }

    #[test]
    fn without_a_nonce_nobody_is_asked_and_nothing_is_proven() {
        assert!(question("").is_empty());
        assert!(!is_proven("", ""));
    }
}
