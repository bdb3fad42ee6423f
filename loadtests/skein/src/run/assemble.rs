//! Makes the record of a run out of what was seen of it. Nothing here measures.

mod checks;
pub(super) mod measured;
mod nodes;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::seen::Sights;
use super::{Order, evidence};
use crate::client::KEPT_OF_ALL;
use crate::doubt::Doubt;
use crate::environment::Environment;
use crate::evidence::doubts;
use crate::figure::{FigureRecord, Kind, Reading};
use crate::plan::{Load, LoadIndex, Plan, Whose};
use crate::program::{Account, Seen};
use crate::record::{
    ConnectionsRecord, Curve, Document, FailureRecord, OpenRecord, OverallRecord, PlanRecord,
    Record, RequestFigures, RouteRecord, ScenarioRecord, StageRecord, Times,
};
use crate::samples::{ArrivalSamples, Fault, Latency, Route, RouteSamples, Samples, StageIndex};
use crate::threshold::{
    self, ConnectionFigures, Figures, Judged, RouteFigures, ScenarioFigures, State, Threshold,
    TurnFigures,
};
use crate::verdict::{self, Judgement, Verdict};
use crate::wall::later;

pub(super) fn record(
    order: Order,
    environment: Environment,
    mut warnings: Vec<Doubt>,
    (started, duration): (Timestamp, Duration),
    seen: &Sights,
    folder: &Path,
) -> Record {
    let plan = &order.plan;
    let is_measured = |stage: StageIndex| plan.is_judged(stage);
    let lasted = seconds_of_stages(plan, seen.reached);
    let all = lasted.iter().enumerate();
    // In a pause nothing is asked for, so that it is no time to have a rate over.
    let measured_seconds = all
        .filter(|(stage, _)| is_measured(Some(*stage)) && !plan.stages[*stage].is_pause())
        .map(|(_, seconds)| seconds)
        .sum();
    let routes = seen.samples.by_route(is_measured);
    let sent: u64 = routes.values().map(RouteSamples::count).sum();

    let stages = stages(plan, &lasted, &seen.samples);
    if seen.broken_off == 0 {
        // What was broken off had been sent.
        warnings.extend(empty_stages(plan, &stages));
    }
    warnings.extend(barren_stages(plan, &seen.samples));
    warnings.extend(never_left(&seen.samples));
    warnings.extend(unkept(&seen.samples));
    warnings.extend(unasked(seen.unasked));
    warnings.extend(unchecked(plan, &seen.samples));
    let is_started = order.target.is_none();
    let mut account = account(plan, seen, is_started);
    account
        .sections
        .extend(checks::section(&seen.samples.checks));
    let own = measured::measured(plan, &seen.samples);
    account
        .sections
        .extend(measured::section(&own, measured_seconds));
    let topology = plan.topology().filter(|_| is_started);
    let mut figures_read = readings(plan, &account);
    figures_read.extend(measured::figures(&own, measured_seconds));
    let measured = seen.measured.as_ref().zip(topology.as_ref());

    let connections = seen.samples.wire(|_| true);
    let requests = seen.samples.total(|_| true).count();
    let figures = Figures {
        routes: routes
            .iter()
            .map(|(route, samples)| (route.name(), route_figures(samples)))
            .collect(),
        turns: turns(&stages),
        scenarios: scenarios(plan, &stages, &seen.samples),
        checks: seen.samples.checks.clone(),
        connections: ConnectionFigures {
            requests,
            samples: connections.clone(),
        },
        seconds: measured_seconds,
        named: account
            .figures
            .iter()
            .map(|(figure, reading)| (figure.name, *reading))
            .collect(),
        measured: own,
        cpu_per_request: measured
            .map(|(measured, topology)| nodes::cpu_per_request(topology, measured, sent)),
    };
    let judge = |rule: &Threshold| match &seen.stopped_early {
        Some(stopped) if !stopped.rules.contains(&rule.rule) => rule.unjudged(),
        _ => rule.judge(&figures),
    };
    let written = plan.thresholds.iter().map(judge);
    let built_in = threshold::built_in(&plan.stages, &plan.thresholds);
    let built_in = built_in.iter().map(|rule| Judged {
        built_in: true,
        ..judge(rule)
    });
    let thresholds: Vec<_> = written.chain(built_in).collect();
    let unseen = thresholds
        .iter()
        .filter(|judged| judged.state == State::NotObservable)
        .count();
    if unseen > 0 {
        warnings.push(Doubt::ThresholdsNotObservable { count: unseen });
    }
    let own = evidence::gather(plan, order.seed, seen);
    warnings.extend(doubts(&own));
    warnings.sort();
    warnings.dedup();
    let ledger = std::mem::take(&mut account.lines);

    Record {
        schema_version: Record::SCHEMA_VERSION,
        id: record_id(folder),
        judgement: judgement(verdict::judge(&thresholds, &ledger, &warnings), seen),
        stopped_early: seen.stopped_early.clone(),
        warnings,
        seed: order.seed,
        command: order.command,
        started,
        ended: later(started, duration),
        lasted_seconds: Some(duration.as_secs_f64()),
        environment,
        stages,
        routes: routes
            .iter()
            .map(|(route, samples)| of_route(route, samples, measured_seconds))
            .collect(),
        overall: Some(overall(&seen.samples.total(is_measured), measured_seconds)),
        measured_seconds,
        connections: Some(ConnectionsRecord::new(
            &plan.connection,
            &connections,
            &seen.samples.wire(is_measured),
            requests,
        )),
        timeline: seen.timeline.clone(),
        thresholds,
        answered_by: seen.samples.total(|_| true).served_by(),
        traffic: topology
            .as_ref()
            .map(|topology| nodes::traffic(topology, seen.measured.as_ref(), &account)),
        figures: figures_read,
        sections: account.sections,
        in_short: account.summary,
        ledger,
        processes: nodes::processes(seen.measured.as_ref(), sent),
        usage: evidence::usage(plan, seen),
        timing: seen.timing.clone(),
        evidence: own,
        failures: failures(&seen.samples, is_measured),
        kept: account.kept,
        plan: plan_record(plan, order.target.clone()),
    }
}

