//! Puts together what a run knows about itself. Nothing here measures or judges.

use std::collections::BTreeMap;

use super::assemble::seconds_of_stages;
use super::seen::Sights;
use super::system::GENERATOR;
use crate::evidence::{Evidence, GeneratorUse, ScenarioTurns, StageEvidence, Turns};
use crate::observation::StageUse;
use crate::plan::{Load, LoadIndex, OpenLoad, Plan, Stage, Whose};
use crate::record::{ProcessUsage, StageUsage};
use crate::samples::{Route, Samples};
use crate::scenario::ScenarioIndex;

/// The evidence on the stages of `plan` that are no warm-up.
pub(super) fn gather(plan: &Plan, seed: u64, seen: &Sights) -> Evidence {
    let shortest = shortest_service_times(&seen.samples);
    let schedule = plan.schedule();
    let lasted = seconds_of_stages(plan, seen.reached);
    let stages = plan.stages.iter().enumerate();
    // In a pause there is nothing to measure.
    let measured = stages.filter(|(_, stage)| !stage.warm_up && !stage.is_pause());
    Evidence {
        limits: plan.limits,
        ceiling: seen.ceiling,
        files: seen.files,
        stages: measured
            .map(|(index, stage)| {
                let turns = |(load, of): (LoadIndex, &Load)| {
                    let scenario = match of.whose {
                        Whose::Mix => None,
                        Whose::Scenario(own) => Some(schedule.scenarios()[own].as_str()),
                    };
                    let only = scenario.and_then(|name| plan.scenario_called(name));
                    let open = of.open?;
                    let lasted = of.seconds_until(seen.reached);
                    let of = (load, index, only);
                    let turns = turns(&seen.samples, of, (&open, lasted), seed, &shortest);
                    Some((scenario, turns))
                };
                let turns: Vec<_> = schedule.loads_of(index).filter_map(turns).collect();
                of_stage((index, stage), lasted[index], &turns, seen)
            })
            .collect(),
    }
}

/// What every process took from the operating system, by stage, warm-up included.
pub(super) fn usage(plan: &Plan, seen: &Sights) -> Vec<StageUsage> {
    let stages = plan.stages.iter().enumerate();
    let seen_stages = stages.filter_map(|(index, stage)| {
        let used = seen.stages.get(index)?.as_ref()?;
        let requests = seen.samples.total(|other| other == Some(index)).count();
        let nodes = used.nodes.iter().map(|(name, used)| (name.as_str(), used));
        let generator = used.generator.iter().map(|used| (GENERATOR, used));
        Some(StageUsage {
            stage: stage.name.clone(),
            requests,
            processes: nodes
                .chain(generator)
                .map(|(name, used)| ProcessUsage::new(name, used, requests))
                .collect(),
        })
    });
    seen_stages.collect()
}

fn of_stage(
    (index, stage): (usize, &Stage),
    seconds: f64,
    turns: &[(Option<&str>, Turns)],
    seen: &Sights,
) -> StageEvidence {
    let total = seen.samples.total(|other| other == Some(index));
    let used: Option<&StageUse> = seen.stages.get(index).and_then(Option::as_ref);
    let looks = seen.looks.get(&index);
    let own = turns.iter().filter_map(|(scenario, turns)| {
        let load = stage.load_of((*scenario)?)?;
        Some(ScenarioTurns {
            scenario: load.scenario.clone(),
            users: load.users as u64,
            turns: *turns,
        })
    });
    StageEvidence {
        stage: stage.name.clone(),
        seconds,
        users: stage.users as u64,
        requests: total.count(),
        mean_service_micros: (total.count() > 0).then(|| total.latency().service.mean()),
        turns: match turns {
            [(None, turns)] => Some(*turns),
            _ => None,
        },
        scenarios: own.collect(),
        in_flight: looks.map(|looks| looks.in_flight),
        unread: looks.and_then(|looks| looks.unread),
        machine: used.and_then(|used| used.machine),
        generator: used.and_then(|used| {
            let generator = used.generator.filter(|_| !used.elapsed.is_zero())?;
            Some(GeneratorUse {
                cores: generator.cpu.as_secs_f64() / used.elapsed.as_secs_f64(),
                waited_seconds: generator.waited.as_secs_f64(),
            })
        }),
        // Where the load is meant to change, or to end at any time, it can't be expected to be
        // steady.
        tenths: if stage.is_level() && seconds >= stage.duration.as_secs_f64() {
            seen.tenths.of(index)
        } else {
            Vec::new()
        },
    }
}

fn turns(
    samples: &Samples,
    (load, stage, only): (LoadIndex, usize, Option<ScenarioIndex>),
    (open, lasted): (&OpenLoad, f64),
    seed: u64,
    shortest: &BTreeMap<Route, f64>,
) -> Turns {
    // The plan again: with the same seed, it holds the same arrivals.
    let requested = open.curve.arrivals(open.spacing, seed, load as u64);
    // Of a load that was ended before its time, those that had come up.
    let requested = requested.take_while(|moment| moment.as_secs_f64() <= lasted);
    let requested = requested.count() as u64;
    let Some(arrivals) = samples.arrivals.get(&load) else {
        return Turns {
            requested,
            ..Turns::default()
        };
    };
    // What a turn takes at least: its share of each route, each at its shortest.
    let of_stage = samples.routes.iter().filter(|((at, scenario, _), _)| {
        *at == Some(stage) && only.is_none_or(|only| only == *scenario)
    });
    let seconds_a_turn: f64 = of_stage
        .filter_map(|((.., route), requests)| {
            Some(shortest.get(route)? / 1e6 * requests.count() as f64 / arrivals.sent() as f64)
        })
        .sum();
    Turns {
        requested,
        released: arrivals.planned,
        begun: arrivals.sent(),
        queued: arrivals.queued() + arrivals.unsent(),
        users_at_least: (seconds_a_turn > 0.0).then(|| open.curve.mean() * seconds_a_turn),
        lag_p99_micros: (!arrivals.own_lag.is_empty())
            .then(|| arrivals.own_lag.value_at_quantile(0.99)),
    }
}

/// The shortest service time of a request that went well, by route, over the whole run,
/// in microseconds.
fn shortest_service_times(samples: &Samples) -> BTreeMap<Route, f64> {
    let routes = samples.by_route(|_| true).into_iter();
    let shortest = routes.filter_map(|(route, samples)| {
        let fine = samples
            .series
            .iter()
            .filter(|series| series.fault.is_none());
        let shortest = fine.map(|series| series.latency.service.min()).min()?;
        Some((route, shortest as f64))
    });
    shortest.collect()
}
