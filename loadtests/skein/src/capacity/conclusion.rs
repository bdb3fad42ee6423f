//! From a study that is over to its record, with the figures that its verdict rests on. Nothing
//! is measured here.

use std::collections::BTreeMap;
use std::time::Duration;

use stats::capacity::{Capacity, compare};

use super::first_look::FirstLook;
use super::record::{
    CallsRecord, CapacityRecord, ClauseRecord, CommonRecord, LimitRecord, PatternRecord, Purpose,
    ReliefRecord, RoundRecord, SlotRecord, SystemRecord, TierRecord, VariantRatio,
};
use super::sentences;
use super::study::{Outcome, Studied};
use super::subject::Subject;
use super::tiers::{self, Tiers};
use super::{Setup, limit, scaling};
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::figure::FigureRecord;
use crate::gate::metrics::median;
use crate::plan::Plan;
use crate::record::Document;
use crate::slots::{OwnCosts, stolen_from, used_by_others};
use crate::verdict::Judgement;
use crate::wall::{Beginning, later};

/// Everything that a study has measured.
pub(super) struct Measured<'a> {
    pub(super) setup: &'a Setup,
    pub(super) subjects: &'a [Subject],
    pub(super) outcome: Outcome,
    /// The tiers and the limit of each system.
    pub(super) limits: Vec<Limited>,
    pub(super) look: FirstLook,
    pub(super) relieved: Option<Relieved>,
    pub(super) beginning: Beginning,
    pub(super) lasted: Duration,
    pub(super) interrupted: bool,
}

/// The plan's own system and the same with a tier relieved, measured side by side.
pub(super) struct Relieved {
    pub(super) tier: String,
    /// The relieved system in words.
    pub(super) about: String,
    pub(super) outcome: Outcome,
}

/// Slots at these rates around the capacity show what a system is like there, as shares of it.
const AROUND: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// The tiers of a system, and the one that limits it.
pub(super) struct Limited {
    pub(super) tiers: Vec<TierRecord>,
    pub(super) limit: LimitRecord,
}

/// The tiers and the limit of each system of a study.
pub(super) fn limits(subjects: &[Subject], outcome: &Outcome, cores: &[usize]) -> Vec<Limited> {
    let both = subjects.iter().zip(&outcome.studied);
    both.map(|(subject, studied)| limited(subject, studied, cores))
        .collect()
}

fn limited(subject: &Subject, studied: &Studied, cores: &[usize]) -> Limited {
    let of_nodes = studied.rounds.iter().map(|round| round.node_cores.len());
    let of = Tiers {
        roles: &subject.roles(),
        machines: &subject.machines,
        cores: of_nodes.max().unwrap_or(cores.len()),
        generator: matches!(studied.finding.capacity, Capacity::AtLeast(_)),
    };
    let low: Vec<&SlotRecord> = common_slots(&studied.rounds).collect();
    let tiers = tiers::tiers(of, &low, &slots_at_capacity(studied));
    let limit = limit::of_tiers(of, &tiers);
    Limited { tiers, limit }
}

fn common_slots(rounds: &[RoundRecord]) -> impl Iterator<Item = &SlotRecord> + Clone {
    let slots = rounds.iter().flat_map(RoundRecord::counted);
    slots.filter(|slot| slot.is_common)
}

/// The rounds whose slot at the low rate counts: what was counted beside it, such as calls, is
/// of no others.
fn common_rounds(rounds: &[RoundRecord]) -> impl Iterator<Item = &RoundRecord> + Clone {
    let counts = |round: &&RoundRecord| round.counted().any(|slot| slot.is_common);
    rounds.iter().filter(counts)
}

