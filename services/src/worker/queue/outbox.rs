//! The outbox of a file: what [`Outbox`] promises where a broker hands tasks out.

use async_trait::async_trait;
use rusqlite::{Error, OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::super::moment::Moment;
use super::super::storage::StorageError;
use super::super::store::{ABANDONED, Begin, Claim, Letter, Outbox};
use super::Queue;

#[async_trait]
impl Outbox for Queue {
    async fn confirm(&self, id: &str) -> Result<bool, StorageError> {
        let id = id.to_owned();
        self.write(move |transaction| {
            let was_again: Option<bool> = transaction
                .prepare_cached("DELETE FROM outbox WHERE task_id = ?1 RETURNING again")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(was_again == Some(false))
        })
        .await
    }

    async fn unconfirmed(
        &self,
        before: Moment,
        limit: u32,
        now: Moment,
    ) -> Result<Vec<Letter>, StorageError> {
        self.write(move |transaction| {
            let mut statement = transaction.prepare_cached(
                "UPDATE outbox SET since = ?3
                 WHERE task_id IN (
                     SELECT task_id FROM outbox WHERE since <= ?1 ORDER BY since, task_id LIMIT ?2
                 )
                 RETURNING task_id, (SELECT body FROM tasks WHERE id = task_id)",
            )?;
            let letters = statement.query_map(params![before.0, limit, now.0], |row| {
                Ok(Letter {
                    id: row.get(0)?,
                    body: row.get::<_, Vec<u8>>(1)?.into(),
                })
            })?;
            letters.collect()
        })
        .await
    }

    async fn publish_again(&self) -> Result<u64, StorageError> {
        self.write(|transaction| {
            let put_back = transaction.execute(
                "INSERT OR IGNORE INTO outbox (task_id, since, again)
                 SELECT id, 0, 1 FROM tasks WHERE state IN ('queued', 'running')",
                [],
            )?;
            Ok(u64::try_from(put_back).unwrap_or(u64::MAX))
        })
        .await
    }

    async fn begin(&self, id: &str, attempt: u32, now: Moment) -> Result<Begin, StorageError> {
        let (id, due) = (id.to_owned(), now + self.rules.lease);
        let token = Uuid::new_v4().to_string();
        self.write(move |transaction| {
            let body: Option<Vec<u8>> = transaction
                .prepare_cached(
                    "UPDATE tasks SET state = 'running', attempts = ?2, claim = ?3, due = ?4
                     WHERE id = ?1 AND state IN ('queued', 'running') RETURNING body",
                )?
                .query_row(params![id, attempt, token, due.0], |row| row.get(0))
                .optional()?;
            if let Some(body) = body {
                return Ok(Begin::Run(Claim {
                    id,
                    body,
                    attempt,
                    token,
                }));
            }
            let is_done: Option<bool> = transaction
                .prepare_cached("SELECT state = 'done' FROM tasks WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(Begin::ended(is_done))
        })
        .await
    }

    async fn bury(&self, id: &str) -> Result<(), StorageError> {
        let id = id.to_owned();
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE tasks SET state = 'dead', claim = NULL, result = ?2
                     WHERE id = ?1 AND state IN ('queued', 'running')",
                )?
                .execute(params![id, ABANDONED])
                .map(drop)
        })
        .await
    }
}

/// Puts a new task in.
pub(super) fn put(transaction: &Transaction<'_>, id: &str, now: Moment) -> Result<(), Error> {
    transaction
        .prepare_cached("INSERT INTO outbox (task_id, since, again) VALUES (?1, ?2, 0)")?
        .execute(params![id, now.0])
        .map(drop)
}
