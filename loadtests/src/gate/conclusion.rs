//! From a contest that is over to its record: the verdict, its sentence, and the figures
//! that it rests on. Nothing is measured here.

use std::collections::{BTreeMap, BTreeSet};

use integration::Topology;
use jiff::Timestamp;

use super::contest::{Contest, Ended, Terms};
use super::metrics::{median, name_and_unit, value};
use super::record::{
    CalibrationUsed, Confirmation, FailedRequests, GateRecord, HopTime, Interval, Load,
    Look as LookRecord, MetricOutcome, MetricRecord, Round, ServiceCpu, Side,
};
use super::round::{Capacity, Played};
use super::shape::Shape;
use super::trust::doubts;
use super::{Order, topology_of};
use crate::arrivals::Rate;
use crate::comparison::{Decision, Design, Estimate, Finding, Look, Metric, Role, Rule, judge};
use crate::environment::Environment;
use crate::record::Document;
use crate::timing::Hop;
use crate::verdict::{Judgement, Verdict};
use crate::words::counted;

/// A contest that is over, with all that it was held by.
pub(super) struct Held {
    pub(super) order: Order,
    pub(super) shape: Shape,
    pub(super) capacity: Capacity,
    pub(super) open_rate: Rate,
    /// How each metric is judged, and why it is too coarse for its margin, if so.
    pub(super) rules: Vec<(Rule, Option<String>)>,
    pub(super) terms: Terms,
    pub(super) contest: Contest,
    /// Its seed, and what came of it.
    pub(super) confirmation: Option<(u64, Contest)>,
    pub(super) started: Timestamp,
    pub(super) seconds: f64,
}

/// The record of a gate. Its `id` is given by who keeps it.
pub(super) fn record(held: Held) -> GateRecord {
    let look = last_look(&held.contest, &held.terms);
    let diluted = held.contest.response_times_diluted(&held.terms);
    let metrics: Vec<MetricRecord> = look
        .estimates
        .iter()
        .zip(&held.rules)
        .map(|(estimate, (rule, coarse))| {
            let excuse = match estimate.role {
                Role::Diluted => diluted.as_ref(),
                Role::Coarse => coarse.as_ref(),
                Role::Judged | Role::Shown => None,
            };
            metric(estimate, *rule, excuse, &held.contest)
        })
        .collect();
    let confirmation = held
        .confirmation
        .as_ref()
        .map(|(seed, contest)| confirmation(*seed, contest, &held.contest.ended));
    let repetition = held
        .confirmation
        .as_ref()
        .map(|(_, contest)| &contest.ended);
    let second = held.confirmation.iter().flat_map(|(_, c)| &c.rounds);
    let all: Vec<&Played> = held.contest.rounds.iter().chain(second).collect();
    let rounds: Vec<Round> = all.iter().map(|played| played.round.clone()).collect();
    let doubts = doubts(&rounds, &held.order.plan.limits);
    let second = held.confirmation.iter();
    let looks = looks(&held.contest, false);
    let is_interrupted = |ended: &Ended| matches!(ended, Ended::Interrupted);
    let interrupted = is_interrupted(&held.contest.ended) || repetition.is_some_and(is_interrupted);
    let judgement = match doubts.iter().find(|doubt| doubt.invalidates) {
        // Whoever interrupted it knows why, and looks for that sentence first.
        Some(doubt) if !interrupted => invalid(&doubt.sentence),
        _ => match repetition {
            Some(Ended::Interrupted) => {
                invalid("the gate was interrupted while it made sure of a slowdown")
            }
            Some(Ended::Crashed(Side::Baseline, error)) => invalid(&error.to_string()),
            _ => judgement(&held.contest, &metrics, confirmation.as_ref()),
        },
    };
    GateRecord {
        schema_version: GateRecord::SCHEMA_VERSION,
        id: String::new(),
        judgement,
        interrupted,
        doubts: doubts
            .into_iter()
            .map(|doubt| doubt.sentence + ".")
            .collect(),
        metrics,
        services: services(&all, &topology_of(&held.order)),
        hops: hops(&all),
        failures: failures(&all),
        looks: looks
            .into_iter()
            .chain(second.flat_map(|(_, contest)| self::looks(contest, true)))
            .collect(),
        confirmation,
        load: Load {
            users: held.shape.users,
            capacity_per_second: held.capacity.requests,
            open_per_second: held.open_rate.get(),
            slot_millis: held.shape.slot.as_millis() as u64,
            dropped_millis: held.shape.dropped.as_millis() as u64,
        },
        budget_seconds: held.order.budget.as_secs_f64(),
        most_rounds: held.terms.design.most_rounds(),
        seconds: held.seconds,
        seed: held.order.seed,
        command: held.order.command.clone(),
        plan: held.order.plan.name.clone(),
        plan_source: held.order.plan.source.clone(),
        is_aa: held.order.is_aa,
        started: held.started,
        ended: Timestamp::now(),
        environment: Environment::look(),
        calibration: held
            .order
            .calibration
            .as_ref()
            .map(|(file, known)| CalibrationUsed {
                file: file.clone(),
                made: known.made,
                rounds: known.rounds,
            }),
        baseline: held.order.baseline,
        candidate: held.order.candidate,
        rounds,
    }
}

