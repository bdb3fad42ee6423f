//! How answers look in each tenth of a stage, so that a stage that isn't steady can
//! be told from one that is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Tenth;
use crate::plan::Stage;
use crate::samples::Tick;
use crate::timeline::Ticker;
use crate::workload::Workload;

/// How often answers are collected; a tenth of the shortest stage is 100 ms.
const PERIOD: Duration = Duration::from_millis(50);

/// Answers by stage and tenth of it, as they were given.
#[derive(Debug, Default)]
pub struct Tenths(Mutex<BTreeMap<(usize, usize), Tick>>);

impl Tenths {
    /// Collects the answers of `workload` until cancelled, and hands them on to its
    /// pulse, for whoever shows them, and to `ticker`.
    pub async fn follow(&self, workload: &Workload, stages: &[Stage], ticker: &Ticker) {
        workload.clock.reaches(Duration::ZERO).await;
        let mut periods = tokio::time::interval(PERIOD);
        loop {
            let elapsed = workload.clock.elapsed();
            periods.tick().await;
            let tick = workload.recorder.tick();
            workload.pulse.add(&tick);
            ticker.add(elapsed, &tick);
            if let Some(stage) = workload.schedule.stage_at(elapsed) {
                let into = elapsed.saturating_sub(workload.schedule.begin_of(stage));
                let tenth = into.as_secs_f64() / stages[stage].duration.as_secs_f64() * 10.0;
                let mut tenths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let place = (stage, (tenth as usize).min(9));
                tenths.entry(place).or_default().add(&tick);
            }
        }
    }

    /// The ten tenths of a stage.
    pub fn of(&self, stage: usize) -> Vec<Tenth> {
        let tenths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenth = |tenth| {
            tenths
                .get(&(stage, tenth))
                .map_or_else(Tenth::default, sum_up)
        };
        (0..10).map(of_tenth).collect()
    }
}

fn sum_up(tick: &Tick) -> Tenth {
    let times = &tick.times;
    let at = |quantile| (!times.is_empty()).then(|| times.value_at_quantile(quantile));
    Tenth {
        count: times.len(),
        p50: at(0.5),
        p99: at(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_in_which_nothing_was_over_has_no_percentiles() {
        let empty = sum_up(&Tick::default());
        assert_eq!((empty.count, empty.p50, empty.p99), (0, None, None));
        let mut tick = Tick::default();
        tick.times.record(7).expect("it grows");
        assert_eq!(sum_up(&tick).p50, Some(7));
        let json = serde_json::to_value(empty).expect("JSON");
        assert_eq!(json["p50"], serde_json::Value::Null);
    }
}