/// Slots of rounds at rates around the capacity; where that isn't known, at the greatest rates
/// that were played.
fn slots_at_capacity(studied: &Studied) -> Vec<&SlotRecord> {
    let measured = studied.rounds.iter();
    let measured = measured.filter(|round| round.purpose == Purpose::Measure);
    let slots = measured.flat_map(RoundRecord::counted);
    let slots: Vec<&SlotRecord> = slots.filter(|slot| !slot.is_common).collect();
    let around = match &studied.finding.capacity {
        Capacity::Found(estimate) => Some(estimate.rate),
        Capacity::AtLeast(rate) | Capacity::Below(rate) => Some(*rate),
        Capacity::Unknown(_) => None,
    };
    let near = slots
        .iter()
        .copied()
        .filter(|slot| around.is_none_or(|rate| AROUND.contains(&(slot.per_second / rate))));
    let near: Vec<&SlotRecord> = near.collect();
    match near.is_empty() {
        true => slots,
        false => near,
    }
}

/// The record of a study.
pub(super) fn record(measured: &Measured<'_>) -> CapacityRecord {
    let setup = measured.setup;
    let plan = &setup.plan;
    let capacity = &plan.capacity;
    let relief = measured.relieved.as_ref().map(relief);
    let environment = Environment::look();
    let mut doubts = doubts(measured, plan, &environment);
    let set = measured.beginning.clock_set_by();
    doubts.extend(set.map(|seconds| Doubt::ClockSet { seconds }));
    let common = measured.outcome.common;
    let systems: Vec<SystemRecord> = systems(measured);
    let patterns = patterns(&systems, measured.subjects);
    let judgement = judgement(measured, &systems, &patterns, relief.as_ref(), &doubts);
    CapacityRecord {
        schema_version: CapacityRecord::SCHEMA_VERSION,
        id: setup.id.clone(),
        judgement,
        interrupted: measured.interrupted,
        doubts,
        promise: setup
            .promise
            .clauses()
            .iter()
            .map(|clause| ClauseRecord {
                rule: clause.rule.clone(),
                allowed: clause.allowed,
                micros: clause.time().map(|time| time.as_micros() as f64),
            })
            .collect(),
        at_least: setup.at_least.map(|rate| rate.get()),
        systems,
        patterns,
        relief,
        common_per_second: common,
        ceiling: measured.look.ceiling,
        ceiling_turns: measured.look.ceiling_of(0),
        slot_millis: capacity.slot.as_millis() as u64,
        lead_millis: capacity.lead.as_millis() as u64,
        warm_up_millis: capacity.warm_up.as_millis() as u64,
        open_users: capacity.open_users,
        budget_seconds: setup.budget.as_secs_f64(),
        seconds: measured.lasted.as_secs_f64(),
        seed: setup.seed,
        command: setup.command.clone(),
        plan: plan.name.clone(),
        plan_source: plan.source.clone(),
        started: measured.beginning.wall(),
        ended: later(measured.beginning.wall(), measured.lasted),
        environment,
    }
}

fn systems(measured: &Measured<'_>) -> Vec<SystemRecord> {
    let of_outcome = measured.outcome.studied.iter().zip(&measured.limits);
    let all = measured.subjects.iter().zip(of_outcome).enumerate();
    let systems = all.map(|(place, (subject, (studied, limited)))| SystemRecord {
        name: subject.name.clone(),
        about: subject.about.clone(),
        pattern: subject.pattern.clone(),
        replicas: subject.replicas,
        machines: subject.machines.clone(),
        finding: studied.finding.clone(),
        requests_per_turn: measured.look.requests_per_turn.get(place).copied(),
        common: common(subject, &studied.rounds),
        tiers: limited.tiers.clone(),
        limit: limited.limit.clone(),
        rounds: studied.rounds.clone(),
        set_aside: studied.set_aside.clone(),
    });
    systems.collect()
}