/// The last look, or what there is to see where none was taken.
fn last_look(contest: &Contest, terms: &Terms) -> Look {
    let rounds = contest.rounds.len();
    let taken = contest.looks.last().filter(|look| look.rounds == rounds);
    taken
        .cloned()
        .unwrap_or_else(|| judge(&contest.series(terms), &contest.design, rounds))
}

fn metric(
    estimate: &Estimate,
    rule: Rule,
    excuse: Option<&String>,
    contest: &Contest,
) -> MetricRecord {
    let metric = rule.metric;
    let (name, unit) = name_and_unit(metric);
    let typical = |side| {
        let rounds = contest.rounds.iter();
        median(rounds.filter_map(|played| value(&played.round, side, metric)))
    };
    let outcome = match (estimate.finding, estimate.role) {
        (Finding::Slower, _) => MetricOutcome::Slower,
        (Finding::NotSlower, _) => MetricOutcome::NotSlower,
        (Finding::Open, Role::Coarse) => MetricOutcome::TooCoarse,
        (Finding::Open, Role::Diluted) => MetricOutcome::Diluted,
        (Finding::Open, Role::Judged | Role::Shown) => MetricOutcome::Unclear,
    };
    let is_within = outcome == MetricOutcome::NotSlower;
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
            confidence: Design::CONFIDENCE,
        }),
        margin: rule.margin,
        tolerance: rule.tolerance,
        smallest_detectable: estimate.smallest_detectable_effect,
        surely_above: estimate.surely_above,
        surely_below: estimate.surely_below,
        p_value: Some(estimate.p_value),
        outcome,
        excuse: excuse.cloned().filter(|_| !is_within),
        log_ratios: contest.log_ratios(metric),
    }
}

fn confirmation(seed: u64, second: &Contest, first: &Ended) -> Confirmation {
    let rounds = second.rounds.len();
    let (confirmed, what) = match (&second.ended, first) {
        (
            Ended::Decided(Decision::Fail { metrics }),
            Ended::Decided(Decision::Fail { metrics: all }),
        ) if metrics.len() < all.len() => (true, format!("showed {} again", names(metrics))),
        (Ended::Decided(Decision::Fail { .. }), _) => (true, "showed the same again".to_owned()),
        (Ended::CandidateFails, _) => (true, "failed such requests again".to_owned()),
        (Ended::Crashed(Side::Candidate, _), _) => (
            true,
            "ended with a node of the candidate that ended by itself".to_owned(),
        ),
        (Ended::Crashed(Side::Baseline, _), _) => (
            false,
            "ended with a node of the baseline that ended by itself".to_owned(),
        ),
        (Ended::Interrupted, _) => (false, "was interrupted".to_owned()),
        (Ended::Decided(_), _) => (false, "did not show the same".to_owned()),
    };
    let metrics = match &second.ended {
        Ended::Decided(Decision::Fail { metrics }) => metrics.as_slice(),
        _ => &[],
    };
    Confirmation {
        seed,
        rounds,
        confirmed,
        metrics: metrics.iter().map(|m| m.name().to_owned()).collect(),
        sentence: format!(
            "A fresh start with another seed {what}, in {}.",
            counted(rounds as u64, "round", "rounds")
        ),
    }
}

/// What people call the metrics, one after the other.
fn names(metrics: &[Metric]) -> String {
    let names = metrics.iter().map(|metric| name_and_unit(*metric).0);
    names.collect::<Vec<_>>().join(" and ")
}