/// The id of the run that is kept in this folder.
pub(super) fn record_id(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The judgement, which says so when a run was stopped for it.
fn judgement(mut judgement: Judgement, seen: &Sights) -> Judgement {
    if let Some(stopped) = &seen.stopped_early
        && judgement.verdict == Verdict::Fail
    {
        judgement.sentence = stopped.sentence();
    }
    judgement
}

/// The account of the program, if it knows the system.
pub(crate) fn account(plan: &Plan, seen: &Sights, is_started: bool) -> Account {
    let mut account = Account::new();
    // A server of plain requests need not be the program's own.
    if plan.is_at_home() && plan.requests.is_none() {
        for of_program in &plan.application.accounts {
            account.add(of_program(&Seen::new(plan, seen, is_started)));
        }
    }
    if !plan.equations.is_empty() {
        let seen = Seen::new(plan, seen, is_started);
        account.add(plan.equations.account(&seen, plan.topology().as_ref()));
    }
    account
}

/// The readings of all figures that the program knows, also of those that it can't tell.
fn readings(plan: &Plan, account: &Account) -> Vec<FigureRecord> {
    let told = account.figures.iter();
    let told = told.map(|(figure, reading)| figure.record(*reading));
    let is_told = |name: &str| account.figures.iter().any(|(known, _)| known.name == name);
    let knows_it = plan.is_at_home() && plan.requests.is_none();
    let untold = plan.application.figures.iter();
    let untold = untold.filter(|figure| figure.kind == Kind::Told);
    let untold = untold.filter(|figure| knows_it && !is_told(figure.name));
    told.chain(untold.map(|figure| figure.record(Reading::OutOfSight)))
        .collect()
}

fn plan_record(plan: &Plan, target: Option<String>) -> PlanRecord {
    let is_started = target.is_none();
    let describe = plan.application.description.as_ref();
    let own = || describe.map(|describe| describe(plan));
    let mut tables = plan.kept_tables.clone();
    let mut behaviour = match tables.remove("behaviour") {
        Some(Value::Object(behaviour)) => behaviour,
        _ => serde_json::Map::new(),
    };
    behaviour.insert("think_time".to_owned(), json!(plan.think_time));
    PlanRecord {
        name: plan.name.clone(),
        description: plan.description.clone(),
        source: plan.source.clone(),
        shape: tables
            .remove("topology")
            .filter(|_| is_started && plan.is_at_home()),
        system: match &plan.foreign {
            Some(system) => Some(format!("as {} describes it", system.path.display())),
            None => own().filter(|_| is_started),
        },
        target,
        stages: plan.stages.clone(),
        mix: plan.mix.clone(),
        is_plain: plan.requests.is_some(),
        behaviour: Value::Object(behaviour),
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
        first_byte: Times::of(&samples.first_byte),
    }
}

fn overall(samples: &RouteSamples, seconds: f64) -> OverallRecord {
    let latency = samples.latency();
    OverallRecord {
        requests: RequestFigures::new(&latency, samples.failed(), seconds),
        curve: Curve::of(latency.response()),
        service_curve: service_curve(&latency),
        first_byte: Times::of(&samples.first_byte),
    }
}

/// Empty where service times are no others than response times.
fn service_curve(latency: &Latency) -> Curve {
    match latency.differs() {
        true => Curve::of(&latency.service),
        false => Curve::default(),
    }
}

/// The time that each stage lasted, in seconds: as planned, or as far as the load got.
pub(super) fn seconds_of_stages(plan: &Plan, reached: Duration) -> Vec<f64> {
    let schedule = plan.schedule();
    let stages = plan.stages.iter().enumerate();
    let seconds = stages.map(|(index, stage)| {
        let into = reached.saturating_sub(schedule.begin_of(index));
        into.min(stage.duration).as_secs_f64()
    });
    seconds.collect()
}

fn stages(plan: &Plan, lasted: &[f64], samples: &Samples) -> Vec<StageRecord> {
    let schedule = plan.schedule();
    let nothing = ArrivalSamples::default();
    let stages = plan.stages.iter().enumerate().map(|(index, stage)| {
        let total = samples.total(|other| other == Some(index));
        let seconds = lasted[index];
        let reached = schedule.begin_of(index) + Duration::from_secs_f64(seconds);
        let open = |place: LoadIndex, load: &Load| {
            let arrivals = samples.arrivals.get(&place).unwrap_or(&nothing);
            let seconds = load.seconds_until(reached);
            load.open
                .map(|open| OpenRecord::new(&open, arrivals, seconds))
        };
        let own = schedule.loads_of(index).zip(&stage.scenarios);
        let own = own.filter_map(|((place, load), own)| {
            let scenario = plan.scenario_called(&own.scenario)?;
            let total = samples.of_scenario(scenario, |other| other == Some(index));
            let seconds = load.seconds_until(reached);
            Some(ScenarioRecord {
                scenario: own.scenario.clone(),
                users: own.users,
                begins_seconds: own.begins.as_secs_f64(),
                seconds,
                requests: RequestFigures::new(&total.latency(), total.failed(), seconds),
                open: open(place, load),
            })
        });
        let of_mix = schedule
            .loads_of(index)
            .find(|(_, load)| load.whose == Whose::Mix);
        StageRecord {
            name: stage.name.clone(),
            users: stage.users,
            warm_up: stage.warm_up,
            seconds,
            requests: RequestFigures::new(&total.latency(), total.failed(), seconds),
            open: of_mix.and_then(|(place, load)| open(place, load)),
            scenarios: own.collect(),
        }
    });
    stages.collect()
}

fn empty_stages(plan: &Plan, stages: &[StageRecord]) -> impl Iterator<Item = Doubt> {
    let planned = plan.stages.iter().zip(stages);
    let empty = planned
        // What the load never got to had nothing to send.
        .filter(|(plan, stage)| {
            !plan.is_pause() && stage.requests.count == 0 && stage.seconds > 0.0
        });
    empty.map(|(plan, _)| Doubt::NothingSent {
        stage: plan.name.clone(),
    })
}

/// Bytes of a server that nobody had asked for.
fn unasked(times: u64) -> Option<Doubt> {
    (times > 0).then_some(Doubt::UnaskedBytes { times })
}

/// Certificates that nobody looked at.
fn unchecked(plan: &Plan, samples: &Samples) -> Option<Doubt> {
    let is_encrypted = !samples.wire(|_| true).handshake.is_empty();
    (plan.connection.insecure && is_encrypted).then_some(Doubt::CertificatesUnchecked)
}

/// What the generator didn't keep of answers, lest a target fill its memory.
fn unkept(samples: &Samples) -> impl Iterator<Item = Doubt> + use<> {
    let renamed = (samples.renamed > 0).then_some(Doubt::NodesNotToldApart {
        answers: samples.renamed,
    });
    let cut = (samples.cut > 0).then_some(Doubt::AnswersCut {
        answers: samples.cut,
        kept: KEPT_OF_ALL as u64,
    });
    renamed.into_iter().chain(cut)
}

/// Stages that were to be judged and have no right answer: where nobody was reached,
/// nothing was measured but silence; else rules have to judge it.
fn barren_stages(plan: &Plan, samples: &Samples) -> Vec<Doubt> {
    let measured = plan.stages.iter().enumerate().filter(|(_, s)| !s.warm_up);
    let doubts = measured.filter_map(|(index, stage)| {
        let total = samples.total(|other| other == Some(index));
        if total.count() == 0 || total.failed() < total.count() {
            return None;
        }
        let mut faults = total.series.iter().filter_map(|series| series.fault);
        let reached = !total.statuses.is_empty() || faults.any(Fault::was_somebody_reached);
        let stage = stage.name.clone();
        Some(match reached {
            true => Doubt::NothingRight { stage },
            false => Doubt::NothingAnswered { stage },
        })
    });
    doubts.collect()
}

/// Requests that never left this machine, by what it lacked.
fn never_left(samples: &Samples) -> impl Iterator<Item = Doubt> {
    let shortages = samples.near_side.iter();
    shortages.map(|(shortage, requests)| Doubt::NeverLeft {
        shortage: *shortage,
        count: requests.count,
        example: requests.example.clone(),
    })
}

/// Every way to fail, the most frequent in judged stages first.
fn failures(samples: &Samples, is_judged: impl Fn(StageIndex) -> bool) -> Vec<FailureRecord> {
    let mut ways: BTreeMap<(Route, Fault), FailureRecord> = BTreeMap::new();
    for ((stage, route, fault), faults) in &samples.faults {
        let way = ways
            .entry((*route, *fault))
            .or_insert_with(|| FailureRecord {
                route: route.name(),
                reason: fault.to_string(),
                count: 0,
                judged: Some(0),
                example: faults.example.clone(),
            });
        way.count += faults.count;
        if is_judged(*stage) {
            way.judged = way.judged.map(|judged| judged + faults.count);
        }
    }
    let mut failures: Vec<_> = ways.into_values().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse((failure.judged, failure.count)));
    failures
}

