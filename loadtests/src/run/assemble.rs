//! Makes the record of a run out of what was seen of it. Nothing here measures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use services::contract::Service;

use super::system::Measured;
use super::{Order, evidence};
use crate::environment::Environment;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit, InFlight, doubts};
use crate::ledger::{self, Generator, Ledger, NodeCounts};
use crate::observation::StageUse;
use crate::plan::{Plan, Stage};
use crate::record::{
    CacheNodeRecord, CacheRecord, FailureRecord, GatewayRecord, IntruderRecord, OpenRecord,
    PlanRecord, ProcessRecord, Record, RequestFigures, RouteRecord, SCHEMA_VERSION, StageRecord,
    TaskRecord,
};
use crate::samples::{ArrivalSamples, CacheOutcome, Fault, RouteSamples, Samples, StageIndex};
use crate::scenarios::Scenario;
use crate::threshold::{Figure, Figures, RouteFigures, State};
use crate::timing::RouteTiming;
use crate::verdict::{self, Warning};
use crate::visitor::SubmittedTasks;

/// What was seen of a run.
pub(super) struct Seen {
    pub(super) samples: Samples,
    /// What the nodes counted over the whole run, if that can be seen.
    pub(super) whole: Option<Vec<NodeCounts>>,
    /// The same, and CPU time, over the stages that are no warm-up.
    pub(super) measured: Option<Measured>,
    pub(super) tasks: SubmittedTasks,
    /// What was used in each stage, as far as the operating system tells.
    pub(super) stages: Vec<Option<StageUse>>,
    /// What was under way in each stage.
    pub(super) in_flight: BTreeMap<usize, InFlight>,
    pub(super) tenths: Arc<Tenths>,
    pub(super) timing: Vec<RouteTiming>,
    pub(super) ceiling: Option<Ceiling>,
    pub(super) files: Option<FileLimit>,
}

pub(super) fn record(
    order: Order,
    environment: Environment,
    mut warnings: Vec<Warning>,
    (started, ended): (Timestamp, Timestamp),
    seen: &Seen,
    folder: &Path,
) -> Record {
    let plan = &order.plan;
    let is_measured = |stage: StageIndex| stage.is_some_and(|stage| !plan.stages[stage].warm_up);
    let lasted = |stages: &dyn Fn(usize) -> bool| -> f64 {
        let all = plan.stages.iter().enumerate();
        let wanted = all.filter(|(index, _)| stages(*index));
        wanted.map(|(_, stage)| stage.duration.as_secs_f64()).sum()
    };
    let measured_seconds = lasted(&|stage| is_measured(Some(stage)));
    let routes = seen.samples.by_route(is_measured);
    let sent: u64 = routes.values().map(RouteSamples::count).sum();

    let stages = stages(plan, &seen.samples);
    warnings.extend(empty_stages(&stages));
    warnings.extend(unanswered_stages(plan, &seen.samples));
    let gateways = gateways(seen);
    let caches = caches(seen, is_measured);
    let tasks = TaskRecord {
        accepted: seen.tasks.accepted,
        done: seen.tasks.done,
        dead: seen.tasks.dead,
        gone: seen.tasks.gone,
    };
    let intruders = intruders(&seen.samples);
    let processes = processes(seen.measured.as_ref(), sent);

    let figures = Figures {
        routes: routes
            .iter()
            .map(|(route, samples)| (route.name(), route_figures(samples)))
            .collect(),
        seconds: measured_seconds,
        imbalance: imbalance(&gateways),
        hit_ratio: match &caches {
            Some(caches) => caches.hit_ratio().map_or(Figure::NoSamples, Figure::Value),
            None => Figure::OutOfSight,
        },
        intruders_admitted: match intruders.refused + intruders.admitted {
            0 => Figure::NoSamples,
            _ => Figure::Value(intruders.admitted as f64),
        },
        tasks_lost: match tasks.accepted {
            0 => Figure::NoSamples,
            accepted => Figure::Value((accepted - tasks.done) as f64),
        },
        cpu_per_request: cpu_per_request(seen.measured.as_ref(), sent),
    };
    let thresholds: Vec<_> = plan.thresholds.iter().map(|t| t.judge(&figures)).collect();
    let unseen = thresholds
        .iter()
        .filter(|judged| judged.state == State::NotObservable)
        .count();
    if unseen > 0 {
        warnings.push(Warning::ThresholdsNotObservable { count: unseen });
    }
    let own = evidence::gather(plan, order.seed, seen);
    warnings.extend(doubts(&own));
    warnings.sort();
    warnings.dedup();
    let ledger = match plan.requests {
        // A ledger is about the hops of the laboratory, and this server need not be one.
        Some(_) => Ledger::new(),
        None => ledger::draw_up(&generator(seen), seen.whole.as_deref()),
    };
    let name = folder.file_name().unwrap_or(folder.as_os_str());

    Record {
        schema_version: SCHEMA_VERSION,
        id: name.to_string_lossy().into_owned(),
        judgement: verdict::judge(&thresholds, &ledger, &warnings),
        warnings,
        seed: order.seed,
        command: order.command,
        started,
        ended,
        environment,
        stages,
        routes: routes
            .iter()
            .map(|(route, samples)| RouteRecord {
                name: route.name(),
                requests: RequestFigures::new(
                    &samples.latency(),
                    samples.failed(),
                    measured_seconds,
                ),
                statuses: samples.statuses.clone(),
            })
            .collect(),
        measured_seconds,
        thresholds,
        gateways,
        caches,
        tasks,
        intruders,
        ledger,
        processes,
        usage: evidence::usage(plan, seen),
        timing: seen.timing.clone(),
        evidence: own,
        failures: failures(&seen.samples),
        plan: PlanRecord {
            name: plan.name.clone(),
            description: plan.description.clone(),
            source: plan.source.clone(),
            shape: order.target.is_none().then(|| plan.shape.clone()),
            target: order.target,
            stages: plan.stages.clone(),
            mix: plan.mix.clone(),
            is_plain: plan.requests.is_some(),
            behaviour: plan.behaviour.clone(),
        },
    }
}

