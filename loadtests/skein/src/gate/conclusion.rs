//! From a gate that is over to its record, with the figures that its verdict rests on. Nothing
//! is measured here.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::Topology;
use stats::comparison::{CONFIDENCE, Decision, Estimate, Finding, Look, Role, Rule};
use stats::sequence::{Break, Conclusion, Part};

use super::judgement::{confirmation_of, distrusted, judgement};
use super::metrics::{median, name_and_unit, value};
use super::record::{
    CalibrationUsed, FailedRequests, GateRecord, HopTime, Interval, Load, Look as LookRecord,
    MetricOutcome, MetricRecord, Round, ServiceCpu, Side,
};
use super::round::{Capacity, RoundResult};
use super::runner::{PlayedGate, PlayedPart};
use super::setup::Setup;
use super::shape::Shape;
use super::trust::{doubts, response_times_diluted};
use crate::arrivals::Rate;
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::record::Document;
use crate::timing::Hop;
use crate::verdict::Verdict;
use crate::wall::{Beginning, later};

/// Everything that a gate has measured, and what it was held by.
pub(super) struct Measured {
    pub(super) setup: Setup,
    pub(super) shape: Shape,
    pub(super) capacity: Capacity,
    pub(super) open_rate: Rate,
    /// The rule of each metric, and the reason why it is too coarse for its margin, if it is.
    pub(super) rules: Vec<(Rule, Option<String>)>,
    /// The most rounds that the budget was planned for.
    pub(super) most_rounds: usize,
    pub(super) played: PlayedGate,
    pub(super) beginning: Beginning,
    pub(super) lasted: Duration,
}

/// The record of a gate.
pub(super) fn record(measured: Measured) -> GateRecord {
    let played = &measured.played;
    let finished = &played.finished;
    let setup = &measured.setup;
    let limits = &setup.plan.limits;
    let rounds_of = |part: &PlayedPart| -> Vec<Round> {
        let rounds = part.rounds.iter();
        rounds.map(|played| played.round.clone()).collect()
    };
    let first = rounds_of(&played.first);
    let diluted = response_times_diluted(&first.iter(), limits).map(|by| by.to_string());
    let metrics: Vec<MetricRecord> = finished
        .first
        .last_look()
        .estimates
        .iter()
        .zip(&measured.rules)
        .map(|(estimate, (rule, coarse))| {
            let excuse = match estimate.role {
                Role::Diluted => diluted.as_ref(),
                Role::Coarse => coarse.as_ref(),
                Role::Judged | Role::Shown => None,
            };
            metric(estimate, *rule, excuse, &finished.first, &first)
        })
        .collect();
    let confirmation = played.repetition.iter().zip(&finished.repetition);
    let confirmation = confirmation
        .map(|(played, part)| confirmation_of(played.seed, part, &finished.first.ended))
        .next();
    let second = played.repetition.iter().flat_map(|part| &part.rounds);
    let all: Vec<&RoundResult> = played.first.rounds.iter().chain(second).collect();
    let mut rounds = first;
    rounds.extend(played.repetition.iter().flat_map(rounds_of));
    let mut doubts = doubts(&rounds, limits);
    let set = measured.beginning.clock_set_by();
    doubts.extend(set.map(|seconds| Doubt::ClockSetDuringGate { seconds }));
    let conclusion = finished.conclusion();
    let interrupted = matches!(
        conclusion,
        Conclusion::Broken {
            by: Break::Interrupted,
            ..
        }
    );
    let judgement = match doubts.iter().find(|doubt| doubt.invalidates()) {
        // Whoever interrupted it knows why, and looks for that sentence first.
        Some(doubt) if !interrupted => distrusted(doubt),
        _ => judgement(&conclusion, played, &metrics, confirmation.as_ref()),
    };
    let again = finished.repetition.iter();
    let again = again.flat_map(|part| looks(part, true));
    GateRecord {
        schema_version: GateRecord::SCHEMA_VERSION,
        judgement,
        interrupted,
        doubts: doubts.into_iter().map(Into::into).collect(),
        metrics,
        services: services(&all, &setup.systems),
        hops: hops(&all, &setup.systems),
        failures: failures(&all),
        looks: looks(&finished.first, false).chain(again).collect(),
        confirmation,
        load: Load {
            users: measured.shape.users,
            capacity_per_second: measured.capacity.requests,
            open_per_second: measured.open_rate.get(),
            slot_millis: measured.shape.slot.as_millis() as u64,
            dropped_millis: measured.shape.dropped.as_millis() as u64,
        },
        budget_seconds: setup.budget.as_secs_f64(),
        most_rounds: measured.most_rounds,
        seconds: measured.lasted.as_secs_f64(),
        seed: setup.seed,
        command: setup.command.clone(),
        plan: setup.plan.name.clone(),
        plan_source: setup.plan.source.clone(),
        is_aa: setup.is_aa,
        started: measured.beginning.wall(),
        ended: later(measured.beginning.wall(), measured.lasted),
        environment: Environment::look(),
        calibration: setup
            .calibration
            .as_ref()
            .map(|(file, known)| CalibrationUsed {
                file: file.clone(),
                made: known.made,
                rounds: known.rounds,
            }),
        id: measured.setup.id,
        baseline: measured.setup.baseline,
        candidate: measured.setup.candidate,
        rounds,
    }
}

