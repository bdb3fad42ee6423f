//! Tells of a load as it goes: each stage as it begins, and figures now and then.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::events::{Event, Events, millis};
use crate::interruption::Interruption;
use crate::plan::Stage;
use crate::samples::Tick;
use crate::workload::Workload;

/// Tells of the load until cancelled.
pub(super) async fn follow(events: &Events, workload: &Workload, stages: &[Stage]) {
    let Some(period) = events.period() else {
        return;
    };
    tokio::join!(
        tell_of_stages(events, workload, stages),
        tell_of_figures(events, workload, stages, period)
    );
}

/// Tells of a signal, if one comes.
pub(super) async fn tell_of_signals(events: &Events, interruption: &Interruption) -> Infallible {
    interruption.happens().await;
    events.emit(Event::interrupted(interruption));
    std::future::pending().await
}

async fn tell_of_stages(events: &Events, workload: &Workload, stages: &[Stage]) {
    for (index, stage) in stages.iter().enumerate() {
        let begin = workload.schedule.begin_of(index);
        workload.clock.reaches(begin).await;
        events.emit(Event::StageBegan {
            stage: stage.name.clone(),
            number: index as u64 + 1,
            warm_up: stage.warm_up,
            users: stage.users as u64,
            rate_per_second: stage.open.map(|open| open.curve.to.get()),
            length_ms: millis(stage.duration),
        });
        let mut scenarios: Vec<_> = stage.scenarios.iter().collect();
        scenarios.sort_by_key(|load| load.begins);
        for load in scenarios {
            workload.clock.reaches(begin + load.begins).await;
            events.emit(Event::ScenarioBegan {
                stage: stage.name.clone(),
                scenario: load.scenario.clone(),
                users: load.users as u64,
                rate_per_second: load.open.map(|open| open.curve.to.get()),
                length_ms: millis(load.duration),
            });
        }
    }
}

async fn tell_of_figures(events: &Events, workload: &Workload, stages: &[Stage], period: Duration) {
    workload.clock.reaches(Duration::ZERO).await;
    let mut ticks = tokio::time::interval(period);
    let mut since = Instant::now();
    let mut so_far = SoFar::default();
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let tick = workload.pulse.take();
        let passed = since.elapsed();
        since = Instant::now();
        let stage = workload.stage_now();
        let stage = stage.map(|stage| stages[stage].name.clone());
        let length = workload.schedule.length();
        let elapsed = workload.clock.elapsed().min(length);
        so_far.requests += tick.times.len();
        so_far.failed += tick.failed;
        events.emit(so_far.figures(stage, (elapsed, length), &tick, passed));
    }
}

/// Requests that were over so far.
#[derive(Debug, Default)]
struct SoFar {
    requests: u64,
    failed: u64,
}

impl SoFar {
    /// The figures when `elapsed` of a load's `length` is over, of which `tick` was in the time
    /// that has `passed` since the last ones.
    fn figures(
        &self,
        stage: Option<String>,
        (elapsed, length): (Duration, Duration),
        tick: &Tick,
        passed: Duration,
    ) -> Event {
        let times = &tick.times;
        let rate = times.len() as f64 / passed.as_secs_f64();
        Event::LoadTick {
            stage,
            elapsed_ms: millis(elapsed),
            // Of time that is left, none is left out.
            left_ms: (length - elapsed).as_micros().div_ceil(1000) as u64,
            requests: self.requests,
            failed: self.failed,
            requests_per_second: if rate.is_finite() { rate } else { 0.0 },
            p99_micros: (!times.is_empty()).then(|| times.value_at_quantile(0.99)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn elapsed_and_left_are_the_length_and_a_rate_is_a_number(
            length in 0u64..10_000_000, elapsed in 0u64..10_000_000, times in 0u64..20,
            passed in 0u64..3_000_000,
        ) {
            let micros = Duration::from_micros;
            let (length, elapsed) = (micros(length), micros(elapsed.min(length)));
            let mut tick = Tick::default();
            for time in 0..times {
                tick.times.record(time + 1).expect("it grows");
            }
            let so_far = SoFar { requests: times, failed: 0 };
            let event = so_far.figures(None, (elapsed, length), &tick, micros(passed));
            let Event::LoadTick { elapsed_ms, left_ms, requests_per_second, p99_micros, .. } = event
            else {
                panic!("{event:?}");
            };
            let sum = elapsed_ms + left_ms;
            let length = millis(length);
            prop_assert!(sum == length || sum == length + 1);
            prop_assert!(requests_per_second.is_finite());
            prop_assert_eq!(p99_micros.is_some(), times > 0);
        }
    }
}