/// Figures at the low rate that all systems have in common.
fn common(subject: &Subject, rounds: &[RoundRecord]) -> Option<CommonRecord> {
    let slots = || common_slots(rounds);
    let requests: u64 = slots().map(|slot| slot.all_requests).sum();
    let cpu: u64 = slots()
        .flat_map(|slot| &slot.nodes)
        .map(|node| node.cpu_nanos)
        .sum();
    let typical = |of: fn(&SlotRecord) -> Option<u64>| {
        median(slots().filter_map(of).map(|micros| micros as f64))
    };
    Some(CommonRecord {
        requests,
        p50_micros: typical(|slot| slot.p50_micros)?,
        p99_micros: typical(|slot| slot.p99_micros)?,
        cpu_per_request_micros: cpu as f64 / 1e3 / requests as f64,
        calls: calls(subject, rounds, requests),
        figures: figures(rounds),
    })
}

/// Calls to each role for each request.
fn calls(subject: &Subject, rounds: &[RoundRecord], requests: u64) -> Vec<CallsRecord> {
    let mut by_role: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in common_rounds(rounds).flat_map(|round| &round.edges) {
        let mut called = subject.system.topology.named(&edge.to);
        if let Some(node) = called.next() {
            *by_role.entry(&node.role).or_default() += edge.calls;
        }
    }
    let by_role = by_role.into_iter();
    let calls = by_role.map(|(role, calls)| CallsRecord {
        role: role.to_owned(),
        per_request: calls as f64 / requests as f64,
    });
    calls.collect()
}

/// The program's figures, each the middle one of all rounds.
fn figures(rounds: &[RoundRecord]) -> Vec<FigureRecord> {
    let mut common = common_rounds(rounds);
    let Some(first) = common.find(|round| !round.figures.is_empty()) else {
        return Vec::new();
    };
    let figures = first.figures.iter().map(|figure| {
        let all = common_rounds(rounds).flat_map(|round| &round.figures);
        let same = all.filter(|other| other.name == figure.name);
        FigureRecord {
            value: median(same.filter_map(|other| other.value)),
            ..figure.clone()
        }
    });
    figures.collect()
}

fn relief(relieved: &Relieved) -> ReliefRecord {
    let ratio = match relieved.outcome.studied.as_slice() {
        [own, with] => compare(&own.finding, &with.finding),
        _ => None,
    };
    ReliefRecord {
        tier: relieved.tier.clone(),
        what: relieved.about.clone(),
        ratio,
        sentence: sentences::of_relief(&relieved.tier, ratio.as_ref()),
    }
}

/// The patterns that variants show, in the order in which the plan has them.
fn patterns(systems: &[SystemRecord], subjects: &[Subject]) -> Vec<PatternRecord> {
    let Some((own, variants)) = systems.split_first() else {
        return Vec::new();
    };
    let mut names: Vec<&String> = Vec::new();
    for name in variants
        .iter()
        .filter_map(|variant| variant.pattern.as_ref())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let patterns = names.into_iter().map(|name| {
        let of_pattern: Vec<&SystemRecord> = variants
            .iter()
            .filter(|variant| variant.pattern.as_ref() == Some(name))
            .collect();
        let ratios = of_pattern.iter().map(|variant| {
            let ratio = compare(&own.finding, &variant.finding);
            VariantRatio {
                name: variant.name.clone(),
                sentence: sentences::of_variant(own, variant, ratio.as_ref()),
                ratio,
            }
        });
        let ratios: Vec<VariantRatio> = ratios.collect();
        let scaling = scaling::of(own, own_replicas(name, subjects), &of_pattern);
        PatternRecord {
            name: name.clone(),
            sentence: sentences::of_pattern(name, &ratios, scaling.as_ref()),
            variants: ratios,
            scaling,
        }
    });
    patterns.collect()
}

/// The replicas that the plan's own system has of the role by which the variants of a pattern
/// differ, where there is exactly one that fits the numbers that they tell.
fn own_replicas(pattern: &str, subjects: &[Subject]) -> Option<u32> {
    let (own, variants) = subjects.split_first()?;
    let of_pattern = variants
        .iter()
        .filter(|variant| variant.pattern.as_deref() == Some(pattern));
    let of_pattern: Vec<&Subject> = of_pattern.collect();
    let nodes = |subject: &Subject, role: &str| {
        let all = subject.system.topology.nodes().iter();
        all.filter(|node| node.role == role).count() as u32
    };
    let fits = |role: &&String| {
        let mut numbers = of_pattern.iter();
        numbers.all(|variant| variant.replicas == Some(nodes(variant, role)))
    };
    let roles = own.roles();
    let fitting: Vec<&String> = roles.iter().filter(fits).collect();
    match fitting.as_slice() {
        [role] if !of_pattern.is_empty() => Some(nodes(own, role)),
        _ => None,
    }
}

