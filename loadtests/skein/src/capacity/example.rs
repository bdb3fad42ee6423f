//! A study as tests of pages and sentences have it: two systems that break their promise at
//! known rates, searched as real ones are.

use std::time::Duration;

use jiff::Timestamp;
use stats::capacity::{Clause, Event, Next, Search, Settings, SlotSeen};

use super::record::{
    CallsRecord, CapacityRecord, ClauseCount, ClauseRecord, CommonRecord, HopMean, Limit,
    LimitRecord, NodeUse, PatternRecord, PoolRecord, PoolSeen, PoolTime, Purpose, RoundRecord,
    SlotRecord, SystemRecord, TierRecord, VariantRatio,
};
use super::{scaling, sentences};
use crate::environment::Environment;
use crate::record::Document;
use crate::timing::Hop;
use crate::verdict::{Judgement, Verdict};

/// A study of a system and of one variant, which has half of its capacity.
pub(crate) fn example() -> CapacityRecord {
    let own = system("as it is", None, Some(2), 1000.0);
    let variant = system("one-shop", Some("load balancing"), Some(1), 500.0);
    let ratio = stats::capacity::compare(&own.finding, &variant.finding);
    let sentence = sentences::of_variant(&own, &variant, ratio.as_ref());
    let ratios = vec![VariantRatio {
        name: variant.name.clone(),
        ratio,
        sentence,
    }];
    let scaling = scaling::of(&own, Some(2), &[&variant]);
    let patterns = vec![PatternRecord {
        name: "load balancing".to_owned(),
        sentence: sentences::of_pattern("load balancing", &ratios, scaling.as_ref()),
        variants: ratios,
        scaling,
    }];
    CapacityRecord {
        schema_version: CapacityRecord::SCHEMA_VERSION,
        id: "20260102T030405Z-shop".to_owned(),
        judgement: Judgement {
            verdict: Verdict::Pass,
            sentence: sentences::of_study(&own, "p99<50ms", None, &patterns, None),
        },
        interrupted: false,
        doubts: Vec::new(),
        promise: vec![ClauseRecord {
            rule: "p99<50ms".to_owned(),
            allowed: 0.01,
            micros: Some(50_000.0),
        }],
        at_least: None,
        systems: vec![own, variant],
        patterns,
        relief: None,
        common_per_second: Some(250.0),
        ceiling: None,
        ceiling_turns: Some(9000.0),
        slot_millis: 1000,
        lead_millis: 300,
        warm_up_millis: 500,
        open_users: 512,
        budget_seconds: 240.0,
        seconds: 480.0,
        seed: 7,
        command: "shop patterns --seed 7".to_owned(),
        plan: "shop".to_owned(),
        plan_source: "name = \"shop\"".to_owned(),
        started: Timestamp::UNIX_EPOCH,
        ended: Timestamp::UNIX_EPOCH,
        environment: Environment::look(),
    }
}

/// A system that breaks a promise of 1 % at this rate, and more than twice as often at one that
/// is 3 % higher.
fn system(name: &str, pattern: Option<&str>, replicas: Option<u32>, capacity: f64) -> SystemRecord {
    let mut search = Search::begin(
        Settings::of(vec![Clause { allowed: 0.01 }], capacity / 6.0),
        1,
        Duration::ZERO,
    );
    let mut now = Duration::ZERO;
    let mut rounds = Vec::new();
    let finding = loop {
        let next = search.asked().clone();
        let (purpose, rates) = match &next {
            Next::Probe { rate } => (Purpose::Probe, vec![*rate]),
            Next::Round { rates } => (Purpose::Measure, rates.clone()),
            Next::Recovery { overload, rate, .. } => (Purpose::Recover, vec![*overload, *rate]),
            Next::Confirm { rate, .. } => (Purpose::Confirm, vec![*rate]),
            Next::Over(finished) => break (**finished).clone(),
        };
        // Starts differ a little.
        let speed = 1.0 + ((rounds.len() * 7) % 5) as f64 / 500.0 - 0.004;
        let slots: Vec<SlotRecord> = rates
            .iter()
            .map(|rate| slot(*rate, capacity * speed))
            .collect();
        let seen = |slot: &SlotRecord| SlotSeen {
            rate: slot.per_second,
            requests: slot.clauses[0].due,
            broken: vec![slot.clauses[0].broken],
            drained: true,
        };
        let event = match &next {
            Next::Probe { .. } => Event::Probe(seen(&slots[0])),
            Next::Confirm { .. } => Event::Confirmed(seen(&slots[0])),
            Next::Recovery { .. } => Event::Recovery {
                overload: seen(&slots[0]),
                after: seen(&slots[1]),
            },
            _ => Event::Round(slots.iter().map(seen).collect()),
        };
        now += Duration::from_secs(6);
        rounds.push(RoundRecord {
            number: rounds.len() + 1,
            purpose,
            seed: 1,
            started: Timestamp::UNIX_EPOCH,
            seconds: 6.0,
            node_cores: vec![0],
            generator_cores: vec![1],
            machine: None,
            edges: Vec::new(),
            figures: Vec::new(),
            slots,
            crash: None,
        });
        search.after(event, now);
    };
    SystemRecord {
        name: name.to_owned(),
        about: "a shop <b>, and a store".to_owned(),
        pattern: pattern.map(str::to_owned),
        replicas,
        machines: Vec::new(),
        finding,
        requests_per_turn: Some(1.0),
        common: Some(CommonRecord {
            requests: 5000,
            p50_micros: 900.0,
            p99_micros: 4000.0,
            cpu_per_request_micros: 400.0,
            calls: vec![CallsRecord {
                role: "store".to_owned(),
                per_request: 0.12,
            }],
            figures: Vec::new(),
        }),
        tiers: vec![TierRecord {
            role: "shop".to_owned(),
            nodes: 2,
            busy_percent: 91.0,
            has_shares: true,
            waited_micros: 12.0,
            cpu_micros: 300.0,
            cpus_used: 0.34,
            time_low_micros: Some(500.0),
            time_high_micros: Some(9000.0),
            at_once: Some(9.0),
            pools: vec![PoolRecord {
                name: "connections".to_owned(),
                places: 10.0,
                taken_percent: Some(42.0),
            }],
        }],
        limit: LimitRecord {
            by: Limit::Cpu {
                tier: "shop".to_owned(),
            },
            reasons: vec!["shop used 91.0 % of its share of a CPU at the capacity".to_owned()],
        },
        rounds,
        set_aside: Vec::new(),
    }
}

