//! The time for which executors were at work.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;

use crate::metrics::Metrics;

/// The seconds for which executors were at work, all together. A task counts when its attempt
/// is over.
#[derive(Clone, Debug, Default)]
pub(super) struct BusyTime(Counter<f64, AtomicU64>);

/// An executor at work, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    since: Instant,
    time: BusyTime,
}

impl BusyTime {
    /// The time of this many executors, shown beside their number.
    pub(super) fn shown(executors: u32, metrics: &Metrics) -> Self {
        let number = metrics.gauge("executors", "Tasks that can run at the same time.");
        number.set(i64::from(executors));
        BusyTime(metrics.register(
            "executor_busy_seconds",
            "Time for which executors were at work, all together; an attempt counts when it is over.",
            Counter::default(),
        ))
    }

    /// An executor that is at work from now on.
    pub(super) fn begin(&self) -> Busy {
        Busy {
            since: Instant::now(),
            time: self.clone(),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.time.0.inc_by(self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn executors_at_work_at_the_same_time_add_up_and_idle_ones_count_nothing() {
        let metrics = Metrics::default();
        let time = BusyTime::shown(3, &metrics);
        let both = [time.begin(), time.begin()];
        sleep(Duration::from_millis(20));
        assert_eq!(time.0.get(), 0.0);
        drop(both);
        let counted = time.0.get();
        assert!(counted >= 0.04, "{counted}");
        let page = metrics.encode();
        assert!(page.contains("executors 3\n"), "{page}");
        assert!(page.contains("executor_busy_seconds_total 0.0"), "{page}");
    }
}