/// Doubts about the measurement.
fn doubts(measured: &Measured<'_>, plan: &Plan, environment: &Environment) -> Vec<Doubt> {
    let mut doubts = environment.doubts();
    let studied = measured.outcome.studied.iter();
    let rounds: Vec<&RoundRecord> = studied.flat_map(|studied| &studied.rounds).collect();
    // Of probes only a place is taken, which the rounds put right.
    let relied_on = || {
        rounds
            .iter()
            .filter(|round| round.purpose != Purpose::Probe)
    };
    let slots = relied_on().flat_map(|round| round.counted());
    let stolen = slots.filter_map(|slot| slot.stolen_percent);
    doubts.extend(stolen_from(stolen, &plan.limits));
    let machines = relied_on().filter_map(|round| round.machine);
    doubts.extend(used_by_others(machines));
    let costs = rounds.iter().filter_map(|round| round.own_cost_micros());
    doubts.extend(costs.collect::<OwnCosts>().doubt());
    doubts.extend(sent_late(&rounds, measured));
    if measured.interrupted {
        doubts.push(Doubt::Interrupted);
    }
    doubts
}

/// The generator's own lateness where it could decide whether a promise is kept: at rates up to
/// the capacity, by a tenth of the time that is promised or more.
fn sent_late(rounds: &[&RoundRecord], measured: &Measured<'_>) -> Option<Doubt> {
    let promised = measured.setup.promise.patience()?;
    let capacity = &measured.outcome.studied.first()?.finding.capacity;
    let up_to = capacity.surely_kept_at()?;
    let slots = rounds.iter().flat_map(|round| round.counted());
    let kept = slots.filter(|slot| slot.per_second <= up_to);
    let lags = kept.filter_map(|slot| slot.own_lag_p99_micros);
    let p99 = median(lags.map(|micros| micros as f64))?;
    let allowed = promised.as_micros() as f64 / 10.0;
    (p99 > allowed.max(measured.setup.plan.limits.send_lag.as_micros() as f64)).then(|| {
        Doubt::SentLate {
            stage: "rounds at rates up to the capacity".to_owned(),
            p99_micros: p99 as u64,
        }
    })
}

fn judgement(
    measured: &Measured<'_>,
    systems: &[SystemRecord],
    patterns: &[PatternRecord],
    relief: Option<&ReliefRecord>,
    doubts: &[Doubt],
) -> Judgement {
    if measured.interrupted {
        return Judgement::invalid("the study was interrupted.");
    }
    if let Some(doubt) = doubts.iter().find(|doubt| doubt.invalidates()) {
        return Judgement::invalid(doubt);
    }
    let Some(own) = systems.first() else {
        return Judgement::invalid("no system was studied.");
    };
    let rules = measured.setup.promise.to_string();
    let asked = measured.setup.at_least.map(|rate| rate.get());
    Judgement {
        verdict: sentences::verdict(&own.finding, asked),
        sentence: sentences::of_study(own, &rules, asked, patterns, relief),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;

    #[test]
    fn what_was_counted_beside_a_slot_that_is_set_aside_is_left_out_with_it() {
        let mut rounds = example().systems.remove(0).rounds;
        for round in &mut rounds {
            round.slots[0].is_common = true;
        }
        let all = common_rounds(&rounds).count();
        rounds[0].slots[0].set_aside = true;
        assert_eq!(common_rounds(&rounds).count(), all - 1);
        assert_eq!(common_slots(&rounds).count(), all - 1);
    }
}
