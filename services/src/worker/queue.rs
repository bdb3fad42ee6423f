//! The durable queue in SQLite: what [`TaskStore`] promises, in a file.
//!
//! There are libraries for queues in SQLite. None was found that waits for the disk
//! before it accepts, knows a repeated request by its user's key, and commits the
//! effect together with the task's end.

mod census;
mod outbox;
#[cfg(test)]
mod tests;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Params, Transaction, TransactionBehavior, params};
use tokio_rusqlite::Connection;
use tracing::error;
use uuid::Uuid;

use self::census::Census;
use super::census::Census as Shown;
use super::moment::Moment;
use super::storage::{self, StorageError, read_task};
use super::store::{
    ABANDONED, Acceptance, Claim, HandedOut, Hold, Next, Room, Rules, Submission, TaskStore,
};
use crate::contract::Task;
use crate::metrics::Metrics;

/// The queue. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    writer: Connection,
    /// Questions need not wait behind commits.
    reader: Connection,
    census: Census,
    rules: Rules,
}

impl Queue {
    /// Opens the file, and creates it where there is none.
    pub(super) fn open(path: &Path, rules: Rules) -> Result<Self, StorageError> {
        Ok(Queue {
            writer: storage::open(path)?.into(),
            reader: storage::open(path)?.into(),
            census: Census::new(storage::open(path)?),
            rules,
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        transition: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.writer
            .call(move |connection| {
                // Immediate, because a transaction that reads first and finds that
                // somebody else has written since can't be upgraded to write.
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let outcome = transition(&transaction)?;
                transaction.commit()?;
                Ok(outcome)
            })
            .await
            .map_err(StorageError::Transaction)
    }

    /// A fenced update of one task.
    async fn held(
        &self,
        statement: &'static str,
        values: impl Params + Send + 'static,
    ) -> Result<Hold, StorageError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached(statement)?
                .execute(values)
                .map(Hold::of_rows)
        })
        .await
    }
}

#[async_trait]
impl TaskStore for Queue {
    async fn accept(
        &self,
        submission: Submission,
        room: Room,
        now: Moment,
    ) -> Result<Acceptance, StorageError> {
        let handed_out = self.rules.handed_out;
        self.write(move |transaction| {
            let repeated = transaction
                .prepare_cached(
                    "SELECT id, task, state, attempts, result, body,
                         EXISTS (SELECT 1 FROM outbox WHERE task_id = id AND NOT again)
                     FROM tasks WHERE owner = ?1 AND idempotency_key = ?2",
                )?
                .query_row(
                    params![submission.owner, submission.idempotency_key],
                    |row| Ok((read_task(row)?, row.get::<_, Vec<u8>>(5)?, row.get(6)?)),
                )
                .optional()?;
            match repeated {
                Some((_, body, _)) if body != submission.body => Ok(Acceptance::KeyReused),
                Some((task, _, true)) => Ok(Acceptance::Unconfirmed(task)),
                Some((task, _, false)) => Ok(Acceptance::Repeated(task)),
                None if room == Room::ForRepeatsOnly => Ok(Acceptance::NoRoom),
                None => {
                    let task = insert(transaction, &submission, now)?;
                    if handed_out == HandedOut::ByABroker {
                        outbox::put(transaction, &task.id, now)?;
                    }
                    Ok(Acceptance::New(task))
                }
            }
        })
        .await
    }

