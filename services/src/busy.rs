//! The time for which the places of a pool were taken, such as executors that were at work.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use crate::metrics::Metrics;

/// The names and the help of a pool's two metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolMetrics {
    /// The number of its places.
    pub(crate) places: (&'static str, &'static str),
    /// The time for which they were taken, in seconds.
    pub(crate) busy: (&'static str, &'static str),
}

/// The seconds for which places were taken, all together, up to this moment.
#[derive(Clone, Debug)]
pub(crate) struct BusyTime {
    began: Instant,
    sums: Arc<Mutex<Sums>>,
    metrics: PoolMetrics,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Of places that are free again.
    over: Duration,
    /// The number of those that are taken.
    taken: u32,
    /// The moments from which these are taken, added up.
    begins: Duration,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    since: Duration,
    time: BusyTime,
}

impl BusyTime {
    /// The time of places that all are free, shown to nobody.
    pub(crate) fn of(metrics: PoolMetrics) -> Self {
        BusyTime {
            began: Instant::now(),
            sums: Arc::default(),
            metrics,
        }
    }

    /// The time of this many places, shown beside their number.
    pub(crate) fn shown(pool: PoolMetrics, places: u32, metrics: &Metrics) -> Self {
        let (name, help) = pool.places;
        metrics.gauge(name, help).set(i64::from(places));
        let time = BusyTime::of(pool);
        metrics.collect(time.clone());
        time
    }

    /// A place that is taken from now on.
    pub(crate) fn begin(&self) -> Busy {
        let since = self.now();
        let mut sums = self.sums();
        sums.taken += 1;
        sums.begins += since;
        drop(sums);
        Busy {
            since,
            time: self.clone(),
        }
    }

    fn seconds(&self) -> f64 {
        let sums = self.sums();
        (sums.over + self.now() * sums.taken - sums.begins).as_secs_f64()
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
        sums.taken -= 1;
        sums.begins -= self.since;
    }
}

impl Collector for BusyTime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = self.metrics.busy;
        let counter =
            encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
        ConstCounter::new(self.seconds()).encode(counter)
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn taken_places_add_up_while_they_are_and_free_ones_count_nothing() {
        let metrics = Metrics::default();
        let pool = PoolMetrics {
            places: ("executors", "Tasks that can run at the same time."),
            busy: ("executor_busy", "Time for which executors were at work."),
        };
        let time = BusyTime::shown(pool, 3, &metrics);
        assert_eq!(time.seconds(), 0.0);
        let both = [time.begin(), time.begin()];
        sleep(Duration::from_millis(20));
        let taken = time.seconds();
        assert!(taken >= 0.04, "{taken}");
        drop(both);
        let counted = time.seconds();
        assert!(counted >= taken, "{counted}");
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