fn stages(plan: &Plan, samples: &Samples) -> Vec<StageRecord> {
    let stages = plan.stages.iter().enumerate().map(|(index, stage)| {
        let total = samples.total(|other| other == Some(index));
        let seconds = stage.duration.as_secs_f64();
        StageRecord {
            name: stage.name.clone(),
            users: stage.users,
            warm_up: stage.warm_up,
            seconds,
            requests: RequestFigures::new(&total.latency(), total.failed(), seconds),
            open: stage.open.map(|load| {
                let nothing = ArrivalSamples::default();
                OpenRecord::new(&load, samples.arrivals.get(&index).unwrap_or(&nothing))
            }),
        }
    });
    stages.collect()
}

fn empty_stages(stages: &[StageRecord]) -> impl Iterator<Item = Warning> {
    let empty = stages.iter().filter(|stage| stage.requests.count == 0);
    empty.map(|stage| Warning::NothingSent {
        stage: stage.name.clone(),
    })
}

/// Stages that were to be judged and got no answer at all: nothing was measured there
/// but silence.
fn unanswered_stages(plan: &Plan, samples: &Samples) -> Vec<Warning> {
    let measured = plan.stages.iter().enumerate().filter(|(_, s)| !s.warm_up);
    let silent = measured.filter(|(index, _)| {
        let total = samples.total(|other| other == Some(*index));
        total.count() > 0 && total.statuses.is_empty()
    });
    let warning = |(_, stage): (usize, &Stage)| Warning::NothingAnswered {
        stage: stage.name.clone(),
    };
    silent.map(warning).collect()
}

fn generator(seen: &Seen) -> Generator {
    let samples = &seen.samples;
    let total = samples.total(|_| true);
    let submissions = Scenario::TaskSubmitters.routes()[0];
    let in_doubt = samples
        .faults
        .iter()
        .filter(|((route, _), _)| *route == submissions);
    Generator {
        sent: total.count(),
        not_connected: samples.faults(|fault| fault == Fault::NotConnected),
        unanswered: samples.faults(|fault| matches!(fault, Fault::NoAnswer | Fault::TimedOut)),
        refused: total.statuses.get(&401).copied().unwrap_or(0),
        tasks_accepted: seen.tasks.accepted,
        tasks_in_doubt: in_doubt.map(|(_, faults)| faults.count).sum(),
    }
}

fn gateways(seen: &Seen) -> Vec<GatewayRecord> {
    let mut answers = seen.samples.total(|_| true).served_by();
    let Some(nodes) = &seen.whole else {
        let seen = answers.into_iter().map(|(name, answers)| GatewayRecord {
            name,
            answers,
            attempts: None,
        });
        return seen.collect();
    };
    let records = of(nodes, Service::ApiGateway).map(|gateway| {
        let name = gateway.name.to_string();
        GatewayRecord {
            answers: answers.remove(&name).unwrap_or(0),
            attempts: Some(sum(
                nodes,
                Service::LoadBalancer,
                "upstream_requests_total",
                &[("upstream", &name)],
            )),
            name,
        }
    });
    records.collect()
}

/// Requests between the busiest gateway and the idlest, by the balancer's count. From
/// outside, a gateway that served nothing doesn't show, so that answers can't tell.
fn imbalance(gateways: &[GatewayRecord]) -> Figure {
    let shares: Option<Vec<u64>> = gateways.iter().map(|g| g.attempts).collect();
    let shares = shares.unwrap_or_default();
    match (shares.iter().max(), shares.iter().min()) {
        // Where nobody served anything, nothing was shared.
        (Some(0), _) => Figure::NoSamples,
        (Some(most), Some(fewest)) => Figure::Value((most - fewest) as f64),
        _ => Figure::OutOfSight,
    }
}

fn caches(seen: &Seen, is_measured: impl Fn(StageIndex) -> bool) -> Option<CacheRecord> {
    let Some(measured) = &seen.measured else {
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
    })
}

