//! The durable queue: each transition in a task's life, as one transaction.
//!
//! ```text
//!   accept → queued ─ claim → running ─ finish → done
//!              ↑ ↑              │ │ └── fail (the last attempt) → dead
//!              │ └─ fail, release ┘
//!              └─ (the lease ends; claimed again, or dead after the last attempt)
//! ```
//!
//! A claim has a token of its own. Who ends or renews a claim proves by the token that
//! nobody has claimed the task since, so an executor that was asleep for longer than
//! its lease changes nothing. Leases are all there is to recovery after a crash: no
//! worker needs to know whether another one is alive, and several may share the file.
//!
//! There are libraries for queues in SQLite. None was found that waits for the disk
//! before it accepts, knows a repeated request by its user's key, and commits the
//! effect together with the task's end.

mod census;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use tokio_rusqlite::Connection;
use uuid::Uuid;

pub(super) use self::census::Census;
use super::moment::Moment;
use super::storage::{self, StorageError, read_task};
use crate::contract::{Task, TaskState};

/// The queue. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    writer: Connection,
    /// Questions need not wait behind commits.
    reader: Connection,
    census: Census,
    rules: Rules,
}

/// How long claims last, and how often a task is begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) lease: Duration,
    pub(super) max_attempts: u32,
    /// Before the second attempt; it doubles with each further one.
    pub(super) retry_delay: Duration,
}

/// A task as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    /// Empty when nobody was authenticated.
    pub(super) owner: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) task: String,
    pub(super) body: Bytes,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// The task is on the disk.
    New(Task),
    /// The task was accepted before, from the same owner with the same key and body.
    Repeated(Task),
    /// The owner has used the key for another body.
    KeyReused,
}

/// The right to run a task, for as long as the lease is renewed.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    /// 1 for the first.
    pub(super) attempt: u32,
    token: String,
}

/// What there is to do.
#[derive(Clone, Debug)]
pub(super) enum Next {
    Run(Claim),
    /// Nothing before this moment, or before something changes.
    Wait(Option<Moment>),
}

/// Whether a claim still held when it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Held,
    /// The lease had ended and somebody else has the task; nothing was changed.
    Lost,
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

    /// Keeps a task, unless it is kept already. What it returns is on the disk.
    pub(super) async fn accept(
        &self,
        submission: Submission,
        now: Moment,
    ) -> Result<Acceptance, StorageError> {
        self.write(move |transaction| {
            let repeated = transaction
                .prepare_cached(
                    "SELECT id, task, state, attempts, result, body FROM tasks
                     WHERE owner = ?1 AND idempotency_key = ?2",
                )?
                .query_row(
                    params![submission.owner, submission.idempotency_key],
                    |row| Ok((read_task(row)?, row.get::<_, Vec<u8>>(5)?)),
                )
                .optional()?;
            match repeated {
                Some((task, body)) if body == submission.body => Ok(Acceptance::Repeated(task)),
                Some(_) => Ok(Acceptance::KeyReused),
                None => insert(transaction, submission, now).map(Acceptance::New),
            }
        })
        .await
    }

    /// A task, if it is `owner`'s; anybody's when no owner is given.
    pub(super) async fn find(
        &self,
        id: String,
        owner: Option<String>,
    ) -> Result<Option<Task>, StorageError> {
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

    /// Takes the task that has been due for longest, if one is due. The attempt counts
    /// from now on, so that a task that crashes its worker is not begun for ever; one
    /// whose attempts are used up is given up here, since whoever had the last is gone.
    pub(super) async fn claim(&self, now: Moment) -> Result<Next, StorageError> {
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

    /// Lets the claim last for a whole lease from now on.
    pub(super) async fn renew(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        let (claim, due) = (claim.clone(), now + self.rules.lease);
        self.write(move |transaction| {
            transaction
                .prepare_cached("UPDATE tasks SET due = ?3 WHERE id = ?1 AND claim = ?2")?
                .execute(params![claim.id, claim.token, due.0])
                .map(hold)
        })
        .await
    }

    /// Ends the task and has its effect, both or neither.
    pub(super) async fn finish(&self, claim: &Claim, result: String) -> Result<Hold, StorageError> {
        let claim = claim.clone();
        self.write(move |transaction| {
            let held = transaction
                .prepare_cached(
                    "UPDATE tasks SET state = 'done', claim = NULL, result = ?3
                     WHERE id = ?1 AND claim = ?2",
                )?
                .execute(params![claim.id, claim.token, result])
                .map(hold)?;
            if held == Hold::Held {
                transaction
                    .prepare_cached("INSERT INTO effects (task_id, result) VALUES (?1, ?2)")?
                    .execute(params![claim.id, result])?;
            }
            Ok(held)
        })
        .await
    }

    /// Puts the task back for another attempt, or gives it up if this was the last.
    pub(super) async fn fail(
        &self,
        claim: &Claim,
        reason: String,
        now: Moment,
    ) -> Result<Hold, StorageError> {
        let claim = claim.clone();
        let due = now + self.rules.delay_after(claim.attempt);
        let (state, result) = if claim.attempt < self.rules.max_attempts {
            (TaskState::Queued, None)
        } else {
            (TaskState::Dead, Some(reason))
        };
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE tasks SET state = ?3, claim = NULL, result = ?4, due = ?5
                     WHERE id = ?1 AND claim = ?2",
                )?
                .execute(params![
                    claim.id,
                    claim.token,
                    state.as_str(),
                    result,
                    due.0
                ])
                .map(hold)
        })
        .await
    }

    /// Puts the task back as if it had not been begun.
    pub(super) async fn release(&self, claim: &Claim, now: Moment) -> Result<Hold, StorageError> {
        let claim = claim.clone();
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE tasks
                     SET state = 'queued', attempts = attempts - 1, claim = NULL, due = ?3
                     WHERE id = ?1 AND claim = ?2",
                )?
                .execute(params![claim.id, claim.token, now.0])
                .map(hold)
        })
        .await
    }

    /// What is in the file, counted when somebody asks.
    pub(super) fn census(&self) -> Census {
        self.census.clone()
    }

    /// How long a claim lasts.
    pub(super) fn lease(&self) -> Duration {
        self.rules.lease
    }

    /// Closes the connections, after what was asked of them before.
    pub(super) async fn close(self) -> Result<(), StorageError> {
        self.reader
            .close()
            .await
            .map_err(StorageError::Transaction)?;
        self.writer.close().await.map_err(StorageError::Transaction)
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
}

impl Rules {
    fn delay_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.retry_delay.saturating_mul(1 << doublings)
    }
}

/// What a task is called when its last attempt ended without a word.
const ABANDONED: &str = "its last attempt was never heard of again";

fn insert(
    transaction: &Transaction<'_>,
    submission: Submission,
    now: Moment,
) -> Result<Task, rusqlite::Error> {
    let task = Task {
        id: Uuid::now_v7().to_string(),
        task: submission.task,
        state: TaskState::Queued,
        attempts: 0,
        result: None,
    };
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

/// A fenced update changes the row of a claim that is held, and no row otherwise.
fn hold(rows_changed: usize) -> Hold {
    if rows_changed == 0 {
        Hold::Lost
    } else {
        Hold::Held
    }
}
