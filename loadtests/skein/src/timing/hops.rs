//! The hops of a system: which roles its nodes have, and how far inside each is.

use std::collections::HashMap;
use std::fmt;

use harness::Topology;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of a request's way: the generator with the network to whom it asks, which no
/// server accounts for, or the nodes of one role, each as its caller sees it.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Hop(String);

impl Hop {
    /// The generator.
    const GENERATOR: &str = "generator";

    /// The hop of the nodes of a role.
    pub fn of_role(role: impl Into<String>) -> Self {
        Hop(role.into())
    }

    /// The generator, and the network to whom it asks.
    pub fn generator() -> Self {
        Hop(Self::GENERATOR.to_owned())
    }

    /// The hop's name for people.
    pub fn name(&self) -> &str {
        match self.0.as_str() {
            Self::GENERATOR => "generator and network",
            role => role,
        }
    }

    /// The role of the hop's nodes; `None` for the generator.
    pub fn role(&self) -> Option<&str> {
        (self.0 != Self::GENERATOR).then_some(&self.0)
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The hops of one system, from the user inwards; the first is the generator.
#[derive(Clone, Debug)]
pub struct Hops {
    hops: Vec<(Hop, usize)>,
    of_nodes: HashMap<String, usize>,
}

impl Hops {
    /// The hops of a system whose nodes aren't known: only the generator.
    pub fn unknown() -> Self {
        Hops {
            hops: vec![(Hop::generator(), 0)],
            of_nodes: HashMap::new(),
        }
    }

    /// The hops of a topology: each role at the depth of its deepest node.
    pub fn of(topology: &Topology) -> Self {
        let mut hops = Hops::unknown();
        for (depth, tier) in (1..).zip(topology.tiers()) {
            for node in tier {
                let hop = match hops.of_role(&node.role) {
                    Some(known) => known,
                    None => {
                        hops.hops.push((Hop::of_role(&node.role), depth));
                        hops.hops.len() - 1
                    }
                };
                hops.hops[hop].1 = hops.hops[hop].1.max(depth);
                hops.of_nodes.insert(node.name.to_string(), hop);
            }
        }
        hops
    }

    /// The hop that a node such as `shop-2` belongs to; `None` for one that isn't known.
    /// A server that was there may have more nodes of a role than the plan knows.
    pub(super) fn of_node(&self, name: &str) -> Option<usize> {
        let numbered = || {
            let (role, number) = name.rsplit_once('-')?;
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            self.of_role(role).filter(|_| is_number)
        };
        let known = self.of_nodes.get(name).copied();
        known.or_else(|| self.of_role(name)).or_else(numbered)
    }

    /// The distance of a hop from the user.
    pub(super) fn depth(&self, hop: usize) -> usize {
        self.hops[hop].1
    }

    /// The distance of the innermost hop.
    pub(super) fn deepest(&self) -> usize {
        self.hops.iter().map(|(_, depth)| *depth).max().unwrap_or(0)
    }

    /// A hop by its place.
    pub(super) fn hop(&self, place: usize) -> &Hop {
        &self.hops[place].0
    }

    fn of_role(&self, role: &str) -> Option<usize> {
        let mut hops = self.hops.iter();
        hops.position(|(hop, _)| hop.role() == Some(role))
    }
}
