//! What the caches did for reads, and what they should have done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::prediction::HitPrediction;

/// What the caches did for reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CacheRecord {
    /// Whether the figures come from the gateways' counters, over the stages that
    /// are no warm-up; else from `Cache-Status` in the answers to them.
    pub counted_by_gateways: bool,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that a cache didn't answer.
    pub failed: u64,
    /// Lookups by cache, where they can be told apart.
    pub by_cache: Vec<CacheNodeRecord>,
    /// What was to be expected; `None` where that can't be worked out.
    #[serde(default)]
    pub prediction: Option<HitPrediction>,
}

impl CacheRecord {
    /// Hits in percent of all lookups; `None` without lookups.
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.hits + self.misses + self.failed;
        (lookups > 0).then(|| self.hits as f64 / lookups as f64 * 100.0)
    }
}

/// What one cache did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CacheNodeRecord {
    /// Its name.
    pub name: String,
    /// Lookups that found the value.
    pub hits: u64,
    /// Lookups that didn't.
    pub misses: u64,
    /// Lookups that it didn't answer.
    pub failed: u64,
}