fn looks(contest: &Contest, confirmation: bool) -> Vec<LookRecord> {
    let looks = contest.looks.iter().map(|look| LookRecord {
        confirmation,
        rounds: look.rounds,
        spent: contest.design.spent_at(look.rounds).unwrap_or(0.0),
        outcome: match look.decision {
            Decision::Fail { .. } => Verdict::Fail.word(),
            Decision::Pass => Verdict::Pass.word(),
            Decision::Continue => "goes on",
            Decision::Inconclusive => Verdict::Inconclusive.word(),
        }
        .to_owned(),
    });
    looks.collect()
}

/// What it comes to when all of it may be believed.
fn judgement(
    contest: &Contest,
    metrics: &[MetricRecord],
    confirmation: Option<&Confirmation>,
) -> Judgement {
    let confirmed = confirmation.is_none_or(|second| second.confirmed);
    let second = confirmation.map_or("", |second| &second.sentence);
    let of = |verdict, sentence: String| Judgement {
        verdict,
        sentence: sentence.trim_end().to_owned(),
    };
    match &contest.ended {
        Ended::Interrupted => invalid("the gate was interrupted"),
        Ended::Crashed(Side::Baseline, error) => invalid(&error.to_string()),
        Ended::Crashed(Side::Candidate, error) => {
            let verdict = if confirmed {
                Verdict::Fail
            } else {
                Verdict::Inconclusive
            };
            let what = capital(&error.to_string());
            of(verdict, format!("{what}. {second}"))
        }
        Ended::CandidateFails if confirmed => of(
            Verdict::Fail,
            format!("The candidate fails requests that the baseline serves. {second}"),
        ),
        Ended::CandidateFails => of(
            Verdict::Inconclusive,
            format!("Can't tell: the candidate failed requests that the baseline served. {second}"),
        ),
        Ended::Decided(Decision::Fail { .. }) => {
            // What only the first contest saw is left to the table of metrics.
            let again = |m: &&MetricRecord| {
                confirmation.is_none_or(|second| {
                    second.metrics.is_empty() || second.metrics.contains(&m.key)
                })
            };
            let slower = metrics
                .iter()
                .filter(|m| m.outcome == MetricOutcome::Slower);
            let slower = join(slower.filter(again).map(worse));
            if confirmed {
                of(Verdict::Fail, format!("Slower: {slower}. {second}"))
            } else {
                of(
                    Verdict::Inconclusive,
                    format!("Can't tell: {slower}, and yet not again. {second}"),
                )
            }
        }
        Ended::Decided(Decision::Pass) => {
            let count = |outcome| metrics.iter().filter(|m| m.outcome == outcome).count();
            let within = count(MetricOutcome::NotSlower);
            let apart = match count(MetricOutcome::TooCoarse) + count(MetricOutcome::Diluted) {
                0 => String::new(),
                excused => format!("; {excused} can't rule a slowdown out here"),
            };
            of(
                Verdict::Pass,
                format!("Not slower: {within} metrics are within their margins{apart}."),
            )
        }
        Ended::Decided(Decision::Continue | Decision::Inconclusive) => {
            let unclear = metrics
                .iter()
                .filter(|m| m.outcome == MetricOutcome::Unclear);
            let unclear = join(unclear.map(|m| match &m.interval {
                Some(interval) => format!(
                    "{} is between {} and {} of the baseline's",
                    m.name,
                    percent(interval.lower),
                    percent(interval.upper),
                ),
                None => format!("{} has too few rounds", m.name),
            }));
            let why = if unclear.is_empty() {
                "no metric can rule a slowdown out here".to_owned()
            } else {
                unclear
            };
            of(
                Verdict::Inconclusive,
                format!("Can't tell within the budget: {why}."),
            )
        }
    }
}