/// The turns of the judged open stages.
fn turns(stages: &[StageRecord]) -> Vec<TurnFigures> {
    let judged = stages.iter().filter(|stage| !stage.warm_up);
    let open = judged.flat_map(StageRecord::open_parts);
    let turns = open.map(|part| TurnFigures {
        stage: part.stage.name.clone(),
        scenario: part.scenario.map(str::to_owned),
        planned: part.open.planned,
        unsent: part.open.unsent,
        late: part.open.late,
    });
    turns.collect()
}

/// The requests of each scenario in the judged stages, and the time that its load lasted in them.
fn scenarios(plan: &Plan, stages: &[StageRecord], samples: &Samples) -> ScenarioFigures {
    let names = plan.scenario_names().enumerate();
    let figures = names.map(|(scenario, name)| {
        let requests = samples.of_scenario(scenario, |stage| plan.is_judged(stage));
        let judged = plan.stages.iter().zip(stages);
        let judged = judged.filter(|(plan, _)| !plan.warm_up && !plan.is_pause());
        let seconds = judged.map(|(_, stage)| match &stage.scenarios[..] {
            [] => stage.seconds,
            own => {
                let own = own.iter().filter(|own| own.scenario == name);
                own.map(|own| own.seconds).sum()
            }
        });
        let seconds = seconds.sum();
        (name, (route_figures(&requests), seconds))
    });
    figures.collect()
}

