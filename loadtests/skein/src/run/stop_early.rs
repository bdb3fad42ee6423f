//! Stops the load as soon as a rule is surely lost, where the plan asks for it.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use super::assemble::measured::measured;
use super::assemble::route_figures;
use crate::events::{Event, Events, millis};
use crate::plan::{Plan, Whose};
use crate::record::StoppedEarly;
use crate::samples::RouteSamples;
use crate::threshold::{self, Figures, Threshold, TurnFigures};
use crate::workload::Workload;

/// The time between two looks at what was counted.
const BETWEEN: Duration = Duration::from_millis(500);

/// Looks at the figures until the load is over, and ends it when a rule is lost.
pub(super) async fn watch(
    plan: &Plan,
    seed: u64,
    workload: &Workload,
    events: &Events,
    stopped: &OnceLock<StoppedEarly>,
) {
    let built_in = threshold::built_in(&plan.stages, &plan.thresholds);
    let rules: Vec<&Threshold> = plan.thresholds.iter().chain(&built_in).collect();
    let at_most = plan.at_most(seed);
    let clock = &workload.clock;
    let first = plan.stages.iter().position(|stage| !stage.warm_up);
    let begin = first.map_or(Duration::ZERO, |stage| workload.schedule.begin_of(stage));
    clock.reaches(begin).await;
    let mut number = 1;
    loop {
        clock.reaches(begin + BETWEEN * number).await;
        let elapsed = clock.elapsed();
        if elapsed >= workload.schedule.length() || clock.finished().or(clock.stopped()).is_some() {
            return;
        }
        let so_far = so_far(plan, workload);
        let lost = rules.iter().filter(|rule| rule.is_lost(&so_far, &at_most));
        let lost: Vec<String> = lost.map(|rule| rule.rule.clone()).collect();
        if !lost.is_empty() {
            clock.finish();
            // After it, so that whatever was due until then came up.
            workload.arrivals.close();
            events.emit(Event::StoppedEarly {
                rules: lost.clone(),
                elapsed_ms: millis(elapsed),
            });
            let _ = stopped.set(StoppedEarly {
                rules: lost,
                after_seconds: elapsed.as_secs_f64(),
            });
            return;
        }
        number = ((elapsed.saturating_sub(begin)).as_nanos() / BETWEEN.as_nanos()) as u32 + 1;
    }
}

/// The figures that were counted so far; as unsent, turns that surely never will be.
fn so_far(plan: &Plan, workload: &Workload) -> Figures {
    let samples = workload.samples();
    let is_judged = |stage| plan.is_judged(stage);
    let given_up = workload.arrivals.given_up();
    let schedule = &workload.schedule;
    let loads = schedule.loads().iter().enumerate();
    let judged = loads.filter(|(_, load)| !plan.stages[load.stage].warm_up);
    let turns = judged.map(|(place, load)| {
        let arrivals = samples.arrivals.get(&place);
        TurnFigures {
            stage: plan.stages[load.stage].name.clone(),
            scenario: match load.whose {
                Whose::Mix => None,
                Whose::Scenario(own) => Some(schedule.scenarios()[own].clone()),
            },
            planned: arrivals.map_or(0, |arrivals| arrivals.planned),
            unsent: given_up.get(&place).copied().unwrap_or(0),
            late: arrivals.map_or(0, |arrivals| arrivals.late),
        }
    });
    let turns = turns.collect();
    let scenarios = plan.scenario_names().enumerate();
    let scenarios = scenarios.map(|(scenario, name)| {
        let requests: RouteSamples = samples.of_scenario(scenario, is_judged);
        (name, (route_figures(&requests), 0.0))
    });
    let routes = samples.by_route(is_judged);
    let routes = routes.iter();
    Figures {
        scenarios: scenarios.collect(),
        routes: routes
            .map(|(route, samples)| (route.name(), route_figures(samples)))
            .collect::<BTreeMap<_, _>>(),
        turns,
        measured: measured(plan, &samples),
        checks: samples.checks.clone(),
        ..Figures::default()
    }
}