/// A slot at a rate.
pub(crate) fn slot(rate: f64, capacity: f64) -> SlotRecord {
    let due = rate.round() as u64;
    let share = (0.01 * (rate / capacity).powi(30)).min(1.0);
    SlotRecord {
        per_second: rate,
        is_common: false,
        lasted_millis: 1000,
        rests: true,
        turns: due,
        unsent: 0,
        requests: due,
        failed: 0,
        clauses: vec![ClauseCount {
            due,
            broken: (due as f64 * share).round() as u64,
        }],
        p50_micros: Some(1000),
        p90_micros: Some(2000),
        p99_micros: Some((5000.0 / (1.0 - (rate / capacity / 1.1).min(0.99))) as u64),
        all_requests: due,
        micros: 1_300_000,
        nodes: vec![NodeUse {
            node: "shop-1".to_owned(),
            role: "shop".to_owned(),
            cpu_nanos: 500_000_000,
            waited_nanos: 1_000_000,
            throttled_nanos: None,
        }],
        pools: Vec::new(),
        hops: vec![HopMean {
            hop: Hop::of_role("shop"),
            mean_micros: 700.0,
        }],
        generator_cpu_nanos: 100_000_000,
        own_lag_p99_micros: Some(120),
        rest_millis: Some(40),
        stolen_percent: Some(0.5),
        set_aside: false,
    }
}

/// A slot of a second in which a door, two shops and a store used so much CPU time, in
/// percent, with these times of their own, in microseconds.
pub(crate) fn used_slot(cpu: [u64; 4], times: [f64; 3]) -> SlotRecord {
    let names = [
        ("door", "door"),
        ("shop-1", "shop"),
        ("shop-2", "shop"),
        ("store", "store"),
    ];
    let nodes = names
        .iter()
        .zip(cpu)
        .map(|((node, role), percent)| NodeUse {
            node: (*node).to_owned(),
            role: (*role).to_owned(),
            cpu_nanos: percent * 10_000_000,
            waited_nanos: 0,
            throttled_nanos: None,
        });
    let hops = ["door", "shop", "store"].iter().zip(times);
    SlotRecord {
        micros: 1_000_000,
        nodes: nodes.collect(),
        hops: hops
            .map(|(role, mean_micros)| HopMean {
                hop: Hop::of_role(*role),
                mean_micros,
            })
            .collect(),
        ..slot(100.0, 200.0)
    }
}

/// The slot with a pool of a role's only node: the number of its places, and the seconds for which
/// they were taken, all together, if that was seen.
pub(crate) fn with_pool(
    slot: SlotRecord,
    role: &str,
    (places, taken): (f64, Option<f64>),
) -> SlotRecord {
    SlotRecord {
        pools: vec![PoolSeen {
            node: role.to_owned(),
            role: role.to_owned(),
            pool: "connections".to_owned(),
            used: taken.map(|taken_seconds| PoolTime {
                places,
                taken_seconds,
                seconds: 1.0,
            }),
        }],
        ..slot
    }
}
