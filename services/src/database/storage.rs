//! The simulated storage behind the database: each read and each write takes it some time, and
//! it has as many channels as it can do at once.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::busy::{BusyTime, PoolMetrics};
use crate::metrics::Metrics;
use crate::setting;

/// The settings of the simulated storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct StorageConfig {
    /// Simulated time that the storage takes, before each read and each write; slept
    /// in whole milliseconds, so a little more than asked for.
    #[arg(long, env = "SKEIN_STORAGE_LATENCY", value_name = "DURATION", default_value = "5ms", value_parser = setting::duration)]
    pub storage_latency: Duration,

    /// The number of reads and writes that the simulated storage does at the same time; more of
    /// them wait. Without it, any number.
    #[arg(long, env = "SKEIN_STORAGE_CHANNELS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub storage_channels: Option<u32>,
}

/// The channels, as the page of metrics has them.
const CHANNELS: PoolMetrics = PoolMetrics {
    places: (
        "storage_channels",
        "Reads and writes that the simulated storage can do at the same time.",
    ),
    busy: (
        "storage_busy",
        "Time for which channels of the simulated storage were taken, all together",
    ),
};

/// The simulated storage.
#[derive(Debug)]
pub(super) struct Storage {
    latency: Duration,
    channels: Option<Channels>,
}

#[derive(Debug)]
struct Channels {
    free: Semaphore,
    busy: BusyTime,
}

impl Storage {
    /// A storage whose channels, if it has a number of them, the `metrics` show.
    pub(super) fn of(config: &StorageConfig, metrics: &Metrics) -> Self {
        let channels = config.storage_channels.map(|number| Channels {
            free: Semaphore::new(number as usize),
            busy: BusyTime::shown(CHANNELS, number, metrics),
        });
        Storage {
            latency: config.storage_latency,
            channels,
        }
    }

    /// One read or write, after those that came before.
    pub(super) async fn work(&self) {
        if self.latency.is_zero() {
            return;
        }
        let Some(channels) = &self.channels else {
            return tokio::time::sleep(self.latency).await;
        };
        let _free = channels.free.acquire().await;
        let _busy = channels.busy.begin();
        tokio::time::sleep(self.latency).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::future::join_all;

    use super::*;

    /// The time that a number of reads at once take, and the page of metrics after them.
    async fn reads(number: usize, storage_channels: Option<u32>) -> (Duration, String) {
        let config = StorageConfig {
            storage_latency: Duration::from_millis(10),
            storage_channels,
        };
        let metrics = Metrics::default();
        let storage = Storage::of(&config, &metrics);
        let began = Instant::now();
        join_all((0..number).map(|_| storage.work())).await;
        (began.elapsed(), metrics.encode())
    }

    #[tokio::test]
    async fn more_reads_than_channels_wait_for_one() {
        let (_, page) = reads(6, None).await;
        assert!(!page.contains("storage_channels"), "{page}");
        let (took, page) = reads(6, Some(2)).await;
        assert!(took >= Duration::from_millis(30), "{took:?}");
        assert!(page.contains("storage_channels 2\n"), "{page}");
        assert!(page.contains("storage_busy_seconds_total "), "{page}");
    }
}
