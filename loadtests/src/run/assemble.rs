//! Makes the record of a run out of what was seen of it. Nothing here measures.

mod caches;
mod nodes;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use services::contract::Service;

use super::system::Measured;
use super::{Order, evidence};
use crate::environment::Environment;
use crate::evidence::tenths::Tenths;
use crate::evidence::{Ceiling, FileLimit, doubts, looks};
use crate::ledger::{self, Generator, Ledger, NodeCounts};
use crate::observation::StageUse;
use crate::plan::{Plan, Stage};
use crate::record::{
    Curve, Document, FailureRecord, OpenRecord, OverallRecord, PlanRecord, Record, RequestFigures,
    RouteRecord, StageRecord, Timeline,
};
use crate::samples::{ArrivalSamples, Fault, Latency, Route, RouteSamples, Samples, StageIndex};
use crate::scenarios::Scenario;
use crate::threshold::{Figure, Figures, RouteFigures, State};
use crate::timing::RouteTiming;
use crate::tokens::{Flaw, FlawCount};
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
    /// What looks at the generator saw in each stage.
    pub(super) looks: BTreeMap<usize, looks::Seen>,
    pub(super) tenths: Arc<Tenths>,
    pub(super) timeline: Timeline,
    /// What became of requests with each kind of bad token.
    pub(super) flaws: BTreeMap<Flaw, FlawCount>,
    pub(super) timing: Vec<RouteTiming>,
    pub(super) ceiling: Option<Ceiling>,
    pub(super) files: Option<FileLimit>,
    /// How many connections were given up for bytes that belong to no answer.
    pub(super) unasked: u64,
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
    // In a pause nothing is asked for, so that it is no time to have a rate over.
    let measured_seconds =
        lasted(&|stage| is_measured(Some(stage)) && !plan.stages[stage].is_pause());
    let routes = seen.samples.by_route(is_measured);
    let sent: u64 = routes.values().map(RouteSamples::count).sum();

    let stages = stages(plan, &seen.samples);
    warnings.extend(empty_stages(plan, &stages));
    warnings.extend(unanswered_stages(plan, &seen.samples));
    warnings.extend(unasked(seen.unasked));
    let gateways = nodes::gateways(seen);
    let caches = caches::caches(seen, &order);
    let tasks = work::tasks(seen);
    let intruders = work::intruders(seen);
    let processes = nodes::processes(seen.measured.as_ref(), sent);

    let figures = Figures {
        routes: routes
            .iter()
            .map(|(route, samples)| (route.name(), route_figures(samples)))
            .collect(),
        seconds: measured_seconds,
        imbalance: nodes::imbalance(&gateways),
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
        cpu_per_request: nodes::cpu_per_request(seen.measured.as_ref(), sent),
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
        schema_version: Record::SCHEMA_VERSION,
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
            .map(|(route, samples)| of_route(route, samples, measured_seconds))
            .collect(),
        overall: Some(overall(&seen.samples.total(is_measured), measured_seconds)),
        measured_seconds,
        timeline: seen.timeline.clone(),
        thresholds,
        gateways,
        retries: nodes::retries(seen),
        traffic: seen.measured.as_ref().map(nodes::traffic),
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

fn of_route(route: &Route, samples: &RouteSamples, seconds: f64) -> RouteRecord {
    let latency = samples.latency();
    RouteRecord {
        name: route.name(),
        requests: RequestFigures::new(&latency, samples.failed(), seconds),
        statuses: samples.statuses.clone(),
        curve: Curve::of(latency.response()),
        service_curve: service_curve(&latency),
    }
}

fn overall(samples: &RouteSamples, seconds: f64) -> OverallRecord {
    let latency = samples.latency();
    OverallRecord {
        requests: RequestFigures::new(&latency, samples.failed(), seconds),
        curve: Curve::of(latency.response()),
        service_curve: service_curve(&latency),
    }
}

/// Empty where service times are no others than response times.
fn service_curve(latency: &Latency) -> Curve {
    match latency.differs() {
        true => Curve::of(&latency.service),
        false => Curve::default(),
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

fn empty_stages(plan: &Plan, stages: &[StageRecord]) -> impl Iterator<Item = Warning> {
    let planned = plan.stages.iter().zip(stages);
    let empty = planned.filter(|(plan, stage)| !plan.is_pause() && stage.requests.count == 0);
    empty.map(|(plan, _)| Warning::NothingSent {
        stage: plan.name.clone(),
    })
}

/// What a server sent that nobody had asked for.
fn unasked(times: u64) -> Option<Warning> {
    (times > 0).then_some(Warning::UnaskedBytes { times })
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
        unanswered: samples.faults(|fault| {
            matches!(
                fault,
                Fault::NoAnswer | Fault::TimedOut | Fault::HeadTooLarge
            )
        }),
        refused: total.statuses.get(&401).copied().unwrap_or(0),
        tasks_accepted: seen.tasks.accepted,
        tasks_in_doubt: in_doubt.map(|(_, faults)| faults.count).sum(),
    }
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
    use super::*;
    use crate::samples::Series;

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
}
