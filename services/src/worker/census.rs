//! The numbers of tasks by state, counted in the store whenever `/metrics` is asked for, so
//! that the figures hold across restarts and for all workers that share it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::store::{Count, HandedOut};
use crate::contract::TaskState;
use crate::metrics::Metrics;

/// A look at the store, as metrics.
pub(super) struct Census {
    handed_out: HandedOut,
    look: Box<dyn Fn() -> Option<Count> + Send + Sync>,
}

impl Census {
    pub(super) fn new(
        handed_out: HandedOut,
        look: impl Fn() -> Option<Count> + Send + Sync + 'static,
    ) -> Self {
        let look = Box::new(look);
        Census { handed_out, look }
    }

    /// Shows what `count` finds before each look, since it has to ask over a network.
    pub(super) fn show<F>(
        metrics: &Metrics,
        handed_out: HandedOut,
        count: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Option<Count>> + Send + 'static,
    {
        let latest: Arc<Mutex<Option<Count>>> = Arc::default();
        let shown = Arc::clone(&latest);
        metrics.before_each_look(move || {
            let (count, latest) = (count(), Arc::clone(&latest));
            Box::pin(async move {
                let count = count.await;
                *latest.lock().unwrap_or_else(PoisonError::into_inner) = count;
            })
        });
        let look = move || *shown.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.collect(Census::new(handed_out, look));
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Census").finish_non_exhaustive()
    }
}

impl Collector for Census {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // No figure is better than an old one.
        let Some(count) = (self.look)() else {
            return Ok(());
        };
        let mut tasks = encoder.encode_descriptor(
            "tasks",
            "Tasks in the store, by state",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in TaskState::ALL.into_iter().zip(count.tasks) {
            let labels = [("state", state.as_str())];
            ConstGauge::new(count).encode(tasks.encode_family(&labels)?)?;
        }
        let mut gauge = |name, help, count: u64| {
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(count).encode(encoder)
        };
        gauge(
            "task_effects",
            "Effects in the store: one for each task that is done",
            count.effects,
        )?;
        if self.handed_out == HandedOut::ByABroker {
            gauge(
                "tasks_unconfirmed",
                "Tasks in the store that nobody was told are accepted, since the broker has \
                 not confirmed them yet",
                count.unconfirmed,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn looks_at_the_same_time_all_show_the_tasks() {
        let metrics = Metrics::default();
        let count = Count {
            tasks: [1, 2, 3, 4],
            effects: 3,
            unconfirmed: 0,
        };
        Census::show(&metrics, HandedOut::ByTheStore, move || async move {
            Some(count)
        });
        // Both have counted before either is shown.
        let counted = Arc::new(Barrier::new(2));
        metrics.before_each_look(move || {
            let counted = Arc::clone(&counted);
            Box::pin(async move {
                counted.wait().await;
            })
        });
        let (one, other) = tokio::join!(metrics.look(), metrics.look());
        assert_eq!(one, other);
        assert!(one.contains("task_effects 3"), "{one}");
    }
}