fn intruders(samples: &Samples) -> IntruderRecord {
    let routes = samples.by_route(|_| true);
    let sent = Scenario::Intruders.routes().iter();
    let sent = sent.filter_map(|route| routes.get(route));
    IntruderRecord {
        sent: sent.clone().map(|route| route.count()).sum(),
        answered: sent.clone().flat_map(|route| route.statuses.values()).sum(),
        refused: sent.filter_map(|route| route.statuses.get(&401)).sum(),
        admitted: samples.faults(|fault| matches!(fault, Fault::Admitted { .. })),
    }
}

fn processes(measured: Option<&Measured>, sent: u64) -> Vec<ProcessRecord> {
    let Some(measured) = measured else {
        return Vec::new();
    };
    let nodes = measured.cpu.iter().map(|(name, cpu)| (name.as_str(), *cpu));
    nodes
        .chain([("load generator", measured.own_cpu)])
        .map(|(name, cpu)| ProcessRecord {
            name: name.to_owned(),
            cpu_seconds: cpu.as_secs_f64(),
            cpu_micros_per_request: per_request(cpu, sent),
        })
        .collect()
}

/// By node, and by service as the sum over its nodes.
fn cpu_per_request(measured: Option<&Measured>, sent: u64) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for (name, cpu) in measured.iter().flat_map(|measured| &measured.cpu) {
        let micros = per_request(*cpu, sent);
        figures.insert(name.to_string(), micros);
        let service = measured
            .iter()
            .flat_map(|measured| &measured.counts)
            .find(|node| node.name == *name)
            .map(|node| node.service.to_string());
        // A service of one node has the node's name.
        if let Some(service) = service.filter(|service| *service != name.as_str()) {
            *figures.entry(service).or_default() += micros;
        }
    }
    figures
}

/// In microseconds. Without requests, there is nothing to share it among.
fn per_request(cpu: Duration, sent: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / sent.max(1) as f64
}

fn failures(samples: &Samples) -> Vec<FailureRecord> {
    let mut failures: Vec<_> = samples
        .faults
        .iter()
        .map(|((route, fault), faults)| FailureRecord {
            route: route.name(),
            reason: fault.to_string(),
            count: faults.count,
            example: faults.example.clone(),
        })
        .collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

fn route_figures(samples: &RouteSamples) -> RouteFigures {
    RouteFigures {
        response_times: samples.latency().response().clone(),
        failed: samples.failed(),
    }
}

fn of(nodes: &[NodeCounts], service: Service) -> impl Iterator<Item = &NodeCounts> {
    nodes.iter().filter(move |node| node.service == service)
}

fn sum(nodes: &[NodeCounts], service: Service, counter: &str, labels: &[(&str, &str)]) -> u64 {
    of(nodes, service)
        .map(|node| node.counters.get(counter, labels).round() as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{Latency, Series};

    fn gateways(attempts: &[Option<u64>]) -> Vec<GatewayRecord> {
        let gateway = |attempts: &Option<u64>| GatewayRecord {
            name: "a gateway".to_owned(),
            answers: 5,
            attempts: *attempts,
        };
        attempts.iter().map(gateway).collect()
    }

    #[test]
    fn gateways_that_served_nobody_are_not_in_balance() {
        let idle = gateways(&[Some(0), Some(0), Some(0)]);
        assert_eq!(imbalance(&idle), Figure::NoSamples);
    }

    #[test]
    fn from_outside_the_balance_doesnt_show() {
        assert_eq!(imbalance(&gateways(&[None, None])), Figure::OutOfSight);
        assert_eq!(imbalance(&[]), Figure::OutOfSight);
    }

    #[test]
    fn a_stage_without_any_answer_is_told_and_one_with_some_is_not() {
        let plan = Plan::load("smoke").expect("built in");
        let stage = plan.stages.iter().position(|stage| !stage.warm_up);
        let stage = stage.expect("one that is judged");
        let mut latency = Latency::default();
        latency.service.record(5).expect("within range");
        let mut requests = RouteSamples::default();
        requests.series.push(Series {
            fault: Some(Fault::NotConnected),
            node: None,
            latency,
        });
        let route = Scenario::Readers.routes()[0];
        let mut samples = Samples::default();
        assert_eq!(unanswered_stages(&plan, &samples), []);
        samples.routes.insert((Some(stage), route), requests);
        let name = plan.stages[stage].name.clone();
        let silence = Warning::NothingAnswered { stage: name };
        assert!(silence.invalidates());
        assert_eq!(unanswered_stages(&plan, &samples), [silence]);
        let seen = samples.routes.values_mut().next().expect("one route");
        seen.statuses.insert(503, 1);
        assert_eq!(unanswered_stages(&plan, &samples), []);
    }

    proptest! {
        #[test]
        fn imbalance_is_the_gap_between_the_busiest_and_the_idlest(
            idlest in 0u64..1000, gap in 1u64..1000,
        ) {
            let shares = gateways(&[Some(idlest + gap), Some(idlest)]);
            prop_assert_eq!(imbalance(&shares), Figure::Value(gap as f64));
        }
    }
}
