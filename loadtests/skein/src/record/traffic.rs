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
    /// The servers of others among the nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerRecord>,
}

/// A server of others that took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerRecord {
    /// The node.
    pub node: String,
    /// The program and its version, such as `haproxy 2.6.12`; `None` where it doesn't tell.
    pub program: Option<String>,
    /// The way in which it was had, such as `a container of redis:7-alpine`.
    pub way: String,
}

impl Traffic {
    /// The servers of others in words, those that are alike together, such as `redis 7.0.15
    /// as cache-1 and cache-2 (a program of this machine)`.
    pub fn servers_in_words(&self) -> Vec<String> {
        let mut groups: Vec<(&ServerRecord, Vec<&str>)> = Vec::new();
        for server in &self.servers {
            let is_alike = |(other, _): &&mut (&ServerRecord, Vec<&str>)| {
                (&other.program, &other.way) == (&server.program, &server.way)
            };
            match groups.iter_mut().find(is_alike) {
                Some((_, nodes)) => nodes.push(&server.node),
                None => groups.push((server, vec![&server.node])),
            }
        }
        let words = groups.into_iter().map(|(server, nodes)| {
            let nodes = nodes.join(" and ");
            match &server.program {
                Some(program) => format!("{program} as {nodes} ({})", server.way),
                None => format!("{nodes} ({})", server.way),
            }
        });
        words.collect()
    }
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
    /// The small machine that it was given; `None` when it had all of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineRecord>,
}

/// A small machine that a node was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineRecord {
    /// Its CPUs, such as 0.25 for a quarter of one.
    pub cpus: f64,
    /// The machine and its means in words, such as `0.25 of a CPU by a cgroup (v2)`.
    pub words: String,
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