fn metric(
    estimate: &Estimate,
    rule: Rule,
    excuse: Option<&String>,
    part: &Part,
    rounds: &[Round],
) -> MetricRecord {
    let metric = rule.metric;
    let (name, unit) = name_and_unit(metric);
    let typical = |side| {
        let rounds = rounds.iter();
        median(rounds.filter_map(|round| value(round, side, metric)))
    };
    let outcome = match (estimate.finding, estimate.role) {
        (Finding::Slower, _) => MetricOutcome::Slower,
        (Finding::NotSlower, _) => MetricOutcome::NotSlower,
        (Finding::Open, Role::Coarse) => MetricOutcome::TooCoarse,
        (Finding::Open, Role::Diluted) => MetricOutcome::Diluted,
        (Finding::Open, Role::Judged | Role::Shown) => MetricOutcome::Unclear,
    };
    let is_within = outcome == MetricOutcome::NotSlower;
    let of_metric = part.series.iter().find(|of| of.rule.metric == metric);
    let log_ratios = of_metric.map_or_else(Vec::new, |of| of.log_ratios.clone());
    MetricRecord {
        key: metric.name().to_owned(),
        name: name.to_owned(),
        less_is_better: metric.is_worse_when_larger(),
        baseline: typical(Side::Baseline),
        candidate: typical(Side::Candidate),
        unit: unit.to_owned(),
        ratio: estimate.ratio,
        interval: estimate.interval.map(|(lower, upper)| Interval {
            lower,
            upper,
            confidence: CONFIDENCE,
        }),
        margin: rule.margin,
        tolerance: rule.tolerance,
        smallest_detectable: estimate.smallest_detectable_effect,
        surely_above: estimate.surely_above,
        surely_below: estimate.surely_below,
        p_value: Some(estimate.p_value),
        outcome,
        excuse: excuse.cloned().filter(|_| !is_within),
        log_ratios,
    }
}

fn looks(part: &Part, confirmation: bool) -> impl Iterator<Item = LookRecord> {
    part.looks.iter().map(move |look| LookRecord {
        confirmation,
        rounds: look.rounds,
        spent: part.design.spent_at(look.rounds).unwrap_or(0.0),
        outcome: outcome_of(look).to_owned(),
    })
}

/// The outcome of a look by itself: `goes on`, or the word for a verdict.
pub(super) fn outcome_of(look: &Look) -> &'static str {
    match look.decision {
        Decision::Fail { .. } => Verdict::Fail.word(),
        Decision::Pass => Verdict::Pass.word(),
        Decision::Continue => "goes on",
        Decision::Inconclusive => Verdict::Inconclusive.word(),
    }
}

