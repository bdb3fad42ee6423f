//! What the caches did for reads, and what they should have done.

use std::collections::BTreeMap;

use services::contract::Service;
use stats::occupancy::{Caches, Popularity};

use super::super::Order;
use super::{Seen, of, sum};
use crate::plan::Plan;
use crate::prediction::{self, Asked, Circumstances, HitPrediction};
use crate::record::{CacheNodeRecord, CacheRecord};
use crate::samples::{CacheOutcome, Route, Samples, StageIndex};
use crate::scenarios::Scenario;

pub(super) fn caches(seen: &Seen, order: &Order) -> Option<CacheRecord> {
    let plan = &order.plan;
    let Some(measured) = &seen.measured else {
        let is_measured =
            |stage: StageIndex| stage.is_some_and(|stage| !plan.stages[stage].warm_up);
        return caches_by_answers(&seen.samples.total(is_measured).caches);
    };
    let nodes = &measured.counts;
    let lookups = |cache: &str, outcome| {
        let labels = [("cache", cache), ("outcome", outcome)];
        sum(nodes, Service::ApiGateway, "cache_lookups_total", &labels)
    };
    let by_cache: Vec<_> = of(nodes, Service::Cache)
        .map(|cache| CacheNodeRecord {
            hits: lookups(cache.name.as_str(), "hit"),
            misses: lookups(cache.name.as_str(), "miss"),
            failed: lookups(cache.name.as_str(), "failed"),
            name: cache.name.to_string(),
        })
        .collect();
    Some(CacheRecord {
        counted_by_gateways: true,
        hits: by_cache.iter().map(|cache| cache.hits).sum(),
        misses: by_cache.iter().map(|cache| cache.misses).sum(),
        failed: by_cache.iter().map(|cache| cache.failed).sum(),
        by_cache,
        prediction: predicted(&seen.samples, plan),
    })
}

/// From outside: what the answers said. Nothing, when they didn't.
fn caches_by_answers(outcomes: &BTreeMap<CacheOutcome, u64>) -> Option<CacheRecord> {
    let count = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
    (!outcomes.is_empty()).then(|| CacheRecord {
        counted_by_gateways: false,
        hits: count(CacheOutcome::Hit),
        misses: count(CacheOutcome::Miss) + count(CacheOutcome::Coalesced),
        failed: count(CacheOutcome::Bypass),
        by_cache: Vec::new(),
        prediction: None,
    })
}

/// What was to be expected of the caches of a system that the run started.
fn predicted(samples: &Samples, plan: &Plan) -> Option<HitPrediction> {
    let counted = |stages: &dyn Fn(&StageIndex) -> bool, wanted: Route| -> u64 {
        let all = samples.routes.iter();
        let picked = all.filter(|((stage, route), _)| stages(stage) && *route == wanted);
        picked.map(|(_, samples)| samples.count()).sum()
    };
    let warm_up = |stage: &StageIndex| stage.is_some_and(|stage| plan.stages[stage].warm_up);
    let measured = |stage: &StageIndex| stage.is_some_and(|stage| !plan.stages[stage].warm_up);
    let (reads, writes) = (Scenario::Readers.routes(), Scenario::Writers.routes());
    let stages = plan.stages.iter().filter(|stage| !stage.warm_up);
    let asked = Asked {
        items_before: counted(&warm_up, reads[0]),
        items: counted(&measured, reads[0]),
        listings: counted(&measured, reads[1]),
        writes: counted(&measured, writes[0]),
        read_backs: counted(&measured, writes[1]),
    };
    let circumstances = Circumstances {
        seconds: stages.map(|stage| stage.duration.as_secs_f64()).sum(),
        popularity: Popularity {
            items: plan.behaviour.items,
            zipf_exponent: plan.behaviour.zipf_exponent,
        },
        caches: Caches {
            number: plan.shape.caches,
            ttl: plan.shape.cache_ttl,
            fetch: plan.shape.storage_latency,
        },
    };
    prediction::hit_ratio(&asked, &circumstances)
}
