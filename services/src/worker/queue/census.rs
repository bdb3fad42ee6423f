//! The census of a file.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::super::store::Count;
use crate::contract::TaskState;

/// Counts tasks and effects. Clones share a connection.
#[derive(Clone)]
pub(super) struct Census(Arc<Mutex<Connection>>);

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
        let unconfirmed = transaction
            .prepare_cached(
                "SELECT count(*) FROM outbox JOIN tasks ON id = task_id
                 WHERE state = 'queued' AND NOT again",
            )?
            .query_row([], |row| row.get(0))?;
        // Queued is what somebody was told so.
        tasks[0] -= unconfirmed;
        Ok(Count {
            tasks,
            effects,
            unconfirmed,
        })
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Census").finish_non_exhaustive()
    }
}
