//! The numbers of tasks by state, counted in the store whenever `/metrics` is asked for, so
//! that the figures hold across restarts and for all workers that share it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::store::{Count, HandedOut};
use crate::contract::TaskState;

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