/// `CPU per request is 5.4 % higher (4.9 % to 5.9 %)`.
fn worse(metric: &MetricRecord) -> String {
    let by = |ratio: f64| format!("{:.1} %", (ratio - 1.0).abs() * 100.0);
    let ratio = metric.ratio.unwrap_or(1.0);
    let direction = if ratio > 1.0 { "higher" } else { "lower" };
    let interval = metric.interval.map_or_else(String::new, |interval| {
        let (near, far) = if ratio > 1.0 {
            (interval.lower, interval.upper)
        } else {
            (interval.upper, interval.lower)
        };
        format!(" ({} to {})", by(near), by(far))
    });
    format!("{} is {} {direction}{interval}", metric.name, by(ratio))
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn invalid(why: &str) -> Judgement {
    Judgement {
        verdict: Verdict::Invalid,
        sentence: format!("The measurement can't be trusted: {why}."),
    }
}

/// CPU time per request by service, over all rounds, the costliest first.
fn services(rounds: &[&Played], topology: &Topology) -> Vec<ServiceCpu> {
    let per_request = |side: Side| -> BTreeMap<String, f64> {
        let requests: u64 = rounds.iter().map(|p| p.round.of(side).requests).sum();
        let mut nanos: BTreeMap<String, f64> = BTreeMap::new();
        for node in rounds.iter().flat_map(|p| &p.round.of(side).cpu_nanos) {
            let mut plans = topology.nodes().iter();
            if let Some(plan) = plans.find(|plan| plan.name.as_str() == node.node) {
                let service = plan.service.as_str().to_owned();
                *nanos.entry(service).or_default() += node.nanos as f64 / requests.max(1) as f64;
            }
        }
        nanos
    };
    let (baseline, candidate) = (per_request(Side::Baseline), per_request(Side::Candidate));
    let mut services: Vec<ServiceCpu> = baseline
        .iter()
        .map(|(service, nanos)| {
            let other = candidate.get(service).copied().unwrap_or(0.0);
            ServiceCpu {
                service: service.clone(),
                baseline_nanos: *nanos,
                candidate_nanos: other,
                ratio: (*nanos > 0.0).then(|| other / nanos),
            }
        })
        .collect();
    let cost = |service: &ServiceCpu| service.candidate_nanos.max(service.baseline_nanos);
    services.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    services
}

/// Each hop's own share of a sampled request, over all routes and rounds.
fn hops(rounds: &[&Played]) -> Vec<HopTime> {
    let means = |side: usize| -> BTreeMap<Hop, f64> {
        let routes = || rounds.iter().flat_map(|p| &p.timings[side]);
        let samples: u64 = routes().map(|route| route.samples).sum();
        let mut sums: BTreeMap<Hop, f64> = BTreeMap::new();
        for route in routes() {
            for hop in &route.hops {
                let share = route.samples as f64 / samples.max(1) as f64;
                *sums.entry(hop.hop).or_default() += hop.mean * share;
            }
        }
        sums
    };
    let (baseline, candidate) = (means(0), means(1));
    let known: BTreeSet<Hop> = baseline.keys().chain(candidate.keys()).copied().collect();
    let hops = known.into_iter().map(|hop| HopTime {
        hop,
        baseline_micros: baseline.get(&hop).copied().unwrap_or(0.0),
        candidate_micros: candidate.get(&hop).copied().unwrap_or(0.0),
    });
    hops.collect()
}

fn failures(rounds: &[&Played]) -> Vec<FailedRequests> {
    let mut counts: BTreeMap<(Side, String, String), u64> = BTreeMap::new();
    for played in rounds {
        for side in Side::BOTH {
            for ((route, fault), faults) in &played.samples[side as usize].faults {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn contest(ended: Ended) -> Contest {
        Contest {
            rounds: Vec::new(),
            looks: Vec::new(),
            design: Design::of_rounds(10),
            ended,
        }
    }

    fn slower(metrics: &[Metric]) -> Ended {
        let metrics = metrics.to_vec();
        Ended::Decided(Decision::Fail { metrics })
    }

    #[test]
    fn a_repetition_says_what_it_saw_again() {
        let both = slower(&[Metric::CpuPerRequest, Metric::P99]);
        let again = |second: Ended, first: &Ended| confirmation(1, &contest(second), first);

        let all = again(slower(&[Metric::CpuPerRequest, Metric::P99]), &both);
        assert!(all.confirmed && all.sentence.contains("showed the same again"));
        let one = again(slower(&[Metric::P99]), &both);
        assert!(one.confirmed && one.metrics == ["p99"]);
        assert!(
            one.sentence
                .contains("showed p99 of the response time again"),
            "{}",
            one.sentence
        );
        let none = again(Ended::Decided(Decision::Inconclusive), &both);
        assert!(!none.confirmed && none.metrics.is_empty());
        assert!(again(Ended::CandidateFails, &Ended::CandidateFails).confirmed);
        assert!(!again(Ended::Interrupted, &both).confirmed);
    }
}
