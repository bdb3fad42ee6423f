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
}

/// What one node answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRecord {
    /// Its name.
    pub name: String,
    /// What it runs, such as `api-gateway`.
    pub service: String,
    /// Requests that it answered.
    pub requests: u64,
    /// Those answered with a status from 500 on.
    pub errors: u64,
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