    async fn find(&self, id: String, owner: Option<String>) -> Result<Option<Task>, StorageError> {
        self.reader
            .call(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, task, state, attempts, result FROM tasks
                         WHERE id = ?1 AND owner = coalesce(?2, owner)",
                    )?
                    .query_row(params![id, owner], read_task)
                    .optional()
            })
            .await
            .map_err(StorageError::Transaction)
    }

    async fn claim(&self, now: Moment) -> Result<Next, StorageError> {
        let rules = self.rules;
        let token = Uuid::new_v4().to_string();
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE tasks SET state = 'dead', claim = NULL, result = ?3
                     WHERE state = 'running' AND due <= ?1 AND attempts >= ?2",
                )?
                .execute(params![now.0, rules.max_attempts, ABANDONED])?;
            // The planner would rather sort the whole backlog for each claim.
            let claimed = transaction
                .prepare_cached(
                    "UPDATE tasks
                     SET state = 'running', attempts = attempts + 1, claim = ?2, due = ?3
                     WHERE id = (
                         SELECT id FROM tasks INDEXED BY tasks_by_due
                         WHERE state IN ('queued', 'running') AND due <= ?1
                         ORDER BY due, id LIMIT 1
                     )
                     RETURNING id, body, attempts",
                )?
                .query_row(params![now.0, token, (now + rules.lease).0], |row| {
                    Ok(Claim {
                        id: row.get(0)?,
                        body: row.get(1)?,
                        attempt: row.get(2)?,
                        token: token.clone(),
                    })
                })
                .optional()?;
            match claimed {
                Some(claim) => Ok(Next::Run(claim)),
                None => transaction
                    .prepare_cached(
                        "SELECT min(due) FROM tasks INDEXED BY tasks_by_due
                         WHERE state IN ('queued', 'running')",
                    )?
                    .query_row([], |row| row.get(0))
                    .map(|due: Option<i64>| Next::Wait(due.map(Moment))),
            }
        })
        .await
    }

    async fn renew(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        let due = now + self.rules.lease;
        self.held(
            "UPDATE tasks SET due = ?3 WHERE id = ?1 AND claim = ?2",
            (claim.id.clone(), claim.token.clone(), due.0),
        )
        .await
    }

    async fn finish(&self, claim: &Claim, result: String) -> Result<Hold, StorageError> {
        let claim = claim.clone();
        self.write(move |transaction| {
            let held = transaction
                .prepare_cached(
                    "UPDATE tasks SET state = 'done', claim = NULL, result = ?3
                     WHERE id = ?1 AND claim = ?2",
                )?
                .execute(params![claim.id, claim.token, result])
                .map(Hold::of_rows)?;
            if held == Hold::Held {
                transaction
                    .prepare_cached("INSERT INTO effects (task_id, result) VALUES (?1, ?2)")?
                    .execute(params![claim.id, result])?;
            }
            Ok(held)
        })
        .await
    }

    async fn fail(&self, claim: &Claim, reason: String, now: Moment) -> Result<Hold, StorageError> {
        let due = now + self.rules.delay_after(claim.attempt);
        let (state, result) = self.rules.after_failure(claim.attempt, reason);
        self.held(
            "UPDATE tasks SET state = ?3, claim = NULL, result = ?4, due = ?5
             WHERE id = ?1 AND claim = ?2",
            (
                claim.id.clone(),
                claim.token.clone(),
                state.as_str(),
                result,
                due.0,
            ),
        )
        .await
    }

    async fn release(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        self.held(
            "UPDATE tasks SET state = 'queued', attempts = attempts - 1, claim = NULL, due = ?3
             WHERE id = ?1 AND claim = ?2",
            (claim.id.clone(), claim.token.clone(), now.0),
        )
        .await
    }

    fn show(&self, metrics: &Metrics) {
        let census = self.census.clone();
        let look = move || {
            let count = census.take();
            count
                .inspect_err(|source| error!(%source, "could not count the tasks"))
                .ok()
        };
        metrics.collect(Shown::new(self.rules.handed_out, look));
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    async fn close(&self) -> Result<(), StorageError> {
        for connection in [&self.reader, &self.writer] {
            let closed = connection.clone().close().await;
            closed.map_err(StorageError::Transaction)?;
        }
        Ok(())
    }
}

fn insert(
    transaction: &Transaction<'_>,
    submission: &Submission,
    now: Moment,
) -> Result<Task, rusqlite::Error> {
    let task = submission.to_task();
    transaction
        .prepare_cached(
            "INSERT INTO tasks (id, owner, idempotency_key, task, body, state, due)
             VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6)",
        )?
        .execute(params![
            task.id,
            submission.owner,
            submission.idempotency_key,
            task.task,
            submission.body.as_ref(),
            now.0
        ])?;
    Ok(task)
}