/// CPU time per request by service, over all rounds, the costliest first.
fn services(rounds: &[&RoundResult], systems: &[Topology; 2]) -> Vec<ServiceCpu> {
    let per_request = |side: Side| -> BTreeMap<String, Option<f64>> {
        let requests: u64 = rounds.iter().map(|p| p.round.of(side).requests).sum();
        let mut nanos: BTreeMap<String, u64> = BTreeMap::new();
        for node in rounds.iter().flat_map(|p| &p.round.of(side).cpu_nanos) {
            let mut plans = systems[side as usize].nodes().iter();
            if let Some(plan) = plans.find(|plan| plan.name.as_str() == node.node) {
                let service = plan.role.clone();
                *nanos.entry(service).or_default() += node.nanos;
            }
        }
        let share = |nanos| (requests > 0).then(|| nanos as f64 / requests as f64);
        let nanos = nanos.into_iter();
        nanos.map(|(name, of)| (name, share(of))).collect()
    };
    let (baseline, candidate) = (per_request(Side::Baseline), per_request(Side::Candidate));
    let mut services: Vec<ServiceCpu> = baseline
        .iter()
        .map(|(service, nanos)| {
            let other = candidate.get(service).copied().flatten();
            let both = nanos.filter(|nanos| *nanos > 0.0).zip(other);
            ServiceCpu {
                service: service.clone(),
                baseline_nanos: *nanos,
                candidate_nanos: other,
                ratio: both.map(|(nanos, other)| other / nanos),
            }
        })
        .collect();
    let cost = |service: &ServiceCpu| {
        let sides = [service.candidate_nanos, service.baseline_nanos];
        sides.into_iter().flatten().fold(0.0, f64::max)
    };
    services.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    services
}

/// Each hop's own share of a sampled request, over all routes and rounds.
fn hops(rounds: &[&RoundResult], systems: &[Topology; 2]) -> Vec<HopTime> {
    let means = |side: usize| -> Option<BTreeMap<Hop, f64>> {
        let routes = || rounds.iter().flat_map(|p| &p.timings[side]);
        let samples: u64 = routes().map(|route| route.samples).sum();
        if samples == 0 {
            return None;
        }
        let mut sums: BTreeMap<Hop, f64> = BTreeMap::new();
        for route in routes() {
            for hop in &route.hops {
                let share = route.samples as f64 / samples as f64;
                *sums.entry(hop.hop.clone()).or_default() += hop.mean * share;
            }
        }
        Some(sums)
    };
    let sides = [means(0), means(1)];
    // From the user inwards.
    let nodes = systems.iter().flat_map(Topology::tiers).flatten();
    let inwards = nodes.map(|node| Hop::of_role(&node.role));
    let mut met: Vec<Hop> = Vec::new();
    for hop in [Hop::generator()].into_iter().chain(inwards) {
        let is_met = sides.iter().flatten().any(|times| times.contains_key(&hop));
        if is_met && !met.contains(&hop) {
            met.push(hop);
        }
    }
    // What no sampled request of a side met took none of their time. Every request meets the
    // entry, so that one which isn't told of doesn't tell, such as a balancer of others.
    let time = |side: usize, hop: &Hop| {
        let is_entry = *hop == Hop::of_role(&systems[side].entry().role);
        let none = (!is_entry).then_some(0.0);
        sides[side].as_ref()?.get(hop).copied().or(none)
    };
    let hops = met.into_iter().map(|hop| HopTime {
        baseline_micros: time(0, &hop),
        candidate_micros: time(1, &hop),
        hop,
    });
    hops.collect()
}

fn failures(rounds: &[&RoundResult]) -> Vec<FailedRequests> {
    let mut counts: BTreeMap<(Side, String, String), u64> = BTreeMap::new();
    for played in rounds {
        for side in Side::BOTH {
            for ((_, route, fault), faults) in &played.samples[side as usize].faults {
                let key = (side, route.name(), fault.to_string());
                *counts.entry(key).or_default() += faults.count;
            }
        }
    }
    let failures = counts
        .into_iter()
        .map(|((side, route, reason), count)| FailedRequests {
            side,
            route,
            reason,
            count,
        });
    failures.collect()
}
