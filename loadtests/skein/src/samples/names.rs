//! The names by which a target's answers are told apart, as few and short as nodes' names
//! are: a target may make up a new one for each answer, and each would have histograms.

use super::{Fault, OTHER_STATUS};

/// The nodes, and the wrong statuses, that samples are kept apart by.
#[derive(Debug, Default)]
pub struct NodeNames {
    nodes: Vec<Box<str>>,
    statuses: Vec<u16>,
    /// Answers whose node wasn't kept apart.
    pub(super) renamed: u64,
}

impl NodeNames {
    /// The longest name of a node, in bytes.
    pub const LONGEST: usize = 64;
    /// Most nodes: twice the largest topology.
    pub const MOST: usize = 64;
    /// Most wrong statuses.
    pub const MOST_STATUSES: usize = 32;
    /// Stands for all other nodes.
    pub const OTHERS: &str = "other nodes";

    /// The name to keep a node's samples under: its own, or that of all others.
    pub(super) fn admit<'a>(&mut self, name: &'a str) -> &'a str {
        if self.nodes.iter().any(|known| **known == *name) {
            return name;
        }
        if name.len() <= Self::LONGEST && self.nodes.len() < Self::MOST {
            self.nodes.push(name.into());
            return name;
        }
        self.renamed += 1;
        Self::OTHERS
    }

    /// The fault to keep a sample under: its own, or that of all other statuses.
    pub(super) fn admit_fault(&mut self, fault: Fault) -> Fault {
        let Fault::Status { expected, got } = fault else {
            return fault;
        };
        if self.statuses.contains(&got) {
            return fault;
        }
        if self.statuses.len() < Self::MOST_STATUSES {
            self.statuses.push(got);
            return fault;
        }
        Fault::Status {
            expected,
            got: OTHER_STATUS,
        }
    }
}
