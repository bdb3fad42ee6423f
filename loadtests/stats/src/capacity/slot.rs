//! The clauses of a promise, and one slot of load held against them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A clause of a promise: the share of requests that may break it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clause {
    /// The share that is allowed, above 0 and below 1: 0.01 when 99 % of the answers have to
    /// come within 50 ms.
    pub allowed: f64,
}

/// A slot of open load at one rate.
///
/// Its requests are those that were intended in it, after a lead-in at the same rate whose
/// requests aren't counted: a queue takes a while until it is as long as the rate makes it.
/// A request that was never sent counts as broken in every clause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlotSeen {
    /// The offered rate, per second.
    pub rate: f64,
    /// The requests that were intended.
    pub requests: u64,
    /// The requests that broke each clause, in the order of the promise.
    pub broken: Vec<u64>,
    /// False when the queue wasn't empty within the time limit after the slot.
    pub drained: bool,
}

impl SlotSeen {
    /// The share of its requests that broke a clause, if there were any.
    pub fn share(&self, clause: usize) -> Option<f64> {
        let broken = *self.broken.get(clause)? as f64;
        (self.requests > 0).then(|| broken / self.requests as f64)
    }

    /// True when it clearly breaks a clause. One request more than is allowed may be an
    /// outlier, and of few requests one is soon too many.
    pub fn breaks(&self, clauses: &[Clause]) -> bool {
        let beyond = |(clause, broken): (&Clause, &u64)| {
            *broken as f64 > clause.allowed * self.requests as f64 + 1.0
        };
        !self.drained || clauses.iter().zip(&self.broken).any(beyond)
    }
}
