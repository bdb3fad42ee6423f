//! The laboratory's own members of a run's record: gateways, caches, tasks, bad tokens.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skein::Times;

use crate::prediction::HitPrediction;

/// The laboratory's own members of a run's record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LaboratoryRecord {
    /// The gateways.
    pub(crate) gateways: Vec<GatewayRecord>,
    /// Requests that the balancer gave to another gateway after a failure, over the
    /// whole run; `None` when that can't be seen.
    #[serde(default)]
    pub(crate) retries: Option<u64>,
    /// The caches' part in reads; `None` when nothing told.
    pub(crate) caches: Option<CacheRecord>,
    /// The fates of long tasks.
    pub(crate) tasks: TaskRecord,
    /// Requests with a bad token: how many were sent, and how many were let in.
    pub(crate) intruders: IntruderRecord,
}

/// One gateway's share.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GatewayRecord {
    /// Its name.
    pub(crate) name: String,
    /// Answers that the generator had from it, over the whole run.
    pub(crate) answers: u64,
    /// Attempts that the balancer made at it, over the whole run; `None` when that
    /// can't be seen.
    pub(crate) attempts: Option<u64>,
    /// Requests that it counted itself, over the whole run, where the balancer doesn't count
    /// its attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<u64>,
}

impl GatewayRecord {
    /// Requests that came to it, as the balancer or else itself counted.
    pub(crate) fn counted(&self) -> Option<u64> {
        self.attempts.or(self.seen)
    }

    /// The same, or else as answers told.
    pub(crate) fn requests(&self) -> u64 {
        self.counted().unwrap_or(self.answers)
    }
}

/// The caches' part in reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CacheRecord {
    /// True when the figures come from the gateways' counters, over the stages that
    /// are no warm-up; else from `Cache-Status` in the answers to them.
    pub(crate) counted_by_gateways: bool,
    /// Lookups that found the value.
    pub(crate) hits: u64,
    /// Lookups that didn't.
    pub(crate) misses: u64,
    /// Lookups that a cache didn't answer.
    pub(crate) failed: u64,
    /// Lookups by cache, where they can be told apart.
    pub(crate) by_cache: Vec<CacheNodeRecord>,
    /// The expected hits; `None` where that can't be worked out.
    #[serde(default)]
    pub(crate) prediction: Option<HitPrediction>,
}

impl CacheRecord {
    /// Hits in percent of all lookups; `None` without lookups.
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        hit_ratio([self.hits, self.misses, self.failed])
    }
}

/// The lookups of one cache.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CacheNodeRecord {
    /// Its name.
    pub(crate) name: String,
    /// Lookups that found the value.
    pub(crate) hits: u64,
    /// Lookups that didn't.
    pub(crate) misses: u64,
    /// Lookups that it didn't answer.
    pub(crate) failed: u64,
}

impl CacheNodeRecord {
    /// Hits in percent of all its lookups; `None` without lookups.
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        hit_ratio([self.hits, self.misses, self.failed])
    }
}

fn hit_ratio([hits, misses, failed]: [u64; 3]) -> Option<f64> {
    let lookups = hits + misses + failed;
    (lookups > 0).then(|| hits as f64 / lookups as f64 * 100.0)
}

/// The fates of long tasks, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TaskRecord {
    /// Tasks answered for with 202, repeats not counted.
    pub(crate) accepted: u64,
    /// Tasks that were seen done.
    pub(crate) done: u64,
    /// Tasks that the worker gave up after too many attempts.
    #[serde(default)]
    pub(crate) dead: u64,
    /// Tasks that the worker did not know any more.
    #[serde(default)]
    pub(crate) gone: u64,
    /// From the 202 until a task was first seen done, in microseconds; looked at as
    /// often as the plan says, so that it is long by half of that on average.
    #[serde(default)]
    pub(crate) life: Option<Times>,
    /// The tasks at the end, by state, as the worker counts; `None` when that
    /// can't be seen.
    #[serde(default)]
    pub(crate) at_worker: Option<BTreeMap<String, u64>>,
    /// Attempts at tasks by how they ended, as the worker counts.
    #[serde(default)]
    pub(crate) attempts: BTreeMap<String, u64>,
}

impl TaskRecord {
    /// Tasks that were still open when the run stopped looking: nobody saw them done,
    /// given up or gone.
    pub(crate) fn unfinished(&self) -> u64 {
        let ended = self.done + self.dead + self.gone;
        self.accepted.saturating_sub(ended)
    }
}

/// Requests with a bad token, over the whole run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IntruderRecord {
    /// Requests with a bad token.
    pub(crate) sent: u64,
    /// Requests that were answered at all.
    pub(crate) answered: u64,
    /// Requests that were refused with 401.
    #[serde(default)]
    pub(crate) refused: u64,
    /// Requests whose answer shows that they were let in.
    pub(crate) admitted: u64,
    /// The same by what was wrong with the token.
    #[serde(default)]
    pub(crate) by_flaw: Vec<FlawRecord>,
    /// Refusals by the reason that gateways counted, whoever asked; `None` when that
    /// can't be seen.
    #[serde(default)]
    pub(crate) reasons: Option<BTreeMap<String, u64>>,
}

/// Requests with one kind of bad token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FlawRecord {
    /// The flaw, in a few words.
    pub(crate) flaw: String,
    /// Requests that were sent.
    pub(crate) sent: u64,
    /// Requests that were refused with 401.
    pub(crate) refused: u64,
    /// Requests whose answer shows that they were let in.
    pub(crate) admitted: u64,
}
