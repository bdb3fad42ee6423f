//! The laboratory's own members of a record, counted from what was seen of a run.

use std::collections::BTreeMap;

use services::contract::{Service, TaskState};
use skein::{Counts, Fault, Over, Route, Seen, Times};
use stats::occupancy::{Caches, Popularity};

use crate::behaviour::Behaviour;
use crate::kinds::Balancer;
use crate::prediction::{self, Asked, Circumstances, HitPrediction};
use crate::record::{
    CacheNodeRecord, CacheRecord, FlawRecord, GatewayRecord, IntruderRecord, LaboratoryRecord,
    TaskRecord,
};
use crate::scenarios::{BAD_TOKEN, INTRUDE, LIST, READ, READ_BACK, SubmittedTasks, WRITE};
use crate::shape::Shape;
use crate::tokens::FlawCounts;

const GATEWAY: &str = Service::ApiGateway.as_str();
const WORKER: &str = Service::Worker.as_str();

/// The laboratory's own members of a run's record.
pub(crate) fn counted(seen: &Seen<'_>) -> LaboratoryRecord {
    let whole = seen.counts(Over::Run);
    LaboratoryRecord {
        gateways: gateways(seen),
        retries: whole.and_then(|nodes| Balancer::of(nodes).retries(nodes)),
        caches: caches(seen),
        tasks: tasks(seen),
        intruders: intruders(seen),
    }
}

fn gateways(seen: &Seen<'_>) -> Vec<GatewayRecord> {
    let mut answers = seen.served_by();
    let Some(nodes) = seen.counts(Over::Run) else {
        let seen = answers.into_iter().map(|(name, answers)| GatewayRecord {
            name,
            answers,
            attempts: None,
            seen: None,
        });
        return seen.collect();
    };
    let balancer = Balancer::of(nodes);
    let records = nodes.nodes(GATEWAY).map(|gateway| {
        let name = gateway.name.to_string();
        let attempts = balancer.attempts_at(&name, nodes);
        let seen = || gateway.count("requests_total", &[]);
        GatewayRecord {
            answers: answers.remove(&name).unwrap_or(0),
            attempts,
            seen: attempts.is_none().then(seen),
            name,
        }
    });
    records.collect()
}

fn caches(seen: &Seen<'_>) -> Option<CacheRecord> {
    if let Some(nodes) = seen.counts(Over::Judged) {
        return Some(caches_by_gateways(seen, nodes));
    }
    // The outcomes that answers tell, unless the run's own look at the nodes failed.
    let outcomes = seen.outcomes(Over::Judged);
    let count = |outcome: &str| outcomes.get(outcome).copied().unwrap_or(0);
    (!outcomes.is_empty()).then(|| CacheRecord {
        counted_by_gateways: false,
        hits: count("hit"),
        misses: count("miss") + count("coalesced"),
        failed: count("bypass"),
        by_cache: Vec::new(),
        prediction: None,
    })
}

fn caches_by_gateways(seen: &Seen<'_>, nodes: Counts<'_>) -> CacheRecord {
    let lookups = |cache: &str, outcome| {
        let labels = [("cache", cache), ("outcome", outcome)];
        nodes.sum(GATEWAY, "cache_lookups_total", &labels)
    };
    let by_cache: Vec<_> = nodes
        .nodes(Service::Cache.as_str())
        .map(|cache| CacheNodeRecord {
            hits: lookups(cache.name.as_str(), "hit"),
            misses: lookups(cache.name.as_str(), "miss"),
            failed: lookups(cache.name.as_str(), "failed"),
            name: cache.name.to_string(),
        })
        .collect();
    CacheRecord {
        counted_by_gateways: true,
        hits: by_cache.iter().map(|cache| cache.hits).sum(),
        misses: by_cache.iter().map(|cache| cache.misses).sum(),
        failed: by_cache.iter().map(|cache| cache.failed).sum(),
        by_cache,
        prediction: predicted(seen),
    }
}

/// The hits that were to be expected of the caches of a system that the run started.
fn predicted(seen: &Seen<'_>) -> Option<HitPrediction> {
    let plan = seen.plan();
    let judged = |route: Route| seen.requests(route, Over::Judged);
    let asked = Asked {
        items_before: seen.requests(READ, Over::WarmUp),
        items: judged(READ),
        listings: judged(LIST),
        writes: judged(WRITE),
        read_backs: judged(READ_BACK),
    };
    let (shape, behaviour) = (plan.table::<Shape>(), plan.table::<Behaviour>());
    let stages = plan.stages.iter().filter(|stage| !stage.warm_up);
    let circumstances = Circumstances {
        seconds: stages.map(|stage| stage.duration.as_secs_f64()).sum(),
        popularity: Popularity {
            items: behaviour.items,
            zipf_exponent: behaviour.zipf_exponent,
        },
        caches: Caches {
            number: shape.caches,
            ttl: shape.cache_ttl,
            fetch: shape.storage_latency,
        },
    };
    prediction::hit_ratio(&asked, &circumstances)
}

/// Long tasks, as the generator saw them and as the worker counts.
fn tasks(seen: &Seen<'_>) -> TaskRecord {
    let fates = seen.shared::<SubmittedTasks>();
    let fates = fates.map(|tasks| tasks.fates()).unwrap_or_default();
    let nodes = seen.counts(Over::Run);
    let in_state = |nodes: Counts<'_>, state: TaskState| {
        let labels = [("state", state.as_str())];
        (
            state.as_str().to_owned(),
            nodes.sum(WORKER, "tasks", &labels),
        )
    };
    TaskRecord {
        accepted: fates.accepted,
        done: fates.done,
        dead: fates.dead,
        gone: fates.gone,
        life: Times::of_all(&fates.lives),
        at_worker: nodes.map(|nodes| TaskState::ALL.map(|state| in_state(nodes, state)).into()),
        attempts: nodes.map_or_else(BTreeMap::new, |nodes| {
            nodes.by_label(WORKER, "task_attempts_total", "outcome")
        }),
    }
}

/// Requests with a bad token, as the generator saw them and as the gateways counted.
fn intruders(seen: &Seen<'_>) -> IntruderRecord {
    let statuses = seen.statuses(INTRUDE, Over::Run);
    let flaws = seen.shared::<FlawCounts>();
    let by_flaw = flaws.map(|flaws| flaws.counts()).unwrap_or_default();
    let is_admission = |fault| matches!(fault, Fault::Forbidden { what, .. } if what == BAD_TOKEN);
    IntruderRecord {
        sent: seen.requests(INTRUDE, Over::Run),
        answered: statuses.values().sum(),
        refused: statuses.get(&401).copied().unwrap_or(0),
        admitted: seen.faults(is_admission),
        by_flaw: by_flaw
            .iter()
            .map(|(flaw, count)| FlawRecord {
                flaw: flaw.name().to_owned(),
                sent: count.sent,
                refused: count.refused,
                admitted: count.admitted,
            })
            .collect(),
        reasons: seen
            .counts(Over::Run)
            .map(|nodes| nodes.by_label(GATEWAY, "tokens_rejected_total", "reason")),
    }
}
