//! What became of long tasks, and of requests with a bad token.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Times;

/// What became of long tasks, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TaskRecord {
    /// Tasks answered for with 202, repeats not counted.
    pub accepted: u64,
    /// Those that were seen done.
    pub done: u64,
    /// Those that the worker gave up after too many attempts.
    #[serde(default)]
    pub dead: u64,
    /// Those that the worker did not know any more.
    #[serde(default)]
    pub gone: u64,
    /// From the 202 until a task was first seen done, in microseconds; looked at as
    /// often as the plan says, so that it is long by half of that on average.
    #[serde(default)]
    pub life: Option<Times>,
    /// Where tasks stand in the end, by state, as the worker counts; `None` when that
    /// can't be seen.
    #[serde(default)]
    pub at_worker: Option<BTreeMap<String, u64>>,
    /// How attempts at tasks ended, as the worker counts.
    #[serde(default)]
    pub attempts: BTreeMap<String, u64>,
}

impl TaskRecord {
    /// Tasks that were still open when the run stopped looking: nobody saw them done,
    /// given up or gone.
    pub fn unfinished(&self) -> u64 {
        let ended = self.done + self.dead + self.gone;
        self.accepted.saturating_sub(ended)
    }
}

/// Requests with a bad token, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IntruderRecord {
    /// Requests with a bad token.
    pub sent: u64,
    /// Those that were answered at all.
    pub answered: u64,
    /// Those that were refused with 401.
    #[serde(default)]
    pub refused: u64,
    /// Those whose answer shows that they were let in.
    pub admitted: u64,
    /// The same by what was wrong with the token.
    #[serde(default)]
    pub by_flaw: Vec<FlawRecord>,
    /// Refusals by the reason that gateways counted, whoever asked; `None` when that
    /// can't be seen.
    #[serde(default)]
    pub reasons: Option<BTreeMap<String, u64>>,
}

/// Requests with one kind of bad token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlawRecord {
    /// What was wrong, in a few words.
    pub flaw: String,
    /// How many were sent.
    pub sent: u64,
    /// Those that were refused with 401.
    pub refused: u64,
    /// Those whose answer shows that they were let in.
    pub admitted: u64,
}