pub(super) fn route_figures(samples: &RouteSamples) -> RouteFigures {
    RouteFigures {
        response_times: samples.latency().response().clone(),
        failed: samples.failed(),
        first_bytes: samples.first_byte.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Series;
    use crate::testing;

    /// Samples of one stage and route, with these series.
    fn samples_of(stage: usize, outcomes: &[Option<Fault>]) -> Samples {
        let mut requests = RouteSamples::default();
        for fault in outcomes {
            let mut latency = Latency::default();
            latency.service.record(5).expect("within range");
            requests.series.push(Series {
                fault: *fault,
                node: None,
                latency,
            });
        }
        let mut samples = Samples::default();
        let route = Route::new("GET", "/items/{key}");
        samples.routes.insert((Some(stage), 0, route), requests);
        samples
    }

    #[test]
    fn a_stage_lasts_as_long_as_the_load_got_into_it() {
        let plan = testing::plan("smoke");
        let whole = plan.schedule().length();
        let sum = |reached| seconds_of_stages(&plan, reached).iter().sum::<f64>();
        assert_eq!(sum(whole), whole.as_secs_f64());
        let within = plan.stages[0].duration + Duration::from_millis(500);
        assert_eq!(sum(within), within.as_secs_f64());
        assert_eq!(sum(Duration::ZERO), 0.0);
    }

    #[test]
    fn a_stage_without_a_right_answer_is_told_by_whether_anybody_was_reached() {
        let plan = testing::plan("smoke");
        let stage = plan.stages.iter().position(|stage| !stage.warm_up);
        let stage = stage.expect("one that is judged");
        let doubts =
            |outcomes: &[Option<Fault>]| barren_stages(&plan, &samples_of(stage, outcomes));
        let name = || plan.stages[stage].name.clone();
        assert_eq!(barren_stages(&plan, &Samples::default()), []);
        let silence = Doubt::NothingAnswered { stage: name() };
        assert!(silence.invalidates());
        assert_eq!(doubts(&[Some(Fault::NotConnected)]), [silence]);
        for reached in [
            Fault::Closed,
            Fault::NoAnswer,
            Fault::TimedOut,
            Fault::CutOff,
        ] {
            let barren = Doubt::NothingRight { stage: name() };
            assert!(!barren.invalidates());
            assert_eq!(
                doubts(&[Some(reached), Some(Fault::NotConnected)]),
                [barren]
            );
        }
        assert_eq!(doubts(&[Some(Fault::NotConnected), None]), []);
        // A status is an answer, whatever is wrong with it.
        let mut wrong = samples_of(stage, &[Some(Fault::NotConnected)]);
        let seen = wrong.routes.values_mut().next().expect("one route");
        seen.statuses.insert(503, 1);
        let barren = Doubt::NothingRight { stage: name() };
        assert_eq!(barren_stages(&plan, &wrong), [barren]);
    }

    #[test]
    fn failures_add_up_over_judged_stages_and_over_all() {
        let plan = testing::plan("smoke");
        let is_judged = |stage: StageIndex| plan.is_judged(stage);
        let recorder = crate::samples::Recorder::new();
        let stages = [Some(0), Some(1), None];
        let faults = [Fault::TimedOut, Fault::Closed, Fault::NoAnswer];
        for (index, stage) in (0..60).map(|index| (index, stages[index % 5 % 3])) {
            recorder.record(
                index,
                &crate::samples::Sample {
                    stage,
                    scenario: 0,
                    route: [Route::new("GET", "/a"), Route::new("GET", "/b")][index % 2],
                    response: Duration::from_micros(5),
                    service: Duration::from_micros(5),
                    arrival: None,
                    status: None,
                    fault: Some((faults[index % 3], "an example")),
                    served_by: None,
                    outcome: None,
                    is_cut: false,
                    journey: &crate::client::NOWHERE,
                },
            );
        }
        let samples = recorder.snapshot();
        let failures = failures(&samples, is_judged);
        let judged: u64 = failures.iter().filter_map(|failure| failure.judged).sum();
        assert_eq!(judged, samples.total(is_judged).failed());
        let all: u64 = failures.iter().map(|failure| failure.count).sum();
        assert_eq!(all, 60);
        assert!(failures.is_sorted_by_key(|failure| std::cmp::Reverse(failure.judged)));
    }
}
