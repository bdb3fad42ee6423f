//! The time for which executors were at work.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use crate::metrics::Metrics;

/// The seconds for which executors were at work, all together, up to this moment.
#[derive(Clone, Debug)]
pub(super) struct BusyTime {
    began: Instant,
    sums: Arc<Mutex<Sums>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Of those whose work is over.
    over: Duration,
    /// The number of those at work.
    at_work: u32,
    /// The moments at which these began, added up.
    begins: Duration,
}

/// An executor at work, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    since: Duration,
    time: BusyTime,
}

impl BusyTime {
    pub(super) fn new() -> Self {
        BusyTime {
            began: Instant::now(),
            sums: Arc::default(),
        }
    }

    /// The time of this many executors, shown beside their number.
    pub(super) fn shown(executors: u32, metrics: &Metrics) -> Self {
        let number = metrics.gauge("executors", "Tasks that can run at the same time.");
        number.set(i64::from(executors));
        let time = BusyTime::new();
        metrics.collect(time.clone());
        time
    }

    /// An executor that is at work from now on.
    pub(super) fn begin(&self) -> Busy {
        let since = self.now();
        let mut sums = self.sums();
        sums.at_work += 1;
        sums.begins += since;
        drop(sums);
        Busy {
            since,
            time: self.clone(),
        }
    }

    fn seconds(&self) -> f64 {
        let sums = self.sums();
        (sums.over + self.now() * sums.at_work - sums.begins).as_secs_f64()
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut sums = self.time.sums();
        sums.over += self.time.now() - self.since;
        sums.at_work -= 1;
        sums.begins -= self.since;
    }
}

impl Collector for BusyTime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counter = encoder.encode_descriptor(
            "executor_busy",
            "Time for which executors were at work, all together",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        ConstCounter::new(self.seconds()).encode(counter)
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn executors_at_work_add_up_while_they_are_and_idle_ones_count_nothing() {
        let metrics = Metrics::default();
        let time = BusyTime::shown(3, &metrics);
        assert_eq!(time.seconds(), 0.0);
        let both = [time.begin(), time.begin()];
        sleep(Duration::from_millis(20));
        let at_work = time.seconds();
        assert!(at_work >= 0.04, "{at_work}");
        drop(both);
        let counted = time.seconds();
        assert!(counted >= at_work, "{counted}");
        sleep(Duration::from_millis(5));
        assert!((time.seconds() - counted).abs() < 1e-9);
        let page = metrics.encode();
        assert!(page.contains("executors 3\n"), "{page}");
        let shown = page
            .lines()
            .find_map(|line| line.strip_prefix("executor_busy_seconds_total "));
        let shown: f64 = shown.expect("a counter").parse().expect("a number");
        assert!((shown - counted).abs() < 1e-6, "{page}");
    }
}
