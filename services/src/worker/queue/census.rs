//! How many tasks stand where, counted in the file whenever `/metrics` is asked for,
//! so that the figures hold across restarts and for all workers that share the file.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use rusqlite::Connection;
use tracing::error;

use crate::contract::TaskState;

/// Counts tasks and effects. Clones share a connection.
#[derive(Clone)]
pub(crate) struct Census(Arc<Mutex<Connection>>);

/// The file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// As [`TaskState::ALL`] orders them.
    pub(super) tasks: [u64; TaskState::ALL.len()],
    pub(super) effects: u64,
}

impl Census {
    pub(super) fn new(connection: Connection) -> Self {
        Census(Arc::new(Mutex::new(connection)))
    }

    pub(super) fn take(&self) -> Result<Count, rusqlite::Error> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One transaction, so that effects and done tasks are of the same moment.
        let transaction = connection.transaction()?;
        let mut tasks = [0; TaskState::ALL.len()];
        for (count, state) in tasks.iter_mut().zip(TaskState::ALL) {
            *count = transaction
                .prepare_cached("SELECT count(*) FROM tasks WHERE state = ?1")?
                .query_row([state.as_str()], |row| row.get(0))?;
        }
        let effects = transaction
            .prepare_cached("SELECT count(*) FROM effects")?
            .query_row([], |row| row.get(0))?;
        Ok(Count { tasks, effects })
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Census").finish_non_exhaustive()
    }
}

impl Collector for Census {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = match self.take() {
            Ok(count) => count,
            Err(source) => {
                // No figure is better than an old one.
                error!(%source, "could not count the tasks");
                return Ok(());
            }
        };
        let mut tasks = encoder.encode_descriptor(
            "tasks",
            "Tasks in the file, by state",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in TaskState::ALL.into_iter().zip(count.tasks) {
            let labels = [("state", state.as_str())];
            ConstGauge::new(count).encode(tasks.encode_family(&labels)?)?;
        }
        let effects = encoder.encode_descriptor(
            "task_effects",
            "Effects in the file: one for each task that is done",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(count.effects).encode(effects)
    }
}
