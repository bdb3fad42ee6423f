//! Whether an overloaded system comes back by itself, and down to which rate it doesn't.
//!
//! A queue that only serves comes back from an overload as soon as the rate is below its
//! capacity. A system whose work grows with its queue, by retries, timeouts or thrashing, has
//! a second state that keeps itself up (N. Bronson et al., Metastable failures in distributed
//! systems, HotOS 2021): it collapses at one rate and comes back only at a lower one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slot::SlotSeen;

/// A look at whether a fresh system comes back after an overload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// The slot beyond the capacity.
    pub overload: SlotSeen,
    /// The slot below it, after the time that a plain queue would need to settle.
    pub after: SlotSeen,
    /// True when the promise was kept again.
    pub came_back: bool,
}

/// Both edges of a system that doesn't always come back from an overload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bistable {
    /// The greatest rate that a fresh system keeps the promise at.
    pub fresh_keeps: f64,
    /// The least rate at which a system that was overloaded didn't come back.
    pub stuck_down_to: f64,
    /// The greatest rate below that at which it came back, if it did at any.
    pub comes_back_at: Option<f64>,
}
