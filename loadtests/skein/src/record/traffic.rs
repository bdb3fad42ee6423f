//! Who called whom, as the nodes counted over the stages that are no warm-up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The traffic between nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// The nodes, in the order in which a request meets them.
    pub nodes: Vec<NodeRecord>,
    /// Calls between them.
    pub edges: Vec<EdgeRecord>,
    /// The names of the nodes in tiers, from the users inwards; in records of earlier
    /// programs, none.
    #[serde(default)]
    pub tiers: Vec<Vec<String>>,
}

/// The answers of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRecord {
    /// Its name.
    pub name: String,
    /// The role that it shares with equal nodes, such as `api`.
    pub service: String,
    /// Requests that it answered; `None` where it doesn't tell.
    pub requests: Option<u64>,
    /// Those answered with a status from 500 on.
    pub errors: u64,
    /// Further figures, in a few words each.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// Calls of one node, or of all nodes of a service, to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeRecord {
    /// Who calls: a node or a service.
    pub from: String,
    /// Who is called: a node.
    pub to: String,
    /// Calls made, as the caller counted.
    pub calls: u64,
    /// Those that came to nothing; `None` where the caller doesn't count them.
    pub failed: Option<u64>,
}
